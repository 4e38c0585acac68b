"""Fill the disk under a ledger and an artifact store, make room again, and tell as JSON what became of them.

Run by a test in a process of its own: `fill_the_disk.py limit|tmpfs FOLDER`.
"""

import json
import os
import resource
import signal
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

from moonloop.domain.errors import MoonloopError
from moonloop.store import Ledger, Tx
from moonloop.store.artifacts import ArtifactFiles

_LIMIT = 3_000_000
_BALLAST = 1_500_000
_CHUNK = 20_000


def _room(way: str, folder: Path) -> Callable[[], None]:
    """Set the limit, or put ballast on the small disk; return what makes room again."""
    if way == "tmpfs":
        ballast = folder / "ballast"
        ballast.write_bytes(os.urandom(_BALLAST))
        return ballast.unlink
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (_LIMIT, hard))
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


def _note(tx: Tx, number: int) -> None:
    tx.journal("note", f"note {number}", None, facts={"filler": "x" * _CHUNK})


def _until_full(act: Callable[[int], object]) -> tuple[int, str]:
    for number in range(10_000):
        try:
            act(number)
        except MoonloopError as error:
            return number, error.slug
    raise AssertionError("the disk never filled")


def main(way: str, folder: Path) -> dict[str, object]:
    """Fill, make room, go on."""
    path = folder / "ledger.db"
    ledger = Ledger(f"sqlite:///{path}")
    ledger.migrate()
    files = ArtifactFiles(folder / "artifacts", 10 * _LIMIT)
    make_room = _room(way, folder)
    acknowledged, ledger_error = _until_full(lambda number: ledger.write_now(_note, "test", number))
    _, files_error = _until_full(lambda number: files.put("big", os.urandom(_LIMIT + number)))
    left = len(list((folder / "artifacts" / "incoming").iterdir()))
    make_room()
    ledger.write_now(_note, "test", acknowledged)
    files.put("small", b"small")
    ledger.close()
    connection = sqlite3.connect(path)
    found: int = connection.execute("SELECT count(*) FROM journal WHERE what = 'note'").fetchone()[0]
    whole: str = connection.execute("PRAGMA integrity_check").fetchone()[0]
    connection.close()
    return {
        "errors": {"ledger": ledger_error, "artifacts": files_error},
        "acknowledged": acknowledged + 1,
        "found": found,
        "whole": whole,
        "left": left,
        "after": ["ledger", "artifacts"],
    }


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], Path(sys.argv[2]))))  # noqa: T201 -- what the test reads
