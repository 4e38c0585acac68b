"""Reviews: open -a/r/x/w-> approved|rejected|expired|withdrawn ; approved -v/x-> revoked|expired.

An approval is a review that is approved: it names one plan hash and carries one use per job of that plan.
"""

from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from moonloop.domain import ids
from moonloop.domain.campaigns import CampaignSpec, ReviewPolicy
from moonloop.domain.canonical import seal, unseal
from moonloop.domain.errors import AlreadyDecided, Forbidden, NotFound, PlanChanged
from moonloop.domain.lifecycles import REVIEW, CampaignState, ReviewState
from moonloop.domain.plans import Plan
from moonloop.domain.reviews import (
    POLICY_VERSION,
    DeciderKind,
    DecisionVerdict,
    HazardOutcome,
    NewDecision,
)
from moonloop.domain.robots import RobotKind
from moonloop.domain.workflow_names import batch_workflow, review_workflow
from moonloop.store import jobs
from moonloop.store.database import now as read_clock
from moonloop.store.plans import RULES_VERSION
from moonloop.store.steering import pause_locked
from moonloop.store.tables import (
    approval_uses,
    campaigns,
    decisions,
    hazard_reports,
    plans,
    reviews,
    specs,
)
from moonloop.store.transaction import Level, Tx

__all__ = ["decide", "due", "expire", "open_review", "remind", "withdraw"]


def open_review(tx: Tx, plan: str) -> str:
    """Open the review of a plan, deciding at once where the policy says so; a plan has one review.

    Returns the review's id. The plan must have a hazard report under the current rules.
    """
    row = tx.one(select(plans).where(plans.c.id == plan))
    if row is None:
        raise NotFound(kind="plan", id=plan)
    campaign = tx.lock_one(Level.CAMPAIGN, row.campaign_id, write=True)
    review = ids.review_id(plan, 1)
    if tx.scalar(select(reviews.c.id).where(reviews.c.id == review)) is not None:
        return review
    hazard = tx.scalar(
        select(hazard_reports.c.outcome).where(
            hazard_reports.c.plan_id == plan, hazard_reports.c.rules_version == RULES_VERSION
        )
    )
    if hazard is None:
        raise NotFound(kind="hazard report of plan", id=plan)
    spec = unseal(campaign.spec, campaign.spec_sha256, CampaignSpec)
    now = tx.now()
    tx.add(
        reviews,
        id=review,
        campaign_id=campaign.id,
        plan_id=plan,
        plan_sha256=row.sha256,
        state=ReviewState.OPEN,
        hazard=hazard,
        opened_at=now,
        remind_at=now + timedelta(seconds=spec.reviews.remind_after),
        expires_at=now + timedelta(seconds=spec.reviews.expires_after),
    )
    facts = {"plan": row.sha256}
    tx.journal("review.opened", review, campaign.id, after=ReviewState.OPEN, facts=facts)
    if campaign.state in (CampaignState.STOPPING, CampaignState.DONE):
        tx.move(REVIEW, reviews, _row(tx, review), "w", ReviewState.WITHDRAWN)
        jobs.give_back(tx, campaign.id, plan)
        return review
    policy = _policy_that_approves(tx, row, spec, HazardOutcome(hazard))
    if policy is not None:
        _approve_by_policy(tx, _row(tx, review), campaign, policy)
    return review


def _row(tx: Tx, review: str) -> Row[Any]:
    return tx.lock_one(Level.APPROVAL, review, write=True)


def _policy_that_approves(
    tx: Tx, plan_row: Row[Any], spec: CampaignSpec, hazard: HazardOutcome
) -> ReviewPolicy | None:
    plan = unseal(plan_row.body, plan_row.sha256, Plan)
    policy = spec.reviews.policy_for(frozenset(plan.robot_kinds))
    if hazard is not HazardOutcome.NOT_APPLICABLE or RobotKind.PHYSICAL in plan.robot_kinds:
        return None
    if policy is ReviewPolicy.NONE:
        return policy
    if policy is ReviewPolicy.FIRST_CYCLE and _covered(tx, plan, spec):
        return policy
    return None


def _covered(tx: Tx, plan: Plan, spec: CampaignSpec) -> bool:
    """Say whether somebody approved an earlier plan of the campaign, and this one asks for nothing new.

    What was approved then covers the protocols, space, confirmation and reference runs that the campaign
    file names, and the robot kinds of the plan that was seen.
    """
    named = {spec.protocol.name}
    if spec.confirmation is not None:
        named |= {run.protocol.name for run in spec.confirmation.runs}
    if not set(plan.protocols) <= named or plan.space_sha256 != seal(spec.space).sha256:
        return False
    seen = tx.all(
        select(plans.c.body, plans.c.sha256)
        .join(reviews, reviews.c.plan_id == plans.c.id)
        .join(decisions, decisions.c.review_id == reviews.c.id)
        .where(
            reviews.c.campaign_id == plan.campaign_id,
            reviews.c.state == ReviewState.APPROVED,
            decisions.c.verdict == DecisionVerdict.APPROVE,
            decisions.c.by_kind != DeciderKind.POLICY,
        )
    )
    kinds = {kind for row in seen for kind in unseal(row.body, row.sha256, Plan).robot_kinds}
    return bool(seen) and set(plan.robot_kinds) <= kinds


