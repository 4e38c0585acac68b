"""Adapters that fail as instruments do: every job gets an answer, and the robot lives on."""

import json
from pathlib import Path

import pytest

from moonloop.store import tables as t
from support.devices import Site
from support.interleaving import until
from support.network import Relay
from support.robots import MakeRobot, RobotProcess

pytestmark = pytest.mark.parametrize("lease_s", [60.0])
OURS = "support.adapters:build"


def _jobs(site: Site) -> list[str]:
    return [row.state for row in site.bench.all(t.jobs.select().order_by(t.jobs.c.id))]


def _attempts(site: Site) -> list[str]:
    return [row.state for row in site.bench.all(t.attempts.select().order_by(t.attempts.c.fence))]


def test_a_refusal_by_the_check_gives_the_job_back(site: Site, new_robot: MakeRobot) -> None:
    """Nothing was started; nobody else can do it: the job is cancelled, and the adapter's words are kept."""
    site.bench.queued(2)
    new_robot(OURS, "how=refuses").start(site.code())

    until(lambda: _jobs(site) == ["cancelled", "cancelled"], "both are refused")
    assert {"released"} == set(_attempts(site))
    assert 0 == site.bench.count(t.measurements)
    assert "the stirrer is too short for solvent=water; temperature=20" in str(
        site.bench.all(t.attempts.select())
    )


def test_what_one_robot_refuses_another_may_do(site: Site, new_robot: MakeRobot) -> None:
    """A device that cannot is passed over, and the job is done by one that can."""
    site.bench.queued(1)
    able = site.device("able")
    new_robot(OURS, "how=refuses").start(site.code())
    until(lambda: _attempts(site) == ["released"], "it is refused")

    offer = able.offered()
    able.accept(offer)
    able.start(offer)
    able.finish(offer)
    assert ["succeeded"] == _jobs(site)


def test_a_check_that_breaks_is_no_refusal(site: Site, new_robot: MakeRobot) -> None:
    """A device that was off for a moment gets the job again, and does it."""
    site.bench.queued(1)
    robot = new_robot(OURS, "how=breaks at the check once")
    robot.start(site.code())

    until(lambda: _jobs(site) == ["succeeded"], "it is done at the second offer")
    assert ["released", "succeeded"] == _attempts(site)
    assert "the serial port is gone" in robot.log


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("breaks", "ZeroDivisionError: a gap of nothing"),
        ("invents", "beauty"),
        ("takes the wrong unit", "V"),
        ("names what it never stored", "ghost"),
        ("measures nonsense", "the result was refused"),
    ],
)
def test_a_result_that_cannot_be_is_a_failure(site: Site, new_robot: MakeRobot, how: str, told: str) -> None:
    """The job has failed and says why; nothing of it counts, and the robot asks for the next."""
    site.bench.queued(1)
    robot = new_robot(OURS, f"how={how}")
    robot.start(site.code())

    until(lambda: _jobs(site) == ["failed"], "the job has failed")
    facts = site.owner.get(f"/v1/campaigns/{site.bench.campaign}/facts").json()
    assert told in json.dumps(facts["cycles"][0]["jobs"][0])
    assert 0 == site.bench.count(t.measurements)
    assert robot.process.poll() is None


def test_an_idle_robot_ends_at_once_when_asked(site: Site, relay: Relay, new_robot: MakeRobot) -> None:
    """Exit code 0 in the middle of a long poll; nothing was claimed."""
    robot = new_robot()
    robot.start(site.code())
    until(lambda: b"POST /v1/jobs/claim HTTP/1.1" in relay.passed, "it asks for work")
    robot.ask_to_end()

    assert 0 == robot.ended()
    assert [] == _attempts(site)


def test_an_offer_with_a_lower_fence_is_refused(site: Site, new_robot: MakeRobot) -> None:
    """A robot believes no server that has forgotten what it promised: nothing is accepted."""
    robot = new_robot()
    robot.start(site.code())
    robot.says("asks")
    robot.kill()
    memory = robot.folder / "state.json"
    memory.write_text(json.dumps({"fence": 1000, "request_id": "", "stage": "idle"}))
    site.bench.queued(1)
    robot.start()

    robot.says("not above 1000: refused")
    assert ["offered"] == _attempts(site)


def test_a_revoked_robot_ends(site: Site, relay: Relay, new_robot: MakeRobot) -> None:
    """Its next call is refused; it says why, and does not go on asking: exit code 5."""
    robot = new_robot()
    robot.start(site.code())
    until(lambda: b"POST /v1/jobs/claim HTTP/1.1" in relay.passed, "it asks for work")
    [fact] = site.owner.get("/v1/robots").json()
    assert site.owner.post(f"/v1/robots/{fact['id']}/revoke", json={"reason": "sold"}).is_success

    assert 5 == robot.ended()
    assert "Traceback" not in robot.log


def test_two_processes_are_not_one_robot(site: Site, new_robot: MakeRobot) -> None:
    """The second one says so and ends: both would be offered the same job."""
    robot = new_robot()
    first = robot.start(site.code())
    robot.says("asks")

    robot.start()
    assert 1 == robot.ended()
    assert "Another process is the robot" in robot.log
    assert first.poll() is None


@pytest.mark.parametrize("name", ["state.json", "robot.json"])
def test_a_damaged_memory_is_told(site: Site, new_robot: MakeRobot, name: str) -> None:
    """Without its highest fence or its identity a robot does nothing, and says what to do."""
    robot = new_robot()
    robot.start(site.code())
    robot.says("asks")
    robot.kill()
    (robot.folder / name).write_bytes(b"\xff{")

    robot.start()
    assert 1 == robot.ended()
    assert f"{name} is damaged" in robot.log
    assert "Traceback" not in robot.log


def test_its_secrets_are_its_owners_alone(site: Site, new_robot: MakeRobot) -> None:
    """Nobody else on the machine can read the robot's token, and the log does not show it."""
    robot: RobotProcess = new_robot()
    robot.start(site.code())
    robot.says("asks")

    kept: Path = robot.folder / "robot.json"
    assert (0o600, 0o700) == (kept.stat().st_mode & 0o777, robot.folder.stat().st_mode & 0o777)
    assert json.loads(kept.read_text())["token"] not in robot.log
