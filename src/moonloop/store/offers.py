"""Offers: queued -b-> active. One job for one device, under a fence and a lease."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from sqlalchemy import Row, Text, bindparam, cast, func, select, update

from moonloop.domain import ids
from moonloop.domain.errors import AttemptOpen, NotFound, RobotUnavailable
from moonloop.domain.lifecycles import JOB, AttemptState, CampaignState, JobState
from moonloop.domain.messages import Approval, ClaimRequest, Offer
from moonloop.domain.reviews import DecisionVerdict
from moonloop.domain.robots import Capabilities, Requires, RobotKind, RobotState, unmet
from moonloop.store.gate import Locked, Refused, check
from moonloop.store.holds import scopes_for
from moonloop.store.tables import (
    LIVE_ATTEMPT,
    attempts,
    campaigns,
    decisions,
    device_fences,
    holds,
    jobs,
    reviews,
    robots,
    specs,
)
from moonloop.store.transaction import Level, Query, Tx

__all__ = ["REFUSED_BY_DEVICE", "claim", "matching_jobs", "nobody_left"]

REFUSED_BY_DEVICE = "refused_by_device"
"""Why an attempt was released whose device cannot do the job."""

_LOOK = 500
"""How many queued jobs a claim looks at."""
_ALIKE = 16
"""How many of them may be of one plan and ask for the same: no plan hides what waits behind it."""
_OF_ONE_JOB = frozenset({"plan_changed", "approval_used"})
"""Refusals of the gate that say nothing about the other jobs of the plan."""


_ROBOT = select(robots).where(robots.c.id == bindparam("robot"))
_ASKED_BEFORE = select(attempts).where(
    attempts.c.robot_id == bindparam("robot"), attempts.c.request_id == bindparam("request")
)
_IN_HAND = select(attempts).where(
    attempts.c.robot_id == bindparam("robot"), attempts.c.state.in_(LIVE_ATTEMPT)
)
_RELEASED = select(attempts.c.job_id, attempts.c.refusal).where(
    attempts.c.robot_id == bindparam("robot"),
    attempts.c.state == AttemptState.RELEASED,
    attempts.c.refusal.is_not(None),
)
_HELD = select(holds.c.scope).where(holds.c.active)
_RUNNING = select(campaigns.c.id, campaigns.c.institute, campaigns.c.mission).where(
    campaigns.c.state == CampaignState.RUNNING
)
_REVIEWS_OF = select(reviews.c.id).where(reviews.c.plan_id.in_(bindparam("plans", expanding=True)))
_FENCE = select(device_fences.c.fence).where(device_fences.c.robot_id == bindparam("robot"))
_NEW_FENCE = update(device_fences).where(device_fences.c.robot_id == bindparam("of_robot"))
_APPROVED_BY = (
    select(decisions.c.by)
    .where(decisions.c.review_id == reviews.c.id, decisions.c.verdict == DecisionVerdict.APPROVE)
    .limit(1)
    .scalar_subquery()
)
_OFFERED = (
    select(
        specs.c.body,
        specs.c.sha256,
        reviews.c.id,
        reviews.c.plan_sha256,
        reviews.c.approval_expires_at,
        _APPROVED_BY.label("decided_by"),
    )
    .join(jobs, jobs.c.id == specs.c.job_id)
    .join(reviews, reviews.c.plan_id == jobs.c.plan_id)
    .where(specs.c.job_id == bindparam("job"), reviews.c.approval_expires_at.is_not(None))
    .order_by(reviews.c.id.desc())
    .limit(1)
)


def _matching() -> Query:
    asks = cast(specs.c.requires, Text)
    place = func.row_number().over(
        partition_by=(jobs.c.plan_id, asks), order_by=(jobs.c.queued_at, jobs.c.id)
    )
    queued = (
        select(jobs.c.id, place.label("place"))
        .join(specs, specs.c.job_id == jobs.c.id)
        .where(
            jobs.c.state == JobState.QUEUED,
            jobs.c.kind == bindparam("kind"),
            jobs.c.protocol.in_(bindparam("protocols", expanding=True)),
            jobs.c.campaign_id.in_(bindparam("campaigns", expanding=True)),
            jobs.c.id.not_in(bindparam("refused", expanding=True)),
        )
        .subquery()
    )
    return (
        select(jobs, asks.label("requires"), campaigns.c.institute, campaigns.c.mission)
        .join(queued, queued.c.id == jobs.c.id)
        .join(specs, specs.c.job_id == jobs.c.id)
        .join(campaigns, campaigns.c.id == jobs.c.campaign_id)
        .where(queued.c.place <= _ALIKE)
        .order_by(jobs.c.queued_at, jobs.c.id)
        .limit(_LOOK)
    )


_MATCHING = _matching()


def claim(tx: Tx, robot: str, request: ClaimRequest, lease_ttl_s: float) -> Offer | None:
    """Offer one job that the robot can do and the gate would let start; None when there is none.

    The same `request_id` gets the same offer. Raises `AttemptOpen` while the device holds another attempt and
    `RobotUnavailable` while it may not be given work.
    """
    row = tx.one(_ROBOT, robot=robot)
    if row is None:
        raise NotFound(kind="robot", id=robot)
    before = _answered(tx, robot, request)
    if before is not None:
        return _offer(tx, before.job_id, before.id, before.fence, lease_ttl_s)
    capabilities = request.capabilities or Capabilities.model_validate_json(row.capabilities)
    candidates = matching_jobs(tx, robot, RobotKind(row.kind), capabilities)
    rows = _lock_all(tx, candidates, robot)
    before = _answered(tx, robot, request)  # again: a resent claim may have waited for the first one
    if before is not None:
        return _offer(tx, before.job_id, before.id, before.fence, lease_ttl_s)
    _require_free(tx, rows.robot)
    _note_capabilities(tx, rows.robot, capabilities)
    return _first(tx, candidates, rows, request, lease_ttl_s)


def _answered(tx: Tx, robot: str, request: ClaimRequest) -> Row[Any] | None:
    return tx.one(_ASKED_BEFORE, robot=robot, request=request.request_id)


def _note_capabilities(tx: Tx, row: Row[Any], given: Capabilities) -> None:
    body = given.model_dump_json().encode()
    if body != row.capabilities:
        tx.run(update(robots).where(robots.c.id == row.id).values(capabilities=body))
        tx.journal("robot.capabilities", row.id, None, facts=given.model_dump(mode="json"))


def _first(
    tx: Tx, candidates: list[Row[Any]], rows: "_Rows", request: ClaimRequest, lease_ttl_s: float
) -> Offer | None:
    """Offer the first that nobody else is taking and that the gate would let start."""
    closed: set[str] = set()
    for job in candidates:
        if job.plan_id in closed:
            continue
        offered = _try(tx, job, rows, request, lease_ttl_s)
        if isinstance(offered, Offer):
            return offered
        if offered is not None and offered.reason not in _OF_ONE_JOB:
            closed.add(job.plan_id)
    return None


def _refused_by(tx: Tx, robot: str) -> set[str]:
    rows = tx.all(_RELEASED, robot=robot)
    return {row.job_id for row in rows if row.refusal and row.refusal["reason"] == REFUSED_BY_DEVICE}


def nobody_left(tx: Tx, job: Row[Any]) -> bool:
    """Say whether every active robot that fits a job has refused it."""
    rows = tx.all(select(robots).where(robots.c.state == RobotState.ACTIVE, robots.c.kind == job.kind))
    requires = Requires.model_validate(tx.scalar(select(specs.c.requires).where(specs.c.job_id == job.id)))
    fitting = {
        row.id
        for row in rows
        if not unmet(requires, RobotKind(row.kind), Capabilities.model_validate_json(row.capabilities))
    }
    return all(job.id in _refused_by(tx, robot) for robot in fitting)


def matching_jobs(tx: Tx, robot: str, kind: RobotKind, capabilities: Capabilities) -> list[Row[Any]]:
    """Return queued jobs that a robot can do in campaigns that are free, the longest waiting first."""
    free = _free_campaigns(tx, robot)
    if not free:
        return []
    rows = tx.all(
        _MATCHING,
        kind=kind,
        protocols=list(capabilities.protocols),
        campaigns=free,
        refused=list(_refused_by(tx, robot)),
    )
    fits = {text: not unmet(_requires(text), kind, capabilities) for text in {row.requires for row in rows}}
    return [row for row in rows if fits[row.requires]]


@cache
def _requires(text: str) -> Requires:
    return Requires.model_validate_json(text)


def _free_campaigns(tx: Tx, robot: str) -> list[str]:
    """Return the running campaigns that no hold keeps from this robot, as seen without locks."""
    active = {row.scope for row in tx.all(_HELD)}
    running = tx.all(_RUNNING)
    return [
        row.id for row in running if active.isdisjoint(scopes_for(row.institute, row.mission, row.id, robot))
    ]


@dataclass(frozen=True, slots=True)
class _Rows:
    """Everything above the jobs that a claim may offer, locked in order."""

    holds: Sequence[Row[Any]]
    campaigns: Sequence[Row[Any]]
    reviews: Sequence[Row[Any]]
    budgets: Sequence[Row[Any]]
    robot: Row[Any]


def _lock_all(tx: Tx, candidates: list[Row[Any]], robot: str) -> _Rows:
    scopes = {
        scope
        for job in candidates
        for scope in scopes_for(job.institute, job.mission, job.campaign_id, robot)
    }
    campaign_ids = {job.campaign_id for job in candidates}
    plan_ids = {job.plan_id for job in candidates}
    review_ids = [row.id for row in tx.all(_REVIEWS_OF, plans=list(plan_ids))]
    return _Rows(
        holds=tx.lock(Level.HOLD, *scopes),
        campaigns=tx.lock(Level.CAMPAIGN, *campaign_ids),
        reviews=tx.lock(Level.APPROVAL, *review_ids),
        budgets=tx.lock(Level.BUDGET, *campaign_ids),
        robot=tx.lock_one(Level.DEVICE, robot, write=True),
    )


def _require_free(tx: Tx, robot: Row[Any]) -> None:
    open_attempt = tx.one(_IN_HAND, robot=robot.id)
    if open_attempt is not None:
        raise AttemptOpen(attempt=open_attempt.id, state=open_attempt.state)
    if robot.state != RobotState.ACTIVE:
        why = robot.why or "an administrator has not admitted it yet"
        raise RobotUnavailable(robot=robot.id, state=robot.state, why=why)


def _try(
    tx: Tx, candidate: Row[Any], rows: _Rows, request: ClaimRequest, lease_ttl_s: float
) -> Offer | Refused | None:
    robot = rows.robot
    found = tx.lock(Level.JOB, candidate.id, write=True, skip_locked=True)
    if not found or found[0].state != JobState.QUEUED:
        return None
    job = found[0]
    scopes = scopes_for(candidate.institute, candidate.mission, job.campaign_id, robot.id)
    locked = Locked(
        holds=[row for row in rows.holds if row.scope in scopes],
        campaign=next(row for row in rows.campaigns if row.id == job.campaign_id),
        reviews=[row for row in rows.reviews if row.plan_id == job.plan_id],
        budgets=[row for row in rows.budgets if row.campaign_id == job.campaign_id],
        robot=robot,
        job=job,
    )
    answer = check(tx, locked)
    if isinstance(answer, Refused):
        return answer
    return _make_offer(tx, job, robot.id, request.request_id, lease_ttl_s)


def _make_offer(tx: Tx, job: Row[Any], robot: str, request_id: str, lease_ttl_s: float) -> Offer:
    fence = _next_fence(tx, robot)
    attempt = ids.attempt_id(job.id, job.attempts + 1)
    now = tx.now()
    facts = {"attempt": attempt, "robot": robot, "fence": fence}
    tx.move(JOB, jobs, job, "b", JobState.ACTIVE, attempts=job.attempts + 1, facts=facts)
    tx.add(
        attempts,
        id=attempt,
        job_id=job.id,
        campaign_id=job.campaign_id,
        robot_id=robot,
        request_id=request_id,
        fence=fence,
        state=AttemptState.OFFERED,
        lease_until=now + timedelta(seconds=lease_ttl_s),
        offered_at=now,
    )
    tx.journal("attempt.b", attempt, job.campaign_id, after=AttemptState.OFFERED, facts=facts)
    return _offer(tx, job.id, attempt, fence, lease_ttl_s)


def _next_fence(tx: Tx, robot: str) -> int:
    fence = (tx.scalar(_FENCE, robot=robot) or 0) + 1
    if not tx.connection.execute(_NEW_FENCE, {"of_robot": robot, "fence": fence}).rowcount:
        tx.add(device_fences, robot_id=robot, fence=fence)
    return fence


def _offer(tx: Tx, job: str, attempt: str, fence: int, lease_ttl_s: float) -> Offer:
    row = tx.one(_OFFERED, job=job)
    assert row is not None
    return Offer(
        job_id=job,
        attempt_id=attempt,
        fence=fence,
        lease_ttl_s=lease_ttl_s,
        spec=row.body.decode(),
        spec_sha256=row.sha256,
        approval=Approval(
            review_id=row.id,
            plan_sha256=row.plan_sha256,
            decided_by=row.decided_by or "",
            expires_at=row.approval_expires_at,
        ),
    )
