"""A start against whatever takes its ground away, in both orders, each waiting for the other's locks.

Under READ COMMITTED a change that has committed can still be missed by a transaction that began before it.
The one lock order prevents that, and here it is seen to: a start that waited for a revocation is refused.
"""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from moonloop.domain import ids
from moonloop.domain.errors import StaleFence, StartRefused
from moonloop.domain.lifecycles import DoneReason
from moonloop.domain.messages import ClaimRequest, Offer
from moonloop.domain.reviews import DeciderKind, DecisionVerdict, NewDecision
from moonloop.store import (
    Ledger,
    attempts,
    budgets,
    campaigns,
    holds,
    offers,
    presence,
    reviews,
    robots,
    steering,
)
from moonloop.store import tables as t
from support.campaigns import CAMPAIGN, TTL, Bench
from support.interleaving import Contest

ROBOT = "rob_000000r1"
Transition = tuple[Any, ...]
"""A transition and its arguments."""


def _review(bench: Bench) -> str:
    return bench.value(select(t.reviews.c.id))


def _revoke(bench: Bench) -> Transition:
    plan = bench.value(select(t.plans.c.sha256))
    decision = NewDecision(id="dec_race", verdict=DecisionVerdict.REVOKE, plan_sha256=plan)
    return (reviews.decide, _review(bench), decision, "carol", DeciderKind.PERSON)


def _expire(bench: Bench) -> Transition:
    """Let the approval's time run out while the lease, renewed by beats, has not."""
    lasts = bench.spec.reviews.approval_lasts
    bench.clock.advance(lasts)
    return (reviews.expire, _review(bench))


# What takes the ground away, and the reasons that a start may then be given.
OBSTACLES: dict[str, tuple[Callable[[Bench], Transition], set[str]]] = {
    "revocation": (_revoke, {"not_approved"}),
    "hold of the site": (lambda _: (holds.hold, "site", "a leak"), {"held"}),
    "hold of the mission": (lambda _: (holds.hold, "mission:default/default", "a leak"), {"held"}),
    "hold of the campaign": (lambda _: (holds.hold, f"campaign:{CAMPAIGN}", "a leak"), {"held"}),
    "hold of the device": (lambda _: (holds.hold, f"device:{ROBOT}", "a leak"), {"held"}),
    "expiry": (_expire, {"not_approved"}),
    "budget cut": (lambda _: (budgets.change_limit, CAMPAIGN, "experiments", 1), {"budget_spent"}),
    "pause": (lambda _: (steering.pause, CAMPAIGN, "lunch"), {"campaign_not_running"}),
    "stop": (
        lambda _: (campaigns.stop, CAMPAIGN, DoneReason.STOPPED_BY, "enough"),
        {"campaign_not_running"},
    ),
    "revocation of the robot": (lambda _: (robots.revoke, ROBOT, "sold"), {"robot_unavailable"}),
}

obstacles = pytest.mark.parametrize("obstacle", OBSTACLES)


@pytest.fixture
def bench(new_bench: Callable[..., Bench]) -> Bench:
    """A campaign whose approvals last for less than a lease."""
    bench = new_bench(reviews={"approval_lasts": TTL / 2})
    bench.queued(2)
    return bench


@pytest.fixture
def offer(bench: Bench) -> Offer:
    """An attempt on the brink of its start, and another job in the queue."""
    return bench.ready(bench.robot())


def _start(offer: Offer) -> Transition:
    return (attempts.start, ROBOT, offer.attempt_id, offer.fence, TTL)


@obstacles
def test_a_start_that_waited_for_it_is_refused(
    bench: Bench, rival: Ledger, offer: Offer, obstacle: str
) -> None:
    """The obstacle was first: it commits, and the start that had begun meanwhile finds it."""
    make, reasons = OBSTACLES[obstacle]
    with Contest(bench.ledger, rival) as contest:
        contest.hold("carol", *make(bench))
        start = contest.rival(ROBOT, *_start(offer))
        contest.let_go()
        with pytest.raises(StartRefused) as caught:
            start.result()

    assert caught.value.reason in reasons
    row = bench.all(select(t.attempts).where(t.attempts.c.id == offer.attempt_id))[0]
    assert (row.state, row.started_at, row.use_number) == ("accepted", None, None)
    assert bench.refusals(offer.attempt_id) == ["start-refused"]