def _approve_by_policy(tx: Tx, review: Row[Any], campaign: Row[Any], policy: ReviewPolicy) -> None:
    decision = NewDecision(
        id=f"dec_{ids.stem(review.id)}_policy",
        verdict=DecisionVerdict.APPROVE,
        plan_sha256=review.plan_sha256,
        comment=f"by policy {policy} of the campaign file",
    )
    by = f"policy {policy}"
    _record(tx, review, decision, by=by, kind=DeciderKind.POLICY, policy=policy)
    _approve(tx, review, campaign, decision, by)


def decide(tx: Tx, review: str, decision: NewDecision, by: str, kind: DeciderKind) -> ReviewState:
    """Take a person's decision on the plan that was shown; the same decision id again changes nothing.

    Raises `PlanChanged` when the hash is not the plan's, `AlreadyDecided` when somebody was first, and
    `Forbidden` when an unattended identity decides on physical work.
    """
    found = tx.one(select(reviews).where(reviews.c.id == review))
    if found is None:
        raise NotFound(kind="review", id=review)
    campaign = tx.lock_one(Level.CAMPAIGN, found.campaign_id, write=True)
    row = _row(tx, review)
    known = tx.one(select(decisions).where(decisions.c.id == decision.id))
    if known is not None and (known.review_id, known.verdict, known.by) == (review, decision.verdict, by):
        return ReviewState(row.state)
    if decision.plan_sha256 != row.plan_sha256:
        changed = PlanChanged(review=review, expected=row.plan_sha256, given=decision.plan_sha256)
        raise tx.refuse(changed, review, row.campaign_id)
    _check_may(tx, row, by, kind)
    if decision.verdict is DecisionVerdict.REVOKE and known is None:
        return _revoke(tx, row, decision, by, kind)
    if row.state == ReviewState.OPEN and tx.now() >= row.expires_at:
        _expire_open(tx, campaign, row)
        tx.commit_anyway = True
        row = tx.one(select(reviews).where(reviews.c.id == review))
        assert row is not None
    if row.state != ReviewState.OPEN or known is not None:
        raise tx.refuse(_already(tx, row), review, row.campaign_id)
    _record(tx, row, decision, by=by, kind=kind)
    if decision.verdict is DecisionVerdict.APPROVE:
        _approve(tx, row, campaign, decision, by)
        return ReviewState.APPROVED
    return _reject(tx, campaign, row, decision, by)


def _check_may(tx: Tx, row: Row[Any], by: str, kind: DeciderKind) -> None:
    if kind is not DeciderKind.UNATTENDED:
        return
    kinds = {found.kind for found in tx.all(select(specs.c.kind).where(specs.c.plan_id == row.plan_id))}
    if kinds - {RobotKind.COMPUTATIONAL}:
        why = "an unattended identity decides on computational plans only"
        raise tx.refuse(Forbidden(principal=by, action="decide", why=why), row.id, row.campaign_id)


def _already(tx: Tx, row: Row[Any]) -> AlreadyDecided:
    last = tx.all(
        select(decisions).where(decisions.c.review_id == row.id).order_by(decisions.c.at.desc()).limit(1)
    )
    if not last:
        return AlreadyDecided(review=row.id, state=row.state, by="nobody", at=row.expires_at.isoformat())
    return AlreadyDecided(review=row.id, state=row.state, by=last[0].by, at=last[0].at.isoformat())


def _record(
    tx: Tx, row: Row[Any], decision: NewDecision, *, by: str, kind: DeciderKind, policy: str | None = None
) -> None:
    tx.add(
        decisions,
        id=decision.id,
        review_id=row.id,
        plan_sha256=row.plan_sha256,
        verdict=decision.verdict,
        by=by,
        by_kind=kind,
        policy=policy,
        policy_version=POLICY_VERSION if policy else None,
        comment=decision.comment,
        at=tx.now(),
    )


def _approve(tx: Tx, row: Row[Any], campaign: Row[Any], decision: NewDecision, by: str) -> None:
    spec = unseal(campaign.spec, campaign.spec_sha256, CampaignSpec)
    now = tx.now()
    tx.move(
        REVIEW,
        reviews,
        row,
        "a",
        ReviewState.APPROVED,
        approval_expires_at=now + timedelta(seconds=spec.reviews.approval_lasts),
        facts={"plan": row.plan_sha256, "decision": decision.id, "by": by},
    )
    approved = tx.all(select(specs.c.job_id, specs.c.sha256).where(specs.c.plan_id == row.plan_id))
    uses = [
        {
            "review_id": row.id,
            "job_id": spec_row.job_id,
            "number": 1,
            "plan_sha256": row.plan_sha256,
            "spec_sha256": spec_row.sha256,
            "granted_by": decision.id,
            "granted_at": now,
        }
        for spec_row in approved
    ]
    tx.connection.execute(insert(approval_uses), uses)
    plan = tx.one(select(plans).where(plans.c.id == row.plan_id))
    assert plan is not None
    jobs.queue_approved(tx, plan, campaign)
    _wake(tx, row)


