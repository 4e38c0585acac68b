"""A robot that falls silent: nothing is run again on its own, and a person's word settles it once."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from moonloop.domain.robots import RobotKind
from moonloop.store import losses
from moonloop.store import tables as t
from support.devices import Device, Site, measured, problem
from support.serving import ON_BOTH


@pytest.fixture
def lost(site: Site, device: Device) -> dict[str, Any]:
    """An attempt that had started when its robot fell silent for longer than its lease."""
    site.bench.queued(2)
    offer = device.running()
    site.bench.later(61)
    return offer


def _incident(site: Site) -> dict[str, Any]:
    found = site.owner.get("/v1/incidents", params={"state": "open"}).json()
    assert 1 == len(found)
    return found[0]


def _reconcile(site: Site, resolution: str, incident: str = "") -> Any:
    path = f"/v1/incidents/{incident or _incident(site)['id']}/reconcile"
    return site.owner.post(path, json={"resolution": resolution, "reason": "looked at it"})


def _robot(site: Site) -> dict[str, Any]:
    return site.owner.get("/v1/robots").json()[0]


def test_a_silence_before_the_start_gives_the_job_back(site: Site, device: Device) -> None:
    """Nothing had moved: another robot may have it, and the first one is told that it lost it."""
    other = site.device("r2")
    site.bench.queued(1)
    offer = device.accepted()
    site.bench.later(61)

    problem(device.start(offer), 409, "stale-fence")
    again = other.offered()

    assert offer["job_id"] == again["job_id"]
    assert [] == site.owner.get("/v1/incidents").json()


@ON_BOTH
def test_a_silence_after_the_start_is_a_loss(site: Site, device: Device, lost: dict[str, Any]) -> None:
    """The job is lost, the robot quarantined, an incident open, and the robot's word is taken no more."""
    for say in (device.beat, device.start, device.accept, device.release):
        problem(say(lost), 409, "stale-fence")

    incident = _incident(site)
    assert (lost["job_id"], lost["attempt_id"], device.id) == (
        incident["job_id"],
        incident["attempt_id"],
        incident["robot_id"],
    )
    assert ("lost", "quarantined") == (site.bench.state(t.jobs, lost["job_id"]), _robot(site)["state"])
    document = problem(device.claim(), 409, "robot-unavailable")
    assert incident["id"] in document["detail"]


def test_a_loss_is_noticed_without_the_robot(site: Site, lost: dict[str, Any]) -> None:
    """Whoever sweeps finds it."""
    found = site.bench.ledger.read_now(losses.sweepable)
    assert [lost["attempt_id"]] == found
    assert site.bench.do(losses.sweep, found[0])

    assert "lost" == site.bench.state(t.jobs, lost["job_id"])


@ON_BOTH
def test_a_late_result_waits_for_a_person(site: Site, device: Device, lost: dict[str, Any]) -> None:
    """Quarantined, however often it is sent; never counted, never dropped."""
    for _ in range(2):
        assert {"state": "quarantined"} == device.finish(lost, measured(77.0)).json()
    problem(device.finish(lost, measured(78.0)), 409, "finish-conflict")

    assert 0 == site.bench.count(t.measurements)
    assert _incident(site)["late_result"]


@ON_BOTH
def test_an_adopted_result_counts(site: Site, device: Device, lost: dict[str, Any]) -> None:
    """A person looked and says that it is good: it becomes the job's, and the robot is free."""
    device.finish(lost, measured(0.77, "1"))

    settled = _reconcile(site, "adopt").json()

    assert ("settled", "adopt", "olga", "looked at it") == tuple(
        settled[name] for name in ("state", "resolution", "by", "reason")
    )
    assert "succeeded" == site.bench.state(t.jobs, lost["job_id"])
    assert [(77.0, "%")] == [(row.value, row.unit) for row in site.bench.all(t.measurements.select())]
    assert 200 == device.claim().status_code


def test_there_is_nothing_to_adopt_without_a_result(site: Site, lost: dict[str, Any], device: Device) -> None:
    """A person cannot invent what the robot never said."""
    problem(device.beat(lost), 409, "stale-fence")

    problem(_reconcile(site, "adopt"), 409, "nothing-to-adopt")
    assert "lost" == site.bench.state(t.jobs, lost["job_id"])


@ON_BOTH
@pytest.mark.parametrize("settled", [False, True])
def test_a_late_result_that_does_not_fit_is_kept(
    site: Site, device: Device, lost: dict[str, Any], settled: bool
) -> None:
    """Whatever it says it is what the robot saw, before and after a person has settled the loss."""
    problem(device.beat(lost), 409, "stale-fence")
    if settled:
        _reconcile(site, "fail")

    for _ in range(2):
        assert {"state": "quarantined"} == device.finish(lost, measured(5.0, "g")).json()

    kept = json.loads(site.bench.value(select(t.late_results.c.body)))["measurements"]
    assert [(5.0, "g")] == [(item["value"], item["unit"]) for item in kept]
    assert 0 == site.bench.count(t.measurements)


