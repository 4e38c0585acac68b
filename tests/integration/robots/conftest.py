"""A laboratory with short leases, and robots as processes that reach it over a network that can fail."""

from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path

import pytest

from moonloop.service.settings import Settings
from support.campaigns import Bench
from support.devices import Site
from support.network import Relay, relaying
from support.robots import MakeRobot, RobotProcess
from support.serving import ARTIFACT_LIMIT, serving

LEASE_S = 3.0
"""Long enough to be kept on a busy machine, short enough to be waited for."""
TABLE = "solvent,temperature,yield\nwater,20,10\nwater,40,20\nwater,60,30\n"
"""An answer to every candidate of the bench's plans."""


@pytest.fixture(params=["sqlite"])
def ledger_url(request: pytest.FixtureRequest) -> str:
    """The URL of a migrated SQLite ledger."""
    return request.getfixturevalue("sqlite_url")


@pytest.fixture
def lease_s() -> float:
    """How long a robot may be silent; a test that wants no lapse asks for a long one."""
    return LEASE_S


@pytest.fixture
def settings(tmp_path: Path, lease_s: float) -> Settings:
    """Leases that are over while a test waits."""
    return Settings(
        home=tmp_path / "home",
        lease=lease_s,
        beat=0.3,
        claim_wait=5.0,
        presence=0.2,
        sweep=0.1,
        artifact_limit=ARTIFACT_LIMIT,
    )


@pytest.fixture
def site(bench: Bench, settings: Settings) -> Generator[Site]:
    """The API with its upkeep, in real time."""
    with serving(settings, bench.ledger, upkeep=True) as url, Site(url, bench) as made:
        yield made


@pytest.fixture
def relay(site: Site) -> Generator[Relay]:
    """The network between the robots and the server."""
    with relaying(site.url) as made:
        yield made


@pytest.fixture
def new_robot(relay: Relay, tmp_path: Path) -> Generator[MakeRobot]:
    """Make a robot process behind the network; it is not started yet."""
    with ExitStack() as made:

        def make(adapter: str = "", *options: str, name: str = "lab") -> RobotProcess:
            home = tmp_path / name
            home.mkdir()
            table = tmp_path / "table.csv"
            table.write_text(TABLE)
            if not adapter:
                given = ("value=yield", "unit=%", f"csv={table}", *options)
                return made.enter_context(RobotProcess(home, relay.url, "table", given))
            return made.enter_context(RobotProcess(home, relay.url, adapter, options))

        yield make
