"""Fixtures that every kind of test may use."""

import os
import shutil
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before anybody loads numpy: small matrices

import pytest
from hypothesis import settings

from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.robots import RobotKind
from moonloop.store import Ledger
from moonloop.store.database import open_engine
from support.campaigns import CAMPAIGN, Bench, ShiftedClock, make_spec
from support.postgres import Cluster
from support.statements import compiled_once

# The same examples on every machine, and no deadline: a busy machine is no failure.
settings.register_profile("steady", derandomize=True, deadline=None, database=None)
settings.register_profile("thorough", deadline=None, max_examples=1_000)
settings.load_profile("steady")


@pytest.fixture(scope="session", autouse=True)
def statements() -> Generator[None]:
    """Compile the ledger's statements once for all tests of this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("moonloop.store.ledger.open_engine", compiled_once(open_engine))
        yield


@pytest.fixture(scope="session")
def postgres() -> Generator[Cluster]:
    """One PostgreSQL cluster for all tests of this process."""
    cluster = Cluster()
    yield cluster
    cluster.stop()


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite ledger to be copied."""
    path = tmp_path_factory.mktemp("template") / "ledger.db"
    ledger = Ledger(f"sqlite:///{path}")
    ledger.migrate()
    ledger.close()
    return path


@pytest.fixture
def sqlite_url(migrated_file: Path, tmp_path: Path) -> str:
    """The URL of a migrated SQLite ledger."""
    return f"sqlite:///{shutil.copy(migrated_file, tmp_path / 'ledger.db')}"


@pytest.fixture
def postgres_url(postgres: Cluster) -> Generator[str]:
    """The URL of a migrated PostgreSQL ledger."""
    url = postgres.fresh()
    yield url
    postgres.recycle(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest) -> str:
    """The URL of a migrated ledger, on each database in turn."""
    return request.getfixturevalue("postgres_url" if request.param == "postgresql" else "sqlite_url")


@pytest.fixture
def clock() -> ShiftedClock:
    """Time that a test can move."""
    return ShiftedClock()


@pytest.fixture
def ledger(ledger_url: str, clock: ShiftedClock) -> Generator[Ledger]:
    """An open ledger, on each database in turn."""
    opened = Ledger(ledger_url, clock=clock)
    yield opened
    opened.close()


@pytest.fixture
def rival(ledger_url: str, clock: ShiftedClock) -> Generator[Ledger]:
    """The same ledger, opened a second time as another process would."""
    opened = Ledger(ledger_url, clock=clock)
    yield opened
    opened.close()


@pytest.fixture
def spec() -> CampaignSpec:
    """A small campaign of simulated work."""
    return make_spec()


@pytest.fixture
def bench(ledger: Ledger, spec: CampaignSpec, clock: ShiftedClock) -> Bench:
    """A running campaign on an open ledger."""
    made = Bench(ledger, spec, clock)
    made.start()
    return made


@pytest.fixture
def new_bench(ledger: Ledger, clock: ShiftedClock) -> Callable[..., Bench]:
    """Make a running campaign of a robot kind, with changes to its file."""

    def make(kind: RobotKind = RobotKind.SIMULATED, campaign: str = CAMPAIGN, **changes: Any) -> Bench:
        made = Bench(ledger, make_spec(kind, **changes), clock, campaign)
        made.start()
        return made

    return make
