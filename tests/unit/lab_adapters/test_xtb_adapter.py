"""The xtb robot: what it measures, what it refuses, and how it outlives the process that computes."""

import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator
from itertools import pairwise

import psutil
import pytest

from moonloop.domain.errors import InvalidInput
from moonloop.domain.plans import JobSpec, Measure
from moonloop.domain.results import Outcome, Quality
from moonloop.lab_adapters.adapter import JobRefused, RunStopped
from moonloop.lab_adapters.xtb import XtbAdapter, XtbOptions, build
from moonloop.lab_adapters.xtb.calibration import calibration
from moonloop.lab_adapters.xtb.child import Child
from moonloop.lab_adapters.xtb.messages import Accepted, Failed, Log, Order, Reply
from moonloop.lab_adapters.xtb.request import PROTOCOL, Request
from moonloop.lab_adapters.xtb.worker import answered
from support.recorder import JobMaker, Recorder

pytest.importorskip("tblite")

POTENTIAL = Measure(name="reduction_potential", unit="V")
BENZOQUINONE = "O=C1C=CC(=O)C=C1"
FLEXIBLE = "COC1=CC(=O)C=C(OC)C1=O"
ENDLESS = "OS(=O)(=O)c1ccc2C(=O)c3ccc(S(=O)(=O)O)cc3C(=O)c2c1"
"""Large: a hundred relaxed conformers of it take minutes."""


@pytest.fixture(scope="module")
def robot() -> Generator[XtbAdapter]:
    """One robot for the tests that do it no harm: its child loads its libraries once."""
    made = XtbAdapter()
    yield made
    made.close()


@pytest.fixture
def child() -> Child:
    """The child of a robot of one's own, for tests that kill it."""
    return Child()


@pytest.fixture
def fragile(child: Child) -> Generator[XtbAdapter]:
    """A robot with that child."""
    made = XtbAdapter(child=child)
    yield made
    made.close()


def endless(job: JobMaker, *, timeout_s: float = 600.0) -> JobSpec:
    """Make a job that does not end while a test lasts."""
    parameters = {"conformers": 100, "optimise": True}
    return job(PROTOCOL, POTENTIAL, smiles=ENDLESS, parameters=parameters, timeout_s=timeout_s)


def living(child: Child) -> psutil.Process:
    """Return the process that computes."""
    assert child.pid is not None
    return psutil.Process(child.pid)


def test_importing_the_adapter_loads_no_chemistry() -> None:
    """The robot's own process stays light and cannot be brought down by compiled code."""
    code = "import sys, moonloop.lab_adapters.xtb; print({'numpy', 'rdkit', 'tblite'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "set()\n"


def test_benzoquinone_comes_out_within_its_uncertainty(
    robot: XtbAdapter, job: JobMaker, recorder: Recorder
) -> None:
    """The potential is near the handbook's 0.699 V; the uncertainty is made of the parts that it names."""
    report = robot.run(job(PROTOCOL, POTENTIAL, smiles=BENZOQUINONE), recorder)
    assert report.outcome == Outcome.SUCCEEDED
    (number,) = report.measurements
    assert (number.name, number.unit, number.quality) == ("reduction_potential", "V", Quality.GOOD)
    assert number.uncertainty is not None
    assert abs(number.value - 0.699) < 2 * number.uncertainty
    spread, error = number.parts["conformer_spread"], number.parts["calibration_error"]
    assert pytest.approx(math.hypot(spread, error)) == number.uncertainty


def test_a_measurement_carries_its_energies_structures_and_log(
    robot: XtbAdapter, job: JobMaker, recorder: Recorder
) -> None:
    """Whoever doubts the number finds what it was made of, and by which programs."""
    report = robot.run(job(PROTOCOL, POTENTIAL, smiles=BENZOQUINONE), recorder)
    names = {"energies.json", "quinone.xyz", "hydroquinone.xyz", "structures.sdf", "calculation.log"}
    assert names == {artifact.name for artifact in report.artifacts} == set(recorder.stored)
    assert {"adapter", "calibration", "tblite", "rdkit", "numpy"} == set(report.versions)
    energies = json.loads(recorder.stored["energies.json"])
    assert report.measurements[0].value == energies["measurement"]["value"]
    change = energies["answer"]["hydroquinone"]["energy"] - energies["answer"]["quinone"]["energy"]
    per_electron = -0.5 * (change - energies["answer"]["hydrogen"]) * 27.211386245988
    assert pytest.approx(per_electron) == report.measurements[0].parts["half_reaction"]
    assert b"energy error" in recorder.stored["calculation.log"]


