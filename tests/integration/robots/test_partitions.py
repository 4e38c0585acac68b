"""A network that fails between a robot and its server: what was done counts once, and nobody guesses."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from moonloop.service.settings import Settings
from moonloop.store import Ledger
from moonloop.store import tables as t
from support.campaigns import Bench
from support.devices import Site
from support.interleaving import until
from support.network import Relay, relaying
from support.robots import MakeRobot, RobotProcess
from support.serving import serving

OURS = "support.adapters:build"
PATIENT = pytest.mark.parametrize("lease_s", [60.0])
"""For tests in which no lease is to lapse."""


def _states(site: Site) -> list[str]:
    rows = site.bench.all(t.attempts.select().order_by(t.attempts.c.fence))
    return [row.state for row in rows]


def _values(site: Site) -> list[float]:
    return [row.value for row in site.bench.all(t.measurements.select())]


def _beaten(site: Site) -> bool:
    """Whether a beat has told of the work."""
    return any(row.step for row in site.bench.all(t.attempts.select()))


def test_a_partition_shorter_than_the_lease_is_not_noticed(
    site: Site, relay: Relay, new_robot: MakeRobot
) -> None:
    """Cut in the middle of the work, with beats that get nowhere: one attempt, one result, no incident."""
    site.bench.queued(1)
    new_robot("", "delay=1.5").start(site.code())
    until(lambda: _beaten(site), "a beat tells of the work")
    relay.cut()
    until(lambda: relay.refused > 0, "a beat gets nowhere")
    relay.mend()

    until(lambda: _states(site) == ["succeeded"], "the job is done")
    assert [10.0] == _values(site)
    assert [] == site.owner.get("/v1/incidents").json()


def test_a_partition_longer_than_the_lease_is_a_loss(site: Site, relay: Relay, new_robot: MakeRobot) -> None:
    """Back in the network the robot has a stale fence: it stops, reports nothing, and is given nothing."""
    site.bench.queued(2)
    robot = new_robot(OURS, "how=goes on until it must stop")
    robot.start(site.code())
    until(lambda: _beaten(site), "a beat tells of the work")
    relay.cut()
    until(lambda: _states(site) == ["lost"], "the lease is over")
    relay.mend()

    robot.says("stopped att_")
    until(lambda: relay.passed.count(b"POST /v1/jobs/claim HTTP/1.1") > 1, "it asks for work again")
    assert (["lost"], []) == (_states(site), _values(site))
    assert "quarantined" == site.owner.get("/v1/robots").json()[0]["state"]
    assert robot.process.poll() is None


def test_a_result_that_comes_after_the_lease_waits_for_a_person(
    site: Site, relay: Relay, new_robot: MakeRobot
) -> None:
    """Finished behind the partition: quarantined, never dropped; it counts once a person adopts it."""
    site.bench.queued(1)
    relay.hold(b"/finish ", b"/heartbeat ")
    robot = new_robot()
    robot.start(site.code())
    until(lambda: _states(site) == ["lost"], "the lease is over")
    relay.mend()
    robot.says("came late and waits for a person")
    assert [] == _values(site)

    [incident] = site.owner.get("/v1/incidents").json()
    said = {"resolution": "adopt", "reason": "its log shows a good run"}
    assert site.owner.post(f"/v1/incidents/{incident['id']}/reconcile", json=said).is_success

    assert [10.0] == _values(site)


@PATIENT
def test_an_upload_that_is_cut_in_the_middle_is_sent_again(
    site: Site, relay: Relay, new_robot: MakeRobot
) -> None:
    """Half of it arrived and is not kept; the whole is there in the end, once."""
    site.bench.queued(1)
    relay.sever(b"/artifacts/", 60_000)
    new_robot(OURS, "how=stores").start(site.code())

    until(lambda: _states(site) == ["succeeded"], "the job is done")
    assert relay.caught.is_set()
    [artifact] = site.bench.all(t.artifacts.select())
    assert b"1,2\n" * 50_000 == site.owner.get(f"/v1/artifacts/{artifact.sha256}").content


@PATIENT
@pytest.mark.parametrize("minutes", [-5, 5])
def test_a_robot_whose_clock_is_wrong_keeps_its_lease(
    site: Site, relay: Relay, new_robot: MakeRobot, minutes: int
) -> None:
    """Leases are durations: five minutes off, its beats count and its result does."""
    site.bench.queued(1)
    robot = new_robot(OURS, "how=goes on until it must stop", f"minutes={minutes}")
    robot.start(site.code())

    until(lambda: _beaten(site), "a beat tells of the work")
    beats = sum(b"/heartbeat " in line for line in relay.passed)
    until(lambda: sum(b"/heartbeat " in line for line in relay.passed) > beats + 1, "it beats on")
    assert ["running"] == _states(site)


@PATIENT
def test_a_server_that_restarts_loses_no_job(
    bench: Bench, rival: Ledger, settings: Settings, tmp_path: Path
) -> None:
    """Down while a job runs, up again at another port: the result arrives, and the next job is done too."""
    bench.queued(2)
    table = tmp_path / "table.csv"
    table.write_text("solvent,temperature,yield\nwater,20,10\nwater,40,20\n")
    with ExitStack() as open_:
        with serving(settings, bench.ledger, upkeep=True) as url, Site(url, bench) as site:
            relay = open_.enter_context(relaying(url))
            options = (f"csv={table}", "value=yield", "unit=%", "delay=0.5")
            robot = open_.enter_context(RobotProcess(tmp_path, relay.url, "table", options))
            robot.start(site.code())
            until(lambda: bench.count(t.attempts, t.attempts.c.state == "running") == 1, "a job runs")
        robot.says("No Moonloop server answers")
        again = open_.enter_context(serving(settings, rival, upkeep=True))
        relay.retarget(("127.0.0.1", int(again.rpartition(":")[2])))

        until(lambda: bench.count(t.jobs, t.jobs.c.state == "succeeded") == 2, "both jobs are done")

    assert ["succeeded", "succeeded"] == [row.state for row in bench.all(t.attempts.select())]
    assert 0 == bench.count(t.incidents)
