"""What the tests of the embedded stack share: real processes, and waiting for conditions."""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from moonloop.embedded.processes import Program
from moonloop.embedded.temporal import find_server

_PATIENCE_S = 30.0

Eventually = Callable[[Callable[[], object]], Awaitable[None]]
Python = Callable[..., Program]


@pytest.fixture(scope="session")
def temporal_program() -> Path:
    """The Temporal server of this machine."""
    return find_server()


@pytest.fixture
def eventually() -> Eventually:
    """Wait until a condition holds; fail when it does not come to hold."""

    async def wait(condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, "the condition never came to hold"
            await asyncio.sleep(0.01)

    return wait


@pytest.fixture
def gone() -> Callable[[int], bool]:
    """Say whether a process has ended; one that only waits for its parent to take note has."""

    def has_ended(pid: int) -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        stat = Path(f"/proc/{pid}/stat")
        return stat.exists() and ") Z " in stat.read_text()

    return has_ended


@pytest.fixture
def python(tmp_path: Path) -> Python:
    """Make a program of a few lines of Python; its output goes to `<name>.log`."""

    def make(name: str, lines: str, **options: object) -> Program:
        settings: dict[str, object] = {"log": tmp_path / f"{name}.log", "stop_within": 10.0, **options}
        return Program(name=name, command=(sys.executable, "-u", "-c", lines), **settings)  # pyright: ignore[reportArgumentType]  whatever a test sets

    return make
