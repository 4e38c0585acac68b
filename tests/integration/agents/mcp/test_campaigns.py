"""`moonloop tools mcp --campaign` beside a real API, over a campaign that is in its ledger."""

import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters

from moonloop.domain.access import Scope
from moonloop.domain.canonical import digest
from moonloop.service.settings import Settings
from support.campaigns import CAMPAIGN, Bench
from support.devices import Site
from support.serving import serving

DOCUMENT = b"Nitriles raise the potential of a quinone.\n"
ARGUMENTS = ["-m", "moonloop", "tools", "mcp", "--campaign", CAMPAIGN]


@pytest.fixture(params=["sqlite"])
def ledger_url(request: pytest.FixtureRequest) -> str:
    """The URL of a migrated SQLite ledger."""
    return request.getfixturevalue("sqlite_url")


@pytest.fixture
def site(new_bench: Callable[..., Bench], tmp_path: Path) -> Generator[Site]:
    """The API, and a campaign with a document of which a robot has measured one run of two."""
    document = {"name": "Smith 2019", "sha256": digest(DOCUMENT), "media_type": "text/plain"}
    bench = new_bench(documents=[document])
    settings = Settings(home=tmp_path / "site", presence=3600.0)
    with serving(settings, bench.ledger) as url, Site(url, bench) as made:
        assert 201 == made.owner.put(f"/v1/documents/{digest(DOCUMENT)}", content=DOCUMENT).status_code
        bench.queued(2)
        robot = bench.robot()
        bench.finish(robot, bench.running(robot), value=42.5)
        yield made


def _environment(site: Site, tmp_path: Path, *scopes: Scope) -> dict[str, str]:
    home = str(tmp_path / "desk")
    return {"MOONLOOP_URL": site.url, "MOONLOOP_TOKEN": site.token(*scopes), "MOONLOOP_HOME": home}


async def test_a_campaign_of_the_ledger_answers(site: Site, tmp_path: Path) -> None:
    """With a token that may only read: its data by query, and its document with quote and source."""
    started = StdioServerParameters(
        command=sys.executable, args=ARGUMENTS, env=_environment(site, tmp_path, Scope.READ)
    )
    asked = {"sql": "SELECT count(*) AS n, max(value) AS best FROM measurements"}
    async with Client(started) as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
        measured = await client.call_tool("data_query", asked)
        found = await client.call_tool("literature_search", {"query": "potential of nitriles"})

    assert {"data_query", "designer_best", "literature_read", "literature_search"} <= names
    assert {"columns": ["n", "best"], "rows": [[1, 42.5]]} == measured.structured_content
    (passage,) = found.structured_content["passages"]
    assert "Smith 2019" == passage["source"]
    assert DOCUMENT.decode().strip() in passage["quote"]


async def test_what_is_measured_meanwhile_is_seen(site: Site, tmp_path: Path) -> None:
    """The campaign is asked for when a tool is used: nothing of it is kept from before."""
    bench, asked = site.bench, {"sql": "SELECT max(value) AS best FROM measurements"}
    bench.finish(robot := bench.robot("r2"), bench.running(robot, "request-2"), value=77.0)
    started = StdioServerParameters(
        command=sys.executable, args=ARGUMENTS, env=_environment(site, tmp_path, Scope.READ)
    )
    async with Client(started) as client:
        measured = await client.call_tool("data_query", asked)

    assert [[77.0]] == measured.structured_content["rows"]


@pytest.mark.parametrize("scopes", [(Scope.ROBOT,), (Scope.CAMPAIGN,), ()])
def test_a_token_that_may_not_read_is_refused(site: Site, tmp_path: Path, scopes: tuple[Scope, ...]) -> None:
    """With a sentence, before anything is served."""
    run = subprocess.run(
        [sys.executable, *ARGUMENTS], env=_environment(site, tmp_path, *scopes),
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert (5, "") == (run.returncode, run.stdout)
    assert "moonloop: olga may not read: the token has not the scope read\n" == run.stderr
