"""Which agents have a task, and what stops them: holds, the end of the campaign, its wall clock."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from moonloop.domain.agents import Role
from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.errors import NotFound, TaskStopped
from moonloop.domain.lifecycles import CampaignState
from moonloop.domain.steps import SITE, scope_of_campaign, scope_of_mission
from moonloop.store.database import now as read_clock
from moonloop.store.tables import campaigns, holds, threads
from moonloop.store.transaction import Level, Tx

__all__ = ["require_going", "roles_of", "stopped_reason"]

_GOING = frozenset({CampaignState.RUNNING, CampaignState.PAUSED})
"""A pause queues no new job, and an agent's task is none: what has begun ends, and what is due is done."""


def roles_of(spec: CampaignSpec, purpose: str) -> tuple[Role, ...]:
    """Return the agents that have a task in a step: a cycle's `search` or `confirmation`, or `conclude`."""
    if spec.scientist.kind != "llm":
        return ()
    asked = {
        "search": set(Role) - {Role.REPORTER},
        "confirmation": {Role.ANALYST},
        "conclude": {Role.REPORTER},
    }[purpose]
    return tuple(role for role in spec.scientist.roles if role in asked)


def stopped_reason(connection: Connection, campaign: str) -> str:
    """Return why no agent may go on in a campaign; empty while one may, as in a paused one.

    The reporter's work begins when the campaign is stopping: while its thread is open, neither that nor the
    end of the wall clock is a reason.
    """
    row: Any = connection.execute(select(campaigns).where(campaigns.c.id == campaign)).one_or_none()
    if row is None:
        raise NotFound(kind="campaign", id=campaign)
    scopes = _scopes(row.institute, row.mission, campaign)
    held = connection.execute(select(holds).where(holds.c.scope.in_(scopes)).order_by(holds.c.scope)).all()
    reports = connection.execute(
        select(threads.c.id).where(
            threads.c.campaign_id == campaign, threads.c.role == Role.REPORTER, threads.c.status == "open"
        )
    ).first()
    return _why_stopped(held, row, read_clock(connection), concludes=reports is not None)


def require_going(tx: Tx, institute: str, mission: str, campaign: str, role: str) -> Row[Any]:
    """Lock what may stop a task, and return its campaign; raise `TaskStopped` when something does."""
    held = tx.lock(Level.HOLD, *_scopes(institute, mission, campaign))
    row = tx.lock_one(Level.CAMPAIGN, campaign)
    why = _why_stopped(held, row, tx.now(), concludes=role == Role.REPORTER)
    if why:
        raise TaskStopped(why=why)
    return row


def _scopes(institute: str, mission: str, campaign: str) -> tuple[str, ...]:
    return (SITE, scope_of_mission(institute, mission), scope_of_campaign(campaign))


def _why_stopped(held: Sequence[Row[Any]], campaign: Row[Any], now: datetime, *, concludes: bool) -> str:
    for row in held:
        if row.active:
            return f"{row.scope} is on hold by {row.by}: {row.reason}"
    if concludes and campaign.state == CampaignState.STOPPING:
        return ""
    if campaign.state not in _GOING:
        because = campaign.waits_because or campaign.stop_reason
        return f"campaign {campaign.id} is {campaign.state}" + (f": {because}" if because else "")
    if campaign.deadline is not None and now >= campaign.deadline and not concludes:
        return f"the wall clock of campaign {campaign.id} ran out"
    return ""
