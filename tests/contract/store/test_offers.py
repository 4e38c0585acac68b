"""Offers: queued -b-> active. One job for one device, under a fence and a lease."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from moonloop.domain.canonical import digest
from moonloop.domain.errors import AttemptOpen, NotFound, RobotUnavailable
from moonloop.domain.messages import ClaimRequest
from moonloop.domain.plans import JobSpec
from moonloop.domain.robots import Capabilities, Interval, RobotKind
from moonloop.store import attempts, offers, robots
from moonloop.store import tables as t
from support.campaigns import CAMPAIGN, PROTOCOL, TTL, Bench

Make = Callable[..., Bench]


def test_an_offer_carries_all_that_a_robot_needs(bench: Bench) -> None:
    """The spec's bytes with their hash, a fence, a lease, and the approval it may check."""
    bench.queued(1)
    offer = bench.claim(bench.robot())
    assert offer is not None

    assert digest(offer.spec.encode()) == offer.spec_sha256
    assert JobSpec.model_validate_json(offer.spec).job_id == offer.job_id
    review = bench.all(select(t.reviews))[0]
    assert offer.approval.model_dump() == {
        "review_id": review.id,
        "plan_sha256": review.plan_sha256,
        "decided_by": "policy none",
        "expires_at": review.approval_expires_at,
    }
    assert (offer.fence, offer.lease_ttl_s) == (1, TTL)


def test_the_same_request_gets_the_same_offer(bench: Bench) -> None:
    """A claim whose answer was lost is asked again and answered alike, at any later state."""
    bench.queued(2)
    robot = bench.robot()
    offer = bench.claim(robot)
    assert offer is not None
    answers = [bench.claim(robot)]
    bench.accept(robot, offer)
    bench.begin(robot, offer)
    answers.append(bench.claim(robot))
    bench.finish(robot, offer)
    answers.append(bench.claim(robot))

    assert answers == [offer] * 3
    assert bench.count(t.attempts) == 1


def test_two_robots_may_use_the_same_request_id(bench: Bench) -> None:
    """A request id belongs to its robot."""
    bench.queued(2)
    offered = [bench.claim(bench.robot(name), "request-1") for name in ("r1", "r2")]

    assert len({offer.job_id for offer in offered if offer}) == 2


def test_every_claim_raises_the_fence_of_its_device(bench: Bench) -> None:
    """Fences count claims, one device each; no number is given twice."""
    bench.queued(3)
    robot = bench.robot()
    fences: list[int] = []
    for number in range(3):
        offer = bench.running(robot, f"request-{number}")
        bench.finish(robot, offer)
        fences.append(offer.fence)

    assert fences == [1, 2, 3]


def test_a_device_holds_one_job(bench: Bench) -> None:
    """Another claim names the open attempt instead of offering a second one."""
    bench.queued(2)
    robot = bench.robot()
    offer = bench.claim(robot)
    assert offer is not None

    with pytest.raises(AttemptOpen) as caught:
        bench.claim(robot, "request-2")

    assert (caught.value.attempt, caught.value.state) == (offer.attempt_id, "offered")
    assert bench.count(t.attempts) == 1


def test_a_job_is_held_by_one_device(bench: Bench) -> None:
    """What one robot was offered is offered to nobody else."""
    bench.queued(1)

    assert bench.claim(bench.robot("r1")) is not None
    assert bench.claim(bench.robot("r2")) is None


def test_jobs_are_offered_in_the_order_of_queueing(bench: Bench, new_bench: Make) -> None:
    """First in, first out, across campaigns and within a plan."""
    bench.queued(2)
    other = new_bench(campaign="cmp_0000000000000000")
    bench.clock.advance(1)
    other.queued(1)

    offered = [bench.claim(bench.robot(f"r{number}")) for number in range(3)]

    assert [offer.job_id for offer in offered if offer] == [
        "job_0000000000000001_0001_0000",
        "job_0000000000000001_0001_0001",
        "job_0000000000000000_0001_0000",
    ]


def test_a_job_given_back_keeps_its_place(bench: Bench) -> None:
    """It waited longest, so it is the next to be offered."""
    bench.queued(2)
    robot = bench.robot()
    offer = bench.claim(robot)
    assert offer is not None
    bench.do(attempts.release, robot, offer.attempt_id, offer.fence, "deck not ready")

    again = bench.claim(robot, "request-2")

    assert again is not None
    assert again.job_id == offer.job_id


@pytest.mark.parametrize("kind", [RobotKind.PHYSICAL, RobotKind.COMPUTATIONAL])
def test_a_robot_of_another_kind_is_offered_nothing(bench: Bench, kind: RobotKind) -> None:
    """A simulated job is no work for another kind, and the other way round: kinds never stand in."""
    bench.queued(1)

    assert bench.claim(bench.robot(kind=kind)) is None


