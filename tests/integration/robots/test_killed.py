"""A robot that dies as in a power cut, in every state: no job is done twice, and none is forgotten."""

import pytest

from moonloop.store import tables as t
from support.devices import Site
from support.interleaving import until
from support.network import Relay
from support.robots import MakeRobot, RobotProcess


def _states(site: Site) -> list[str]:
    rows = site.bench.all(t.attempts.select().order_by(t.attempts.c.fence))
    return [row.state for row in rows]


def _job(site: Site) -> str:
    return site.bench.value(t.jobs.select().with_only_columns(t.jobs.c.state))


def _caught(relay: Relay) -> None:
    until(relay.caught.is_set, "the network has caught the message")


def _values(site: Site) -> list[float]:
    return [row.value for row in site.bench.all(t.measurements.select())]


def _finished(site: Site) -> None:
    until(lambda: _job(site) == "succeeded", "the job is done")
    assert [10.0] == _values(site)


def _settle(site: Site, resolution: str) -> None:
    until(lambda: _job(site) == "lost", "the loss is noticed")
    incident = site.owner.get("/v1/incidents").json()[0]["id"]
    said = {"resolution": resolution, "reason": "the power failed"}
    assert site.owner.post(f"/v1/incidents/{incident}/reconcile", json=said).is_success


PATIENT = pytest.mark.parametrize("lease_s", [60.0])
"""For tests in which no lease is to lapse."""


@pytest.fixture
def robot(site: Site, new_robot: MakeRobot) -> RobotProcess:
    """A table robot, and one job for it."""
    site.bench.queued(1)
    return new_robot()


def _killed_at(
    robot: RobotProcess, relay: Relay, site: Site, *, hold: bytes = b"", swallow: bytes = b""
) -> None:
    """Kill the robot when it has sent a message that is held, or when the answer to it is swallowed."""
    relay.hold(*[hold] if hold else [])
    relay.swallow(*[swallow] if swallow else [])
    robot.start(site.code())
    _caught(relay)
    robot.kill()
    relay.mend()


@PATIENT
def test_killed_before_it_heard_of_its_offer(site: Site, relay: Relay, robot: RobotProcess) -> None:
    """It asks again under the same name, gets the same offer, and does the job: one attempt."""
    _killed_at(robot, relay, site, swallow=b"/jobs/claim ")
    assert ["offered"] == _states(site)

    robot.start()

    _finished(site)
    assert ["succeeded"] == _states(site)


@PATIENT
def test_killed_with_an_offer_in_hand(site: Site, relay: Relay, robot: RobotProcess) -> None:
    """As before: nothing was accepted."""
    _killed_at(robot, relay, site, hold=b"/accept ")
    assert ["offered"] == _states(site)

    robot.start()

    _finished(site)
    assert ["succeeded"] == _states(site)


def test_killed_after_accepting(site: Site, relay: Relay, robot: RobotProcess) -> None:
    """It meant to start: that attempt is never taken up again, and lapses; another one starts."""
    _killed_at(robot, relay, site, hold=b"/start ")
    assert ["accepted"] == _states(site)

    robot.start()

    _finished(site)
    assert ["expired", "succeeded"] == _states(site)
    assert [] == site.owner.get("/v1/incidents").json()


@pytest.mark.parametrize("message", [b"/start ", b"/finish "])
def test_killed_while_it_moved(site: Site, relay: Relay, robot: RobotProcess, message: bytes) -> None:
    """Nobody knows how far it came: lost, quarantined, and run again only when a person says so."""
    relay_hold = {"swallow": message} if message == b"/start " else {"hold": message}
    _killed_at(robot, relay, site, **relay_hold)
    assert ["running"] == _states(site)

    robot.start()
    until(lambda: _job(site) == "lost", "the loss is noticed")
    assert ["lost"] == _states(site)
    assert "quarantined" == site.owner.get("/v1/robots").json()[0]["state"]

    _settle(site, "rerun")
    _finished(site)
    assert ["reconciled", "succeeded"] == _states(site)


def test_killed_in_the_middle_of_its_work(site: Site, new_robot: MakeRobot) -> None:
    """Between two beats of a long job: lost; a person fails it, and the robot goes on with the next."""
    site.bench.queued(2)
    robot = new_robot("", "delay=60")
    robot.start(site.code())
    until(lambda: "waiting" in str(site.bench.all(t.attempts.select())), "a beat tells of the work")
    robot.kill()

    until(lambda: _states(site) == ["lost"], "the loss is noticed")
    robot.start()
    said = {"resolution": "fail", "reason": "the power failed"}
    incident = site.owner.get("/v1/incidents").json()[0]["id"]
    assert site.owner.post(f"/v1/incidents/{incident}/reconcile", json=said).is_success

    until(lambda: _states(site) == ["reconciled", "running"], "the next job is in hand")


@PATIENT
def test_killed_before_it_heard_that_its_result_was_taken(
    site: Site, relay: Relay, robot: RobotProcess
) -> None:
    """The job is done: nothing is done again."""
    _killed_at(robot, relay, site, swallow=b"/finish ")
    _finished(site)

    robot.start()
    robot.says("asks")
    until(lambda: relay.passed.count(b"POST /v1/jobs/claim HTTP/1.1") > 1, "it asks for more")

    assert ["succeeded"] == _states(site)
    assert [10.0] == _values(site)


def test_an_adapter_that_dies_is_a_robot_that_dies(site: Site, new_robot: MakeRobot) -> None:
    """A library that ends the process leaves a lost job, not a repeated one."""
    site.bench.queued(1)
    robot = new_robot("support.adapters:build", "how=dies")
    robot.start(site.code())

    assert 3 == robot.ended()
    until(lambda: _job(site) == "lost", "the loss is noticed")
    robot.start()
    assert ["lost"] == _states(site)
