"""Attempts: offered -c-> accepted -d-> running ; offered|accepted -i-> released ; beats and events."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from moonloop.domain.errors import Forbidden, IllegalTransition, InvalidInput, NotFound, StaleFence
from moonloop.domain.lifecycles import AttemptState, DoneReason, JobState
from moonloop.domain.messages import Beat, EventIn, Offer
from moonloop.domain.reviews import DecisionVerdict
from moonloop.store import attempts, campaigns
from moonloop.store import tables as t
from support.campaigns import CAMPAIGN, TTL, Bench

ROBOT = "rob_000000r1"


@pytest.fixture
def offer(bench: Bench) -> Offer:
    """A job offered to the only robot."""
    bench.queued(1)
    made = bench.claim(bench.robot())
    assert made is not None
    return made


def _row(bench: Bench, offer: Offer) -> Any:
    return bench.all(select(t.attempts).where(t.attempts.c.id == offer.attempt_id))[0]


def _beat(bench: Bench, offer: Offer, seq: int, **more: Any) -> None:
    bench.do(attempts.beat, ROBOT, offer.attempt_id, Beat(fence=offer.fence, seq=seq, **more), TTL)


def _release(bench: Bench, offer: Offer, why: str = "deck not ready") -> None:
    bench.do(attempts.release, ROBOT, offer.attempt_id, offer.fence, why)


CALLS: dict[str, Callable[[Bench, str, str, int], Any]] = {
    "accept": lambda b, robot, attempt, fence: b.do(attempts.accept, robot, attempt, fence, TTL),
    "start": lambda b, robot, attempt, fence: b.do(attempts.start, robot, attempt, fence, TTL),
    "beat": lambda b, robot, attempt, fence: b.do(
        attempts.beat, robot, attempt, Beat(fence=fence, seq=1), TTL
    ),
    "release": lambda b, robot, attempt, fence: b.do(attempts.release, robot, attempt, fence, "why"),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("off_by", [-1, 1])
def test_another_fence_is_stale(bench: Bench, offer: Offer, call: str, off_by: int) -> None:
    """A lower or a higher number than the attempt's own: the answer is final, and journalled."""
    _release(bench, offer)
    again = bench.claim(ROBOT, "request-2")
    assert again is not None
    offer = again
    before = _row(bench, offer)
    with pytest.raises(StaleFence) as caught:
        CALLS[call](bench, ROBOT, offer.attempt_id, offer.fence + off_by)

    assert (caught.value.attempt, caught.value.state) == (offer.attempt_id, "offered")
    assert _row(bench, offer) == before
    assert bench.refusals(offer.attempt_id) == ["stale-fence"]


@pytest.mark.parametrize("call", CALLS)
def test_another_robots_attempt_is_forbidden(bench: Bench, offer: Offer, call: str) -> None:
    """With the right fence even; nothing changes, and the refusal is journalled."""
    other = bench.robot("r2")
    before = _row(bench, offer)
    with pytest.raises(Forbidden):
        CALLS[call](bench, other, offer.attempt_id, offer.fence)

    assert _row(bench, offer) == before
    assert bench.refusals(offer.attempt_id) == ["forbidden"]


@pytest.mark.parametrize("call", CALLS)
def test_an_unknown_attempt_is_not_found(bench: Bench, call: str) -> None:
    """It never existed: 404, not 403."""
    with pytest.raises(NotFound):
        CALLS[call](bench, bench.robot(), "att_nowhere", 1)


def test_accepting_is_the_first_beat_and_happens_once(bench: Bench, offer: Offer) -> None:
    """Edge c renews the lease; resent, it changes nothing."""
    bench.later(30)
    bench.accept(ROBOT, offer)
    accepted = _row(bench, offer)
    bench.later(10)
    bench.accept(ROBOT, offer)

    assert accepted.state == AttemptState.ACCEPTED
    assert accepted.lease_until == accepted.accepted_at + timedelta(seconds=TTL)
    assert _row(bench, offer) == accepted
    assert len(bench.journal("attempt.c")) == 1


@pytest.mark.parametrize("state", ["offered", "accepted", "running"])
def test_a_beat_renews_the_lease_from_now(bench: Bench, offer: Offer, state: str) -> None:
    """In every live state, by the time that is given with it."""
    if state != "offered":
        bench.accept(ROBOT, offer)
    if state == "running":
        bench.begin(ROBOT, offer)
    bench.later(40)
    _beat(bench, offer, 1)
    bench.later(40)

    _beat(bench, offer, 2)

    assert _row(bench, offer).state == state


def test_a_beat_that_was_overtaken_tells_nothing_new(bench: Bench, offer: Offer) -> None:
    """Beats may arrive out of order: the lease is renewed all the same, the step is the later one's."""
    _beat(bench, offer, 5, step="stirring", progress=0.5)
    before = _row(bench, offer)
    bench.later(10)

    _beat(bench, offer, 4, step="filling", progress=0.1)

    after = _row(bench, offer)
    assert (after.step, after.progress, after.beat) == ("stirring", 0.5, 5)
    assert after.lease_until > before.lease_until


