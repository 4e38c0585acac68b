"""Reconciliation: lost -l-> queued | succeeded | failed. By a person, or by policy."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from moonloop.domain.errors import IllegalTransition, NotFound, NothingToAdopt, StartRefused
from moonloop.domain.lifecycles import AttemptState, DoneReason, IncidentState, JobState
from moonloop.domain.messages import Offer
from moonloop.domain.reviews import DecisionVerdict
from moonloop.domain.robots import RobotKind, RobotState
from moonloop.store import campaigns, losses
from moonloop.store import tables as t
from support.campaigns import CAMPAIGN, TTL, Bench

ROBOT = "rob_000000r1"
Make = Callable[..., Bench]


def _lost(bench: Bench, request: str = "request-1", robot: str = ROBOT) -> Offer:
    """Start an attempt and fall silent."""
    offer = bench.running(robot, request)
    bench.later(TTL + 1)
    bench.do(losses.sweep, offer.attempt_id)
    return offer


@pytest.fixture
def lost(bench: Bench) -> Offer:
    """A job that was lost after its start."""
    bench.queued(1)
    bench.robot()
    return _lost(bench)


def _incident(bench: Bench) -> tuple[str, str | None, str | None, str]:
    row = bench.all(select(t.incidents).order_by(t.incidents.c.opened_at))[-1]
    return row.state, row.resolution, row.by, row.reason


def test_a_rerun_grants_one_more_use(bench: Bench, lost: Offer) -> None:
    """The job is queued again, with one use more of the approval that it started under."""
    bench.reconcile(lost, "rerun")

    assert bench.state(t.jobs, lost.job_id) == JobState.QUEUED
    assert bench.state(t.attempts, lost.attempt_id) == AttemptState.RECONCILED
    assert bench.state(t.robots, ROBOT) == RobotState.ACTIVE
    assert _incident(bench) == (IncidentState.SETTLED, "rerun", "olga", "looked")
    uses = bench.all(select(t.approval_uses).order_by(t.approval_uses.c.number))
    assert [(use.number, use.granted_by.split("_")[0]) for use in uses] == [(1, "dec"), (2, "inc")]


def test_a_rerun_runs_and_is_spent_once(bench: Bench, lost: Offer) -> None:
    """A retry does not spend twice."""
    bench.reconcile(lost, "rerun")
    again = bench.running(ROBOT, "request-2")
    bench.finish(ROBOT, again)

    assert bench.state(t.jobs, lost.job_id) == JobState.SUCCEEDED
    assert bench.budget() == (0.0, 1.0)
    started = bench.all(select(t.attempts).order_by(t.attempts.c.use_number))
    assert [row.use_number for row in started] == [1, 2]


def test_a_rerun_is_one_start(bench: Bench, lost: Offer) -> None:
    """Lost again, it waits for a person again, and the next rerun is the next use."""
    bench.reconcile(lost, "rerun")
    again = _lost(bench, "request-2")
    assert bench.state(t.jobs, lost.job_id) == JobState.LOST

    bench.reconcile(again, "rerun")

    assert bench.count(t.approval_uses) == 3
    assert bench.value(select(t.jobs.c.reruns)) == 2


def test_a_failure_ends_the_job_and_is_spent(bench: Bench, lost: Offer) -> None:
    """It had started: whatever it used is used."""
    bench.reconcile(lost, "fail", "the vial broke")

    assert bench.state(t.jobs, lost.job_id) == JobState.FAILED
    assert _incident(bench) == (IncidentState.SETTLED, "fail", "olga", "the vial broke")
    assert bench.budget() == (0.0, 1.0)


def test_a_late_result_may_be_adopted(bench: Bench, lost: Offer) -> None:
    """Then it counts as if it had been in time, once."""
    bench.finish(ROBOT, lost, 42.0)
    bench.reconcile(lost, "adopt")

    assert bench.state(t.jobs, lost.job_id) == JobState.SUCCEEDED
    assert [row.value for row in bench.all(select(t.measurements))] == [42.0]
    assert bench.budget() == (0.0, 1.0)
    assert bench.value(select(t.late_results.c.adopted_at)) is not None


def test_without_a_late_result_there_is_nothing_to_adopt(bench: Bench, lost: Offer) -> None:
    """The incident stays open, and the sentence says what else may be done."""
    with pytest.raises(NothingToAdopt):
        bench.reconcile(lost, "adopt")

    assert _incident(bench)[0] == IncidentState.OPEN
    assert bench.state(t.jobs, lost.job_id) == JobState.LOST


@pytest.mark.parametrize("resolution", ["rerun", "fail", "adopt"])
def test_settling_the_same_way_twice_is_settling_once(bench: Bench, lost: Offer, resolution: str) -> None:
    """A resent answer changes nothing: no second use, no second spending."""
    bench.finish(ROBOT, lost, 42.0)
    bench.reconcile(lost, resolution)
    before = (bench.all(select(t.approval_uses)), bench.budget(), bench.all(select(t.incidents)))

    bench.reconcile(lost, resolution, actor="carol")

    assert (bench.all(select(t.approval_uses)), bench.budget(), bench.all(select(t.incidents))) == before


def test_settling_otherwise_is_refused(bench: Bench, lost: Offer) -> None:
    """The first answer stands."""
    bench.reconcile(lost, "fail")

    with pytest.raises(IllegalTransition):
        bench.reconcile(lost, "rerun")

    assert bench.state(t.jobs, lost.job_id) == JobState.FAILED


def test_what_was_not_lost_cannot_be_settled(bench: Bench) -> None:
    """There is no incident about a running attempt."""
    bench.queued(1)
    offer = bench.running(bench.robot())

    with pytest.raises(NotFound):
        bench.reconcile(offer, "fail")


def test_a_rerun_under_a_revoked_approval_is_cancelled(bench: Bench, lost: Offer) -> None:
    """No use is granted of an approval that is gone, and the job ends in the queue."""
    bench.decide(lost.approval.review_id, DecisionVerdict.REVOKE)
    bench.reconcile(lost, "rerun")

    assert bench.state(t.jobs, lost.job_id) == JobState.CANCELLED
    assert bench.count(t.approval_uses) == 1


def test_a_rerun_in_a_stopping_campaign_is_cancelled(bench: Bench, lost: Offer) -> None:
    """Nothing new starts any more; the campaign can conclude."""
    bench.do(campaigns.stop, CAMPAIGN, DoneReason.STOPPED_BY, "enough")
    assert bench.do(campaigns.conclude, CAMPAIGN) is False
    bench.reconcile(lost, "rerun")

    assert bench.state(t.jobs, lost.job_id) == JobState.CANCELLED
    assert bench.do(campaigns.conclude, CAMPAIGN) is True


# By policy: on_lost.


@pytest.mark.parametrize("kind", [RobotKind.COMPUTATIONAL, RobotKind.SIMULATED])
def test_the_policy_reruns_so_many_times_and_then_asks_a_person(new_bench: Make, kind: RobotKind) -> None:
    """Twice by the campaign file, each a decision by policy that lifts the quarantine; then no more."""
    bench = new_bench(kind, on_lost={"rerun": 2})
    bench.queued(1)
    bench.robot()
    for number in (1, 2):
        offer = _lost(bench, f"request-{number}")
        assert bench.state(t.jobs, offer.job_id) == JobState.QUEUED
        assert bench.state(t.robots, ROBOT) == RobotState.ACTIVE
        settled = _incident(bench)
        assert settled[:2] == (IncidentState.SETTLED, "rerun")
        assert settled[2] == f"policy on_lost of the campaign file: rerun {number} of 2"

    offer = _lost(bench, "request-3")

    assert bench.state(t.jobs, offer.job_id) == JobState.LOST
    assert bench.state(t.robots, ROBOT) == RobotState.QUARANTINED
    assert _incident(bench)[0] == IncidentState.OPEN


def test_no_policy_reruns_what_is_physical(new_bench: Make) -> None:
    """A campaign of computations may name a physical confirmation: losing that asks a person all the same."""
    bench = new_bench(RobotKind.COMPUTATIONAL, on_lost={"rerun": 2})
    physical = new_bench(RobotKind.PHYSICAL, "cmp_0000000000000002")
    bench.spec = physical.spec
    bench.queued(1)
    bench.robot()

    offer = _lost(bench)

    assert bench.state(t.jobs, offer.job_id) == JobState.LOST
    assert _incident(bench)[0] == IncidentState.OPEN


def test_a_quarantine_is_lifted_with_the_last_incident(bench: Bench, lost: Offer) -> None:
    """Nothing is offered to the robot while any incident of its own is open."""
    with pytest.raises(Exception, match="quarantined"):
        bench.claim(ROBOT, "request-2")
    bench.reconcile(lost, "rerun")

    assert bench.claim(ROBOT, "request-2") is not None


def test_the_lost_attempts_own_start_is_never_repeated(bench: Bench, lost: Offer) -> None:
    """Its robot may come back and ask to start: the answer is stale, and no use is taken."""
    bench.reconcile(lost, "rerun")
    with pytest.raises(Exception, match="stale") as caught:
        bench.begin(ROBOT, lost)

    assert not isinstance(caught.value, StartRefused)
    assert bench.count(t.attempts, t.attempts.c.use_number.is_not(None)) == 1
