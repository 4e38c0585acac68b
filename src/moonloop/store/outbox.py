"""The outbox: announcements written in the transaction they announce, sent by the relay until taken."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, select, update

from moonloop.domain.lifecycles import CampaignState
from moonloop.domain.workflow_names import campaign_workflow
from moonloop.store.tables import campaigns, leaders, outbox
from moonloop.store.transaction import Tx

__all__ = ["Announcement", "lead", "live_campaigns", "mark_sent", "pending", "put_back_start"]

_BATCH = 500

LIVE = (CampaignState.RUNNING, CampaignState.PAUSED, CampaignState.STOPPING)
"""States in which a campaign must have a workflow."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """All that is unsent for one workflow, as one message."""

    ids: tuple[int, ...]
    campaign: str
    workflow: str
    start: bool
    topic: str
    key: str
    live: bool
    """Whether the campaign still needs its workflow."""


def pending(connection: Connection) -> list[Announcement]:
    """Return what is unsent, one announcement per workflow, the oldest first."""
    rows = connection.execute(
        select(outbox, campaigns.c.state)
        .join(campaigns, campaigns.c.id == outbox.c.campaign_id)
        .where(outbox.c.sent_at.is_(None))
        .order_by(outbox.c.id)
        .limit(_BATCH)
    ).all()
    by_workflow: dict[str, list[int]] = {}
    for position, row in enumerate(rows):
        by_workflow.setdefault(row.workflow_id, []).append(position)
    found: list[Announcement] = []
    for workflow, positions in by_workflow.items():
        last = rows[positions[-1]]
        found.append(
            Announcement(
                ids=tuple(rows[position].id for position in positions),
                campaign=last.campaign_id,
                workflow=workflow,
                start=any(rows[position].kind == "start" for position in positions),
                topic=last.topic,
                key=last.key,
                live=last.state in LIVE,
            )
        )
    return found


def mark_sent(tx: Tx, ids: Sequence[int]) -> None:
    """Record that the server took these, or said that their workflow is over."""
    tx.run(update(outbox).where(outbox.c.id.in_(ids)).values(sent_at=tx.now()))


def put_back_start(tx: Tx, campaign: str) -> bool:
    """Ask again for the workflow of a live campaign; not while a start is waiting to be sent anyway."""
    state = tx.scalar(select(campaigns.c.state).where(campaigns.c.id == campaign))
    waiting = tx.all(
        select(outbox.c.id).where(
            outbox.c.campaign_id == campaign, outbox.c.kind == "start", outbox.c.sent_at.is_(None)
        )
    )
    if state not in LIVE or waiting:
        return False
    tx.start_workflow(campaign, campaign_workflow(campaign))
    return True


def live_campaigns(connection: Connection) -> list[str]:
    """Return the campaigns that must have a workflow."""
    return list(connection.execute(select(campaigns.c.id).where(campaigns.c.state.in_(LIVE))).scalars())


def lead(tx: Tx, name: str, holder: str, for_s: float) -> bool:
    """Become or stay the leader of a name for some seconds; False while somebody else is.

    Two leaders for a moment would do no harm: what they do is idempotent. One is enough, and cheaper.
    """
    now = tx.now()
    until = now + timedelta(seconds=for_s)
    row = tx.one(select(leaders).where(leaders.c.name == name).with_for_update())
    if row is None:
        tx.add(leaders, name=name, holder=holder, until=until)
        return True
    if row.holder != holder and row.until > now:
        return False
    tx.run(update(leaders).where(leaders.c.name == name).values(holder=holder, until=until))
    return True
