"""When the database cannot, now: what a caller is told, and that nothing is lost or half done."""

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Generator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, select, text

from moonloop.domain.errors import AlreadyDecided, LedgerBusy, LedgerUnreachable, MoonloopError
from moonloop.store import Ledger, Tx, database, holds
from moonloop.store import tables as t
from moonloop.store.transaction import Level
from support.campaigns import ShiftedClock
from support.interleaving import Contest, until
from support.postgres import Cluster

_FILL = Path(__file__).parent / "fill_the_disk.py"
_LOCK = """
import sqlite3, sys
held = sqlite3.connect(sys.argv[1], isolation_level=None)
held.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
"""


def _say(tx: Tx, what: str) -> str:
    tx.journal(what, "test", None)
    return what


def _said(ledger: Ledger) -> list[str]:
    query = select(t.journal.c.what).order_by(t.journal.c.id)
    return ledger.read_now(lambda connection: list(connection.execute(query).scalars()))


@pytest.fixture
def locked(sqlite_url: str) -> Generator[subprocess.Popen[str]]:
    """Another process that holds the write lock of an SQLite ledger until it reads a line."""
    path = sqlite_url.removeprefix("sqlite:///")
    process = subprocess.Popen(
        [sys.executable, "-c", _LOCK, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    if process.poll() is None:
        process.communicate("\n", timeout=20)


def test_a_ledger_that_another_process_locks_is_busy(
    sqlite_url: str, locked: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a while of waiting the caller is told; nothing was changed; readers were never kept waiting."""
    monkeypatch.setattr(database, "_BUSY_TIMEOUT_MS", 50)
    ledger = Ledger(sqlite_url)
    with pytest.raises(LedgerBusy):
        ledger.write_now(_say, "test", "too early")
    assert _said(ledger) == []

    locked.communicate("\n", timeout=20)

    assert ledger.write_now(_say, "test", "in time") == "in time"
    assert _said(ledger) == ["in time"]
    ledger.close()


def test_a_writer_waits_for_a_lock_that_is_let_go_in_time(
    sqlite_url: str, locked: subprocess.Popen[str]
) -> None:
    """Waiting is the ledger's business, not the caller's."""
    ledger = Ledger(sqlite_url)
    done: list[str] = []
    writer = threading.Thread(target=lambda: done.append(ledger.write_now(_say, "test", "patient")))
    writer.start()
    locked.communicate("\n", timeout=20)
    writer.join(20)

    assert done == ["patient"]
    ledger.close()


def test_a_database_that_is_not_there_is_out_of_reach(postgres: Cluster) -> None:
    """Told as such, with the first line of what the database said; not as a stack trace."""
    ledger = Ledger(postgres.url("nowhere_at_all"))
    for action in (lambda: ledger.write_now(_say, "test", "x"), lambda: ledger.read_now(lambda _: None)):
        with pytest.raises(LedgerUnreachable, match="nowhere_at_all"):
            action()
    ledger.close()


def test_a_server_that_went_away_is_out_of_reach_until_it_is_back(
    postgres: Cluster, postgres_url: str, clock: ShiftedClock
) -> None:
    """The same ledger goes on when the server does, with all that was acknowledged and nothing else."""
    ledger = Ledger(postgres_url, clock=clock)
    ledger.write_now(_say, "test", "before")
    postgres.halt()
    try:
        for action in (lambda: ledger.write_now(_say, "test", "x"), lambda: _said(ledger)):
            with pytest.raises(LedgerUnreachable):
                action()
    finally:
        postgres.go()

    assert ledger.write_now(_say, "test", "after") == "after"
    assert _said(ledger) == ["before", "after"]
    ledger.close()


def test_a_connection_cut_in_the_middle_undoes_the_transaction(
    postgres_url: str, clock: ShiftedClock
) -> None:
    """Whole or not at all, and the caller knows that it was not."""
    ledger, other = Ledger(postgres_url, clock=clock), Ledger(postgres_url, clock=clock)
    with Contest(ledger, other) as contest:
        first = contest.hold("test", _say, "cut off")
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE state = 'idle in transaction' AND datname = current_database()"
            )
        contest.let_go()
        with pytest.raises(LedgerUnreachable):
            first.result(20)

    assert _said(other) == []
    assert ledger.write_now(_say, "test", "again") == "again"
    ledger.close()
    other.close()


def test_a_deadlock_is_undone_and_run_again(postgres_url: str, clock: ShiftedClock) -> None:
    """Two transactions that lock against each other, which none of ours does, both hold in the end."""
    ledgers = [Ledger(postgres_url, clock=clock) for _ in range(2)]
    ledgers[0].write_now(
        lambda tx: tx.run(text("INSERT INTO holds (scope, active) VALUES ('other', false)")), "test"
    )
    both = threading.Barrier(2, timeout=20)
    tries: list[str] = []

    def cross(tx: Tx, one: str, two: str) -> None:
        tries.append(one)
        tx.lock(Level.HOLD, one, write=True)
        if len(tries) <= 2:
            both.wait()
        tx.lock(Level.HOLD, two, write=True)
        _say(tx, one)

    threads = [
        threading.Thread(target=ledger.write_now, args=(cross, "test", *scopes))
        for ledger, scopes in zip(ledgers, [("site", "other"), ("other", "site")], strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert sorted(_said(ledgers[0])) == ["other", "site"]
    assert len(tries) == 3
    for ledger in ledgers:
        ledger.close()


# Whole or not at all.


def test_a_refusal_is_kept_with_what_it_settled(ledger: Ledger) -> None:
    """The transaction of a refusal commits: every refusal is journalled too."""

    def refuse(tx: Tx) -> None:
        _say(tx, "settled on the way")
        raise tx.refuse(AlreadyDecided(review="r"), "r", None)

    with pytest.raises(AlreadyDecided):
        ledger.write_now(refuse, "test")

    assert _said(ledger) == ["settled on the way", "refused"]


@pytest.mark.parametrize("refused", [False, True], ids=["plain", "after a refusal"])
def test_a_fault_of_ours_leaves_nothing_behind(ledger: Ledger, *, refused: bool) -> None:
    """Not even when a refusal had asked for a commit: what a fault interrupts may be half done."""

    def fail(tx: Tx) -> None:
        _say(tx, "half")
        if refused:
            tx.refuse(AlreadyDecided(review="r"), "r", None)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ledger.write_now(fail, "test")

    assert _said(ledger) == []


def test_an_error_without_a_refusal_leaves_nothing_behind(ledger: Ledger) -> None:
    """An error that nobody asked to keep undoes its transaction."""

    def fail(tx: Tx) -> None:
        _say(tx, "half")
        raise MoonloopError

    with pytest.raises(MoonloopError):
        ledger.write_now(fail, "test")

    assert _said(ledger) == []


def test_locks_are_taken_in_one_order(ledger: Ledger) -> None:
    """A transition that takes them otherwise is a programming error, found on either database."""

    def backwards(tx: Tx) -> None:
        tx.lock(Level.JOB, "job")
        tx.lock(Level.CAMPAIGN, "campaign")

    with pytest.raises(RuntimeError, match="lock order broken: CAMPAIGN after JOB"):
        ledger.write_now(backwards, "test")


def test_the_time_is_read_after_the_latest_lock(postgres_url: str, clock: ShiftedClock) -> None:
    """A transition that looked at the clock and then waited for a lock looks again."""
    ledger, rival = Ledger(postgres_url, clock=clock), Ledger(postgres_url, clock=clock)

    def look_wait_look(tx: Tx) -> float:
        before = tx.now()
        tx.lock(Level.HOLD, "site", write=True)
        return (tx.now() - before).total_seconds()

    with Contest(ledger, rival) as contest:
        contest.hold("test", holds.hold, "site", "a leak")
        waited = contest.rival("test", look_wait_look)
        clock.advance(5)
        contest.let_go()

        assert waited.result() >= 5
    ledger.close()
    rival.close()


async def test_a_caller_that_is_cancelled_does_not_undo_the_transaction(
    ledger: Ledger, rival: Ledger
) -> None:
    """As though its process had died just after the commit: the transition holds."""
    entered, go = threading.Event(), threading.Event()

    def slow(tx: Tx) -> None:
        _say(tx, "done")
        entered.set()
        assert go.wait(20)

    caller = asyncio.ensure_future(ledger.write(slow, "test"))
    await asyncio.to_thread(entered.wait, 20)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    go.set()

    await asyncio.to_thread(until, lambda: _said(rival) == ["done"], "the transaction commits")


def test_a_reader_sees_one_moment(ledger: Ledger, rival: Ledger) -> None:
    """However many statements a query needs, what commits meanwhile is not in it."""

    def twice(connection: Connection) -> list[int]:
        counted: list[int] = []
        for _ in range(2):
            counted.append(len(connection.execute(select(t.journal.c.id)).all()))
            rival.write_now(_say, "test", "meanwhile")
        return counted

    assert ledger.read_now(twice) == [0, 0]
    assert len(_said(ledger)) == 2


# A full disk.


def _fill(way: str, folder: Path) -> dict[str, object]:
    program = [sys.executable, str(_FILL), way, str(folder)]
    if way == "tmpfs":
        mounted = f'mount -t tmpfs -o size=4m tmpfs {folder} && exec "$0" "$@"'
        program = ["unshare", "-m", "sh", "-c", mounted, *program]
    done = subprocess.run(program, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _may_mount() -> bool:
    tried = ["unshare", "-m", "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", "/mnt"]
    try:
        return subprocess.run(tried, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(
    "way",
    [
        "limit",
        pytest.param("tmpfs", marks=pytest.mark.skipif(not _may_mount(), reason="mounting is not permitted")),
    ],
)
def test_a_full_disk_is_told_and_nothing_is_lost(way: str, tmp_path: Path) -> None:
    """The ledger and the artifacts say StorageFull; all that was acknowledged is there; it goes on after."""
    told = _fill(way, tmp_path)

    assert told["errors"] == {"ledger": "storage-full", "artifacts": "storage-full"}
    assert told["found"] == told["acknowledged"]
    assert told["whole"] == "ok"
    assert told["left"] == 0
    assert told["after"] == ["ledger", "artifacts"]
