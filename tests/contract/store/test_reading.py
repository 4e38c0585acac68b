"""Reading: the ledger's facts, as people and programs are told them."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from moonloop.domain.canonical import seal
from moonloop.domain.errors import NotFound
from moonloop.domain.facts import CampaignFacts, CampaignSummary
from moonloop.domain.history import Advice, NextStep
from moonloop.domain.lifecycles import DoneReason
from moonloop.domain.results import ArtifactRef, Outcome
from moonloop.domain.robots import RobotKind
from moonloop.store import (
    artifacts,
    campaigns,
    histories,
    holds,
    listings,
    losses,
    steering,
    summaries,
    views,
)
from moonloop.store import tables as t
from support.campaigns import CAMPAIGN, TTL, Bench, ended, succeeded

ROBOT = "rob_000000r1"
Make = Callable[..., Bench]


def _facts(bench: Bench) -> CampaignFacts:
    return bench.ledger.read_now(views.campaign_facts, CAMPAIGN)


def _summary(bench: Bench) -> CampaignSummary:
    (found,) = bench.ledger.read_now(summaries.summaries)
    return found


def test_every_number_has_its_source(bench: Bench) -> None:
    """A measurement names its attempt, that its robot, approval and artifacts, and the plan its hash."""
    bench.queued(1)
    robot = bench.robot()
    offer = bench.running(robot)
    ref = ArtifactRef(name="trace.csv", sha256="0" * 64, size=3)
    bench.do(artifacts.attach, robot, offer.attempt_id, ref)
    bench.finish(robot, offer, result=succeeded(42.0, artifacts=(ref,), versions={"adapter": "1.2"}))

    facts = _facts(bench)
    (cycle,) = facts.cycles
    (job,) = cycle.jobs
    (attempt,) = job.attempts
    (measurement,) = job.measurements
    assert (measurement.value, measurement.attempt_id) == (42.0, attempt.id)
    assert (attempt.robot_id, attempt.robot_kind, attempt.review_id) == (
        robot,
        "simulated",
        offer.approval.review_id,
    )
    assert (attempt.artifacts, attempt.versions) == ((ref,), {"adapter": "1.2"})
    assert cycle.plan is not None
    assert cycle.plan.sha256 == seal(cycle.plan.plan).sha256 == cycle.plan.reviews[0].plan_sha256
    assert job.spec_sha256 == cycle.plan.plan.runs[0].spec_sha256
    assert facts.spec_sha256 == seal(facts.spec).sha256
    assert [one.id for one in facts.robots] == [robot]


def test_an_attempt_that_did_not_succeed_says_why(bench: Bench) -> None:
    """In the robot's words when it failed, in the gate's when it was refused."""
    bench.queued(2)
    robot = bench.robot()
    failed = bench.running(robot, "request-1")
    bench.finish(robot, failed, result=ended(Outcome.FAILED, failure="it leaked"))
    refused = bench.ready(robot, "request-2")
    bench.do(holds.hold, "site", "a fire", actor="olga")
    with pytest.raises(Exception, match="a fire"):
        bench.begin(robot, refused)

    told = {attempt.id: attempt.failure for job in _facts(bench).cycles[0].jobs for attempt in job.attempts}
    assert told[failed.attempt_id] == "it leaked"
    assert told[refused.attempt_id].startswith("start refused: site is on hold by olga: a fire")


def test_an_unknown_campaign_is_not_found(bench: Bench) -> None:
    """In every way of asking."""
    for query in (views.campaign_facts, histories.read_spec):
        with pytest.raises(NotFound):
            bench.ledger.read_now(query, "cmp_nowhere")
    with pytest.raises(NotFound):
        bench.ledger.read_now(views.plan_fact, "pln_nowhere")


def _review(bench: Bench) -> None:
    bench.review(bench.plan())


def _pause(bench: Bench) -> None:
    bench.do(steering.pause, CAMPAIGN, "lunch")


def _hold(bench: Bench) -> None:
    bench.do(holds.hold, "site", "a leak", actor="olga")


def _queue(bench: Bench) -> None:
    bench.queued(2)


def _run(bench: Bench) -> None:
    bench.queued(2)
    bench.running(bench.robot())


def _lose(bench: Bench) -> None:
    _run(bench)
    bench.later(TTL + 1)
    for attempt in bench.ledger.read_now(losses.sweepable):
        bench.do(losses.sweep, attempt)


def _stop(bench: Bench) -> None:
    bench.do(campaigns.stop, CAMPAIGN, DoneReason.STOPPED_BY, "enough")


def _end(bench: Bench) -> None:
    _stop(bench)
    bench.do(campaigns.conclude, CAMPAIGN)


def _both(bench: Bench) -> None:
    _lose(bench)
    _hold(bench)
    _pause(bench)


@pytest.mark.parametrize(
    ("happens", "sentence"),
    [
        (_review, "for a decision on its plan: moonloop review show rev_0000000000000001_0001_01"),
        (_pause, f"Paused: lunch. To go on: moonloop campaign resume {CAMPAIGN}"),
        (_hold, "On hold by olga: a leak. To lift it: moonloop release site"),
        (_queue, "2 queued for a robot"),
        (_run, "Cycle 1: 1 running, 1 queued."),
        (
            _lose,
            "to say what became of job_0000000000000001_0001_0000, which was lost: moonloop incident show",
        ),
        (_stop, "Stopping: the report is being written."),
        (_end, "Done: enough."),
        (_both, "which was lost"),
    ],
)
def test_one_sentence_says_what_happens_now(
    new_bench: Make, happens: Callable[[Bench], None], sentence: str
) -> None:
    """Or why nothing does, and the next command; what needs a person most comes first."""
    kind = RobotKind.COMPUTATIONAL if happens is _review else RobotKind.SIMULATED
    bench = new_bench(kind)
    happens(bench)

    assert sentence in _summary(bench).waiting_for


def test_a_summary_counts_experiments_and_names_the_best(bench: Bench) -> None:
    """What was spent of the budget, and what the last advice found best."""
    bench.queued(2)
    robot = bench.robot()
    bench.finish(robot, bench.running(robot))
    advice = Advice(step=NextStep.SEARCH, sentence="on", best_key="water", best_value=50.0)
    bench.do(campaigns.close_cycle, CAMPAIGN, 1, seal(advice))

    found = _summary(bench)
    assert (found.experiments_done, found.experiments_limit, found.cycle) == (1, 20, 1)
    assert (found.best_key, found.best_value, found.unit) == ("water", 50.0, "%")


def test_the_scientist_sees_what_is_settled_and_no_more(bench: Bench) -> None:
    """In the order of planning, with what the budget still allows; running jobs are not in it."""
    bench.queued(3)
    first, second = bench.robot("r1"), bench.robot("r2")
    running = bench.running(first)
    later = bench.running(second)
    bench.finish(second, later, 42.0)

    seen = bench.ledger.read_now(histories.history, CAMPAIGN, 1)
    assert [(one.index, one.outcome, one.value) for one in seen.observations] == [(1, "measured", 42.0)]
    assert seen.observations[0].measurement_id is not None
    assert seen.experiments_left == 17
    bench.finish(first, running, 7.0)
    seen = bench.ledger.read_now(histories.history, CAMPAIGN, 1)
    assert [(one.index, one.value) for one in seen.observations] == [(0, 7.0), (1, 42.0)]


def test_the_scientist_of_an_earlier_cycle_sees_no_later_data(bench: Bench) -> None:
    """A retried analysis gives what it gave."""
    bench.queued(1)
    robot = bench.robot()
    bench.finish(robot, bench.running(robot))
    bench.do(campaigns.close_cycle, CAMPAIGN, 1, seal(Advice(step=NextStep.SEARCH, sentence="on")))
    bench.queued(1, cycle=2)
    bench.finish(robot, bench.running(robot, "request-2"))

    cycles = [
        {one.cycle for one in bench.ledger.read_now(histories.history, CAMPAIGN, cycle).observations}
        for cycle in (1, 2)
    ]
    assert cycles == [{1}, {1, 2}]


def test_the_lists_say_who_holds_what(bench: Bench) -> None:
    """Robots with their attempts, holds, incidents and reviews, each with the filters that pages need."""
    _lose(bench)
    _hold(bench)
    read: Any = bench.ledger.read_now

    (robot,) = read(listings.robot_facts)
    assert (robot.id, robot.state, robot.fence, robot.attempt_id) == (ROBOT, "quarantined", 1, None)
    (incident,) = read(listings.incident_facts, state="open")
    assert (incident.robot_id, incident.late_result) == (ROBOT, False)
    assert read(listings.incident_facts, state="settled") == []
    assert [one.scope for one in read(listings.hold_facts, active_only=True)] == ["site"]
    assert len(read(listings.hold_facts)) == bench.count(t.holds)
    (review,) = read(listings.review_facts, state="approved")
    assert [decision.by for decision in review.decisions] == ["policy none"]
    assert read(listings.review_facts, review=review.id) == [review]
    assert read(listings.review_facts, campaign="cmp_nowhere") == []


def test_a_late_result_shows_on_its_incident(bench: Bench) -> None:
    """So that whoever settles it knows that there is something to adopt."""
    _lose(bench)
    offer = bench.claim(ROBOT)
    assert offer is not None
    bench.finish(ROBOT, offer)

    (incident,) = _facts(bench).incidents
    assert incident.late_result is True
    assert bench.value(select(t.late_results.c.adopted_at)) is None
