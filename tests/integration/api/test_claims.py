"""Claiming: a long poll that wakes at once, one offer per request, and only what a device can do."""

import json
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from moonloop.domain.canonical import digest
from moonloop.domain.plans import JobSpec
from moonloop.domain.robots import RobotKind
from moonloop.store import holds, jobs, robots
from moonloop.store import tables as t
from support.devices import Device, Site, problem
from support.interleaving import until
from support.serving import ON_BOTH

PROMPT_S = 5.0
"""A waiting claim that were woken by its slow timer alone would take ten."""


@contextmanager
def waiting(device: Device, **more: Any) -> Generator[Future[httpx.Response]]:
    """Let a claim wait in a thread; it has reached the server when this yields."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(device.claim, wait_s=20, **more)
        yield future
        future.result(30)


def _arrived(site: Site, device: Device) -> bool:
    # A claim that was seen is noted with the service's next beat; its own trace is the open request.
    return any(robot["id"] == device.id for robot in site.owner.get("/v1/robots").json())


def test_an_offer_carries_what_a_robot_needs(site: Site, device: Device) -> None:
    """The spec as bytes that hash to what is said, a fence, a lease, and the approval it stands on."""
    plan = site.bench.queued(1)

    offer = device.offered()

    assert digest(offer["spec"].encode()) == offer["spec_sha256"] == plan.runs[0].spec_sha256
    spec = JobSpec.model_validate_json(offer["spec"])
    assert (plan.runs[0].job_id, 1, 60.0) == (spec.job_id, offer["fence"], offer["lease_ttl_s"])
    review = site.owner.get("/v1/reviews").json()[0]
    assert (review["id"], review["plan_sha256"]) == (
        offer["approval"]["review_id"],
        offer["approval"]["plan_sha256"],
    )


@ON_BOTH
def test_the_same_request_gets_the_same_offer(site: Site, device: Device) -> None:
    """A claim whose answer was lost is sent again and takes no second job."""
    site.bench.queued(3)

    first, again = device.claim("request-1"), device.claim("request-1")

    assert first.content == again.content
    assert 1 == site.bench.count(t.attempts)


def test_the_same_request_gets_the_same_offer_when_both_come_at_once(site: Site, device: Device) -> None:
    """Two sendings of one request that overtake each other are one claim."""
    site.bench.queued(3)
    together = threading.Barrier(4)

    def claim(_: int) -> bytes:
        together.wait(10)
        return device.claim("request-1").content

    with ThreadPoolExecutor(4) as pool:
        answers = set(pool.map(claim, range(4)))

    assert 1 == len(answers)
    assert 1 == site.bench.count(t.attempts)


def test_another_request_is_refused_while_a_job_is_in_hand(site: Site, device: Device) -> None:
    """A device does one thing at a time, and is told what that is."""
    site.bench.queued(3)
    offer = device.offered()

    document = problem(device.claim(), 409, "attempt-open")

    assert offer["attempt_id"] == document["facts"]["attempt"]


@ON_BOTH
def test_many_devices_share_a_queue_without_overlap(site: Site) -> None:
    """Every job goes to one device, however many ask at the same moment."""
    devices = [site.device(f"r{number}") for number in range(6)]
    site.bench.queued(4)
    together = threading.Barrier(6)

    def claim(device: Device) -> httpx.Response:
        together.wait(10)
        return device.claim()

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(claim, devices))

    offered = [answer.json()["job_id"] for answer in answers if answer.status_code == 200]
    assert sorted(set(offered)) == sorted(offered)
    assert [200] * 4 + [204] * 2 == sorted(answer.status_code for answer in answers)


def test_nothing_to_do_is_an_empty_answer_after_the_wait(device: Device) -> None:
    """204, not before the robot's patience is over."""
    begun = time.monotonic()

    answer = device.claim(wait_s=0.3)

    assert (204, b"") == (answer.status_code, answer.content)
    assert time.monotonic() - begun >= 0.3


WAKERS: dict[str, Callable[[Site], object]] = {
    "a plan is queued": lambda site: site.bench.queued(1),
    "a hold is lifted": lambda site: site.bench.do(holds.release, "site", "mended"),
    "a hold is lifted by the API": lambda site: site.owner.post(
        "/v1/holds/release", json={"scope": "site", "reason": "mended"}
    ),
}


@pytest.mark.parametrize("what", WAKERS)
@ON_BOTH
def test_a_waiting_claim_is_woken_at_once(site: Site, device: Device, what: str) -> None:
    """Whoever makes work possible wakes those who wait for it, from this process or from another."""
    if "hold" in what:
        site.bench.queued(1)
        site.bench.do(holds.hold, "site", "a leak")
    device.claim(wait_s=0)  # the watch is on
    with waiting(device) as claim:
        begun = time.monotonic()
        WAKERS[what](site)
        answer = claim.result(30)

    assert 200 == answer.status_code
    assert time.monotonic() - begun < PROMPT_S


def test_a_job_that_was_given_back_goes_to_who_waits(site: Site, device: Device) -> None:
    """A release wakes the next device."""
    other = site.device("r2")
    site.bench.queued(1)
    offer = device.offered()
    with waiting(other) as claim:
        begun = time.monotonic()
        device.release(offer)
        answer = claim.result(30)

    assert offer["job_id"] == answer.json()["job_id"]
    assert time.monotonic() - begun < PROMPT_S


