"""The outbox and its relay: a wake-up saves time and carries no truth."""

from moonloop.domain.lifecycles import DoneReason
from moonloop.service.loop import Outgoing
from moonloop.store import outbox
from support.invariants import look, violations
from support.lab import OpenLab
from support.tables import table_spec

EVERY_CYCLE = {"simulated": "every_cycle"}


class Mute(Outgoing):
    """Starts workflows and wakes none: every wake-up is lost after it was marked as sent."""

    async def pending(self) -> list[outbox.Announcement]:
        """Return what is to be started; forget the rest."""
        found = await super().pending()
        for announced in found:
            if not announced.start:
                await self.mark_sent(announced.ids)
        return [announced for announced in found if announced.start]


async def test_a_campaign_ends_though_every_wake_up_is_lost(open_a_lab: OpenLab) -> None:
    """The slow re-reading alone carries a campaign through its review and its batches to the end."""
    async with open_a_lab(relay=False, reread=0.2) as lab:
        lab.relay(Mute(lab.ledger, "mute", lab.settings.lead))
        await lab.robots()
        campaign = await lab.start(table_spec(reviews=EVERY_CYCLE, budget={"experiments": 2}))
        await lab.decide(await lab.review(campaign))

        facts = await lab.done(campaign)
        await lab.numbered()

        assert DoneReason.BUDGET_SPENT is facts.summary.done_reason
        assert [] == violations(look(lab.ledger_file), {campaign: "budget_spent"})


async def test_what_happens_while_no_relay_runs_is_told_later(open_a_lab: OpenLab) -> None:
    """A start and a decision wait in the outbox; the relay that comes sends both."""
    async with open_a_lab(relay=False) as lab:
        await lab.robots()
        campaign = await lab.start(table_spec(reviews=EVERY_CYCLE, budget={"experiments": 2}))
        first = lab.relay()
        review = await lab.review(campaign)
        await lab.stopped(first)

        await lab.decide(review)
        assert [] != await lab.ledger.read(outbox.pending)
        lab.relay()

        assert DoneReason.BUDGET_SPENT is (await lab.done(campaign)).summary.done_reason


async def test_of_two_relays_one_leads_and_the_other_takes_over(open_a_lab: OpenLab) -> None:
    """Two at once disturb nothing; when the leading one is gone the other sends what there is."""
    async with open_a_lab(relay=False) as lab:
        await lab.robots()
        first = lab.relay()
        campaign = await lab.start(table_spec(reviews=EVERY_CYCLE, budget={"experiments": 4}))
        review = await lab.review(campaign)
        lab.relay()
        await lab.decide(review)
        review = await lab.review(campaign, 2)
        await lab.stopped(first)
        await lab.decide(review)

        await lab.done(campaign)
        await lab.numbered()

        assert [] == violations(look(lab.ledger_file), {campaign: "budget_spent"})


async def test_a_live_campaign_without_a_workflow_is_started_again(open_a_lab: OpenLab) -> None:
    """Temporal has forgotten the workflow, and nothing would wake it: the slow check finds it."""
    async with open_a_lab(check=0.2) as lab:
        hands = await lab.hands()
        campaign = await lab.start(table_spec(budget={"experiments": 2}))
        offers = [await hands.start()]
        await lab.forget(f"campaign/{campaign}")

        await hands.finish(offers[0])
        await hands.finish(await hands.start())

        assert DoneReason.BUDGET_SPENT is (await lab.done(campaign)).summary.done_reason
