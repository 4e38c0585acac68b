"""Prompt notice that somebody committed: in this process or another, on either database."""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from moonloop.store import Ledger, Tx

_LONG = 20.0
_SHORT = 0.05
_ELSEWHERE = """
import sys
from moonloop.store import Ledger, holds
ledger = Ledger(sys.argv[1])
sys.stdin.readline()
ledger.write_now(holds.hold, "elsewhere", "site", "a leak")
ledger.close()
"""


def _change(tx: Tx) -> None:
    tx.journal("change", "test", None)
    tx.announces = True


@pytest.fixture
async def watched(ledger_url: str) -> AsyncGenerator[Ledger]:
    """A ledger whose changes are being watched already."""
    ledger = Ledger(ledger_url)
    mark = ledger.changes.mark()
    assert await ledger.changes.wait(mark, _LONG)  # the watch has begun
    yield ledger
    ledger.close()
    await asyncio.sleep(0)


async def test_a_commit_of_this_process_wakes_who_waits(watched: Ledger) -> None:
    """At once."""
    mark = watched.changes.mark()
    waiting = asyncio.ensure_future(watched.changes.wait(mark, _LONG))
    await watched.write(_change, "test")

    assert await waiting is True


async def test_a_commit_of_another_process_wakes_who_waits(watched: Ledger) -> None:
    """By NOTIFY or by the file's version: a robot's claim need not wait for its next poll."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _ELSEWHERE, watched.url, stdin=subprocess.PIPE
    )
    waiting = asyncio.ensure_future(watched.changes.wait(watched.changes.mark(), _LONG))
    await process.communicate(b"\n")

    assert await waiting is True
    assert process.returncode == 0


async def test_a_commit_between_the_look_and_the_wait_is_not_missed(watched: Ledger) -> None:
    """Take the mark, read the ledger, and only then wait: what came between ends the wait at once."""
    mark = watched.changes.mark()
    await watched.write(_change, "test")

    assert await watched.changes.wait(mark, _SHORT) is True


async def test_where_nothing_happens_the_wait_ends_with_its_time(watched: Ledger) -> None:
    """Whoever waits looks again all the same."""
    assert await watched.changes.wait(watched.changes.mark(), _SHORT) is False


async def test_a_transaction_that_is_undone_wakes_nobody(watched: Ledger) -> None:
    """A notice is part of the transaction that it tells of."""

    def undone(tx: Tx) -> None:
        _change(tx)
        raise ZeroDivisionError

    mark = watched.changes.mark()
    with pytest.raises(ZeroDivisionError):
        await watched.write(undone, "test")

    assert await watched.changes.wait(mark, _SHORT) is False


async def test_all_who_wait_are_woken(watched: Ledger) -> None:
    """Each of them, by one commit."""
    mark = watched.changes.mark()
    waiting = [asyncio.ensure_future(watched.changes.wait(mark, _LONG)) for _ in range(5)]
    await watched.write(_change, "test")

    assert await asyncio.gather(*waiting) == [True] * 5


async def test_a_folder_may_have_any_name(migrated_file: Path, tmp_path: Path) -> None:
    """Blanks, hashes and percent signs in the ledger's path keep no commit from being noticed."""
    folder = tmp_path / "my lab #1 100%20"
    folder.mkdir()
    shutil.copy(migrated_file, folder / "ledger.db")
    url = f"sqlite:///{folder / 'ledger.db'}"
    ledger, other = Ledger(url), Ledger(url)
    assert await ledger.changes.wait(ledger.changes.mark(), _LONG)
    mark = ledger.changes.mark()
    await asyncio.to_thread(other.write_now, _change, "test")

    assert await ledger.changes.wait(mark, _LONG) is True
    for opened in (ledger, other):
        opened.close()
    await asyncio.sleep(0)
