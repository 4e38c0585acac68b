"""A ledger with many jobs in its queue, approved and ready to be claimed."""

import asyncio

from moonloop.domain.canonical import seal
from moonloop.service.access import Access
from moonloop.service.settings import Settings
from moonloop.service.wiring import open_ledger
from moonloop.store import campaigns, jobs, plans, presence, reviews
from support.campaigns import CAMPAIGN, make_plan, make_spec

__all__ = ["fill"]


def fill(settings: Settings, count: int) -> str:
    """Queue `count` jobs of one approved plan; return the owner's token."""
    ledger = open_ledger(settings)
    try:
        asyncio.run(Access(ledger, settings).make_owner())
        spec = make_spec(budget={"experiments": count})
        ledger.write_now(presence.beat, "bench", 1.0, settings.lease, {})
        ledger.write_now(campaigns.start, "bench", CAMPAIGN, f"request-{count}", seal(spec), spec)
        ledger.write_now(campaigns.next_step, "bench", CAMPAIGN, "bench")
        plan, sealed, specs = make_plan(spec, 1, count)
        ledger.write_now(plans.record_plan, "bench", plan, sealed, specs)
        ledger.write_now(plans.screen, "bench", plan.id)
        ledger.write_now(reviews.open_review, "bench", plan.id)
        ledger.write_now(jobs.queue, "bench", plan.id)
    finally:
        ledger.close()
    return settings.owner_token.read_text().strip()
