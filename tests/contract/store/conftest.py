"""What tests of the ledger share: campaigns with agents and their open task, exports and where they go."""

import json
import shutil
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from moonloop.store import Ledger, campaigns
from support.campaigns import Bench, ShiftedClock
from support.exporting import Records, eventful, running_campaign
from support.thinking import AGENTS, Thinking


@pytest.fixture
def with_agents(new_bench: Callable[..., Bench]) -> Callable[..., Bench]:
    """Make a campaign with agents, in its first cycle, with changes to its file."""

    def make(**changes: Any) -> Bench:
        bench = new_bench(**{"scientist": AGENTS, **changes})
        bench.do(campaigns.next_step, bench.campaign, "algorithmic")
        return bench

    return make


@pytest.fixture
def thinking(bench: Bench) -> Thinking:
    """An open task of the proposer, in the test's own campaign."""
    thinking = Thinking(bench)
    thinking.open()
    return thinking


@pytest.fixture(scope="session")
def happened(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The records of a campaign in which something happened, as the text of a file."""
    path = shutil.copy(migrated_file, tmp_path_factory.mktemp("happened") / "ledger.db")
    with running_campaign(f"sqlite:///{path}") as bench:
        return json.dumps(eventful(bench))


@pytest.fixture
def spoilable(happened: str) -> Records:
    """The same records, for a test to spoil."""
    return json.loads(happened)


@pytest.fixture(params=["sqlite", "postgresql"])
def elsewhere(request: pytest.FixtureRequest, migrated_file: Path, tmp_path: Path) -> Generator[Ledger]:
    """Another ledger, on each database in turn."""
    if request.param == "sqlite":
        path = tmp_path / "elsewhere.db"
        path.write_bytes(migrated_file.read_bytes())
        url = f"sqlite:///{path}"
        release: Callable[[], None] = lambda: None  # noqa: E731 -- nothing to give back
    else:
        cluster = request.getfixturevalue("postgres")
        url = cluster.fresh()
        release = lambda: cluster.recycle(url)  # noqa: E731 -- given back when the test is over
    opened = Ledger(url, clock=ShiftedClock())
    yield opened
    opened.close()
    release()