def test_a_simulated_robot_never_gets_physical_work(new_bench: Make) -> None:
    """The one mix-up that must not happen, from the other side."""
    bench = new_bench(RobotKind.PHYSICAL)
    bench.queued(1)

    assert bench.claim(bench.robot(kind=RobotKind.SIMULATED)) is None


@pytest.mark.parametrize(
    ("features", "limits", "fits"),
    [
        (("glove box",), {"temperature_Cel": Interval(low=0, high=100)}, True),
        ((), {"temperature_Cel": Interval(low=0, high=100)}, False),
        (("glove box",), {"temperature_Cel": Interval(low=0, high=70)}, False),
        (("glove box",), {}, False),
    ],
    ids=["enough", "no feature", "too narrow", "no limit"],
)
def test_a_robot_is_offered_what_its_capabilities_cover(
    new_bench: Make, features: tuple[str, ...], limits: dict[str, Interval], *, fits: bool
) -> None:
    """By set inclusion and by intervals."""
    needs = {
        "name": PROTOCOL,
        "robot": "simulated",
        "features": ["glove box"],
        "limits": {"temperature_Cel": {"low": 10, "high": 80}},
    }
    bench = new_bench(protocol=needs)
    bench.queued(1)

    assert (bench.claim(bench.robot(features=features, limits=limits)) is not None) == fits


def test_a_claim_may_bring_new_capabilities(bench: Bench) -> None:
    """They count for this claim, are kept for the next, and the change is journalled once."""
    bench.queued(1)
    robot = bench.robot()
    fewer = Capabilities(protocols=("another/1",))

    for number in (1, 2):
        request = ClaimRequest(request_id=f"request-{number}", capabilities=fewer)
        assert bench.do(offers.claim, robot, request, TTL) is None

    assert bench.claim(robot, "request-3") is None
    assert len(bench.journal("robot.capabilities", robot)) == 1


def test_a_robot_is_not_offered_again_what_it_refused(bench: Bench) -> None:
    """Its adapter found that the device cannot do it; another robot may."""
    bench.queued(1)
    first, second = bench.robot("r1"), bench.robot("r2")
    offer = bench.claim(first)
    assert offer is not None
    bench.do(attempts.release, first, offer.attempt_id, offer.fence, "no such lid", refused=True)

    assert bench.claim(first, "request-2") is None
    assert bench.claim(second) is not None


def test_a_job_that_every_robot_refused_is_cancelled(bench: Bench) -> None:
    """Nobody is left to ask; its reservation returns."""
    bench.queued(1)
    robot = bench.robot()
    offer = bench.claim(robot)
    assert offer is not None
    bench.do(attempts.release, robot, offer.attempt_id, offer.fence, "no such lid", refused=True)

    assert bench.state(t.jobs, offer.job_id) == "cancelled"
    assert bench.budget() == (0.0, 0.0)


def test_a_robot_that_waits_for_its_admission_gets_nothing(new_bench: Make) -> None:
    """A physical robot works when an administrator has admitted it."""
    bench = new_bench(RobotKind.PHYSICAL)
    bench.queued(1)
    robot = bench.robot(admitted=False)
    with pytest.raises(RobotUnavailable) as caught:
        bench.claim(robot)
    assert caught.value.state == "waiting"

    bench.do(robots.admit, robot)

    assert bench.claim(robot) is not None


def test_a_revoked_robot_gets_nothing(bench: Bench) -> None:
    """With the reason that was given."""
    bench.queued(1)
    robot = bench.robot()
    bench.do(robots.revoke, robot, "sold")

    with pytest.raises(RobotUnavailable, match="sold"):
        bench.claim(robot)


def test_an_unknown_robot_is_not_found(bench: Bench) -> None:
    """The id is named."""
    with pytest.raises(NotFound) as caught:
        bench.claim("rob_nobody")

    assert caught.value.id == "rob_nobody"


def test_a_claim_is_journalled_with_its_fence(bench: Bench) -> None:
    """Job and attempt move in one transaction."""
    bench.queued(1)
    robot = bench.robot()
    offer = bench.claim(robot)
    assert offer is not None

    facts = {"attempt": offer.attempt_id, "robot": robot, "fence": offer.fence}
    assert [row.facts for row in bench.journal("job.b", offer.job_id)] == [facts]
    assert [row.facts for row in bench.journal("attempt.b", offer.attempt_id)] == [facts]
    assert bench.all(select(t.attempts))[0].campaign_id == CAMPAIGN
