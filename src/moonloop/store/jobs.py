"""Jobs: queued -b-> active -h-> final ; queued -g-> cancelled ; active -i/j-> queued ; active -k-> lost."""

from typing import Any

from sqlalchemy import Row, bindparam, func, insert, select

from moonloop.domain.errors import NotFound
from moonloop.domain.lifecycles import JOB, CampaignState, JobState, ReviewState
from moonloop.domain.steps import BatchStatus
from moonloop.domain.workflow_names import batch_workflow, campaign_workflow
from moonloop.store import budgets
from moonloop.store.tables import campaigns, jobs, plans, reviews, specs
from moonloop.store.transaction import Level, Tx

__all__ = ["cancel_queued", "give_back", "open_jobs", "queue", "queue_approved", "requeue", "settled"]

_OPEN = (JobState.QUEUED, JobState.ACTIVE, JobState.LOST)


def queue_approved(tx: Tx, plan: Row[Any], campaign: Row[Any]) -> None:
    """Edge a, in the transaction that approves the plan: work begins though every worker be down.

    Nothing is queued while the campaign is not running; `queue` makes up for it later.
    """
    if campaign.state == CampaignState.RUNNING:
        _insert(tx, plan)


def queue(tx: Tx, plan: str) -> BatchStatus:
    """Edge a for a plan that was approved while its campaign was paused; then say how many jobs are open.

    A plan that was turned down, or whose campaign is ending, gives its reservations back.
    """
    row = tx.one(select(plans).where(plans.c.id == plan))
    if row is None:
        raise NotFound(kind="plan", id=plan)
    campaign = tx.lock_one(Level.CAMPAIGN, row.campaign_id)
    said = {
        review.state
        for review in tx.all(
            select(reviews.c.state).where(reviews.c.plan_id == plan, reviews.c.plan_sha256 == row.sha256)
        )
    }
    if _count(tx, plan, tuple(JobState)):
        return BatchStatus(queued=True, open=_count(tx, plan, _OPEN))
    ending = campaign.state in (CampaignState.STOPPING, CampaignState.DONE)
    waiting = not said or ReviewState.OPEN in said
    if ending or not (waiting or ReviewState.APPROVED in said):
        give_back(tx, campaign.id, plan)
        return BatchStatus(queued=True, open=0)
    if waiting or campaign.state != CampaignState.RUNNING:
        return BatchStatus(queued=False, open=0)
    _insert(tx, row)
    return BatchStatus(queued=True, open=_count(tx, plan, _OPEN))


def _insert(tx: Tx, plan: Row[Any]) -> None:
    now = tx.now()
    rows = [
        {
            "id": spec.job_id,
            "campaign_id": plan.campaign_id,
            "plan_id": plan.id,
            "plan_sha256": plan.sha256,
            "cycle": plan.cycle,
            "position": spec.position,
            "state": JobState.QUEUED,
            "spec_sha256": spec.sha256,
            "kind": spec.kind,
            "protocol": spec.protocol,
            "queued_at": now,
        }
        for spec in tx.all(select(specs).where(specs.c.plan_id == plan.id).order_by(specs.c.position))
    ]
    tx.connection.execute(insert(jobs), rows)
    tx.announces = True
    facts = {"jobs": len(rows), "plan": plan.sha256}
    tx.journal("job.a", plan.id, plan.campaign_id, after=JobState.QUEUED, facts=facts)


_COUNT = (
    select(func.count())
    .select_from(jobs)
    .where(jobs.c.plan_id == bindparam("plan"), jobs.c.state.in_(bindparam("states", expanding=True)))
)
_CAMPAIGN_STATE = select(campaigns.c.state).where(campaigns.c.id == bindparam("campaign"))


def _count(tx: Tx, plan: str, states: tuple[JobState, ...]) -> int:
    return tx.scalar(_COUNT, plan=plan, states=list(states)) or 0


def open_jobs(tx: Tx, campaign: str) -> int:
    """Return how many jobs of a campaign are not final."""
    found = tx.scalar(
        select(func.count()).select_from(jobs).where(jobs.c.campaign_id == campaign, jobs.c.state.in_(_OPEN))
    )
    return found or 0


def cancel_queued(tx: Tx, campaign: str, *, reason: str, plan: str | None = None) -> None:
    """Edge g: cancel what no robot holds, of one plan or of the whole campaign."""
    tx.lock(Level.BUDGET, campaign, write=True)
    found = tx.all(
        select(jobs.c.id).where(
            jobs.c.campaign_id == campaign,
            jobs.c.state == JobState.QUEUED,
            (jobs.c.plan_id == plan) if plan else (jobs.c.plan_id == jobs.c.plan_id),
        )
    )
    for row in tx.lock(Level.JOB, *(job.id for job in found), write=True):
        if row.state == JobState.QUEUED:
            cancel(tx, row, reason)


def cancel(tx: Tx, row: Row[Any], reason: str) -> None:
    """Edge g for one job whose row is locked, with its reservation given back."""
    tx.move(JOB, jobs, row, "g", JobState.CANCELLED, ended_at=tx.now(), facts={"reason": reason})
    budgets.release(tx, row.campaign_id, row.id)
    settled(tx, row)


def give_back(tx: Tx, campaign: str, plan: str | None = None) -> None:
    """Give back the reservations of what was never queued, of one plan or of the whole campaign."""
    tx.lock(Level.BUDGET, campaign, write=True)
    never = (
        select(specs.c.job_id)
        .join(plans, plans.c.id == specs.c.plan_id)
        .join(jobs, jobs.c.id == specs.c.job_id, isouter=True)
        .where(plans.c.campaign_id == campaign, jobs.c.id.is_(None))
    )
    for spec in tx.all(never if plan is None else never.where(plans.c.id == plan)):
        budgets.release(tx, campaign, spec.job_id)


def requeue(tx: Tx, row: Row[Any], letter: str, campaign: Row[Any], facts: dict[str, Any]) -> None:
    """Edges i, j and l back to the queue; a job that nothing allows any more is cancelled there (g)."""
    tx.move(JOB, jobs, row, letter, JobState.QUEUED, facts=facts)
    tx.announces = True
    again = tx.one(select(jobs).where(jobs.c.id == row.id))
    assert again is not None
    approved = tx.one(
        select(reviews.c.id).where(reviews.c.plan_id == row.plan_id, reviews.c.state == ReviewState.APPROVED)
    )
    if campaign.state == CampaignState.STOPPING:
        cancel(tx, again, "the campaign is stopping")
    elif approved is None:
        cancel(tx, again, "its plan has no approval any more")


def settled(tx: Tx, row: Row[Any]) -> None:
    """Wake whoever waits for a batch when its last job has become final, and for a campaign that stops."""
    if _count(tx, row.plan_id, _OPEN) == 0:
        tx.wake(row.campaign_id, batch_workflow(row.campaign_id, row.cycle), "batch", row.plan_id)
    state = tx.scalar(_CAMPAIGN_STATE, campaign=row.campaign_id)
    if state == CampaignState.STOPPING and open_jobs(tx, row.campaign_id) == 0:
        tx.wake(row.campaign_id, campaign_workflow(row.campaign_id), "campaign", row.campaign_id)
