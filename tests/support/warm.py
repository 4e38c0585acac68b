"""Processes of Moonloop that start in no time, forked from one that has loaded everything.

Loading takes most of the time of a start, and a tour has a hundred of them. What runs is `python -m moonloop`
all the same, in a process, session and process group of its own, and it is killed like any other.
"""

import asyncio
import ctypes
import json
import os
import random
import runpy
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from moonloop.embedded.child import Program
from moonloop.embedded.processes import Backoff, Phase, ProcessState

__all__ = ["WarmSupervisor"]

_LOADED = (
    "moonloop.cli.main",
    "moonloop.api.server",
    "moonloop.service.wiring",
    "moonloop.workflows.worker",
    "moonloop.workflows.activities",
    "moonloop.workflows.agent_activities",
    "moonloop.agents.turning",
    "moonloop.agents.bench.workbench",
    "moonloop.agents.door.door",
    "moonloop.workflows.relay",
    "moonloop.lab_adapters.table",
    "alembic.command",
    "uvloop",
)
_POLL_S = 0.05
_HERE = str(Path(__file__).parents[1])
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


@dataclass
class _Kept:
    program: Program
    keeper: asyncio.Task[None] | None = None
    phase: Phase = Phase.STARTING
    pid: int | None = None
    restarts: int = 0
    since: int = 0
    """Where the latest run's part of the log begins."""

    def last_lines(self) -> tuple[str, ...]:
        """Return what the latest run wrote."""
        with suppress(FileNotFoundError), self.program.log.open("rb") as file:
            file.seek(self.since)
            return tuple(file.read().decode(errors="replace").splitlines()[-10:])
        return ()


@dataclass
class WarmSupervisor:
    """Does for `python -m moonloop` what a Supervisor does for any program; Linux only."""

    environment: Mapping[str, str]
    """What all of them have; `/proc` shows it for each."""
    backoff: Backoff
    _kept: dict[str, _Kept] = field(default_factory=dict[str, _Kept])
    _asking: asyncio.Lock = field(default_factory=asyncio.Lock)
    _parent: Process = field(init=False)

    async def __aenter__(self) -> Self:
        self._parent = await asyncio.create_subprocess_exec(
            sys.executable, __file__, stdin=PIPE, stdout=PIPE,
            env={**os.environ, **self.environment, "PYTHONPATH": _HERE},
        )  # fmt: skip
        return self

    async def __aexit__(self, *_: object) -> None:
        for kept in reversed(self._kept.values()):
            await self._stop(kept)
        assert self._parent.stdin is not None
        self._parent.stdin.close()
        await self._parent.wait()

    async def start(self, program: Program) -> None:
        """Start a program and wait until it is ready."""
        kept = self._kept[program.name] = _Kept(program)
        kept.keeper = asyncio.create_task(self._keep(kept))
        async with asyncio.timeout(program.ready_within):
            while kept.phase is not Phase.READY:  # noqa: ASYNC110  set by the keeper, and polled only at the start
                await asyncio.sleep(_POLL_S)

    def states(self) -> tuple[ProcessState, ...]:
        """Return the state of each program."""
        return tuple(
            ProcessState(
                name=name,
                phase=kept.phase,
                pid=kept.pid,
                restarts=kept.restarts,
                exit_code=None,
                log=kept.program.log,
                last_lines=kept.last_lines(),
            )
            for name, kept in self._kept.items()
        )

    async def _keep(self, kept: _Kept) -> None:
        deaths = 0
        while True:
            kept.phase = Phase.STARTING
            pid = await self._fork(kept)
            ready = asyncio.create_task(_until_ready(kept))
            try:
                await _until_gone(pid)
            finally:
                ready.cancel()
            kept.phase, kept.pid = Phase.WAITING, None
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            deaths += 1
            kept.restarts += 1
            await asyncio.sleep(self.backoff.wait(min(deaths, 3)))

    async def _fork(self, kept: _Kept) -> int:
        program = kept.program
        program.log.parent.mkdir(parents=True, exist_ok=True)
        kept.since = program.log.stat().st_size if program.log.exists() else 0
        request = {
            "arguments": program.command[program.command.index("moonloop") + 1 :],
            "environment": dict(program.environment),
            "log": str(program.log),
        }
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        async with self._asking:
            self._parent.stdin.write(json.dumps(request).encode() + b"\n")
            kept.pid = int(await self._parent.stdout.readline())
        return kept.pid

    async def _stop(self, kept: _Kept) -> None:
        assert kept.keeper is not None
        pid = kept.pid
        kept.keeper.cancel()
        await asyncio.wait({kept.keeper})
        kept.phase, kept.pid = Phase.STOPPED, None
        if pid is None:
            return
        with suppress(ProcessLookupError, TimeoutError):
            os.kill(pid, signal.SIGTERM)
            async with asyncio.timeout(kept.program.stop_within):
                await _until_gone(pid)
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


async def _until_ready(kept: _Kept) -> None:
    assert kept.program.ready is not None
    while kept.phase is not Phase.READY:
        with suppress(Exception):  # whatever a probe stumbles over, the answer is no
            if await kept.program.ready():
                kept.phase = Phase.READY
        await asyncio.sleep(_POLL_S)


async def _until_gone(pid: int) -> None:
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    loop = asyncio.get_running_loop()
    gone = asyncio.Event()
    loop.add_reader(descriptor, gone.set)
    try:
        await gone.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


# In the process that has loaded everything.


def _load() -> None:
    for module in _LOADED:
        __import__(module)
    # A thread does not survive a fork, and may hold a lock at that moment.
    assert 1 == len(list(Path("/proc/self/task").iterdir()))


def _serve() -> dict[str, Any] | None:
    """Fork once for each request; return the request in the fork, None in the end."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            return json.loads(line)
        print(pid, flush=True)  # noqa: T201  the answer
    return None


def _become(request: dict[str, Any]) -> None:
    os.setsid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(request["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for number, target in ((0, os.open(os.devnull, os.O_RDONLY)), (1, log), (2, log)):
        os.dup2(target, number)
    os.environ.update(request["environment"])
    random.seed()
    sys.argv = ["moonloop", *request["arguments"]]
    runpy.run_module("moonloop", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _load()
    asked = _serve()
    if asked is not None:
        _become(asked)