def test_progress_rises_from_start_to_end(robot: XtbAdapter, job: JobMaker, recorder: Recorder) -> None:
    """A person who watches sees what is computed, and a fraction that never falls."""
    robot.run(job(PROTOCOL, POTENTIAL, smiles=BENZOQUINONE), recorder)
    fractions = [fraction for _, fraction in recorder.steps if fraction is not None]
    assert all(earlier <= later for earlier, later in pairwise(fractions))
    assert {"conformers of the quinone", "energies of the hydroquinone"} <= {
        step for step, _ in recorder.steps
    }


def test_the_seed_decides_the_result(robot: XtbAdapter, job: JobMaker, recorder: Recorder) -> None:
    """The same seed repeats the report with all its artifacts; another seed starts from other conformers."""
    one, same, other = (
        robot.run(job(PROTOCOL, POTENTIAL, smiles=FLEXIBLE, seed=seed), recorder) for seed in (1, 1, 2)
    )
    assert one == same
    assert one.artifacts != other.artifacts


def test_every_parameter_reaches_the_calculation(
    robot: XtbAdapter, job: JobMaker, recorder: Recorder
) -> None:
    """The artifacts state the method, solvent, conformers and relaxation that the job asked for."""
    parameters = {"method": "GFN1-xTB", "solvent": "none", "conformers": 3, "optimise": True}
    spec = job(PROTOCOL, POTENTIAL, smiles=BENZOQUINONE, parameters=parameters)
    report = robot.run(spec, recorder)
    energies = json.loads(recorder.stored["energies.json"])
    assert energies["request"] == parameters | {"smiles": BENZOQUINONE, "seed": spec.seed}
    assert energies["answer"]["quinone"]["steps"] > 0
    asked = Request.model_validate(energies["request"])
    line = calibration().line(asked)
    number = report.measurements[0]
    assert pytest.approx(line.potential(number.parts["half_reaction"])) == number.value


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"temperature": 300}, "unknown parameter temperature; known are method, solvent"),
        (
            {"method": "GFN0-xTB"},
            "parameter method: Input should be 'GFN2-xTB' or 'GFN1-xTB', not 'GFN0-xTB'",
        ),
        ({"solvent": "ethanol"}, "parameter solvent"),
        ({"conformers": 1}, "parameter conformers"),
        ({"conformers": 101}, "takes up to 100 conformers, not 101"),
        ({"optimise": "perhaps"}, "parameter optimise"),
        ({"seed": 3}, "seed is not a parameter"),
    ],
)
def test_parameters_outside_the_protocol_are_refused(
    robot: XtbAdapter, job: JobMaker, parameters: dict[str, str | int], sentence: str
) -> None:
    """The refusal names the parameter and says what would be right."""
    with pytest.raises(JobRefused, match=sentence):
        robot.check(job(PROTOCOL, POTENTIAL, smiles=BENZOQUINONE, parameters=parameters))


def test_another_job_is_refused(robot: XtbAdapter, job: JobMaker) -> None:
    """Protocol, quantity, unit and molecule have to be those that this instrument knows."""
    for spec, sentence in (
        (job("xtb.reduction_potential/2", POTENTIAL, smiles=BENZOQUINONE), "does xtb.reduction_potential/1"),
        (job(PROTOCOL, Measure(name="yield", unit="%"), smiles=BENZOQUINONE), "not yield in %"),
        (job(PROTOCOL, Measure(name="reduction_potential", unit="mV"), smiles=BENZOQUINONE), "in mV"),
        (job(PROTOCOL, POTENTIAL, settings={"base": "DBU"}), "no SMILES"),
    ):
        with pytest.raises(JobRefused, match=sentence):
            robot.check(spec)


