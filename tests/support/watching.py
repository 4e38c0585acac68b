"""Watching the journal of a ledger that other processes write, and striking when an edge appears in it."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Entry", "Journal", "watched"]

_LOOK_S = 0.003
_NEAR = 20
PATIENCE_S = 300.0


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal, as it was committed."""

    id: int
    what: str
    subject: str
    campaign: str | None
    facts: Mapping[str, Any]


class Journal:
    """What has been committed so far, and whoever waits for more."""

    def __init__(self, ledger: Path) -> None:
        uri = f"{ledger.resolve().as_uri()}?mode=ro"
        self._connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=10)
        self.entries: list[Entry] = []
        self.struck: list[Callable[[Entry, Sequence[Entry]], None]] = []
        """Called at once with each new entry, and with all that lie near it."""
        self._more = asyncio.Event()

    async def follow(self) -> None:
        """Read what is committed, for ever."""
        version: int | None = None
        while True:
            found = self._connection.execute("PRAGMA data_version").fetchone()[0]
            if found != version:
                version = found
                self._read()
            await asyncio.sleep(_LOOK_S)

    def _read(self) -> None:
        last = self.entries[-1].id if self.entries else 0
        query = "SELECT id, what, subject, campaign_id, facts FROM journal WHERE id > ? ORDER BY id"
        new = [
            Entry(*row[:4], facts=json.loads(row[4]))
            for row in self._connection.execute(query, (last,)).fetchall()
        ]
        self.entries += new
        near = self.entries[-len(new) - _NEAR :]
        for entry in new:
            for strike in self.struck:
                strike(entry, near)
        if new:
            self._more.set()
            self._more = asyncio.Event()

    async def until(
        self,
        what: str,
        *,
        campaign: str | None = None,
        subject: str = "",
        after: int = 0,
        patience: float | None = PATIENCE_S,
    ) -> Entry:
        """Wait for an entry of a kind, of a campaign or a subject whose id begins so, behind another one."""
        async with asyncio.timeout(patience):
            while True:
                more = self._more
                for entry in self.entries:
                    fits = entry.what == what and entry.subject.startswith(subject) and entry.id > after
                    if fits and campaign in (None, entry.campaign):
                        return entry
                await more.wait()

    async def numbered(self) -> None:
        """Wait until the sealer has numbered everything."""
        query = "SELECT count(*) FROM journal WHERE number IS NULL"
        async with asyncio.timeout(PATIENCE_S):
            while self._connection.execute(query).fetchone()[0]:  # noqa: ASYNC110  nothing tells of it
                await asyncio.sleep(_LOOK_S)

    def close(self) -> None:
        """Stop reading."""
        self._connection.close()


@asynccontextmanager
async def watched(ledger: Path) -> AsyncGenerator[Journal]:
    """Follow the journal of a ledger."""
    journal = Journal(ledger)
    task = asyncio.ensure_future(journal.follow())
    try:
        yield journal
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        journal.close()
