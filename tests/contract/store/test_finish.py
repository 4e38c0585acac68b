"""Finishing: edge h, once; what comes after its lease was lost waits in quarantine; nothing counts twice."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from moonloop.domain.errors import (
    ArtifactMissing,
    FinishConflict,
    Forbidden,
    ResultInvalid,
    StaleFence,
    UnitMismatch,
)
from moonloop.domain.lifecycles import AttemptState, JobState
from moonloop.domain.messages import Offer
from moonloop.domain.results import ArtifactRef, Outcome
from moonloop.store import artifacts, histories, losses, results
from moonloop.store import tables as t
from support.campaigns import CAMPAIGN, PROTOCOL, TTL, Bench, ended, succeeded

ROBOT = "rob_000000r1"
Make = Callable[..., Bench]


@pytest.fixture
def offer(bench: Bench) -> Offer:
    """A running attempt at the only job."""
    bench.queued(1)
    return bench.running(bench.robot())


def _values(bench: Bench) -> list[float]:
    return [row.value for row in bench.all(select(t.measurements))]


def test_a_success_counts(bench: Bench, offer: Offer) -> None:
    """The attempt and the job end, the value is kept with its source, and the reservation is spent."""
    assert bench.finish(ROBOT, offer, 42.0) == "succeeded"

    row = bench.all(select(t.measurements))[0]
    assert (row.value, row.unit, row.name, row.attempt_id, row.job_id) == (
        42.0,
        "%",
        "yield",
        offer.attempt_id,
        offer.job_id,
    )
    assert bench.state(t.jobs, offer.job_id) == JobState.SUCCEEDED
    assert bench.budget() == (0.0, 1.0)


@pytest.mark.parametrize(
    ("outcome", "job"),
    [
        (Outcome.FAILED, JobState.FAILED),
        (Outcome.CANCELLED, JobState.CANCELLED),
        (Outcome.ABORTED, JobState.FAILED),
    ],
)
def test_other_outcomes_end_the_job_and_are_spent(
    bench: Bench, offer: Offer, outcome: Outcome, job: JobState
) -> None:
    """What had started used the device: it is an experiment of the budget, measured or not."""
    told = bench.finish(ROBOT, offer, result=ended(outcome, failure="it leaked"))

    assert told == outcome.value
    assert bench.state(t.attempts, offer.attempt_id) == outcome.value
    assert bench.state(t.jobs, offer.job_id) == job
    assert bench.budget() == (0.0, 1.0)
    assert bench.journal("attempt.h")[0].facts["failure"] == "it leaked"


def test_the_same_result_again_is_no_news(bench: Bench, offer: Offer) -> None:
    """A resent finish gets the same answer, and counts nothing again."""
    answers = [bench.finish(ROBOT, offer, 42.0) for _ in range(3)]

    assert answers == ["succeeded"] * 3
    assert _values(bench) == [42.0]
    assert bench.budget() == (0.0, 1.0)
    assert len(bench.journal("attempt.h")) == len(bench.journal("job.h")) == 1


def test_another_result_is_a_conflict(bench: Bench, offer: Offer) -> None:
    """The first result stands; the attempt to change it is journalled."""
    bench.finish(ROBOT, offer, 42.0)

    with pytest.raises(FinishConflict):
        bench.finish(ROBOT, offer, 43.0)

    assert _values(bench) == [42.0]
    assert bench.refusals(offer.attempt_id) == ["finish-conflict"]


@pytest.mark.parametrize("state", ["offered", "accepted"])
def test_what_has_not_started_has_no_result(bench: Bench, state: str) -> None:
    """A number from nowhere is not taken."""
    bench.queued(1)
    robot = bench.robot()
    offer = bench.claim(robot)
    assert offer is not None
    if state == "accepted":
        bench.accept(robot, offer)

    with pytest.raises(StaleFence):
        bench.finish(robot, offer)

    assert _values(bench) == []
    assert bench.state(t.attempts, offer.attempt_id) == state


def test_a_stale_fence_finishes_nothing(bench: Bench, offer: Offer) -> None:
    """A result under another fence is not this attempt's."""
    accepted, body, sha256 = succeeded()
    with pytest.raises(StaleFence):
        bench.do(results.finish, ROBOT, offer.attempt_id, offer.fence + 1, accepted, body, sha256)

    assert bench.state(t.attempts, offer.attempt_id) == AttemptState.RUNNING
    assert _values(bench) == []


