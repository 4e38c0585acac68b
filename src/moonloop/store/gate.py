"""The gate: what must hold, under locks, for a job to start on a robot. Law 3 of the architecture.

The same check decides which jobs are offered at all, so that no robot is sent round in circles.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, select

from moonloop.domain.canonical import digest
from moonloop.domain.lifecycles import CampaignState, ReviewState
from moonloop.domain.reviews import DeciderKind, DecisionVerdict, HazardOutcome
from moonloop.domain.robots import RobotState
from moonloop.store.budgets import overdrawn
from moonloop.store.plans import RULES_VERSION
from moonloop.store.tables import approval_uses, attempts, decisions, hazard_reports, plans, specs
from moonloop.store.transaction import Tx

__all__ = ["Locked", "Pass", "Refused", "check"]


@dataclass(frozen=True, slots=True)
class Locked:
    """The rows that the check reads, each locked already, in lock order."""

    holds: Sequence[Row[Any]]
    campaign: Row[Any]
    reviews: Sequence[Row[Any]]
    """Those of the job's plan."""
    budgets: Sequence[Row[Any]]
    robot: Row[Any]
    job: Row[Any]


@dataclass(frozen=True, slots=True)
class Refused:
    """Why not: a stable word, and a sentence that names the fix where there is one."""

    reason: str
    why: str


@dataclass(frozen=True, slots=True)
class Pass:
    """The job may start, on this use of this approval."""

    review: Row[Any]
    use: int


_PLAN = select(plans.c.body, plans.c.sha256).where(plans.c.id == bindparam("plan"))
_SPEC = select(specs.c.body, specs.c.sha256).where(specs.c.job_id == bindparam("job"))
_HAZARD = select(hazard_reports.c.outcome).where(
    hazard_reports.c.plan_id == bindparam("plan"),
    hazard_reports.c.plan_sha256 == bindparam("sha256"),
    hazard_reports.c.rules_version == RULES_VERSION,
)
_FREE_USES = (
    select(approval_uses)
    .where(
        approval_uses.c.review_id == bindparam("review"),
        approval_uses.c.job_id == bindparam("job"),
        approval_uses.c.number.not_in(
            select(attempts.c.use_number).where(
                attempts.c.review_id == bindparam("review"),
                attempts.c.job_id == bindparam("job"),
                attempts.c.use_number.is_not(None),
            )
        ),
    )
    .order_by(approval_uses.c.number)
)


def check(tx: Tx, locked: Locked) -> Pass | Refused:
    """Check holds, campaign, robot, budget, approval, plan and hazard report; the first to fail answers."""
    now = tx.now()
    return (
        _held(locked)
        or _campaign(locked, now)
        or _robot(locked)
        or _budget(locked)
        or _approval(tx, locked, now)
    )


def _held(locked: Locked) -> Refused | None:
    for row in locked.holds:
        if row.active:
            lifted = f"`moonloop release {row.scope} --reason …` lifts it"
            return Refused("held", f"{row.scope} is on hold by {row.by}: {row.reason}; {lifted}")
    return None


def _campaign(locked: Locked, now: datetime) -> Refused | None:
    campaign = locked.campaign
    if campaign.state != CampaignState.RUNNING:
        return Refused("campaign_not_running", f"campaign {campaign.id} is {campaign.state}")
    if campaign.deadline is not None and now >= campaign.deadline:
        return Refused("budget_spent", f"the wall clock of campaign {campaign.id} ran out")
    return None


def _robot(locked: Locked) -> Refused | None:
    robot, job = locked.robot, locked.job
    if robot.state != RobotState.ACTIVE:
        return Refused("robot_unavailable", f"robot {robot.id} is {robot.state}: {robot.why}")
    if robot.kind != job.kind:
        return Refused("robot_unavailable", f"the job asks for a {job.kind} robot, this one is {robot.kind}")
    return None


def _budget(locked: Locked) -> Refused | None:
    over = overdrawn(locked.budgets)
    if over is None:
        return None
    figures = f"{over.spent:g} spent and {over.reserved:g} reserved of {over.limit:g}"
    return Refused("budget_spent", f"the budget line {over.line} is overdrawn: {figures}")


def _approval(tx: Tx, locked: Locked, now: datetime) -> Pass | Refused:
    job = locked.job
    live = [row for row in locked.reviews if row.state == ReviewState.APPROVED]
    if not live:
        states = ", ".join(str(row.state) for row in locked.reviews) or "not reviewed"
        return Refused("not_approved", f"plan {job.plan_id} has no live approval: {states}")
    review = live[-1]
    if now >= review.approval_expires_at:
        return Refused("approval_expired", f"the approval of plan {job.plan_id} has expired: review it again")
    return _content(tx, review, job) or _hazard(tx, review, job) or _use(tx, review, job)


def _content(tx: Tx, review: Row[Any], job: Row[Any]) -> Refused | None:
    """What was approved is what is stored, byte for byte, and what this job is."""
    plan = tx.one(_PLAN, plan=job.plan_id)
    spec = tx.one(_SPEC, job=job.id)
    assert plan is not None
    assert spec is not None
    approved = digest(plan.body) == plan.sha256 == review.plan_sha256 == job.plan_sha256
    if not approved:
        return Refused("plan_changed", f"plan {job.plan_id} is not the one that was approved")
    if not digest(spec.body) == spec.sha256 == job.spec_sha256:
        return Refused("plan_changed", f"the spec of job {job.id} is not the one that was approved")
    return None


def _hazard(tx: Tx, review: Row[Any], job: Row[Any]) -> Refused | None:
    outcome = tx.scalar(_HAZARD, plan=job.plan_id, sha256=review.plan_sha256)
    if outcome is None:
        why = f"plan {job.plan_id} has no hazard report under rules {RULES_VERSION}"
        return Refused("rescreen_required", why)
    if outcome == HazardOutcome.NOT_APPLICABLE:
        return None
    people = tx.all(
        select(decisions.c.id).where(
            decisions.c.review_id == review.id,
            decisions.c.verdict == DecisionVerdict.APPROVE,
            decisions.c.by_kind == DeciderKind.PERSON,
        )
    )
    return None if people else Refused("not_approved", "an unscreened plan needs a person's approval")


def _use(tx: Tx, review: Row[Any], job: Row[Any]) -> Pass | Refused:
    free = tx.all(_FREE_USES, review=review.id, job=job.id)
    if not free:
        return Refused(
            "approval_used", f"the approval's use for job {job.id} is taken; a rerun grants another"
        )
    if free[0].spec_sha256 != job.spec_sha256:
        return Refused("plan_changed", f"the spec of job {job.id} is not the one that was approved")
    return Pass(review, free[0].number)