@pytest.mark.parametrize(
    ("report", "slug", "sentence"),
    [
        (measured(5.0, "g"), "unit-mismatch", 'yield was measured in "g", which cannot be converted to "%".'),
        (
            {"outcome": "succeeded"},
            "result-invalid",
            "The result does not fit its job: a success without yield",
        ),
        (measured(1e308), "result-invalid", "yield is 1e+308 %; no number may be beyond 1e+100 %"),
    ],
)
def test_a_late_result_that_does_not_fit_cannot_be_adopted(
    site: Site, device: Device, lost: dict[str, Any], report: dict[str, Any], slug: str, sentence: str
) -> None:
    """The person is told why; the incident stays open for another resolution."""
    assert {"state": "quarantined"} == device.finish(lost, report).json()

    assert sentence in problem(_reconcile(site, "adopt"), 422, slug)["detail"]

    assert "lost" == site.bench.state(t.jobs, lost["job_id"])
    assert 0 == site.bench.count(t.measurements)
    assert "fail" == _reconcile(site, "fail").json()["resolution"]


@ON_BOTH
def test_a_rerun_is_one_more_use_of_the_approval(site: Site, device: Device, lost: dict[str, Any]) -> None:
    """The job goes to whoever claims next, starts once more, and a second loss needs a second word."""
    problem(device.beat(lost), 409, "stale-fence")
    assert "rerun" == _reconcile(site, "rerun").json()["resolution"]

    again = next(offer for offer in iter(device.running, None) if _done_unless(device, offer, lost))

    assert (lost["job_id"], True) == (again["job_id"], again["fence"] > lost["fence"])
    assert {"state": "quarantined"} == device.finish(lost, measured(1.0)).json()
    assert {"state": "succeeded"} == device.finish(again, measured(2.0)).json()
    assert 1 == site.bench.count(t.measurements, t.measurements.c.job_id == lost["job_id"])


def _done_unless(device: Device, offer: dict[str, Any], wanted: dict[str, Any]) -> bool:
    if offer["job_id"] == wanted["job_id"]:
        return True
    device.finish(offer)
    return False


def test_a_job_that_is_given_up_has_failed(site: Site, device: Device, lost: dict[str, Any]) -> None:
    """Nothing comes of it, its budget is spent, and the robot is free."""
    problem(device.beat(lost), 409, "stale-fence")

    assert "fail" == _reconcile(site, "fail").json()["resolution"]

    assert "failed" == site.bench.state(t.jobs, lost["job_id"])
    assert (1.0, 1.0) == site.bench.budget()
    assert "active" == _robot(site)["state"]


@pytest.mark.parametrize("first", ["rerun", "fail"])
def test_a_settlement_is_said_once(site: Site, device: Device, lost: dict[str, Any], first: str) -> None:
    """Said again it changes nothing; said otherwise it is refused."""
    problem(device.beat(lost), 409, "stale-fence")
    incident = _incident(site)["id"]
    other = {"rerun": "fail", "fail": "rerun"}[first]

    _reconcile(site, first, incident)
    written = site.bench.count(t.journal)
    assert first == _reconcile(site, first, incident).json()["resolution"]
    assert written == site.bench.count(t.journal)
    problem(_reconcile(site, other, incident), 409, "illegal-transition")


def test_an_unknown_incident_is_not_found(site: Site) -> None:
    """Neither to be seen nor to be settled."""
    problem(site.owner.get("/v1/incidents/inc_nothing"), 404, "not-found")
    problem(_reconcile(site, "fail", "inc_nothing"), 404, "not-found")


def test_a_computation_is_rerun_by_the_rule_of_its_file(new_site: Callable[..., Site]) -> None:
    """Nothing physical can have moved: the campaign file may say it beforehand, as often as it says."""
    site = new_site(RobotKind.SIMULATED, on_lost={"rerun": 1})
    site.bench.queued(1)
    device = site.device()
    first = device.running()
    site.bench.later(61)
    problem(device.beat(first), 409, "stale-fence")

    second = device.running()
    assert first["job_id"] == second["job_id"]
    site.bench.later(61)
    problem(device.beat(second), 409, "stale-fence")

    open_, settled = sorted(site.owner.get("/v1/incidents").json(), key=lambda one: one["state"])
    assert ("open", "settled", "rerun") == (open_["state"], settled["state"], settled["resolution"])
    assert settled["by"].startswith("policy on_lost of the campaign file")
    problem(device.claim(), 409, "robot-unavailable")


def test_an_outage_of_ours_is_no_robots_fault(site: Site, device: Device) -> None:
    """A lease does not lapse for the time in which no job service was up, plus one lease of grace."""
    site.bench.queued(1)
    offer = device.running()
    site.bench.later(1)
    site.bench.later(300, service_up=False)
    site.bench.later(50)

    assert 200 == device.beat(offer).status_code
    assert 200 == device.finish(offer).status_code
