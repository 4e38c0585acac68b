"""A served laboratory for tests of the HTTP API: on SQLite unless a test asks for both databases."""

from collections.abc import Callable, Generator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from moonloop.domain.robots import RobotKind
from moonloop.service.settings import Settings
from moonloop.store import Ledger
from support.campaigns import Bench, ShiftedClock, make_spec
from support.devices import Device, Site
from support.serving import ARTIFACT_LIMIT, BODY_LIMIT, serving


@pytest.fixture(params=["sqlite"])
def ledger_url(request: pytest.FixtureRequest) -> str:
    """The URL of a migrated ledger; mark a test with `ON_BOTH` to run it on PostgreSQL too."""
    return request.getfixturevalue("postgres_url" if request.param == "postgresql" else "sqlite_url")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Small limits; presence is beaten once and then by the test, which moves the time."""
    return Settings(
        home=tmp_path / "home", presence=3600.0, body_limit=BODY_LIMIT, artifact_limit=ARTIFACT_LIMIT
    )


@pytest.fixture
def site(bench: Bench, settings: Settings) -> Generator[Site]:
    """The API on the bench's ledger."""
    with serving(settings, bench.ledger) as url, Site(url, bench) as made:
        yield made


@pytest.fixture
def device(site: Site) -> Device:
    """An enrolled robot that can do the campaign's protocol."""
    return site.device()


@pytest.fixture
def new_site(ledger: Ledger, clock: ShiftedClock, settings: Settings) -> Generator[Callable[..., Site]]:
    """Serve a campaign of another kind of robot, with changes to its file."""
    with ExitStack() as open_sites:

        def make(kind: RobotKind = RobotKind.SIMULATED, **changes: Any) -> Site:
            bench = Bench(ledger, make_spec(kind, **changes), clock)
            bench.start()
            url = open_sites.enter_context(serving(settings, ledger))
            return open_sites.enter_context(Site(url, bench))

        yield make
