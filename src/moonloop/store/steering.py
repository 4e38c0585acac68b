"""Pausing and resuming: running <-b/c-> paused."""

from typing import Any

from sqlalchemy import Row, select

from moonloop.domain.lifecycles import CAMPAIGN, CampaignState, JobState
from moonloop.domain.workflow_names import batch_workflow, campaign_workflow
from moonloop.store.offers import REFUSED_BY_DEVICE
from moonloop.store.tables import attempts, campaigns, jobs
from moonloop.store.transaction import Level, Tx

__all__ = ["pause", "pause_if_refused", "pause_locked", "resume"]


def pause(tx: Tx, campaign: str, reason: str) -> None:
    """Edge b: no new job is queued, what moves finishes. Pausing a paused campaign changes nothing."""
    row = tx.lock_one(Level.CAMPAIGN, campaign, write=True)
    if row.state == CampaignState.PAUSED:
        return
    pause_locked(tx, row, reason)


def pause_locked(tx: Tx, row: Row[Any], reason: str) -> None:
    """Pause a campaign whose row is locked for writing."""
    tx.move(
        CAMPAIGN,
        campaigns,
        row,
        "b",
        CampaignState.PAUSED,
        waits_because=reason,
        facts={"reason": reason},
    )
    tx.wake(row.id, campaign_workflow(row.id), "campaign", row.id)


def pause_if_refused(tx: Tx, campaign: str, cycle: int) -> None:
    """Pause a campaign, locked for writing, when every robot has refused every job of a cycle.

    The next cycle would fare no better: a person has to see to the robots or to the campaign file.
    """
    here = (jobs.c.campaign_id == campaign, jobs.c.cycle == cycle)
    cancelled = {row.id: row.state == JobState.CANCELLED for row in tx.all(select(jobs).where(*here))}
    released = tx.all(select(attempts).join(jobs, jobs.c.id == attempts.c.job_id).where(*here))
    why = {
        row.job_id: row.refusal["why"]
        for row in released
        if row.refusal and row.refusal["reason"] == REFUSED_BY_DEVICE
    }
    row = tx.one(select(campaigns).where(campaigns.c.id == campaign))
    if row is None or row.state != CampaignState.RUNNING or not cancelled:
        return
    if all(cancelled.values()) and why.keys() == cancelled.keys():
        pause_locked(tx, row, f"every robot refused every job of cycle {cycle}: {why[max(why)]}")


def resume(tx: Tx, campaign: str, reason: str) -> None:
    """Edge c. Resuming a running campaign changes nothing."""
    row = tx.lock_one(Level.CAMPAIGN, campaign, write=True)
    if row.state == CampaignState.RUNNING:
        return
    facts = {"reason": reason}
    tx.move(CAMPAIGN, campaigns, row, "c", CampaignState.RUNNING, waits_because="", facts=facts)
    tx.wake(campaign, campaign_workflow(campaign), "campaign", campaign)
    if row.cycle:
        tx.wake(campaign, batch_workflow(campaign, row.cycle), "campaign", campaign)
    tx.announces = True