def test_another_robot_finishes_nothing(bench: Bench, offer: Offer) -> None:
    """Whatever fence it names."""
    with pytest.raises(Forbidden):
        bench.finish(bench.robot("r2"), offer)

    assert bench.state(t.attempts, offer.attempt_id) == AttemptState.RUNNING


def test_a_result_names_only_artifacts_that_are_stored(bench: Bench, offer: Offer) -> None:
    """Otherwise it is refused whole, and may be sent again when they are."""
    ref = ArtifactRef(name="trace.csv", sha256="0" * 64, size=3)
    result = succeeded(artifacts=(ref,))
    with pytest.raises(ArtifactMissing, match=r"trace\.csv"):
        bench.finish(ROBOT, offer, result=result)
    assert bench.state(t.attempts, offer.attempt_id) == AttemptState.RUNNING
    assert _values(bench) == []

    bench.do(artifacts.attach, ROBOT, offer.attempt_id, ref)

    assert bench.finish(ROBOT, offer, result=result) == "succeeded"


# After the lease was lost.


def _lose(bench: Bench, offer: Offer) -> None:
    bench.later(TTL + 1)
    assert bench.do(losses.sweep, offer.attempt_id) is True


def test_a_late_result_waits_in_quarantine(bench: Bench, offer: Offer) -> None:
    """Never counted, never dropped; the job stays lost until a person has looked."""
    _lose(bench, offer)

    assert bench.finish(ROBOT, offer, 42.0) == "quarantined"
    assert _values(bench) == []
    assert bench.state(t.jobs, offer.job_id) == JobState.LOST
    assert bench.count(t.late_results) == 1
    assert bench.budget() == (1.0, 0.0)


def test_a_result_that_itself_comes_late_loses_the_job_and_waits(bench: Bench, offer: Offer) -> None:
    """Even when no sweeper has looked: the lease was over when it came."""
    bench.later(TTL + 1)

    assert bench.finish(ROBOT, offer, 42.0) == "quarantined"
    assert bench.state(t.jobs, offer.job_id) == JobState.LOST
    assert bench.count(t.late_results) == 1


def test_a_late_result_is_kept_once(bench: Bench, offer: Offer) -> None:
    """Resent it is no news; another one is a conflict, and the first is kept."""
    _lose(bench, offer)
    bench.finish(ROBOT, offer, 42.0)
    kept = bench.all(select(t.late_results))

    assert bench.finish(ROBOT, offer, 42.0) == "quarantined"
    with pytest.raises(FinishConflict):
        bench.finish(ROBOT, offer, 43.0)

    assert bench.all(select(t.late_results)) == kept


def _misfit(bench: Bench, offer: Offer) -> str:
    _, body, sha256 = succeeded(42.0)
    refused = ResultInvalid(why="it was measured on another planet")
    return bench.do(results.finish, ROBOT, offer.attempt_id, offer.fence, refused, body, sha256, actor=ROBOT)


def test_a_result_that_does_not_fit_is_refused_while_it_would_count(bench: Bench, offer: Offer) -> None:
    """The attempt goes on, and its robot may say it better."""
    with pytest.raises(ResultInvalid, match="another planet"):
        _misfit(bench, offer)

    assert bench.state(t.attempts, offer.attempt_id) == AttemptState.RUNNING
    assert bench.count(t.late_results) == 0
    assert bench.finish(ROBOT, offer, 42.0) == "succeeded"


@pytest.mark.parametrize("settled", [False, True])
def test_a_late_result_that_does_not_fit_waits_too(bench: Bench, offer: Offer, settled: bool) -> None:
    """It will not count, and is kept all the same: nothing that comes late is dropped."""
    _lose(bench, offer)
    if settled:
        bench.reconcile(offer, "fail")

    assert [_misfit(bench, offer) for _ in range(2)] == ["quarantined"] * 2
    assert bench.value(select(t.late_results.c.body)) == succeeded(42.0)[1]


@pytest.mark.parametrize("resolution", ["rerun", "fail"])
def test_a_result_that_comes_after_the_settlement_waits_too(
    bench: Bench, offer: Offer, resolution: str
) -> None:
    """It is evidence for people, and changes nothing that was settled."""
    _lose(bench, offer)
    bench.reconcile(offer, resolution)
    before = bench.state(t.jobs, offer.job_id)

    assert bench.finish(ROBOT, offer, 42.0) == "quarantined"
    assert bench.state(t.jobs, offer.job_id) == before
    assert _values(bench) == []


