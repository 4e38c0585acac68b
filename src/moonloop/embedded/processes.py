"""Keep child processes running: start in order, restart what dies, stop in reverse, leave nothing behind."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self

import httpx

from moonloop.domain.errors import SetupProblem
from moonloop.embedded.child import Child, Program
from moonloop.embedded.lifeline import Guardian

__all__ = ["Backoff", "Phase", "ProcessState", "Program", "Supervisor", "answers_at", "interrupted"]

_POLL_S = 0.05


@dataclass(frozen=True, kw_only=True)
class Backoff:
    """How long to wait before a program that died is started again; all in seconds.

    Attributes:
        first: the wait after the first death; it doubles with every further one.
        cap: no wait is longer.
        steady: a program that lived for as long is forgiven its earlier deaths.
    """

    first: float = 0.25
    cap: float = 10.0
    steady: float = 30.0

    def wait(self, deaths: int) -> float:
        """Return the seconds to wait after this many deaths in a row, the first being 1."""
        return min(self.cap, self.first * 2.0 ** min(deaths - 1, 64))


class Phase(StrEnum):
    """Where a supervised program stands."""

    STARTING = "starting"
    READY = "ready"
    WAITING = "waiting"
    STOPPED = "stopped"


@dataclass(frozen=True, kw_only=True)
class ProcessState:
    """What there is to know about a supervised program now.

    Attributes:
        name: the program's name.
        phase: starting, ready, waiting (it died and will be started again) or stopped.
        pid: its process id while it runs.
        restarts: how often it was started again.
        exit_code: how its last run that ended did so, negative for a signal; None if none has.
        log: the file that its output goes to.
        last_lines: the last lines that its latest run wrote.
    """

    name: str
    phase: Phase
    pid: int | None
    restarts: int
    exit_code: int | None
    log: Path
    last_lines: tuple[str, ...]


class Supervisor:
    """Runs programs for as long as its `async with` block lasts.

    Programs are started one by one, each when the one before it is ready, and stopped in reverse order. One
    that dies later is started again, for ever, with a growing wait. However this process ends, its
    children end too.
    """

    def __init__(self, *, backoff: Backoff | None = None, say: Callable[[str], None] | None = None) -> None:
        self._backoff = backoff or Backoff()
        self._say = say or _silently
        self._kept: dict[str, _Kept] = {}
        self._guardian: Guardian | None = None

    async def __aenter__(self) -> Self:
        self._guardian = Guardian()
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._guardian is not None
        try:
            await self.stop()
        finally:
            self._guardian.close()

    async def start(self, program: Program) -> None:
        """Start a program and wait until it is ready.

        Raises:
            SetupProblem: it ended before it was ready or was not ready in time; it is not running then.
        """
        assert self._guardian is not None, "start programs inside `async with`"
        former = self._kept.pop(program.name, None)
        assert former is None or former.state().phase is Phase.STOPPED, f"{program.name} is already running"
        kept = _Kept(program, self._guardian, self._backoff, self._say)
        self._kept[program.name] = kept
        await kept.start()

    async def stop(self, *names: str) -> None:
        """Stop the programs of these names at the same time; without a name every one, the last one first."""
        if names:
            await asyncio.gather(*(self._kept[name].stop() for name in names if name in self._kept))
            return
        for kept in reversed(self._kept.values()):
            await kept.stop()

    def states(self) -> tuple[ProcessState, ...]:
        """Return the state of each program, in the order in which they were started."""
        return tuple(kept.state() for kept in self._kept.values())


class _Kept:
    """One program that is kept running."""

    def __init__(
        self, program: Program, guardian: Guardian, backoff: Backoff, say: Callable[[str], None]
    ) -> None:
        self._program = program
        self._guardian = guardian
        self._backoff = backoff
        self._say = say
        self._phase = Phase.STOPPED
        self._child: Child | None = None
        self._restarts = 0
        self._exit_code: int | None = None
        self._keeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self._run()
        self._keeper = asyncio.create_task(self._keep(), name=f"keep {self._program.name} running")

    async def stop(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait({self._keeper})
            self._keeper = None
        await self._end()

    def state(self) -> ProcessState:
        child = self._child
        return ProcessState(
            name=self._program.name,
            phase=self._phase,
            pid=child.pid if child is not None and child.exit_code is None else None,
            restarts=self._restarts,
            exit_code=self._exit_code,
            log=self._program.log,
            last_lines=child.last_lines() if child is not None else (),
        )

    async def _run(self) -> None:
        """Start the program and wait until it is ready; if that fails, leave nothing running and raise."""
        self._phase = Phase.STARTING
        try:
            self._child = await Child.spawn(self._program, self._guardian)
            await self._until_ready(self._child)
        except BaseException:
            await self._end()
            raise
        self._phase = Phase.READY

    async def _until_ready(self, child: Child) -> None:
        ended = asyncio.create_task(child.ended())
        ready = asyncio.create_task(self._becomes_ready())
        try:
            done, _ = await asyncio.wait(
                {ended, ready}, timeout=self._program.ready_within, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            ended.cancel()
            ready.cancel()
        if ended in done:
            raise _ended(child, ended.result())
        if ready not in done:
            raise _late(child)

    async def _becomes_ready(self) -> None:
        while not await self._is_ready():  # noqa: ASYNC110  another process's state sets no event
            await asyncio.sleep(_POLL_S)

    async def _is_ready(self) -> bool:
        if self._program.ready is None:
            return True
        try:
            return await self._program.ready()
        except Exception:  # noqa: BLE001  whatever a probe stumbles over, the answer is no
            return False

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        deaths = 0
        while True:
            since = loop.time()
            reason = await self._until_dead()
            deaths = 1 if loop.time() - since >= self._backoff.steady else deaths + 1
            wait = self._backoff.wait(deaths)
            self._phase = Phase.WAITING
            self._say(f"{reason} Starting {self._program.name} again in {wait:g} s.")
            await asyncio.sleep(wait)
            self._restarts += 1

    async def _until_dead(self) -> str:
        """Bring the program up if it is not, wait until it dies, and return the sentence that says how."""
        try:
            if self._phase is not Phase.READY:
                await self._run()
                self._say(f"{self._program.name} is running again.")
            assert self._child is not None
            self._exit_code = await self._child.ended()
        except SetupProblem as problem:
            return problem.problem
        return f"{self._program.name} ended {_how(self._exit_code)}."

    async def _end(self) -> None:
        if self._child is not None:
            await self._child.stop()
            self._exit_code = self._child.exit_code
        self._phase = Phase.STOPPED


def answers_at(url: str) -> Callable[[], Awaitable[bool]]:
    """Return a readiness probe: a URL on this machine answers with a status below 500."""
    plain = url.startswith("http://")

    async def probe() -> bool:
        # trust_env: a proxy set for the outside world has nothing to do with the loopback. verify: loading
        # the world's certificates takes longer than asking, and this asks many times a second.
        async with httpx.AsyncClient(trust_env=False, verify=not plain, timeout=5.0) as client:
            return (await client.get(url)).status_code < 500

    return probe


async def interrupted() -> signal.Signals:
    """Wait until this process is asked to end (SIGINT, SIGTERM), and return by which signal."""
    loop = asyncio.get_running_loop()
    asked: asyncio.Future[signal.Signals] = loop.create_future()

    def note(which: signal.Signals) -> None:
        if not asked.done():
            asked.set_result(which)

    signals = (signal.SIGINT, signal.SIGTERM)
    for which in signals:
        loop.add_signal_handler(which, note, which)
    try:
        return await asked
    finally:
        for which in signals:
            loop.remove_signal_handler(which)


def _silently(_sentence: str) -> None:
    pass


def _how(code: int | None) -> str:
    if code is not None and code < 0:
        return f"by signal {-code} ({signal.strsignal(-code)})"
    return f"with exit code {code}"


def _ended(child: Child, code: int) -> SetupProblem:
    return _problem(child, f"{child.program.name} ended {_how(code)} before it was ready.")


def _late(child: Child) -> SetupProblem:
    return _problem(child, f"{child.program.name} was not ready within {child.program.ready_within:g} s.")


def _problem(child: Child, sentence: str) -> SetupProblem:
    lines = child.last_lines()
    said = "\n".join(("Its last words:", *(f"  {line}" for line in lines))) if lines else "It said nothing."
    return SetupProblem(
        problem=sentence, remedy=f"{said}\nIts whole log is {child.program.log}.", code=child.exit_code
    )