def test_a_claim_ends_when_its_robot_is_revoked(site: Site, device: Device) -> None:
    """A robot that waits is not left waiting for what it may not have."""
    site.bench.queued(1)
    site.bench.do(holds.hold, "site", "a leak")
    with waiting(device) as claim:
        until(lambda: _arrived(site, device), "the claim has come")
        site.bench.do(robots.revoke, device.id, "sold")
        site.bench.do(holds.release, "site", "mended")
        answer = claim.result(30)

    problem(answer, 409, "robot-unavailable")


@pytest.mark.parametrize("wait_s", [-1, 31, "NaN", 1e300])
def test_a_wait_is_bounded(device: Device, wait_s: object) -> None:
    """No claim holds a connection for longer than half a minute."""
    problem(device.claim(wait_s=wait_s), 422, "invalid-input")


@pytest.mark.parametrize("request_id", ["short", "with a space", "x" * 81, "ü" * 10, "a\nb" * 4])
def test_a_request_id_has_a_form(device: Device, request_id: str) -> None:
    """What names a request is short and plain."""
    problem(device.claim(request_id), 422, "invalid-input")


# Matching.


def test_a_robot_of_another_kind_matches_nothing(site: Site) -> None:
    """What asks for a simulation is not offered to a computation, whatever protocols it lists."""
    site.bench.queued(1)

    assert 204 == site.device("other", "computational").claim().status_code


@pytest.mark.parametrize(
    "document",
    [
        {"protocols": ["another.protocol/1"]},
        {"protocols": ["table.lookup/2"]},
        {"features": ["heater"]},
        {"features": ["stirrer", "heater"], "limits": {"temperature_Cel": {"low": 0, "high": 50}}},
        {"features": ["stirrer", "heater"], "limits": {"pressure_bar": {"low": 0, "high": 90}}},
    ],
)
def test_a_robot_that_cannot_do_it_matches_nothing(
    new_site: Callable[..., Site], document: dict[str, Any]
) -> None:
    """Kind, protocol with version, every feature, and every limit from end to end."""
    protocol = {
        "name": "table.lookup/1",
        "robot": RobotKind.SIMULATED,
        "features": ["heater", "stirrer"],
        "limits": {"temperature_Cel": {"low": 20, "high": 90}},
    }
    site = new_site(protocol=protocol)
    site.bench.queued(1)
    full: dict[str, Any] = {
        "protocols": ["table.lookup/1"],
        "features": ["stirrer", "heater", "light"],
        "limits": {"temperature_Cel": {"low": -20, "high": 90}, "pressure_bar": {"low": 0, "high": 1}},
    }

    lacking = site.device("lacking", **full | dict[str, Any](features=[]) | document)
    assert 204 == lacking.claim().status_code
    assert 200 == site.device("able", **full).claim().status_code


def test_a_new_capability_document_counts_from_its_claim_on(site: Site, device: Device) -> None:
    """A robot that has lost a protocol gets none of its jobs; when it has it back, it does."""
    site.bench.queued(1)

    assert 204 == device.claim(capabilities={"protocols": ["another.protocol/1"]}).status_code
    assert 204 == device.claim().status_code
    assert 200 == device.claim(capabilities={"protocols": ["table.lookup/1"]}).status_code
    assert 2 == len(site.bench.journal("robot.capabilities", device.id))


@pytest.mark.parametrize("limits", [{"x": {"low": 2, "high": 1}}, {"x": {"low": 0}}, {"x": 3}])
def test_a_capability_document_is_checked(device: Device, limits: Any) -> None:
    """A limit that says nothing is refused rather than read somehow."""
    document = {"protocols": ["table.lookup/1"], "limits": limits}

    problem(device.claim(capabilities=document), 422, "invalid-input")


def test_a_job_that_a_device_refused_is_not_offered_to_it_again(site: Site, device: Device) -> None:
    """It goes to another; when every device has refused it, it is cancelled with the reason."""
    other = site.device("r2")
    plan = site.bench.queued(1)

    for robot in (device, other):
        answer = robot.release(robot.offered(), refused=True, reason="no such row")
        assert 204 == answer.status_code
        assert 204 == robot.claim().status_code

    assert "cancelled" == site.bench.state(t.jobs, plan.runs[0].job_id)
    reason = site.bench.journal("job.g", plan.runs[0].job_id)[0].facts["reason"]
    assert "every robot that could do it refused: no such row" == reason


def test_a_queue_of_another_campaign_is_not_hidden_by_one_on_hold(site: Site, device: Device) -> None:
    """What is on hold waits, and what is free goes on."""
    plan = site.bench.queued(1)
    site.bench.do(holds.hold, f"campaign:{site.bench.campaign}", "a leak")
    assert 204 == device.claim().status_code

    site.bench.do(holds.release, f"campaign:{site.bench.campaign}", "mended")
    site.bench.do(jobs.queue, plan.id)

    assert json.loads(device.offered()["spec"])["job_id"] == plan.runs[0].job_id
