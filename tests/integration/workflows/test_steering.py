"""Pause, resume and stop, in every phase of a cycle; and what people and their deadlines do to a campaign."""

import asyncio
from collections.abc import Sequence

from moonloop.domain.facts import CampaignFacts
from moonloop.domain.lifecycles import AttemptState, CampaignState, DoneReason, JobState, ReviewState
from moonloop.domain.plans import JobSpec, Plan
from moonloop.domain.reviews import DecisionVerdict
from moonloop.service.loop import Loop
from moonloop.workflows.contracts import batch_workflow, campaign_workflow, cycle_workflow
from support.invariants import look, violations
from support.lab import Lab, OpenLab, attempts_of, jobs_of
from support.tables import table_spec

EVERY_CYCLE = {"simulated": "every_cycle"}


def _reserved(facts: CampaignFacts) -> float:
    return sum(line.reserved for line in facts.budgets)


def _reviews(facts: CampaignFacts) -> list[ReviewState]:
    return [review.state for cycle in facts.cycles if cycle.plan for review in cycle.plan.reviews]


def _states(facts: CampaignFacts) -> list[JobState]:
    return [job.state for job in jobs_of(facts)]


def _paused(facts: CampaignFacts) -> bool:
    return facts.summary.state is CampaignState.PAUSED


async def test_a_pause_lets_what_moves_finish_and_starts_nothing(lab: Lab) -> None:
    """Of two jobs one has started when the campaign is paused: it counts, the other waits."""
    hands = await lab.hands()
    campaign = await lab.start(table_spec(budget={"experiments": 2}))
    offer = await hands.start()

    await lab.campaigns.pause("alice", campaign, "the lamp flickers")
    assert "succeeded" == (await hands.finish(offer)).state
    assert await hands.finds_nothing()
    facts = await lab.facts(campaign)
    assert [JobState.SUCCEEDED, JobState.QUEUED] == _states(facts)
    assert "the lamp flickers" in facts.summary.waiting_for

    await lab.campaigns.resume("alice", campaign, "")
    await hands.finish(await hands.start())
    facts = await lab.done(campaign)
    assert [JobState.SUCCEEDED] * 2 == _states(facts)
    assert DoneReason.BUDGET_SPENT is facts.summary.done_reason


async def test_nothing_is_queued_while_a_campaign_is_paused(lab: Lab) -> None:
    """A plan that is approved during a pause is queued when the pause is over."""
    hands = await lab.hands()
    campaign = await lab.start(table_spec(reviews=EVERY_CYCLE, budget={"experiments": 2}))
    review = await lab.review(campaign)

    await lab.campaigns.pause("alice", campaign, "")
    await lab.decide(review)
    await lab.workflow_has(batch_workflow(campaign, 1), "ActivityTaskCompleted")
    assert [] == _states(await lab.facts(campaign))

    await lab.campaigns.resume("alice", campaign, "")
    for _ in range(2):
        await hands.finish(await hands.start())
    assert DoneReason.BUDGET_SPENT is (await lab.done(campaign)).summary.done_reason


async def test_a_stop_while_the_scientist_thinks_runs_nothing(open_a_lab: OpenLab) -> None:
    """A plan that is recorded after the stop is withdrawn with its reservations, and the campaign ends."""
    planned, stopped = asyncio.Event(), asyncio.Event()

    class Thoughtful(Loop):
        async def record_plan(self, plan: Plan, specs: Sequence[JobSpec]) -> None:
            planned.set()
            await stopped.wait()
            await super().record_plan(plan, specs)

    async with open_a_lab(loop=Thoughtful) as lab:
        campaign = await lab.start(table_spec(reviews=EVERY_CYCLE))
        await planned.wait()
        await lab.campaigns.stop("alice", campaign, "enough")
        stopped.set()

        facts = await lab.done(campaign)
        await lab.numbered()

        assert (DoneReason.STOPPED_BY, "stopped by alice: enough") == (
            facts.summary.done_reason,
            facts.stop_reason,
        )
        assert [ReviewState.WITHDRAWN] == _reviews(facts)
        assert [] == violations(look(lab.ledger_file), {campaign: "stopped_by"})


async def test_a_stop_withdraws_what_is_under_review(lab: Lab) -> None:
    """Nobody is asked any more, the reservations are given back, and the campaign ends with its report."""
    campaign = await lab.start(table_spec(reviews=EVERY_CYCLE))
    await lab.review(campaign)

    await lab.campaigns.stop("alice", campaign, "")
    facts = await lab.done(campaign)
    await lab.numbered()

    assert [ReviewState.WITHDRAWN] == _reviews(facts)
    assert [] == violations(look(lab.ledger_file), {campaign: "stopped_by"})


