"""The programs on the pages work against a real server."""

import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import httpx
import pytest

from docs.pages import page
from moonloop.domain.lifecycles import JobState
from moonloop.service.settings import Settings
from moonloop.store.tables import jobs
from support.campaigns import Bench
from support.devices import Site
from support.postgres import Cluster
from support.serving import free_port, serving

_PATIENCE_S = 60.0


@pytest.fixture
def ledger_url(sqlite_url: str) -> str:
    """The URL of a migrated SQLite ledger."""
    return sqlite_url


@pytest.fixture
def site(bench: Bench, tmp_path: Path) -> Generator[Site]:
    """The API on a running campaign."""
    with serving(Settings(home=tmp_path / "home"), bench.ledger) as url, Site(url, bench) as made:
        yield made


def test_the_smallest_robot_does_every_job(site: Site, bench: Bench, tmp_path: Path) -> None:
    """The robot on the protocol's page, which knows HTTP alone, works the queue off."""
    bench.queued(size=3)
    program = tmp_path / "smallest_robot.py"
    (block,) = [
        found for found in page("docs/reference/robot-protocol.md").blocks if found.language == "python"
    ]
    program.write_text(block.text)
    done = subprocess.run(
        [sys.executable, program],
        env=os.environ | {"MOONLOOP_URL": site.url, "MOONLOOP_CODE": site.code()},
        capture_output=True,
        text=True,
        check=False,
        timeout=_PATIENCE_S,
    )
    assert "" == done.stderr
    assert 3 == len(done.stdout.splitlines())
    assert 3 == bench.count(jobs, jobs.c.state == JobState.SUCCEEDED)


def test_a_server_runs_on_postgresql_as_the_page_says(postgres: Cluster, tmp_path: Path) -> None:
    """`moonloop serve` makes the schema of the PostgreSQL database that it is given, and answers."""
    url, port = postgres.empty(), free_port()
    environment = os.environ | {"MOONLOOP_DATABASE": url, "MOONLOOP_HOME": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, "-m", "moonloop", "serve", "--port", str(port)],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        transport = httpx.HTTPTransport(retries=8)  # its pauses double: half a minute in all
        with httpx.Client(transport=transport, trust_env=False, timeout=_PATIENCE_S) as client:
            health = client.get(f"http://127.0.0.1:{port}/v1/health")
        assert 200 == health.status_code
    finally:
        process.terminate()
        process.communicate(timeout=_PATIENCE_S)
    assert not (tmp_path / "ledger.db").exists()
