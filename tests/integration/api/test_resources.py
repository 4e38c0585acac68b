"""A disk that is full, a ledger that is locked: the answer says to come back, and nothing is lost."""

import resource
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from moonloop.service.settings import Settings
from moonloop.store import Ledger, database
from moonloop.store import tables as t
from support.campaigns import Bench, ShiftedClock, make_spec
from support.devices import Site, measured, problem
from support.serving import serving

_LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
connection.execute("ROLLBACK")
"""
_ROOM = 60_000


@contextmanager
def _locked(url: str) -> Generator[None]:
    """Have another process hold the write lock of an SQLite ledger."""
    process = subprocess.Popen(
        [sys.executable, "-c", _LOCK, url.removeprefix("sqlite:///")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    try:
        yield
    finally:
        process.communicate("\n", timeout=20)


@contextmanager
def _disk_full() -> Generator[None]:
    """Let no file of this process grow beyond a little, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (_ROOM, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_locked_ledger_says_when_to_ask_again(
    sqlite_url: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 with Retry-After for who writes; readers are served; afterwards the same request is done once."""
    monkeypatch.setattr(database, "_BUSY_TIMEOUT_MS", 50)
    ledger = Ledger(sqlite_url)
    bench = Bench(ledger, make_spec(), ShiftedClock())
    bench.start()
    bench.queued(1)
    with serving(settings, ledger) as url, Site(url, bench) as site:
        device = site.device()
        offer = device.running()
        with _locked(sqlite_url):
            for answer in (
                device.finish(offer),
                device.beat(offer),
                site.owner.post("/v1/holds", json={"scope": "site", "reason": "x"}),
            ):
                problem(answer, 503, "ledger-busy")
                assert int(answer.headers["Retry-After"]) >= 1
            assert 200 == site.owner.get("/v1/campaigns").status_code
            assert [] == bench.all(t.measurements.select())

        assert {"state": "succeeded"} == device.finish(offer).json()
        assert 1 == bench.count(t.measurements)
    ledger.close()


def test_a_full_disk_is_told_and_the_upload_done_later(site: Site, settings: Settings) -> None:
    """507, nothing of it is kept, the attempt goes on; with room again the same upload is taken."""
    site.bench.queued(1)
    device = site.device()
    offer = device.running()
    body = b"1,2\n" * 50_000
    with _disk_full():
        problem(device.put(offer, body), 507, "storage-full")
    assert [] == [path for path in settings.artifacts.rglob("*") if path.is_file()]
    assert 200 == device.beat(offer).status_code

    stored = device.put(offer, body)
    assert 201 == stored.status_code
    artifact = {"name": "trace.csv", "media_type": "text/csv", **stored.json()}
    assert {"state": "succeeded"} == device.finish(offer, measured() | {"artifacts": [artifact]}).json()
    assert body == site.owner.get(f"/v1/artifacts/{artifact['sha256']}").content