@obstacles
def test_what_waited_for_a_start_comes_after_it(
    bench: Bench, rival: Ledger, offer: Offer, obstacle: str
) -> None:
    """The start was first: it stands, whole, and the obstacle takes hold of all that has not started."""
    with Contest(bench.ledger, rival) as contest:
        start = contest.hold(ROBOT, *_start(offer))
        blocked = contest.rival("carol", *OBSTACLES[obstacle][0](bench))
        contest.let_go()
        started = start.result()
        blocked.result()

    row = bench.all(select(t.attempts).where(t.attempts.c.id == offer.attempt_id))[0]
    assert (row.state, row.started_at, row.use_number) == ("running", started, 1)
    assert bench.refusals(offer.attempt_id) == []
    goes_on = obstacle in ("hold of the device", "revocation of the robot")
    assert (bench.claim(bench.robot("r2")) is not None) == goes_on


@obstacles
def test_a_claim_that_waited_for_it_is_offered_nothing(bench: Bench, rival: Ledger, obstacle: str) -> None:
    """Nor is anything offered that could not start any more."""
    robot = bench.robot()
    claim = (offers.claim, robot, ClaimRequest(request_id="request-1"), TTL)
    with Contest(bench.ledger, rival) as contest:
        contest.hold("carol", *OBSTACLES[obstacle][0](bench))
        claimed = contest.rival(robot, *claim)
        contest.let_go()
        if obstacle == "revocation of the robot":
            with pytest.raises(Exception, match="sold"):
                claimed.result()
        else:
            assert claimed.result() is None

    assert bench.count(t.attempts) == 0


@obstacles
def test_what_waited_for_a_claim_stops_its_start(bench: Bench, rival: Ledger, obstacle: str) -> None:
    """The claim was first: the job is offered, and refused at its start, which is what counts."""
    robot = bench.robot()
    make, reasons = OBSTACLES[obstacle]
    with Contest(bench.ledger, rival) as contest:
        claimed = contest.hold(robot, offers.claim, robot, ClaimRequest(request_id="request-1"), TTL)
        blocked = contest.rival("carol", *make(bench))
        contest.let_go()
        offer = claimed.result()
        blocked.result()
    bench.accept(robot, offer)

    with pytest.raises(StartRefused) as caught:
        bench.begin(robot, offer)

    assert caught.value.reason in reasons


def test_a_start_that_waited_until_the_approval_was_over_is_refused(
    bench: Bench, rival: Ledger, offer: Offer
) -> None:
    """The time is read after the locks: waiting for one does not stop the clock."""
    with Contest(bench.ledger, rival) as contest:
        contest.hold("olga", holds.release, "site", "repaired")
        start = contest.rival(ROBOT, *_start(offer))
        bench.clock.advance(bench.spec.reviews.approval_lasts)
        contest.let_go()
        with pytest.raises(StartRefused) as caught:
            start.result()

    assert caught.value.reason == "approval_expired"


def test_a_start_that_waited_until_its_lease_was_over_is_stale(
    bench: Bench, rival: Ledger, offer: Offer
) -> None:
    """It is settled by what the clock says when the locks are there, and nothing starts."""
    bench.do(presence.beat, 10 * TTL, TTL, {})
    with Contest(bench.ledger, rival) as contest:
        contest.hold("olga", holds.release, "site", "repaired")
        start = contest.rival(ROBOT, *_start(offer))
        bench.clock.advance(TTL)
        contest.let_go()
        with pytest.raises(StaleFence):
            start.result()

    assert bench.state(t.attempts, offer.attempt_id) == "expired"


def test_a_release_of_the_hold_that_waited_for_a_start_does_not_help_it(
    bench: Bench, rival: Ledger, offer: Offer
) -> None:
    """A start is judged by what held when it had its locks, not by what comes after."""
    bench.do(holds.hold, "site", "a leak")
    with Contest(bench.ledger, rival) as contest:
        start = contest.hold(ROBOT, *_start(offer))
        released = contest.rival("olga", holds.release, "site", "repaired")
        contest.let_go()
        with pytest.raises(StartRefused):
            start.result()
        released.result()

    assert bench.count(t.holds, t.holds.c.active) == 0
    with pytest.raises(StartRefused):
        bench.begin(ROBOT, offer)


def test_two_robots_start_side_by_side_on_one_approval(bench: Bench, rival: Ledger, offer: Offer) -> None:
    """Their starts come one after the other, each on the use of its own job."""
    second = bench.ready(bench.robot("r2"))
    with Contest(bench.ledger, rival) as contest:
        contest.hold(ROBOT, *_start(offer))
        other = contest.rival(
            "rob_000000r2", attempts.start, "rob_000000r2", second.attempt_id, second.fence, TTL
        )
        contest.let_go()
        other.result()

    used = bench.all(select(t.attempts.c.job_id, t.attempts.c.use_number).order_by(t.attempts.c.job_id))
    plan = ids.plan_id(CAMPAIGN, 1)
    assert [(row.job_id, row.use_number) for row in used] == [(ids.job_id(plan, n), 1) for n in (0, 1)]
