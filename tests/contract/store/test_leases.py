"""Leases: an attempt whose robot falls silent expires before its start, and is lost after it."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from moonloop.domain.errors import RobotUnavailable, StaleFence
from moonloop.domain.lifecycles import AttemptState, IncidentState, JobState
from moonloop.domain.messages import Beat, Offer
from moonloop.domain.robots import RobotState
from moonloop.store import attempts, losses, presence, robots
from moonloop.store import tables as t
from support.campaigns import TTL, Bench

ROBOT = "rob_000000r1"


def _sweep(bench: Bench) -> list[bool]:
    return [bench.do(losses.sweep, attempt) for attempt in bench.ledger.read_now(losses.sweepable)]


def _offered(bench: Bench) -> Offer:
    bench.queued(1)
    offer = bench.claim(bench.robot())
    assert offer is not None
    return offer


def _running(bench: Bench) -> Offer:
    bench.queued(1)
    return bench.running(bench.robot())


def _beat(bench: Bench, offer: Offer, seq: int = 1) -> None:
    bench.do(attempts.beat, ROBOT, offer.attempt_id, Beat(fence=offer.fence, seq=seq), TTL)


@pytest.mark.parametrize("accepted", [False, True], ids=["offered", "accepted"])
def test_silence_before_the_start_queues_the_job_again(bench: Bench, *, accepted: bool) -> None:
    """Edge j: nothing had moved, so another robot may have it, and no person is asked."""
    offer = _offered(bench)
    if accepted:
        bench.accept(ROBOT, offer)
    bench.later(TTL + 1)

    assert _sweep(bench) == [True]
    assert bench.state(t.attempts, offer.attempt_id) == AttemptState.EXPIRED
    assert bench.state(t.jobs, offer.job_id) == JobState.QUEUED
    assert bench.count(t.incidents) == 0
    assert bench.state(t.robots, ROBOT) == RobotState.ACTIVE
    assert bench.budget() == (1.0, 0.0)


def test_silence_after_the_start_loses_the_job(bench: Bench) -> None:
    """Edge k: the job is not retried, the robot is quarantined, and an incident asks a person."""
    offer = _running(bench)
    bench.later(TTL + 1)

    assert _sweep(bench) == [True]
    assert bench.state(t.attempts, offer.attempt_id) == AttemptState.LOST
    assert bench.state(t.jobs, offer.job_id) == JobState.LOST
    assert bench.state(t.robots, ROBOT) == RobotState.QUARANTINED
    incident = bench.all(select(t.incidents))[0]
    assert (incident.state, incident.attempt_id, incident.robot_id) == (
        IncidentState.OPEN,
        offer.attempt_id,
        ROBOT,
    )
    assert bench.budget() == (1.0, 0.0)


def test_a_quarantined_robot_is_offered_nothing(bench: Bench) -> None:
    """Until a person has said what became of the job that it lost."""
    bench.queued(2)
    bench.running(bench.robot())
    bench.later(TTL + 1)
    _sweep(bench)

    with pytest.raises(RobotUnavailable) as caught:
        bench.claim(ROBOT, "request-2")

    assert caught.value.state == "quarantined"


def test_a_lease_holds_until_its_last_moment(bench: Bench) -> None:
    """One second before its end nothing is swept, and a beat still renews it."""
    offer = _running(bench)
    bench.later(TTL - 1)
    assert _sweep(bench) == []

    _beat(bench, offer)
    bench.later(TTL - 1)

    assert _sweep(bench) == []
    assert bench.state(t.attempts, offer.attempt_id) == AttemptState.RUNNING


CALLS: dict[str, Callable[[Bench, Offer], object]] = {
    "accept": lambda bench, offer: bench.accept(ROBOT, offer),
    "start": lambda bench, offer: bench.begin(ROBOT, offer),
    "beat": _beat,
}


@pytest.mark.parametrize("call", CALLS)
def test_whoever_looks_first_settles_a_lapsed_lease(bench: Bench, call: str) -> None:
    """A robot that comes back too late learns so at once, sweeper or not; the lapse is committed."""
    offer = _offered(bench)
    bench.later(TTL + 1)

    with pytest.raises(StaleFence) as caught:
        CALLS[call](bench, offer)

    assert caught.value.state == "expired"
    assert bench.state(t.jobs, offer.job_id) == JobState.QUEUED
    assert _sweep(bench) == []


def test_a_release_after_the_lapse_finds_it_done(bench: Bench) -> None:
    """What the robot wants is what has happened."""
    offer = _offered(bench)
    bench.later(TTL + 1)
    bench.do(attempts.release, ROBOT, offer.attempt_id, offer.fence, "late")

    assert bench.state(t.attempts, offer.attempt_id) == AttemptState.EXPIRED
    assert bench.state(t.jobs, offer.job_id) == JobState.QUEUED


def test_the_next_claim_of_a_lapsed_job_has_a_higher_fence(bench: Bench) -> None:
    """The robot that fell silent and came back cannot be mistaken for its earlier self."""
    offer = _offered(bench)
    bench.later(TTL + 1)
    _sweep(bench)

    again = bench.claim(ROBOT, "request-2")

    assert again is not None
    assert (again.job_id, again.fence) == (offer.job_id, offer.fence + 1)
    with pytest.raises(StaleFence):
        bench.accept(ROBOT, offer)


def test_a_revoked_robot_stays_revoked_when_it_loses_its_job(bench: Bench) -> None:
    """Neither the loss nor its reconciliation gives it back what an administrator took."""
    offer = _running(bench)
    bench.do(robots.revoke, ROBOT, "sold")
    bench.later(TTL + 1)
    _sweep(bench)
    assert bench.state(t.jobs, offer.job_id) == JobState.LOST
    assert bench.state(t.robots, ROBOT) == RobotState.REVOKED

    bench.reconcile(offer, "fail")

    assert bench.state(t.robots, ROBOT) == RobotState.REVOKED


# Presence: an outage of ours is no robot's fault.


def test_nothing_lapses_while_no_job_service_is_up(bench: Bench) -> None:
    """The sweeper finds nothing, and would settle nothing, however long the outage."""
    offer = _running(bench)
    bench.later(100 * TTL, service_up=False)

    assert bench.ledger.read_now(losses.sweepable) == []
    assert bench.do(losses.sweep, offer.attempt_id) is False
    assert bench.state(t.attempts, offer.attempt_id) == AttemptState.RUNNING


def test_a_call_that_comes_before_the_service_has_said_that_it_is_back_lapses_nothing(bench: Bench) -> None:
    """The robot's own beat may be the first thing that the returned service hears."""
    offer = _running(bench)
    bench.later(100 * TTL, service_up=False)
    _beat(bench, offer)

    assert bench.state(t.attempts, offer.attempt_id) == AttemptState.RUNNING


