"""Temporal's database is gone: it held no fact that the ledger lacks, so nothing is lost with it."""

import asyncio
from contextlib import suppress

from temporalio.service import RPCError

from moonloop.domain.reviews import DecisionVerdict
from moonloop.domain.workflow_names import campaign_workflow
from support.invariants import look, violations
from support.site import PATIENCE_S, OpenSite, Site
from support.tables import table_spec
from support.tours import decide, start
from support.watching import watched


async def _first_run(site: Site, campaign: str) -> str:
    """Return the first run of the campaign's workflow, as soon as there is one."""
    client = await site.temporal.connect()
    handle = client.get_workflow_handle(campaign_workflow(campaign))
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with suppress(RPCError):
                return (await handle.describe()).raw_info.first_run_id
            await asyncio.sleep(0.05)
    raise AssertionError("unreachable")


async def test_a_campaign_outlives_the_database_of_temporal(open_a_site: OpenSite) -> None:
    """Deleted under a review and again in a batch: the relay starts the workflow from the ledger."""
    spec = table_spec(reviews={"simulated": "every_cycle"}, budget={"experiments": 4})
    async with open_a_site(delay=0.3) as site, watched(site.ledger) as journal:
        campaign = await start(site, spec)
        review = await journal.until("review.opened", campaign=campaign)
        begun = [await _first_run(site, campaign)]
        await site.lose_temporal()
        await decide(site, review.subject, DecisionVerdict.APPROVE)

        await journal.until("attempt.d", campaign=campaign)
        begun.append(await _first_run(site, campaign))
        await site.lose_temporal()
        review = await journal.until("review.opened", campaign=campaign, after=review.id)
        await decide(site, review.subject, DecisionVerdict.APPROVE)
        await journal.until("campaign.e", campaign=campaign)
        begun.append(await _first_run(site, campaign))
        await journal.numbered()

        assert 3 == len(set(begun))
        assert ["temporal", "temporal"] == site.kills
        assert [] == violations(look(site.ledger), {campaign: "budget_spent"})
