"""Prompt notice that somebody committed: `PRAGMA data_version` on SQLite, LISTEN/NOTIFY on PostgreSQL.

A notice saves time and carries no truth: whoever waits also re-reads on a slow timer.
"""

import asyncio
import sqlite3
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from sqlalchemy import text

from moonloop.store.database import open_engine, sqlite_path

if TYPE_CHECKING:
    from moonloop.store.transaction import Tx

__all__ = ["Changes"]

_POLL_S = 0.01
"""How often another process's commit is looked for on SQLite; the look costs a few microseconds."""
_CHANNEL = "moonloop"
_LISTEN_S = 0.5


class Changes:
    """Counts changes of the ledger, by this process or another, and wakes those who wait for the next."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._count = 0
        self._waiters: set[asyncio.Future[None]] = set()
        self._watch: asyncio.Task[None] | None = None
        self._closed = threading.Event()
        self._path = sqlite_path(url)

    def announce(self, tx: "Tx") -> None:
        """Tell other processes, as part of the transaction; only of what somebody may be waiting for."""
        if self._path is None and tx.announces:
            tx.connection.execute(text(f"NOTIFY {_CHANNEL}"))

    def mine(self) -> None:
        """Wake the waiters of this process; called on its event loop."""
        self._count += 1
        waiters, self._waiters = self._waiters, set()
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def mark(self) -> int:
        """Return where the count stands: take it before reading the ledger, and hand it to `wait`."""
        if self._watch is None or self._watch.done():
            watch = self._watch_sqlite() if self._path else self._watch_postgres()
            self._watch = asyncio.ensure_future(watch)
        return self._count

    async def wait(self, since: int, timeout: float) -> bool:
        """Return True once something has changed after the mark, False when the time ran out."""
        if self.mark() != since:
            return True
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            await asyncio.wait_for(waiter, timeout)
        except TimeoutError:
            return False
        finally:
            self._waiters.discard(waiter)
        return True

    async def _watch_sqlite(self) -> None:
        assert self._path is not None
        uri = f"{self._path.resolve().as_uri()}?mode=ro"  # with what a URI reserves quoted
        connection = sqlite3.connect(uri, uri=True, isolation_level=None)
        seen: int | None = None
        try:
            while not self._closed.is_set():
                version = connection.execute("PRAGMA data_version").fetchone()[0]
                if version != seen:
                    self.mine()
                seen = version
                await asyncio.sleep(_POLL_S)
        finally:
            connection.close()

    async def _watch_postgres(self) -> None:
        loop = asyncio.get_running_loop()
        while not self._closed.is_set():
            with suppress(Exception):  # the database may be away: waiters have their own timers
                await asyncio.to_thread(self._listen, loop)
            await asyncio.sleep(_LISTEN_S)

    def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        engine = open_engine(self._url, write=False, connections=1)
        try:
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text(f"LISTEN {_CHANNEL}"))
                loop.call_soon_threadsafe(self.mine)
                driver = connection.connection.driver_connection
                assert driver is not None
                while not self._closed.is_set():
                    if any(True for _ in driver.notifies(timeout=_LISTEN_S, stop_after=1)):
                        loop.call_soon_threadsafe(self.mine)
        finally:
            engine.dispose()

    def close(self) -> None:
        """Stop watching."""
        self._closed.set()
        if self._watch is not None:
            self._watch.cancel()
