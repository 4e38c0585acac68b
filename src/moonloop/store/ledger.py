"""The ledger: transactions run whole on threads of their own, one writer at a time on SQLite."""

import asyncio
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from moonloop.domain.errors import MoonloopError
from moonloop.store.changes import Changes
from moonloop.store.database import (
    Clock,
    database_time,
    is_transient,
    meaning,
    open_engine,
    set_clock,
    sqlite_path,
)
from moonloop.store.migrations import migrate, pending_migration
from moonloop.store.transaction import Tx

__all__ = ["Ledger"]

P = ParamSpec("P")
T = TypeVar("T")

_TRIES = 6
_READERS = 4
_POSTGRES_WRITERS = 6


class Ledger:
    """A database of campaigns. `write` runs a transition, `read` a query; both take plain functions."""

    def __init__(self, url: str, *, clock: Clock = database_time) -> None:
        self.url = url
        self.embedded = sqlite_path(url) is not None
        self.changes = Changes(url)
        self._clock = clock
        writers = 1 if self.embedded else _POSTGRES_WRITERS
        self._write_engine = open_engine(url, write=True, connections=writers)
        self._read_engine = open_engine(url, write=False, connections=_READERS)
        self._writers = ThreadPoolExecutor(writers, "ledger-write")
        self._readers = ThreadPoolExecutor(_READERS, "ledger-read")

    @property
    def path(self) -> Path | None:
        """The file of an SQLite ledger."""
        return sqlite_path(self.url)

    def migrate(self) -> None:
        """Bring the schema up to date; several processes may try at once."""
        with _translated(), self._write_engine.connect() as connection:
            migrate(connection)

    def pending_migration(self) -> str | None:
        """Return a sentence when the schema is not this version's, else None."""
        with _translated(), self._read_engine.connect() as connection:
            return pending_migration(connection)

    async def write(
        self, transition: Callable[Concatenate[Tx, P], T], actor: str, /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a transition in one transaction; it holds whole or not at all.

        A cancelled caller does not undo it: the thread finishes, as it would when the caller's process
        had died just after the commit.
        """
        loop = asyncio.get_running_loop()
        result = await loop.run_in_executor(
            self._writers, lambda: self.write_now(transition, actor, *args, **kwargs)
        )
        self.changes.mine()
        return result

    def write_now(
        self, transition: Callable[Concatenate[Tx, P], T], actor: str, /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a transition on this thread."""
        with _translated():
            for _ in range(_TRIES - 1):
                try:
                    return self._transact(transition, actor, *args, **kwargs)
                except DBAPIError as error:
                    if not is_transient(error):
                        raise
            return self._transact(transition, actor, *args, **kwargs)

    def _transact(
        self, transition: Callable[Concatenate[Tx, P], T], actor: str, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        with self._write_engine.connect() as connection:
            begun = connection.begin()
            set_clock(connection, self._clock)
            tx = Tx(connection, actor)
            try:
                result = transition(tx, *args, **kwargs)
                tx.write_out()
                self.changes.announce(tx)
            except BaseException as error:
                # What a refusal leaves behind is whole; what a fault of ours leaves may be half.
                if tx.commit_anyway and isinstance(error, MoonloopError):
                    tx.write_out()
                    self.changes.announce(tx)
                    begun.commit()
                else:
                    begun.rollback()
                raise
            begun.commit()
            return result

    async def read(
        self, query: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a query on a snapshot of its own."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, lambda: self.read_now(query, *args, **kwargs))

    def read_now(
        self, query: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a query on this thread."""
        with _translated(), self._read_engine.connect() as connection, connection.begin():
            set_clock(connection, self._clock)
            return query(connection, *args, **kwargs)

    def close(self) -> None:
        """Finish what runs and let go of the database."""
        self.changes.close()
        self._writers.shutdown()
        self._readers.shutdown()
        for engine in (self._write_engine, self._read_engine):
            engine.dispose()


@contextmanager
def _translated() -> Generator[None]:
    """Turn database errors into the errors that they mean to a caller."""
    try:
        yield
    except DBAPIError as error:
        known = meaning(error)
        if known is None:
            raise
        raise known from error