def test_what_is_no_quinone_is_refused_before_and_fails_after(
    robot: XtbAdapter, job: JobMaker, recorder: Recorder
) -> None:
    """The check says why; a run that was started all the same reports it as wrong input, with its log."""
    spec = job(PROTOCOL, POTENTIAL, smiles="c1ccccc1")
    with pytest.raises(JobRefused, match="not a quinone"):
        robot.check(spec)
    report = robot.run(spec, recorder)
    assert (report.outcome, report.failure_kind, report.measurements) == (Outcome.FAILED, "input", ())
    assert "not a quinone" in report.failure
    assert [artifact.name for artifact in report.artifacts] == ["calculation.log"]


def test_a_good_job_passes_the_check(robot: XtbAdapter, job: JobMaker) -> None:
    """The check asks the child, computes nothing, and raises nothing."""
    robot.check(job(PROTOCOL, POTENTIAL, smiles=BENZOQUINONE))


def test_a_job_over_time_is_killed_and_the_robot_goes_on(
    fragile: XtbAdapter, child: Child, job: JobMaker, recorder: Recorder
) -> None:
    """The report says timeout and keeps the log; the child is gone; the next job gets a fresh one."""
    fragile.check(endless(job))
    process = living(child)
    report = fragile.run(endless(job, timeout_s=0.5), recorder)
    assert (
        report.outcome,
        report.failure_kind,
        report.failure,
    ) == (Outcome.FAILED, "timeout", "no answer within 0.5 s")
    assert b"timeout" in recorder.stored["calculation.log"]
    assert not process.is_running()
    again = fragile.run(job(PROTOCOL, POTENTIAL, smiles=BENZOQUINONE), recorder)
    assert again.outcome == Outcome.SUCCEEDED


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_crash_is_reported_and_the_robot_goes_on(
    fragile: XtbAdapter, child: Child, job: JobMaker, recorder: Recorder, signal_number: signal.Signals
) -> None:
    """Whatever ends the child, the report names the signal, and the next job succeeds."""
    recorder.on_progress = lambda: os.kill(living(child).pid, signal_number)
    report = fragile.run(endless(job), recorder)
    assert (report.outcome, report.failure_kind) == (Outcome.FAILED, "crash")
    assert f"signal {signal_number.name}" in report.failure
    recorder.on_progress = lambda: None
    again = fragile.run(job(PROTOCOL, POTENTIAL, smiles=BENZOQUINONE), recorder)
    assert again.outcome == Outcome.SUCCEEDED


def test_a_stop_kills_the_calculation(
    fragile: XtbAdapter, child: Child, job: JobMaker, recorder: Recorder
) -> None:
    """When the claim to the job is lost, nothing goes on computing for it."""
    seen: list[psutil.Process] = []

    def stop() -> None:
        if recorder.steps:
            seen.append(living(child))
            raise RunStopped

    recorder.on_checkpoint = stop
    with pytest.raises(RunStopped):
        fragile.run(endless(job), recorder)
    assert not seen[0].is_running()


def test_closing_ends_the_child(fragile: XtbAdapter, child: Child, job: JobMaker) -> None:
    """A robot that is shut down leaves no process behind; the one that it had computed in one thread."""
    fragile.check(job(PROTOCOL, POTENTIAL, smiles=BENZOQUINONE))
    process = living(child)
    assert process.environ()["OMP_NUM_THREADS"] == "1"
    fragile.close()
    assert not process.is_running()


ROBOT = """
import sys
from moonloop.domain.plans import JobSpec
from moonloop.lab_adapters.xtb import build

class Talking:
    def progress(self, step, fraction=None):
        print(robot._child.pid, flush=True)
    def checkpoint(self):
        pass

robot = build({})
robot.run(JobSpec.model_validate_json(sys.argv[1]), Talking())
"""


