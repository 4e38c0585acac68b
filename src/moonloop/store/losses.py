"""Lost leases and their settlement: edges j, k and l. What had started runs again only by somebody's word."""

from typing import Any

from sqlalchemy import Connection, Row, select, update

from moonloop.domain import ids
from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.canonical import unseal
from moonloop.domain.errors import NotFound, NothingToAdopt
from moonloop.domain.lifecycles import (
    ATTEMPT,
    INCIDENT,
    JOB,
    AttemptState,
    IncidentState,
    JobState,
    ReviewState,
)
from moonloop.domain.reviews import Resolution
from moonloop.domain.robots import RobotKind, RobotState
from moonloop.store import budgets, jobs
from moonloop.store.grips import Grip, grip, reread
from moonloop.store.measurements import Accepted, count_result
from moonloop.store.tables import (
    LIVE_ATTEMPT,
    MOVING_ATTEMPT,
    approval_uses,
    attempts,
    incidents,
    late_results,
    presence,
    reviews,
    robots,
)
from moonloop.store.tables import jobs as jobs_table
from moonloop.store.transaction import Tx

__all__ = ["lapse", "reconcile", "sweep", "sweepable"]


def lapse(tx: Tx, held: Grip) -> None:
    """The lease ran out: before start the job is queued again (j), after it the job is lost (k)."""
    if held.attempt.state in MOVING_ATTEMPT:
        _lose(tx, held)
        return
    facts = {"robot": held.robot.id, "fence": held.attempt.fence}
    tx.move(ATTEMPT, attempts, held.attempt, "j", AttemptState.EXPIRED, ended_at=tx.now(), facts=facts)
    jobs.requeue(tx, held.job, "j", held.campaign, facts)


def _lose(tx: Tx, held: Grip) -> None:
    facts = {"robot": held.robot.id, "fence": held.attempt.fence}
    tx.move(ATTEMPT, attempts, held.attempt, "k", AttemptState.LOST, ended_at=tx.now(), facts=facts)
    tx.move(JOB, jobs_table, held.job, "k", JobState.LOST, facts=facts)
    incident = ids.incident_id(held.attempt.id)
    if held.robot.state == RobotState.ACTIVE:  # a revoked one stays revoked, whatever is reconciled later
        why = f"it lost {held.attempt.id} after its start; see {incident}"
        _set_robot(tx, held.robot, RobotState.QUARANTINED, why)
    tx.add(
        incidents,
        id=incident,
        kind="lost_job",
        state=IncidentState.OPEN,
        campaign_id=held.campaign.id,
        job_id=held.job.id,
        attempt_id=held.attempt.id,
        robot_id=held.robot.id,
        opened_at=tx.now(),
    )
    tx.journal("incident.opened", incident, held.campaign.id, after=IncidentState.OPEN, facts=facts)
    _by_policy(tx, held, incident)


def _set_robot(tx: Tx, robot: Row[Any], state: RobotState, why: str) -> None:
    tx.run(update(robots).where(robots.c.id == robot.id).values(state=state, why=why))
    tx.journal("robot.state", robot.id, None, before=robot.state, after=state, facts={"why": why})
    tx.announces = True


def _by_policy(tx: Tx, held: Grip, incident: str) -> None:
    """Rerun a computation or a simulation as the campaign file says: nothing physical can have moved."""
    spec = unseal(held.campaign.spec, held.campaign.spec_sha256, CampaignSpec)
    if held.job.kind == RobotKind.PHYSICAL or held.job.reruns >= spec.on_lost.rerun:
        return
    policy = f"policy on_lost of the campaign file: rerun {held.job.reruns + 1} of {spec.on_lost.rerun}"
    again = reread(tx, held)
    _settle(tx, again, incident, Resolution.RERUN, by=policy, reason="nothing physical can have moved")


def reconcile(
    tx: Tx, held: Grip, resolution: Resolution, reason: str, accepted: Accepted | None = None
) -> None:
    """Edge l: a person says what became of a lost job. Settling twice the same way changes nothing.

    `accepted` is the late result, for `adopt`. Raises `NothingToAdopt` when there is none, and
    `IllegalTransition` when the incident was settled otherwise.
    """
    incident = ids.incident_id(held.attempt.id)
    row = tx.one(select(incidents).where(incidents.c.id == incident))
    if row is None:
        raise NotFound(kind="incident", id=incident)
    if row.state == IncidentState.SETTLED and row.resolution == resolution:
        return
    INCIDENT.check(row.state, "s", IncidentState.SETTLED)
    _settle(tx, held, incident, resolution, by=tx.actor, reason=reason, accepted=accepted)


