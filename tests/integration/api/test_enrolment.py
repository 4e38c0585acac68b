"""Enrolment: a code works once, for its kind, in its time; a physical robot waits for a person."""

from collections.abc import Callable

import httpx
import pytest

from moonloop.domain.robots import RobotKind
from support.devices import Site, problem
from support.serving import ON_BOTH


@pytest.mark.parametrize(
    ("kind", "state"), [("simulated", "active"), ("computational", "active"), ("physical", "waiting")]
)
def test_a_robot_is_of_the_kind_of_its_code(site: Site, kind: str, state: str) -> None:
    """The administrator who issued the code says what the robot is, and the answer says how to behave."""
    answer = site.enrol(site.code(kind))

    assert 201 == answer.status_code
    said = answer.json()
    assert (kind, state) == (said["kind"], said["state"])
    assert (60.0, 15.0, 30.0) == (said["lease_ttl_s"], said["beat_every_s"], said["claim_wait_s"])


@ON_BOTH
def test_a_code_works_once(site: Site) -> None:
    """A code that leaks after its use is worth nothing."""
    code = site.code()
    site.enrol(code)

    problem(site.enrol(code, "thief"), 401, "unauthenticated")
    assert ["r1"] == [robot["name"] for robot in site.owner.get("/v1/robots").json()]


def test_a_code_works_in_its_time(site: Site) -> None:
    """A code that was not used in time is worth nothing."""
    code = site.code(valid_s=60)
    site.bench.clock.advance(61)

    problem(site.enrol(code), 401, "unauthenticated")


@pytest.mark.parametrize("code", ["moonloop_enrol_guessed", "        ", "\x7f" * 8])
def test_a_code_that_was_never_issued_opens_nothing(site: Site, code: str) -> None:
    """Guessing gets the same answer as a used code."""
    problem(site.enrol(code), 401, "unauthenticated")


def test_an_enrolment_without_capabilities_is_refused_and_keeps_its_code(site: Site) -> None:
    """A mistake in the document costs no code."""
    code = site.code()

    document = problem(site.enrol(code, protocols=[]), 422, "invalid-input")

    assert "capabilities.protocols" == document["facts"]["errors"][0]["field"]
    assert 201 == site.enrol(code).status_code


def test_a_physical_robot_waits_to_be_admitted(new_site: Callable[..., Site]) -> None:
    """Nothing physical gets work before an administrator has seen it."""
    site = new_site(RobotKind.PHYSICAL)
    site.bench.queued(1)
    said = site.enrol(site.code("physical")).json()
    robot = httpx.Client(base_url=site.url, headers={"Authorization": f"Bearer {said['token']}"})

    with robot:
        request = {"request_id": "before-admission"}
        document = problem(robot.post("/v1/jobs/claim", json=request), 409, "robot-unavailable")
        assert "an administrator has not admitted it yet" in document["detail"]

        assert 204 == site.owner.post(f"/v1/robots/{said['robot_id']}/admit").status_code
        assert 204 == site.owner.post(f"/v1/robots/{said['robot_id']}/admit").status_code
        assert 200 == robot.post("/v1/jobs/claim", json=request).status_code


def test_a_revoked_robot_is_not_admitted_again(site: Site) -> None:
    """Revoking is for good."""
    device = site.device()
    assert 204 == site.owner.post(f"/v1/robots/{device.id}/revoke", json={"reason": "sold"}).status_code

    problem(site.owner.post(f"/v1/robots/{device.id}/admit"), 409, "illegal-transition")
    problem(device.claim(), 401, "unauthenticated")


@pytest.mark.parametrize("verb", ["admit", "revoke"])
def test_an_unknown_robot_is_not_found(site: Site, verb: str) -> None:
    """Nothing is done to a robot that does not exist, and the answer says so."""
    problem(site.owner.post(f"/v1/robots/rob_nobody00/{verb}", json={}), 404, "not-found")