def test_a_released_job_is_queued_again(bench: Bench, offer: Offer) -> None:
    """Edge i, of attempt and job together, with the reason; nothing had moved and nothing is spent."""
    _release(bench, offer)

    assert _row(bench, offer).state == AttemptState.RELEASED
    assert bench.state(t.jobs, offer.job_id) == JobState.QUEUED
    assert bench.budget() == (1.0, 0.0)
    assert [row.facts["reason"] for row in bench.journal("attempt.i")] == ["deck not ready"]


def test_releasing_twice_is_releasing_once(bench: Bench, offer: Offer) -> None:
    """A resent release finds it done, also when the job is with another robot by then."""
    _release(bench, offer)
    again = bench.claim(bench.robot("r2"))
    assert again is not None
    assert again.job_id == offer.job_id

    _release(bench, offer)

    assert bench.state(t.attempts, again.attempt_id) == AttemptState.OFFERED
    assert len(bench.journal("job.i")) == 1


def test_what_has_started_is_not_released(bench: Bench, offer: Offer) -> None:
    """There is no way back over the point of no return."""
    bench.accept(ROBOT, offer)
    bench.begin(ROBOT, offer)

    with pytest.raises(IllegalTransition):
        _release(bench, offer)

    assert _row(bench, offer).state == AttemptState.RUNNING


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("end", ["released", "succeeded"])
def test_an_attempt_that_has_ended_takes_no_more_calls(
    bench: Bench, offer: Offer, call: str, end: str
) -> None:
    """Its fence is stale from then on; only the release of a released one is a resend."""
    if end == "released":
        _release(bench, offer)
    else:
        bench.accept(ROBOT, offer)
        bench.begin(ROBOT, offer)
        bench.finish(ROBOT, offer)
    before = _row(bench, offer)

    if (call, end) == ("release", "released"):
        CALLS[call](bench, ROBOT, offer.attempt_id, offer.fence)
    else:
        with pytest.raises(StaleFence) as caught:
            CALLS[call](bench, ROBOT, offer.attempt_id, offer.fence)
        assert caught.value.state == end

    assert _row(bench, offer) == before


@pytest.mark.parametrize("why", ["stopping", "revoked"])
def test_a_job_that_nothing_allows_any_more_is_cancelled_when_it_comes_back(
    bench: Bench, offer: Offer, why: str
) -> None:
    """It passes through the queue and is cancelled there, and its reservation returns."""
    if why == "stopping":
        bench.do(campaigns.stop, CAMPAIGN, DoneReason.STOPPED_BY, "enough")
    else:
        bench.decide(offer.approval.review_id, DecisionVerdict.REVOKE)
    _release(bench, offer)

    assert bench.state(t.jobs, offer.job_id) == JobState.CANCELLED
    assert bench.budget() == (0.0, 0.0)
    edges = [(row.what, row.after) for row in bench.all(_edges_of(offer.job_id))]
    assert edges == [("job.b", "active"), ("job.i", "queued"), ("job.g", "cancelled")]


def _edges_of(job: str) -> Any:
    return (
        select(t.journal.c.what, t.journal.c.after).where(t.journal.c.subject == job).order_by(t.journal.c.id)
    )


# Events.


def _events(*seqs: int, **data: Any) -> list[EventIn]:
    return [EventIn(seq=seq, type="step", data=data) for seq in seqs]


def test_an_event_is_stored_once(bench: Bench, offer: Offer) -> None:
    """Known by its number: resent ones are ignored, and the first telling stands."""
    first = bench.do(attempts.record_events, ROBOT, offer.attempt_id, _events(1, 2, at="first"))
    second = bench.do(attempts.record_events, ROBOT, offer.attempt_id, _events(3, 2, 1, at="second"))

    kept = bench.all(select(t.attempt_events).order_by(t.attempt_events.c.seq))
    assert (first, second) == (2, 1)
    assert [(row.seq, row.data["at"]) for row in kept] == [(1, "first"), (2, "first"), (3, "second")]


def test_events_are_taken_after_the_end_too(bench: Bench, offer: Offer) -> None:
    """What a robot had spooled before it was cut off is evidence, not a command."""
    _release(bench, offer)

    assert bench.do(attempts.record_events, ROBOT, offer.attempt_id, _events(1)) == 1


def test_another_robots_events_are_not_taken(bench: Bench, offer: Offer) -> None:
    """Only the one that made them tells them."""
    with pytest.raises(NotFound):
        bench.do(attempts.record_events, bench.robot("r2"), offer.attempt_id, _events(1))

    assert bench.count(t.attempt_events) == 0


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_an_event_with_a_number_that_json_has_not_is_refused(
    bench: Bench, offer: Offer, number: float
) -> None:
    """The event is named, and none of the batch is kept."""
    with pytest.raises(InvalidInput, match="event 2"):
        bench.do(attempts.record_events, ROBOT, offer.attempt_id, [*_events(1), *_events(2, reading=number)])

    assert bench.count(t.attempt_events) == 0