def test_an_outage_is_given_back_with_one_lease_of_grace(bench: Bench) -> None:
    """A lease ends where it would have ended without the outage, and one lease later."""
    offer = _running(bench)
    bench.later(20)
    outage = 1000.0
    bench.later(outage, service_up=False)
    told = bench.do(presence.beat, 5.0, TTL, {})

    assert told == pytest.approx(outage, abs=5)
    bench.later(2 * TTL - 20 - 6)
    assert _sweep(bench) == []
    bench.later(12)
    assert _sweep(bench) == [True]
    assert bench.state(t.attempts, offer.attempt_id) == AttemptState.LOST


def test_a_lease_that_was_over_before_the_outage_is_not_revived(bench: Bench) -> None:
    """It ran out while the service was there to hear the beats that did not come."""
    offer = _running(bench)
    bench.later(TTL + 1)
    bench.later(1000, service_up=False)
    bench.do(presence.beat, 5.0, TTL, {})

    assert _sweep(bench) == [True]
    assert bench.state(t.attempts, offer.attempt_id) == AttemptState.LOST


def test_a_missed_beat_of_the_service_is_no_outage(bench: Bench) -> None:
    """Beats may be late: up to two of them may be missed."""
    offer = _running(bench)
    until = bench.value(select(t.attempts.c.lease_until))
    bench.clock.advance(9)
    told = bench.do(presence.beat, 5.0, TTL, {})

    assert told == 0.0
    assert bench.value(select(t.attempts.c.lease_until)) == until
    assert bench.state(t.attempts, offer.attempt_id) == AttemptState.RUNNING


def test_the_service_tells_which_robots_it_has_seen(bench: Bench) -> None:
    """With its own beat, so that hearing from a robot costs no transaction."""
    robot = bench.robot()
    seen = bench.value(select(t.robots.c.enrolled_at))
    bench.do(presence.beat, 5.0, TTL, {robot: seen})

    assert bench.value(select(t.robots.c.last_seen)) == seen