def _reject(tx: Tx, campaign: Row[Any], row: Row[Any], decision: NewDecision, by: str) -> ReviewState:
    facts = {"decision": decision.id, "comment": decision.comment}
    tx.move(REVIEW, reviews, row, "r", ReviewState.REJECTED, facts=facts)
    _turned_down(tx, campaign, row, f"the plan was rejected by {by}: {decision.comment or 'no comment'}")
    return ReviewState.REJECTED


def _turned_down(tx: Tx, campaign: Row[Any], row: Row[Any], why: str) -> None:
    """Give the plan's reservations back and pause the campaign: a person says how to go on."""
    jobs.give_back(tx, row.campaign_id, row.plan_id)
    if campaign.state == CampaignState.RUNNING:
        pause_locked(tx, campaign, why)
    _wake(tx, row)


def _revoke(tx: Tx, row: Row[Any], decision: NewDecision, by: str, kind: DeciderKind) -> ReviewState:
    if row.state == ReviewState.REVOKED:
        return ReviewState.REVOKED
    _record(tx, row, decision, by=by, kind=kind)
    facts = {"decision": decision.id, "comment": decision.comment}
    tx.move(REVIEW, reviews, row, "v", ReviewState.REVOKED, facts=facts)
    _without_approval(tx, row, f"the approval was revoked by {by}")
    return ReviewState.REVOKED


def _without_approval(tx: Tx, row: Row[Any], why: str) -> None:
    jobs.give_back(tx, row.campaign_id, row.plan_id)
    jobs.cancel_queued(tx, row.campaign_id, plan=row.plan_id, reason=why)
    plan = tx.one(select(plans).where(plans.c.id == row.plan_id))
    assert plan is not None
    tx.wake(row.campaign_id, batch_workflow(row.campaign_id, plan.cycle), "batch", row.plan_id)


def remind(tx: Tx, review: str) -> bool:
    """Record that the deciders were reminded; once, and only while the review is open."""
    row = tx.one(select(reviews).where(reviews.c.id == review))
    if row is None or row.state != ReviewState.OPEN or row.reminded_at is not None:
        return False
    now = tx.now()
    if now < row.remind_at:
        return False
    first = update(reviews).where(reviews.c.id == review, reviews.c.reminded_at.is_(None))
    if not tx.run(first.values(reminded_at=now)):
        return False
    tx.journal("review.reminded", review, row.campaign_id, facts={"since": row.opened_at.isoformat()})
    return True


def expire(tx: Tx, review: str) -> bool:
    """Edge x: an open review out of time is rejected, an approval out of time starts nothing more."""
    found = tx.one(select(reviews).where(reviews.c.id == review))
    if found is None:
        raise NotFound(kind="review", id=review)
    campaign = tx.lock_one(Level.CAMPAIGN, found.campaign_id, write=True)
    row = _row(tx, review)
    now = tx.now()
    if row.state == ReviewState.OPEN and now >= row.expires_at:
        _expire_open(tx, campaign, row)
        return True
    if row.state == ReviewState.APPROVED and now >= row.approval_expires_at:
        tx.move(REVIEW, reviews, row, "x", ReviewState.EXPIRED, facts={"plan": row.plan_sha256})
        _without_approval(tx, row, "the approval has expired")
        return True
    return False


def _expire_open(tx: Tx, campaign: Row[Any], row: Row[Any]) -> None:
    tx.move(REVIEW, reviews, row, "x", ReviewState.EXPIRED, facts={"plan": row.plan_sha256})
    _turned_down(tx, campaign, row, "nobody decided on the plan in time, which counts as a rejection")


def withdraw(tx: Tx, campaign: str) -> None:
    """Edge w: the campaign is stopping, so its open reviews ask nobody any more."""
    found = tx.all(
        select(reviews.c.id).where(reviews.c.campaign_id == campaign, reviews.c.state == ReviewState.OPEN)
    )
    for row in tx.lock(Level.APPROVAL, *(review.id for review in found), write=True):
        tx.move(REVIEW, reviews, row, "w", ReviewState.WITHDRAWN)
        jobs.give_back(tx, campaign, row.plan_id)
        _wake(tx, row)


def _wake(tx: Tx, row: Row[Any]) -> None:
    cycle = tx.scalar(select(plans.c.cycle).where(plans.c.id == row.plan_id))
    assert cycle is not None
    tx.wake(row.campaign_id, review_workflow(row.campaign_id, cycle), "review", row.id)


def due(connection: Connection) -> list[str]:
    """Return the reviews whose time is over: open ones and approvals alike."""
    now = read_clock(connection)
    rows = connection.execute(
        select(reviews.c.id)
        .join(campaigns, campaigns.c.id == reviews.c.campaign_id)
        .where(
            campaigns.c.state != CampaignState.DONE,
            ((reviews.c.state == ReviewState.OPEN) & (reviews.c.expires_at <= now))
            | ((reviews.c.state == ReviewState.APPROVED) & (reviews.c.approval_expires_at <= now)),
        )
    )
    return list(rows.scalars())
