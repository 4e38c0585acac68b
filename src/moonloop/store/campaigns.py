"""Campaigns: draft -a-> running <-b/c-> paused ; running|paused -d-> stopping -e-> done."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row, select, update

from moonloop.domain.agents import Role
from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.canonical import Sealed, seal, unseal
from moonloop.domain.errors import AlreadyExists
from moonloop.domain.history import Advice, NextStep
from moonloop.domain.lifecycles import CAMPAIGN, HYPOTHESIS, CampaignState, DoneReason, HypothesisState
from moonloop.domain.results import ArtifactRef
from moonloop.domain.steps import CampaignStep, scope_of_campaign, scope_of_mission
from moonloop.domain.workflow_names import campaign_workflow
from moonloop.store import budgets, holds, threads
from moonloop.store.agent_gate import roles_of
from moonloop.store.artifacts import keep
from moonloop.store.jobs import cancel_queued, give_back, open_jobs
from moonloop.store.reviews import withdraw
from moonloop.store.steering import pause_if_refused
from moonloop.store.tables import campaigns, cycles, hypotheses, reports
from moonloop.store.transaction import Level, Tx

__all__ = ["close_cycle", "conclude", "fail", "next_step", "settle_claims", "start", "started_by", "stop"]


def start(tx: Tx, campaign: str, request_id: str, sealed: Sealed, spec: CampaignSpec) -> str:
    """Start a campaign: limits set, scopes made, workflow asked for. The same request starts it once.

    Returns the campaign's id: a new one, or that of the campaign which this request started before. Raises
    `AlreadyExists` when that one has another campaign file.
    """
    known = started_by(tx.connection, request_id, sealed.sha256)
    if known is not None:
        return known
    now = tx.now()
    tx.add(
        campaigns,
        id=campaign,
        request_id=request_id,
        institute=spec.institute,
        mission=spec.mission,
        name=spec.name,
        owner=tx.actor,
        state=CampaignState.DRAFT,
        spec=sealed.body,
        spec_sha256=sealed.sha256,
        created_at=now,
    )
    tx.journal("campaign.made", campaign, campaign, after=CampaignState.DRAFT, facts={"spec": sealed.sha256})
    holds.make_scopes(tx, scope_of_mission(spec.institute, spec.mission), scope_of_campaign(campaign))
    budgets.open_lines(tx, campaign, spec)
    wall_clock = spec.budget.wall_clock
    deadline = now + timedelta(seconds=wall_clock) if wall_clock else None
    row = tx.lock_one(Level.CAMPAIGN, campaign, write=True)
    tx.move(CAMPAIGN, campaigns, row, "a", CampaignState.RUNNING, started_at=now, deadline=deadline)
    tx.start_workflow(campaign, campaign_workflow(campaign))
    return campaign


def started_by(connection: Connection, request_id: str, spec_sha256: str) -> str | None:
    """Return the campaign that a request started, or None; raise `AlreadyExists` for another file's."""
    query = select(campaigns.c.id, campaigns.c.spec_sha256).where(campaigns.c.request_id == request_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    if row.spec_sha256 != spec_sha256:
        raise AlreadyExists(kind="request", id=request_id)
    return row.id


def stop(tx: Tx, campaign: str, why: DoneReason, reason: str) -> None:
    """Edge d: what waits is cancelled, what moves finishes. Stopping a stopping campaign changes nothing."""
    row = tx.lock_one(Level.CAMPAIGN, campaign, write=True)
    if row.state in (CampaignState.STOPPING, CampaignState.DONE):
        return
    tx.move(
        CAMPAIGN,
        campaigns,
        row,
        "d",
        CampaignState.STOPPING,
        done_reason=why,
        stop_reason=reason,
        waits_because="",
        facts={"reason": reason, "done_reason": why},
    )
    withdraw(tx, campaign)
    cancel_queued(tx, campaign, reason="the campaign is stopping")
    tx.wake(campaign, campaign_workflow(campaign), "campaign", campaign)


def fail(tx: Tx, campaign: str, why: str) -> None:
    """Stop a campaign that cannot go on; its open cycle is closed as it stands.

    Where even the report fails, the campaign ends without one: it can be asked for again at any time.
    """
    row = tx.lock_one(Level.CAMPAIGN, campaign, write=True)
    last = tx.one(select(cycles).where(cycles.c.campaign_id == campaign, cycles.c.number == row.cycle))
    if row.state in (CampaignState.RUNNING, CampaignState.PAUSED):
        stop(tx, campaign, DoneReason.FAILED, why)
    elif row.state == CampaignState.STOPPING and (last is None or last.closed_at is not None):
        tx.journal("report.failed", campaign, campaign, facts={"reason": why})
        conclude(tx, campaign)
    if last is not None and last.closed_at is None:
        close_cycle(tx, campaign, last.number, seal(Advice(step=NextStep.STOP, sentence=why[:500])))


def settle_claims(tx: Tx, campaign: str) -> None:
    """Leave undecided what no verdict was reached on; for a campaign whose last attempt is settled."""
    tx.lock_one(Level.CAMPAIGN, campaign, write=True)
    if open_jobs(tx, campaign):
        return
    for hypothesis in tx.all(select(hypotheses).where(hypotheses.c.campaign_id == campaign)):
        letter = {HypothesisState.REGISTERED: "c", HypothesisState.TESTING: "b"}.get(hypothesis.state)
        if letter:
            tx.move(HYPOTHESIS, hypotheses, hypothesis, letter, HypothesisState.UNDECIDED)


def conclude(tx: Tx, campaign: str, written: Mapping[str, ArtifactRef] | None = None) -> bool:
    """Edge e: the last attempt is settled and the report, by media type, is written.

    Returns False while an attempt is not settled; repeated, it changes nothing.
    """
    row = tx.lock_one(Level.CAMPAIGN, campaign, write=True)
    if row.state == CampaignState.DONE:
        return True
    if open_jobs(tx, campaign):
        return False
    settle_claims(tx, campaign)
    threads.end_open(tx, campaign, "the campaign is done")
    give_back(tx, campaign)
    for media_type, ref in (written or {}).items():
        keep(tx, ref)
        tx.add(reports, campaign_id=campaign, media_type=media_type, sha256=ref.sha256, written_at=tx.now())
    facts = {media_type: ref.sha256 for media_type, ref in (written or {}).items()}
    tx.move(CAMPAIGN, campaigns, row, "e", CampaignState.DONE, ended_at=tx.now(), facts=facts)
    return True


def next_step(tx: Tx, campaign: str, proposer: str) -> CampaignStep:
    """Say what to do next, opening a cycle or stopping the campaign where that is due."""
    row = tx.lock_one(Level.CAMPAIGN, campaign, write=True)
    if row.state in (CampaignState.DONE, CampaignState.PAUSED):
        return CampaignStep(action="end" if row.state == CampaignState.DONE else "wait")
    last = tx.one(select(cycles).where(cycles.c.campaign_id == campaign, cycles.c.number == row.cycle))
    if row.state == CampaignState.STOPPING and open_jobs(tx, campaign):
        return CampaignStep(action="wait")
    if last is not None and last.closed_at is None:
        return _cycle_step(row, last.number, last.purpose)
    if row.state == CampaignState.STOPPING:
        return _conclusion(row)
    return _after(tx, row, last, proposer)


def _cycle_step(row: Row[Any], number: int, purpose: Any) -> CampaignStep:
    # In a cycle that is only brought to its end nobody thinks of anything new.
    roles = _roles(row, purpose) if row.state == CampaignState.RUNNING else ()
    return CampaignStep(action="cycle", cycle=number, purpose=purpose, roles=roles)


def _conclusion(row: Row[Any]) -> CampaignStep:
    """The reporter tells of the last cycle; a campaign without one has nothing to tell."""
    roles = _roles(row, "conclude") if row.cycle else ()
    return CampaignStep(action="conclude", cycle=row.cycle if roles else 0, roles=roles)


def _roles(row: Row[Any], purpose: str) -> tuple[Role, ...]:
    return roles_of(unseal(row.spec, row.spec_sha256, CampaignSpec), purpose)


def _after(tx: Tx, row: Row[Any], last: Row[Any] | None, proposer: str) -> CampaignStep:
    advice = Advice.model_validate_json(last.advice) if last is not None else None
    if advice is not None and advice.step is NextStep.STOP:
        stop(tx, row.id, DoneReason(advice.reason), advice.sentence)
        return _conclusion(row)
    confirms = advice is not None and advice.step is NextStep.CONFIRM
    return _open_cycle(tx, row, "confirmation" if confirms else "search", proposer)


def _open_cycle(tx: Tx, row: Row[Any], purpose: Any, proposer: str) -> CampaignStep:
    number = row.cycle + 1
    tx.add(
        cycles,
        campaign_id=row.id,
        number=number,
        purpose=purpose,
        proposer=proposer,
        opened_at=tx.now(),
    )
    tx.run(update(campaigns).where(campaigns.c.id == row.id).values(cycle=number))
    tx.journal("cycle.opened", f"{row.id}/{number}", row.id, after="open", facts={"purpose": str(purpose)})
    return _cycle_step(row, number, purpose)


def close_cycle(tx: Tx, campaign: str, cycle: int, advice: Sealed) -> None:
    """Close a cycle with the scientist's advice; a closed one stays as it was.

    A cycle whose every job was refused by every robot that could do it pauses the campaign: the next would
    fare no better, and a person has to see to the robots or to the campaign file.
    """
    changed = tx.run(
        update(cycles)
        .where(cycles.c.campaign_id == campaign, cycles.c.number == cycle, cycles.c.closed_at.is_(None))
        .values(closed_at=tx.now(), advice=advice.body)
    )
    if changed:
        facts = {"advice": advice.sha256}
        tx.journal(
            "cycle.closed", f"{campaign}/{cycle}", campaign, before="open", after="closed", facts=facts
        )
        pause_if_refused(tx, campaign, cycle)


def is_stopping(tx: Tx, campaign: str) -> bool:
    """Say whether nothing new is to be planned."""
    state = tx.scalar(select(campaigns.c.state).where(campaigns.c.id == campaign))
    return state in (CampaignState.STOPPING, CampaignState.DONE)
