"""What every adapter must survive, on the real client and against the real server, adapter by adapter."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import pytest

from moonloop.domain.plans import Measure
from moonloop.domain.robots import RobotKind
from moonloop.domain.space import Candidate
from moonloop.service.settings import Settings
from moonloop.store import Ledger
from moonloop.store import tables as t
from support.campaigns import Bench, ShiftedClock, make_spec
from support.devices import Site
from support.interleaving import until
from support.network import Relay, relaying
from support.plans import queue_asking_for
from support.robots import MakeRobot, RobotProcess
from support.serving import serving

pytestmark = pytest.mark.parametrize("lease_s", [60.0])
BENZOQUINONE = Candidate(key="O=C1C=CC(=O)C=C1", settings={}, smiles="O=C1C=CC(=O)C=C1")
XTB = {"method": "GFN2-xTB", "solvent": "water", "conformers": 2, "optimise": False}


@dataclass(frozen=True)
class Case:
    """An adapter with a job that it can do, and what it must make of it."""

    adapter: str
    kind: RobotKind
    protocol: dict[str, Any]
    queue: Callable[[Bench], object]
    unit: str
    between: tuple[float, float]


CASES = {
    "table": Case(
        adapter="",
        kind=RobotKind.SIMULATED,
        protocol={"name": "table.lookup/1", "robot": RobotKind.SIMULATED},
        queue=lambda bench: bench.queued(1),
        unit="%",
        between=(10.0, 10.0),
    ),
    "xtb": Case(
        adapter="xtb",
        kind=RobotKind.COMPUTATIONAL,
        protocol={
            "name": "xtb.reduction_potential/1",
            "robot": RobotKind.COMPUTATIONAL,
            "parameters": XTB,
            "timeout": "120 s",
        },
        queue=lambda bench: queue_asking_for(
            bench,
            Measure(name="reduction_potential", unit="V"),
            parameters=XTB,
            candidate=BENZOQUINONE,
            timeout_s=120.0,
        ),
        unit="V",
        # Benzoquinone, two electrons and two protons: 0.70 V against the standard hydrogen electrode
        # (CRC Handbook of Chemistry and Physics); the model is right within a few tenths of a volt.
        between=(0.4, 1.0),
    ),
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    """Each adapter in turn; only what its libraries are missing for is left out."""
    if request.param == "xtb" and find_spec("tblite") is None:
        pytest.skip("tblite is not installed")
    return CASES[request.param]


@pytest.fixture
def site(case: Case, ledger: Ledger, clock: ShiftedClock, settings: Settings) -> Generator[Site]:
    """A campaign of the adapter's kind, with one job in its queue."""
    bench = Bench(ledger, make_spec(case.kind, protocol=case.protocol), clock)
    bench.start()
    case.queue(bench)
    with serving(settings, ledger, upkeep=True) as url, Site(url, bench) as made:
        yield made


@pytest.fixture
def relay(site: Site) -> Generator[Relay]:
    """The network between the robot and the server."""
    with relaying(site.url) as made:
        yield made


@pytest.fixture
def robot(case: Case, new_robot: MakeRobot) -> RobotProcess:
    """The adapter's robot process, not yet started."""
    return new_robot(case.adapter)


def _finished(site: Site, case: Case) -> None:
    until(
        lambda: site.bench.count(t.jobs, t.jobs.c.state.in_(("succeeded", "failed"))) == 1, "the job is done"
    )
    facts = site.owner.get(f"/v1/campaigns/{site.bench.campaign}/facts").json()
    job = facts["cycles"][0]["jobs"][0]
    assert ["succeeded"] == [attempt["state"] for attempt in job["attempts"]], job["attempts"]
    [found] = job["measurements"]
    low, high = case.between
    assert (case.unit, True) == (found["unit"], low <= found["value"] <= high)
    assert job["attempts"][0]["versions"]["adapter"]


def test_every_message_is_repeated_until_it_is_answered(
    site: Site, case: Case, relay: Relay, robot: RobotProcess
) -> None:
    """The answer to each message is lost once; the job is done once, by one attempt."""
    robot.start(site.code(case.kind))
    for message in (b"/jobs/claim ", b"/accept ", b"/start ", b"/finish "):
        relay.swallow(message)
        until(relay.caught.is_set, f"the answer to {message!r} is lost")
        relay.mend()

    _finished(site, case)


def test_a_request_to_end_lets_the_job_in_hand_finish(
    site: Site, case: Case, relay: Relay, robot: RobotProcess
) -> None:
    """Exit code 0, after the result is in; nothing new was begun."""
    relay.hold(b"/start ")
    process = robot.start(site.code(case.kind))
    until(relay.caught.is_set, "the job is about to start")
    robot.ask_to_end()
    relay.mend()

    _finished(site, case)
    assert 0 == process.wait(30)
    assert 1 == relay.passed.count(b"POST /v1/jobs/claim HTTP/1.1")


def test_killed_in_the_middle_it_leaves_a_loss(
    site: Site, case: Case, relay: Relay, robot: RobotProcess
) -> None:
    """Whatever the adapter was doing, nothing of it is left running, and nobody repeats it unasked."""
    relay.hold(b"/finish ")
    robot.start(site.code(case.kind))
    until(relay.caught.is_set, "the work is done and not yet told")
    robot.kill()

    site.bench.do(_lease_over)
    until(lambda: site.bench.count(t.incidents) == 1, "the loss is noticed")
    assert 0 == site.bench.count(t.measurements)
    assert ["lost"] == [row.state for row in site.bench.all(t.attempts.select())]


def _lease_over(tx: Any) -> None:
    tx.run(t.attempts.update().values(lease_until=tx.now()))


def test_a_second_request_to_end_ends_at_once(
    site: Site, case: Case, relay: Relay, robot: RobotProcess
) -> None:
    """Who asks twice does not want to wait: not for the work, and not for a server that does not answer."""
    relay.hold(b"/finish ")
    process = robot.start(site.code(case.kind))
    until(relay.caught.is_set, "the work is done and not yet told")
    relay.freeze()
    robot.ask_to_end()
    robot.says("a second signal ends it at once")
    robot.ask_to_end()

    assert 0 == process.wait(10)
    relay.mend()
