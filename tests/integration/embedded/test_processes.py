"""The supervisor, on real processes."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from moonloop.domain.errors import SetupProblem
from moonloop.embedded.processes import Backoff, Phase, Program, Supervisor, answers_at, interrupted
from moonloop.embedded.temporal import free_port

Eventually = Callable[[Callable[[], object]], Awaitable[None]]
Gone = Callable[[int], bool]
Python = Callable[..., Program]

_AT_ONCE = Backoff(first=0.01, cap=0.02)

_WAITS = "import time; time.sleep(600)"
_STUBBORN = """
import pathlib, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(600)
"""
_PARENT = """
import pathlib, subprocess, sys, time
inner = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(inner.pid, flush=True)
time.sleep(600)
"""
_SUPERVISOR = """
import asyncio, pathlib, sys
from moonloop.embedded.processes import Program, Supervisor

async def main(folder):
    async with Supervisor() as supervisor:
        for name, lines in (("one", sys.argv[2]), ("two", sys.argv[3])):
            command = (sys.executable, "-u", "-c", lines)
            await supervisor.start(Program(name=name, command=command, log=folder / f"{name}.log"))
        print(*(state.pid for state in supervisor.states()), supervisor._guardian._process.pid, flush=True)
        await asyncio.Event().wait()

asyncio.run(main(pathlib.Path(sys.argv[1])))
"""


def _running_supervisor(folder: Path) -> tuple[subprocess.Popen[str], list[int]]:
    """Start a supervisor in a process of its own; return it, and its children and guardian's pids."""
    supervisor = subprocess.Popen(
        [sys.executable, "-c", _SUPERVISOR, str(folder), _PARENT, _STUBBORN],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert supervisor.stdout is not None
    return supervisor, [int(pid) for pid in supervisor.stdout.readline().split()]


def _kill(supervisor: subprocess.Popen[str]) -> None:
    supervisor.kill()
    supervisor.communicate()


def _text(file: Path) -> str:
    return file.read_text() if file.exists() else ""


async def _pid_in(log: Path, eventually: Eventually) -> int:
    await eventually(lambda: _text(log).strip())
    return int(_text(log))


def _says(log: Path) -> Callable[[], Awaitable[bool]]:
    async def probe() -> bool:
        return "here" in _text(log)

    return probe


async def _never() -> bool:
    return False


async def test_programs_start_in_order_and_stop_in_reverse(tmp_path: Path, python: Python) -> None:
    """What comes later may lean on what came before it, to its own end."""
    story = tmp_path / "story"
    tells = """
import signal, sys, time
def tell(what):
    with open(sys.argv[1], "a") as file:
        file.write(what + "\\n")
def end(*_):
    tell("end " + sys.argv[2])
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
tell("start " + sys.argv[2])
time.sleep(600)
"""

    async with Supervisor() as supervisor:
        for name in ("first", "second"):

            async def started(name: str = name) -> bool:
                return f"start {name}" in _text(story)

            program = python(name, tells, ready=started)
            await supervisor.start(replace(program, command=(*program.command, str(story), name)))

    assert ["start first", "start second", "end second", "end first"] == _text(story).splitlines()


async def test_a_program_that_dies_is_started_again(python: Python, eventually: Eventually) -> None:
    """A kill -9 costs a moment, and the count of restarts says that it happened."""
    async with Supervisor(backoff=_AT_ONCE) as supervisor:
        await supervisor.start(python("worker", _WAITS))
        former = supervisor.states()[0].pid
        assert former is not None
        os.kill(former, signal.SIGKILL)
        await eventually(lambda: supervisor.states()[0].restarts)
        await eventually(lambda: supervisor.states()[0].phase is Phase.READY)
        state = supervisor.states()[0]

    assert state.pid not in {None, former}
    assert (1, -signal.SIGKILL) == (state.restarts, state.exit_code)


async def test_a_program_that_keeps_dying_is_left_alone_for_longer_each_time(
    python: Python, eventually: Eventually
) -> None:
    """A broken program neither stops the rest nor eats the machine, and people are told each time."""
    said: list[str] = []
    waits = (0.01, 0.02, 0.04, 0.04)

    async with Supervisor(backoff=Backoff(first=0.01, cap=0.04), say=said.append) as supervisor:
        await supervisor.start(python("broken", "raise SystemExit(3)"))
        await eventually(lambda: supervisor.states()[0].restarts >= 4)

    deaths = [sentence for sentence in said if "ended" in sentence][:4]
    assert [f"broken ended with exit code 3. Starting broken again in {s} s." for s in waits] == deaths


async def test_a_program_that_ends_before_it_is_ready_is_reported_with_its_last_words(python: Python) -> None:
    """The first thing to read is why, and where the rest is."""
    program = python("worker", "print('no such table'); raise SystemExit(4)", ready=_never)

    async with Supervisor() as supervisor:
        with pytest.raises(SetupProblem) as caught:
            await supervisor.start(program)
        assert Phase.STOPPED is supervisor.states()[0].phase

    assert "worker ended with exit code 4 before it was ready." == caught.value.problem
    assert f"Its last words:\n  no such table\nIts whole log is {program.log}." == caught.value.remedy


async def test_last_words_are_those_of_the_latest_run(python: Python) -> None:
    """A log that grew over many runs does not answer for the run at hand."""
    program = python("worker", "raise SystemExit(1)", ready=_never)
    program.log.write_text("from long ago\n")

    async with Supervisor() as supervisor:
        with pytest.raises(SetupProblem, match="It said nothing"):
            await supervisor.start(program)

    assert "from long ago\n" == _text(program.log)


async def test_a_program_that_is_not_ready_in_time_is_stopped_and_reported(
    python: Python, gone: Gone
) -> None:
    """Nothing waits for ever, not even for a probe that hangs, and what was late does not run on."""

    async def hangs() -> bool:
        return await asyncio.Event().wait()

    program = python(
        "late", "import os, time; print(os.getpid()); time.sleep(600)", ready=hangs, ready_within=0.5
    )

    async with Supervisor() as supervisor:
        with pytest.raises(SetupProblem, match=r"late was not ready within 0\.5 s"):
            await supervisor.start(program)
        assert gone(int(_text(program.log)))


async def test_a_program_whose_ground_is_missing_is_not_started(python: Python) -> None:
    """What must hold before a start is asked before it, and the answer comes through unchanged."""

    async def refuses() -> None:
        raise SetupProblem(problem="The port is taken.", remedy="Choose another.")

    program = python("server", "print('started')", before=refuses)

    async with Supervisor() as supervisor:
        with pytest.raises(SetupProblem, match=r"The port is taken\. Choose another\."):
            await supervisor.start(program)

    assert "" == _text(program.log)


async def test_a_folder_that_cannot_hold_the_log_is_named(tmp_path: Path, python: Python) -> None:
    """An error of the operating system arrives as a sentence with a way out."""
    (tmp_path / "file").touch()

    async with Supervisor() as supervisor:
        with pytest.raises(SetupProblem, match=r"worker cannot be started: .*See that .*file can be written"):
            await supervisor.start(python("worker", _WAITS, log=tmp_path / "file" / "worker.log"))


async def test_a_program_that_does_not_exist_says_so(tmp_path: Path) -> None:
    """A typing error in a command is told from a program that fails."""
    program = Program(
        name="ghost",
        command=(str(tmp_path / "no such program"),),
        log=tmp_path / "ghost.log",
        ready=_never,
    )

    async with Supervisor() as supervisor:
        with pytest.raises(SetupProblem, match=r"no such program cannot be run: No such file or directory"):
            await supervisor.start(program)


async def test_a_program_that_ignores_sigterm_is_killed(python: Python, gone: Gone) -> None:
    """Stopping ends, whatever the program thinks of it."""
    program = python("stubborn", _STUBBORN, stop_within=0.2)

    async def deaf() -> bool:
        return "deaf" in _text(program.log)

    async with Supervisor() as supervisor:
        await supervisor.start(replace(program, ready=deaf))
        pid = supervisor.states()[0].pid
        assert pid is not None

    assert gone(pid)
    state = supervisor.states()[0]
    assert (Phase.STOPPED, None, -signal.SIGKILL) == (state.phase, state.pid, state.exit_code)


async def test_what_a_program_started_ends_with_it(
    python: Python, eventually: Eventually, gone: Gone
) -> None:
    """A process pool does not outlive the worker that opened it, however the worker goes."""
    program = python("worker", _PARENT)

    async with Supervisor(backoff=Backoff(first=600, cap=600)) as supervisor:
        await supervisor.start(program)
        inner = await _pid_in(program.log, eventually)
        pid = supervisor.states()[0].pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await eventually(lambda: gone(inner))
        assert gone(pid)


async def test_stopping_leaves_no_zombie(python: Python) -> None:
    """Every child that ended has been waited for."""
    async with Supervisor() as supervisor:
        await supervisor.start(python("worker", _WAITS))
        pid = supervisor.states()[0].pid
        assert pid is not None

    with pytest.raises(ProcessLookupError):  # a zombie would still take signals
        os.kill(pid, 0)


async def test_nothing_outlives_a_supervisor_that_is_killed(
    tmp_path: Path, eventually: Eventually, gone: Gone
) -> None:
    """After kill -9 of the supervisor no child, no child's child and no guardian is left."""
    supervisor, pids = _running_supervisor(tmp_path)
    pids.append(await _pid_in(tmp_path / "one.log", eventually))

    _kill(supervisor)

    await eventually(lambda: all(gone(pid) for pid in pids))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a signal for the parent's death")
async def test_children_die_with_the_supervisor_though_the_guardian_was_killed_first(
    tmp_path: Path, eventually: Eventually, gone: Gone
) -> None:
    """The tether holds on its own, so that no single kill can leave an orphan."""
    supervisor, (one, two, guardian) = _running_supervisor(tmp_path)
    inner = await _pid_in(tmp_path / "one.log", eventually)
    os.kill(guardian, signal.SIGKILL)

    _kill(supervisor)

    try:
        await eventually(lambda: gone(one) and gone(two))
    finally:
        os.kill(inner, signal.SIGKILL)  # beyond the tether's reach


async def test_an_error_inside_the_block_stops_every_program(python: Python, gone: Gone) -> None:
    """A command that fails half-way leaves nothing running."""
    pids: list[int | None] = []

    async def fails() -> None:
        async with Supervisor() as supervisor:
            await supervisor.start(python("worker", _WAITS))
            pids.extend(state.pid for state in supervisor.states())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fails()

    assert [True] == [pid is not None and gone(pid) for pid in pids]


async def test_being_cancelled_while_starting_leaves_nothing_running(
    python: Python, eventually: Eventually, gone: Gone
) -> None:
    """Ctrl-C in the middle of a start is as clean as one after it."""
    program = python(
        "late",
        "import os, time; print(os.getpid()); time.sleep(600)",
        ready=_never,
    )

    async def run() -> None:
        async with Supervisor() as supervisor:
            await supervisor.start(program)

    task = asyncio.create_task(run())
    pid = await _pid_in(program.log, eventually)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert gone(pid)


async def test_some_can_be_stopped_while_the_others_run(tmp_path: Path, python: Python) -> None:
    """Robots end first, at the same time, while there still is a server to tell of what they finished."""
    meeting = """
import pathlib, signal, sys, time
def end(*_):
    pathlib.Path(sys.argv[1], sys.argv[2]).touch()
    while not pathlib.Path(sys.argv[1], sys.argv[3]).exists():
        time.sleep(0.01)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("here", flush=True)
time.sleep(600)
"""

    async with Supervisor() as supervisor:
        await supervisor.start(python("server", _WAITS))
        for name, other in (("one", "two"), ("two", "one")):
            program = python(name, meeting, ready=_says(tmp_path / f"{name}.log"), stop_within=60.0)
            arguments = (*program.command, str(tmp_path), name, other)
            await supervisor.start(replace(program, command=arguments))

        await supervisor.stop("one", "two", "never started")

        assert [("server", Phase.READY, None), ("one", Phase.STOPPED, 0), ("two", Phase.STOPPED, 0)] == [
            (state.name, state.phase, state.exit_code) for state in supervisor.states()
        ]


async def test_a_lock_keeps_a_second_program_off_the_same_data(tmp_path: Path, python: Python) -> None:
    """Two stacks started on one folder by mistake do not both write to it; the lock ends with its holder."""
    lock = tmp_path / "data.lock"

    async with Supervisor() as supervisor, Supervisor() as rival:
        await supervisor.start(
            python("holder", "print('here'); " + _WAITS, lock=lock, ready=_says(tmp_path / "holder.log"))
        )
        with pytest.raises(SetupProblem, match="already running on this folder"):
            await rival.start(
                python("rival", _WAITS, lock=lock, lock_within=0.0, ready=_says(tmp_path / "rival.log"))
            )
        await supervisor.stop()
        await rival.start(
            python("heir", "print('here'); " + _WAITS, lock=lock, ready=_says(tmp_path / "heir.log"))
        )


async def test_folders_and_variables_reach_the_program_though_they_have_spaces(
    tmp_path: Path, python: Python
) -> None:
    """A home folder with a space in its name is as good as any."""
    folder = tmp_path / "a folder"
    folder.mkdir()
    program = python(
        "teller",
        "import os; print(os.getcwd(), os.environ['GREETING'], 'here', sep='|');" + _WAITS,
        directory=folder,
        environment={"GREETING": "good day"},
        log=folder / "its log",
    )

    async with Supervisor(backoff=Backoff(first=600, cap=600)) as supervisor:
        await supervisor.start(replace(program, ready=_says(program.log)))

    assert f"{folder}|good day|here\n" == _text(program.log)


async def test_a_web_server_is_ready_when_it_answers(python: Python) -> None:
    """The probe for HTTP follows the server's own state."""
    port = free_port()
    serves = f"""
from http.server import HTTPServer, SimpleHTTPRequestHandler
HTTPServer(("127.0.0.1", {port}), SimpleHTTPRequestHandler).serve_forever()
"""
    probe = answers_at(f"http://127.0.0.1:{port}/")

    async with Supervisor() as supervisor:
        await supervisor.start(python("web", serves, ready=probe))
        assert await probe()


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM])
async def test_being_asked_to_end_is_noticed(which: signal.Signals) -> None:
    """Ctrl-C and a service manager's SIGTERM both lead to an orderly stop."""
    waiting = asyncio.create_task(interrupted())
    await asyncio.sleep(0)

    os.kill(os.getpid(), which)

    assert which is await waiting