def test_a_job_counts_once_whoever_measured_it(bench: Bench, offer: Offer) -> None:
    """Lost, run again by another robot, and then the first result turns up after all."""
    _lose(bench, offer)
    bench.reconcile(offer, "rerun")
    again = bench.running(bench.robot("r2"))
    assert again.job_id == offer.job_id
    bench.finish("rob_000000r2", again, 50.0)
    bench.finish(ROBOT, offer, 42.0)

    assert _values(bench) == [50.0]
    assert bench.budget() == (0.0, 1.0)


# What a result uses.


COSTS = {"money": 3, "instrument_time": "60 s", "reagents": {"ethanol": {"value": 5, "unit": "mL"}}}


def _costly(new_bench: Make, campaign: str = CAMPAIGN) -> tuple[Bench, Offer]:
    protocol = {"name": PROTOCOL, "robot": "simulated", "cost": COSTS}
    bench = new_bench(campaign=campaign, protocol=protocol)
    bench.queued(1)
    return bench, bench.running(bench.robot())


def test_what_was_really_used_is_what_is_spent(new_bench: Make) -> None:
    """Consumables as reported, instrument time as it passed, money as planned."""
    bench, offer = _costly(new_bench)
    assert [bench.budget(line)[0] for line in ("money", "instrument_time", "reagent:ethanol")] == [3, 60, 5]
    bench.later(30)
    used: Any = {"ethanol": {"value": 4, "unit": "mL"}}
    bench.finish(ROBOT, offer, result=succeeded(consumables=used))

    assert bench.budget("reagent:ethanol") == (0.0, 4.0)
    assert bench.budget("money") == (0.0, 3.0)
    assert bench.budget("instrument_time") == (0.0, pytest.approx(30, abs=5))


def test_consumables_in_another_unit_are_refused(new_bench: Make) -> None:
    """Five litres are not five millilitres: units are checked, never assumed."""
    bench, offer = _costly(new_bench)
    used: Any = {"ethanol": {"value": 5, "unit": "L"}}

    with pytest.raises(UnitMismatch, match="ethanol"):
        bench.finish(ROBOT, offer, result=succeeded(consumables=used))

    assert bench.state(t.attempts, offer.attempt_id) == AttemptState.RUNNING
    assert bench.budget("reagent:ethanol") == (5.0, 0.0)


def test_time_on_a_device_is_spent_even_when_none_was_planned(bench: Bench, offer: Offer) -> None:
    """A limit on instrument time holds although the campaign file gives no estimate."""
    bench.later(30)
    bench.finish(ROBOT, offer)

    assert bench.budget("instrument_time") == (0.0, pytest.approx(30, abs=5))


def test_a_failed_run_is_no_observation_of_a_value(bench: Bench, offer: Offer) -> None:
    """What a failed attempt reported is kept, but the scientist sees a failure without a number."""
    accepted, _, _ = succeeded(42.0)
    failed = ended(Outcome.FAILED, measurements=accepted.report.measurements)
    bench.finish(ROBOT, offer, result=(type(accepted)(failed[0].report, accepted.measurements), *failed[1:]))

    seen = bench.ledger.read_now(histories.history, CAMPAIGN, 1).observations
    assert [(one.outcome, one.value, one.sd, one.measurement_id) for one in seen] == [
        ("failed", None, None, None)
    ]
    assert _values(bench) == [42.0]


def test_the_last_result_of_a_batch_wakes_whoever_waits_for_it(bench: Bench) -> None:
    """Not the first of two: a wake-up for each job would be a wake-up too many."""
    bench.queued(2)
    robot = bench.robot()
    woken: list[int] = []
    for number in (1, 2):
        offer = bench.running(robot, f"request-{number}")
        bench.finish(robot, offer)
        woken.append(bench.count(t.outbox, t.outbox.c.topic == "batch"))

    assert woken == [0, 1]


def test_a_result_is_refused_whole_when_it_cannot_be_counted(bench: Bench, offer: Offer) -> None:
    """The same quantity twice in one report: neither is kept, the attempt runs on."""
    accepted, body, sha256 = succeeded()
    twice = type(accepted)(accepted.report, [*accepted.measurements] * 2)

    with pytest.raises(Exception, match=r"(?i)unique"):
        bench.do(results.finish, ROBOT, offer.attempt_id, offer.fence, twice, body, sha256)

    assert bench.state(t.attempts, offer.attempt_id) == AttemptState.RUNNING
    assert _values(bench) == []