async def test_a_stop_during_a_batch_waits_for_what_moves(lab: Lab) -> None:
    """What waits is cancelled at once; what moves finishes and counts before the report is written."""
    hands = await lab.hands()
    campaign = await lab.start(table_spec())
    offer = await hands.start()

    await lab.campaigns.stop("alice", campaign, "")
    assert [JobState.ACTIVE, JobState.CANCELLED] == _states(await lab.facts(campaign))
    await hands.finish(offer)
    facts = await lab.done(campaign)
    await lab.numbered()

    assert [JobState.SUCCEEDED, JobState.CANCELLED] == _states(facts)
    assert [] == violations(look(lab.ledger_file), {campaign: "stopped_by"})


async def test_a_stop_of_a_paused_campaign_ends_it(lab: Lab) -> None:
    """A pause is no reason to wait with a stop."""
    campaign = await lab.start(table_spec(reviews=EVERY_CYCLE))
    await lab.review(campaign)
    await lab.campaigns.pause("alice", campaign, "")

    await lab.campaigns.stop("alice", campaign, "")

    assert DoneReason.STOPPED_BY is (await lab.done(campaign)).summary.done_reason


async def test_a_rejection_pauses_with_its_reason(lab: Lab) -> None:
    """The comment is what the campaign waits for; resumed, it makes another plan, and has lost no budget."""
    campaign = await lab.start(table_spec(reviews=EVERY_CYCLE))
    await lab.decide(await lab.review(campaign), DecisionVerdict.REJECT, "too hot for the glass")

    facts = await lab.until(campaign, lambda facts: _paused(facts) and facts.cycles[0].closed_at)
    assert "too hot for the glass" in facts.summary.waiting_for
    assert 0 == _reserved(facts)

    await lab.campaigns.resume("alice", campaign, "in the steel vessel")
    await lab.robots()
    await lab.decide(await lab.review(campaign, 2))
    facts = await lab.until(campaign, lambda facts: facts.cycles[1].closed_at)
    assert [JobState.SUCCEEDED] * 2 == _states(facts)


async def test_deciders_are_reminded_and_their_silence_is_a_rejection(lab: Lab) -> None:
    """First they are reminded, once; then the review expires, the campaign pauses, and nothing ran."""
    times = {"remind_after": 0.2, "expires_after": 3.0}
    campaign = await lab.start(table_spec(reviews=EVERY_CYCLE | times))

    facts = await lab.until(campaign, lambda facts: _paused(facts) and facts.cycles[0].closed_at)
    told = [entry.what for entry in await lab.journal(campaign)]

    assert ["review.reminded", "review.x", "campaign.b"] == [
        what for what in told if what in ("review.reminded", "review.x", "campaign.b")
    ]
    assert "nobody decided" in facts.summary.waiting_for
    assert ([], 0) == (_states(facts), _reserved(facts))


async def test_an_approval_out_of_time_starts_nothing_more(lab: Lab) -> None:
    """What has started counts; what waits is cancelled; the cycle closes and the next one opens."""
    hands = await lab.hands()
    campaign = await lab.start(table_spec(reviews=EVERY_CYCLE | {"approval_lasts": 1.0}))
    await lab.decide(await lab.review(campaign))
    offer = await hands.start()

    await lab.until(campaign, lambda facts: JobState.CANCELLED in _states(facts))
    await hands.finish(offer)
    facts = await lab.until(campaign, lambda facts: facts.cycles[0].closed_at and len(facts.cycles) > 1)

    assert {JobState.SUCCEEDED, JobState.CANCELLED} == set(_states(facts))
    assert ReviewState.EXPIRED is _reviews(facts)[0]


async def test_a_cycle_begun_again_waits_for_what_a_revoked_approval_left_moving(open_a_lab: OpenLab) -> None:
    """The approval is revoked, then Temporal forgets the workflows: the cycle closes after its last job."""
    async with open_a_lab(check=0.2) as lab:
        hands = await lab.hands()
        campaign = await lab.start(table_spec(reviews=EVERY_CYCLE))
        review = await lab.review(campaign)
        await lab.decide(review)
        offer = await hands.start()

        await lab.decide(review, DecisionVerdict.REVOKE)
        await lab.forget(campaign_workflow(campaign))
        await lab.workflow_has(batch_workflow(campaign, 1), "ActivityTaskCompleted")
        assert (await lab.facts(campaign)).cycles[0].closed_at is None

        await hands.finish(offer)
        facts = await lab.until(campaign, lambda facts: facts.cycles[0].closed_at)
        assert [AttemptState.SUCCEEDED] == [attempt.state for attempt in attempts_of(facts)]


async def test_a_cycle_ended_by_hand_is_begun_again(lab: Lab) -> None:
    """Whatever an operator does to workflows in Temporal costs time; the campaign ends as it would have."""
    hands = await lab.hands()
    campaign = await lab.start(table_spec(budget={"experiments": 2}))
    offer = await hands.start()

    await lab.client.get_workflow_handle(cycle_workflow(campaign, 1)).terminate()
    await hands.finish(offer)
    await hands.finish(await hands.start())
    facts = await lab.done(campaign)

    assert DoneReason.BUDGET_SPENT is facts.summary.done_reason
    assert [JobState.SUCCEEDED] * 2 == _states(facts)
