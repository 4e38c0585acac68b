"""Whole campaigns on a real Temporal server: each ends for the reason that the ledger gives."""

from moonloop.domain.facts import CampaignFacts
from moonloop.domain.lifecycles import CampaignState, DoneReason, JobState
from support.invariants import look, violations
from support.lab import Hands, Lab, jobs_of
from support.tables import table_spec

ONE_CHECK = {
    "top": 1,
    "runs": [{"label": "again", "tolerance": 1, "protocol": {"name": "check/1", "robot": "simulated"}}],
}


def _objective(target: float) -> dict[str, object]:
    return {"name": "yield", "unit": "%", "direction": "maximise", "range": [0, 100], "target": target}


def _open_jobs(facts: CampaignFacts) -> list[JobState]:
    return [job.state for job in jobs_of(facts) if job.state in (JobState.QUEUED, JobState.ACTIVE)]


async def _answers(hands: Hands, value: float) -> None:
    while True:
        await hands.finish(await hands.start(), value)


async def test_a_campaign_runs_to_its_end(lab: Lab) -> None:
    """Six experiments are proposed, run once each, counted as what they are, paid for and reported."""
    await lab.robots(2)
    campaign = await lab.start(table_spec())

    facts = await lab.done(campaign)
    await lab.numbered()

    assert DoneReason.BUDGET_SPENT is facts.summary.done_reason
    assert 6 == len(jobs_of(facts))
    assert [] == violations(look(lab.ledger_file), {campaign: "budget_spent"})


async def test_two_campaigns_share_the_robots(lab: Lab) -> None:
    """Campaigns that run at once take nothing from each other but time."""
    await lab.robots(2)
    first, second = [await lab.start(table_spec(name=name)) for name in ("One", "Another")]

    await lab.done(first)
    await lab.done(second)
    await lab.numbered()

    reasons = {first: "budget_spent", second: "budget_spent"}
    assert [] == violations(look(lab.ledger_file), reasons)


async def test_a_confirmed_target_ends_the_campaign(lab: Lab) -> None:
    """The best is measured again before the goal counts as met, and no experiment is spent after that."""
    await lab.robots()
    lab.run((await lab.hands("check/1")).work())
    spec = table_spec(
        objective=_objective(60), confirmation=ONE_CHECK, budget={"experiments": 12, "confirmation": 4}
    )
    campaign = await lab.start(spec)

    facts = await lab.done(campaign)
    await lab.numbered()

    assert DoneReason.GOAL_MET is facts.summary.done_reason
    assert "confirmation" == facts.cycles[-1].purpose
    assert [] == violations(look(lab.ledger_file), {campaign: "goal_met"})


async def test_a_target_that_is_not_confirmed_is_not_met(lab: Lab) -> None:
    """Where the second measurement tells another story the search goes on, and the goal is never met."""
    await lab.robots()
    lab.run(_answers(await lab.hands("check/1"), 1.0))
    spec = table_spec(
        objective=_objective(80), confirmation=ONE_CHECK, budget={"experiments": 8, "confirmation": 4}
    )
    campaign = await lab.start(spec)

    facts = await lab.done(campaign)

    assert "confirmation" in [cycle.purpose for cycle in facts.cycles]
    assert DoneReason.BUDGET_SPENT is facts.summary.done_reason
    assert "not confirmed" in facts.stop_reason


async def test_a_campaign_that_has_seen_everything_ends(lab: Lab) -> None:
    """The table has twelve settings; a budget for more ends for want of candidates."""
    await lab.robots()
    campaign = await lab.start(table_spec(design={"batch_size": 5, "seed": 1}, budget={"experiments": 40}))

    facts = await lab.done(campaign)

    assert DoneReason.NO_CANDIDATES is facts.summary.done_reason
    assert 12 == len(jobs_of(facts))


async def test_the_wall_clock_lets_what_moves_finish(lab: Lab) -> None:
    """When it runs out, what waits is cancelled, what moves finishes and counts, and the campaign ends."""
    hands = await lab.hands()
    campaign = await lab.start(table_spec(budget={"experiments": 6, "wall_clock": 3}))
    offer = await hands.start()

    await lab.until(campaign, lambda facts: facts.summary.state is CampaignState.STOPPING)
    await hands.finish(offer)
    facts = await lab.done(campaign)
    await lab.numbered()

    assert DoneReason.BUDGET_SPENT is facts.summary.done_reason
    assert "the wall clock of the budget ran out" == facts.stop_reason
    assert {JobState.SUCCEEDED, JobState.CANCELLED} == {job.state for job in jobs_of(facts)}
    assert [] == violations(look(lab.ledger_file), {campaign: "budget_spent"})


async def test_money_that_does_not_reach_for_a_batch_ends_the_campaign(lab: Lab) -> None:
    """Five euros pay for one batch of two runs at two euros each; the reason names the line."""
    await lab.robots()
    protocol = {"name": "table.lookup/1", "robot": "simulated", "cost": {"money": 2}}
    campaign = await lab.start(table_spec(protocol=protocol, budget={"experiments": 6, "money": 5}))

    facts = await lab.done(campaign)
    await lab.numbered()

    assert DoneReason.BUDGET_SPENT is facts.summary.done_reason
    assert "money" in facts.stop_reason
    assert 2 == len(jobs_of(facts))
    assert [] == violations(look(lab.ledger_file), {campaign: "budget_spent"})


async def test_a_limit_lowered_below_what_is_reserved_stops_the_campaign(lab: Lab) -> None:
    """What waits is cancelled when the budget no longer carries it, and the reason names the line."""
    hands = await lab.hands()
    campaign = await lab.start(table_spec())
    offer = await hands.start()

    await lab.campaigns.change_limit("alice", campaign, "experiments", 1)
    await hands.finish(offer)
    facts = await lab.done(campaign)

    assert DoneReason.BUDGET_SPENT is facts.summary.done_reason
    assert "experiments" in facts.stop_reason
    assert [JobState.SUCCEEDED, JobState.CANCELLED] == sorted(
        (job.state for job in jobs_of(facts)), reverse=True
    )


async def test_a_limit_lowered_between_cycles_ends_the_campaign_as_spent(lab: Lab) -> None:
    """A cycle for which nothing is left is no failure: the campaign ends because its budget is spent."""
    hands = await lab.hands()
    campaign = await lab.start(table_spec())
    for _ in range(2):
        offer = await hands.start()
        await lab.campaigns.pause("alice", campaign, "to think")
        await hands.finish(offer)
        if offer.job_id.endswith("_0000"):
            await lab.campaigns.resume("alice", campaign, "")
    await lab.until(campaign, lambda facts: not _open_jobs(facts) and facts.cycles[0].closed_at)

    await lab.campaigns.change_limit("alice", campaign, "experiments", 2)
    await lab.campaigns.resume("alice", campaign, "")
    facts = await lab.done(campaign)

    assert DoneReason.BUDGET_SPENT is facts.summary.done_reason
    assert "experiments" in facts.stop_reason
