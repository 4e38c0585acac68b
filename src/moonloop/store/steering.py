"""Pausing and resuming: running <-b/c-> paused."""

from typing import Any

from sqlalchemy import Row

from moonloop.domain.lifecycles import CAMPAIGN, CampaignState
from moonloop.domain.workflow_names import batch_workflow, campaign_workflow
from moonloop.store.tables import campaigns
from moonloop.store.transaction import Level, Tx

__all__ = ["pause", "pause_locked", "resume"]


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