def _settle(
    tx: Tx,
    held: Grip,
    incident: str,
    resolution: Resolution,
    *,
    by: str,
    reason: str,
    accepted: Accepted | None = None,
) -> None:
    row = tx.one(select(incidents).where(incidents.c.id == incident))
    assert row is not None
    facts = {"resolution": resolution, "by": by, "reason": reason}
    values = {"settled_at": tx.now(), "resolution": resolution, "by": by, "reason": reason}
    tx.move(INCIDENT, incidents, row, "s", IncidentState.SETTLED, facts=facts, **values)
    tx.move(ATTEMPT, attempts, held.attempt, "l", AttemptState.RECONCILED, facts=facts)
    _lift_quarantine(tx, held, incident)
    if resolution is Resolution.RERUN:
        _rerun(tx, held, incident, facts)
    elif resolution is Resolution.ADOPT:
        _adopt(tx, held, incident, accepted, facts)
    else:
        tx.move(JOB, jobs_table, held.job, "l", JobState.FAILED, ended_at=tx.now(), facts=facts)
        budgets.settle(tx, held.campaign.id, held.job.id)
        jobs.settled(tx, held.job)


def _lift_quarantine(tx: Tx, held: Grip, incident: str) -> None:
    others = tx.all(
        select(incidents.c.id).where(
            incidents.c.robot_id == held.robot.id,
            incidents.c.state == IncidentState.OPEN,
            incidents.c.id != incident,
        )
    )
    if held.robot.state == RobotState.QUARANTINED and not others:
        _set_robot(tx, held.robot, RobotState.ACTIVE, "")


def _rerun(tx: Tx, held: Grip, incident: str, facts: dict[str, Any]) -> None:
    """Queue the job again and grant one more use of the approval that the lost attempt started under."""
    used = tx.one(
        select(approval_uses).where(
            approval_uses.c.review_id == held.attempt.review_id,
            approval_uses.c.job_id == held.job.id,
            approval_uses.c.number == held.attempt.use_number,
        )
    )
    assert used is not None
    state = tx.scalar(select(reviews.c.state).where(reviews.c.id == used.review_id))
    if state == ReviewState.APPROVED:
        tx.add(
            approval_uses,
            review_id=used.review_id,
            job_id=used.job_id,
            number=used.number + 1,
            plan_sha256=used.plan_sha256,
            spec_sha256=used.spec_sha256,
            granted_by=incident,
            granted_at=tx.now(),
        )
    reruns = held.job.reruns + 1
    tx.run(update(jobs_table).where(jobs_table.c.id == held.job.id).values(reruns=reruns))
    jobs.requeue(tx, held.job, "l", held.campaign, facts)


def _adopt(tx: Tx, held: Grip, incident: str, accepted: Accepted | None, facts: dict[str, Any]) -> None:
    if accepted is None:
        raise NothingToAdopt(incident=incident)
    tx.run(
        update(late_results).where(late_results.c.attempt_id == held.attempt.id).values(adopted_at=tx.now())
    )
    count_result(tx, held, accepted, "l", facts)


def sweepable(connection: Connection) -> list[str]:
    """Return the attempts whose lease ran out while a job service was there to hear the beats."""
    seen = connection.execute(select(presence.c.last_seen).where(presence.c.id == 1)).scalar_one_or_none()
    if seen is None:
        return []
    rows = connection.execute(
        select(attempts.c.id)
        .where(attempts.c.state.in_(LIVE_ATTEMPT), attempts.c.lease_until <= seen)
        .order_by(attempts.c.lease_until)
    )
    return list(rows.scalars())


def sweep(tx: Tx, attempt: str) -> bool:
    """Settle one attempt whose lease has run out; return whether it was still to be settled."""
    held = grip(tx, attempt, None)
    if not held.lapsed:
        return False
    lapse(tx, held)
    return True
