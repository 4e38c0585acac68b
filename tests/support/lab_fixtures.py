"""Fixtures of tests in which campaigns run: one Temporal server and one scientist for all, a laboratory each.

A conftest that wants them imports them.
"""

from collections.abc import AsyncGenerator, Generator
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio

from moonloop.embedded.temporal import TemporalServer, find_server
from support.lab import OpenLab, Scientist, open_lab

__all__ = ["open_a_lab", "scientist", "temporal"]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def temporal(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[TemporalServer]:
    """A Temporal server for all tests of this process."""
    folder = tmp_path_factory.mktemp("temporal")
    server = TemporalServer(
        program=find_server(), database=folder / "temporal.db", log=folder / "temporal.log"
    )
    async with server.running():
        yield server


@pytest.fixture(scope="session")
def scientist() -> Generator[Scientist]:
    """The scientist, in a process that all tests of this one share."""
    thinking = Scientist(1)
    yield thinking
    thinking.close()


@pytest.fixture
def open_a_lab(temporal: TemporalServer, scientist: Scientist, tmp_path: Path) -> OpenLab:
    """Open a laboratory on a ledger of its own, with changes to its settings."""
    return partial(open_lab, tmp_path / "home", temporal, scientist)
