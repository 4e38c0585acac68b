"""One run of a program: started on a tether, its log kept, stopped with all that it started."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Self

from moonloop.domain.errors import SetupProblem
from moonloop.embedded.lifeline import Guardian, tethered

__all__ = ["Child", "Program"]

_TAIL_BYTES = 65_536


@dataclass(frozen=True, kw_only=True)
class Program:
    """A program that is to run for as long as its supervisor does.

    Attributes:
        name: what people call it; unique within a supervisor.
        command: the program and its arguments; found on PATH if it has no slash. No shell is involved.
        log: the file that its output is appended to; made with its folder.
        environment: variables added to the supervisor's own.
        directory: the working directory; the supervisor's own by default.
        lock: a file that it holds locked while it lives, so that no second one runs on the same data.
        lock_within: seconds that the lock is waited for; a predecessor that is being killed needs a moment.
        before: awaited before every start; raises SetupProblem where starting makes no sense.
        ready: answers whether the program does its work yet; an exception means no.
        ready_within: seconds it is given to be ready.
        stop_within: seconds it is given to end after SIGTERM, before SIGKILL.
    """

    name: str
    command: tuple[str, ...]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    directory: Path | None = None
    lock: Path | None = None
    lock_within: float = 5.0
    before: Callable[[], Awaitable[None]] | None = None
    ready: Callable[[], Awaitable[bool]] | None = None
    ready_within: float = 60.0
    stop_within: float = 10.0


class Child:
    """A running program. Construct it with `Child.spawn`; it is its own session and process group."""

    def __init__(
        self, program: Program, process: asyncio.subprocess.Process, guardian: Guardian, since: int
    ) -> None:
        self.program = program
        self._process = process
        self._guardian = guardian
        self._since = since
        self._swept = False
        guardian.guard(process.pid)

    @classmethod
    async def spawn(cls, program: Program, guardian: Guardian) -> Self:
        """Do what is to be done before, and start a program; one that cannot be run ends with exit code 127.

        Raises:
            SetupProblem: its log or folder cannot be used, or the machine allows no more processes.
        """
        try:
            if program.before is not None:
                await program.before()
            with _opened(program.log) as log:
                since = log.tell()
                process = await asyncio.create_subprocess_exec(
                    *tethered(*program.command, lock=program.lock, patience=program.lock_within),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env={**os.environ, **program.environment},
                    cwd=program.directory,
                    start_new_session=True,
                )
        except OSError as error:
            raise _unstartable(program, error) from error
        return cls(program, process, guardian, since)

    @property
    def pid(self) -> int:
        """The process id, of the program itself: the tether has become it."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._process.returncode

    def last_lines(self, count: int = 10) -> tuple[str, ...]:
        """Return the last lines that this run has written to its log."""
        return _tail(self.program.log, self._since)[-count:]

    async def ended(self) -> int:
        """Wait until the program has ended, end what is left of its group, and return its exit code."""
        code = await self._process.wait()
        self._sweep()
        return code

    async def stop(self) -> None:
        """Ask it to end (SIGTERM), wait as long as the program allows, then end its group (SIGKILL)."""
        try:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
            async with asyncio.timeout(self.program.stop_within):
                await self._process.wait()
        except TimeoutError:
            pass
        finally:
            self._sweep()
        await self._process.wait()

    def _sweep(self) -> None:
        if self._swept:  # the number may be another's by now
            return
        self._swept = True
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._guardian.forget(self.pid)


def _unstartable(program: Program, error: OSError) -> SetupProblem:
    return SetupProblem(
        problem=f"{program.name} cannot be started: {error}.",
        remedy=f"See that its folder and {program.log.parent} can be written, and processes are allowed.",
    )


def _opened(log: Path) -> BinaryIO:
    log.parent.mkdir(parents=True, exist_ok=True)
    return log.open("ab")


def _tail(log: Path, since: int) -> tuple[str, ...]:
    try:
        with log.open("rb") as file:
            file.seek(max(since, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            return tuple(file.read().decode(errors="replace").splitlines())
    except FileNotFoundError:
        return ()