def test_the_death_of_the_robot_ends_its_calculation(job: JobMaker) -> None:
    """Even kill -9 of the robot's process, in the middle of a calculation, leaves no orphan."""
    command = [sys.executable, "-c", ROBOT, endless(job).model_dump_json()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        child = psutil.Process(int(process.stdout.readline()))
        process.kill()
    _, alive = psutil.wait_procs([child], timeout=10)
    assert alive == []


class Scripted(Child):
    """A child that says what a test wants it to."""

    def __init__(self, replies: Iterator[Reply | None]) -> None:
        super().__init__()
        self._replies = replies

    def send(self, order: Order) -> None:
        """Take any order."""

    def receive(self, wait_s: float) -> Reply | None:
        """Say the next thing, however long one would wait for it."""
        assert wait_s > 0
        return next(self._replies)


def test_a_calculation_without_convergence_is_a_failed_run_with_its_log(
    job: JobMaker, recorder: Recorder
) -> None:
    """There is no number, there is a reason, and the log shows how far it came."""
    failed = Failed(failure_kind="not_converged", why="SCF not converged in 250 cycles")
    robot = XtbAdapter(child=Scripted(iter([Log(text="250 -22.9 1.0"), failed])))
    report = robot.run(job(PROTOCOL, POTENTIAL, smiles=BENZOQUINONE), recorder)
    assert (
        report.failure_kind,
        report.failure,
        report.measurements,
    ) == ("not_converged", "SCF not converged in 250 cycles", ())
    assert b"250 -22.9 1.0" in recorder.stored["calculation.log"]


def test_a_pause_does_not_use_up_the_time_limit(
    job: JobMaker, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hour spent at a checkpoint is nobody's time; the calculation has its minute all the same."""
    clock = [0.0]

    def pause() -> None:
        clock[0] += 3600.0

    recorder.on_checkpoint = pause
    monkeypatch.setattr("moonloop.lab_adapters.xtb.adapter.time.monotonic", lambda: clock[0])
    robot = XtbAdapter(child=Scripted(iter([None, None, Failed(failure_kind="input", why="at its end")])))
    assert robot.run(job(PROTOCOL, POTENTIAL, smiles=BENZOQUINONE), recorder).failure == "at its end"


def order(command: str, smiles: str = BENZOQUINONE) -> Order:
    """Make an order for the worker."""
    asked = Request(smiles=smiles, seed=1, conformers=2)
    return Order.model_validate({"command": command, "request": asked, "max_atoms": 60})


def test_the_worker_says_which_extra_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without tblite a robot answers with the line that installs it."""
    monkeypatch.setitem(sys.modules, "moonloop.lab_adapters.xtb.half_reaction", None)
    monkeypatch.delattr("moonloop.lab_adapters.xtb.half_reaction", raising=False)
    reply = answered(order("check"), print)
    assert isinstance(reply, Failed)
    assert (reply.failure_kind, "pip install 'moonloop[xtb]'" in reply.why) == ("instrument", True)


def test_the_worker_survives_what_a_library_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception that nobody foresaw is a failed run, not a dead process."""

    def broken(*_given: object) -> None:
        raise ArithmeticError("overflow")

    monkeypatch.setattr("moonloop.lab_adapters.xtb.half_reaction.half_reaction", broken)
    assert Failed(failure_kind="instrument", why="ArithmeticError: overflow") == answered(order("run"), print)
    assert Accepted() == answered(order("check"), print)


def test_options_set_the_limits() -> None:
    """The capability document states what the person who started the robot allowed."""
    made = build({"max_conformers": "20"})
    assert made.capabilities().limits["conformers"].high == 20
    assert made.capabilities().protocols == (PROTOCOL,)
    assert XtbOptions().max_conformers == 100


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"max_atoms": "many"}, "option max_atoms of the xtb adapter"),
        ({"gpu": "1"}, "known options are max_atoms"),
    ],
)
def test_wrong_options_are_explained(options: dict[str, str], sentence: str) -> None:
    """The error names the option and those that there are."""
    with pytest.raises(InvalidInput, match=sentence):
        build(options)
