"""Engines for the two databases, and what their errors mean."""

import re
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from moonloop.domain.errors import ExtraMissing, LedgerBusy, LedgerUnreachable, MoonloopError, StorageFull

__all__ = [
    "Clock",
    "database_time",
    "is_transient",
    "meaning",
    "now",
    "open_engine",
    "set_clock",
    "sqlite_path",
]

Clock = Callable[[Connection], datetime]
"""Reads the time on a connection; always after the locks that matter."""

_BUSY_TIMEOUT_MS = 5_000
_CLOCK = "moonloop.clock"
_UNDONE = frozenset({"40001", "40P01"})
"""PostgreSQL's serialization failure and deadlock: the transaction was undone and may be run again."""
_OVERTAKEN = frozenset({"23505"})
"""PostgreSQL's unique violation. Of two that insert the same row at once one loses; run again, it finds the
winner's row and answers as to a resent request.
"""
_FULL = frozenset({"53100"})


def sqlite_path(url: str) -> Path | None:
    """Return the file of an SQLite URL, or None for another database."""
    match = re.fullmatch(r"sqlite:///(.+)", url)
    return Path(match[1]) if match else None


def open_engine(url: str, *, write: bool, connections: int) -> Engine:
    """Open an engine; on SQLite a writer begins each transaction with the write lock in hand."""
    path = sqlite_path(url)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # From the path, not from the text: SQLAlchemy would read a percent sign in a folder's name as a code.
        file = URL.create("sqlite", database=str(path))
        engine = create_engine(file, poolclass=QueuePool, pool_size=connections, max_overflow=0)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_immediate if write else _begin_deferred)
        return engine
    # A reader sees one snapshot however many statements it needs; a writer sees what its locks waited for.
    isolation = "READ COMMITTED" if write else "REPEATABLE READ"
    try:
        return create_engine(
            _with_psycopg(url),
            pool_size=connections,
            max_overflow=2,
            pool_pre_ping=True,
            isolation_level=isolation,
        )
    except ModuleNotFoundError as error:
        raise ExtraMissing(what="PostgreSQL", extra="postgres") from error


def _with_psycopg(url: str) -> str:
    return re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", url)


def _prepare_sqlite(connection: sqlite3.Connection, _record: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # the driver must not begin transactions of its own
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout={_BUSY_TIMEOUT_MS}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_deferred(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


_NOW = {
    # unixepoch('subsec') is NULL on SQLite 3.40, and now() on PostgreSQL is the transaction's beginning.
    "sqlite": text("SELECT strftime('%Y-%m-%dT%H:%M:%fZ', 'now')"),
    "postgresql": text("SELECT date_trunc('milliseconds', clock_timestamp())"),
}


def database_time(connection: Connection) -> datetime:
    """Return the database's time now, aware UTC, in milliseconds."""
    found: Any = connection.execute(_NOW[connection.dialect.name]).scalar_one()
    parsed = datetime.fromisoformat(found) if isinstance(found, str) else found
    return parsed.astimezone(UTC)


def now(connection: Connection) -> datetime:
    """Return the time by the clock of the ledger that this connection belongs to."""
    clock: Clock = connection.info.get(_CLOCK, database_time)
    return clock(connection)


def set_clock(connection: Connection, clock: Clock) -> None:
    """Give a connection its ledger's clock."""
    connection.info[_CLOCK] = clock


def is_transient(error: DBAPIError) -> bool:
    """Say whether the database undid the transaction for reasons of concurrency."""
    return getattr(error.orig, "sqlstate", None) in _UNDONE | _OVERTAKEN


def meaning(error: DBAPIError) -> MoonloopError | None:
    """Return what a database error means to a caller, or None when it is a fault of ours."""
    words = str(error.orig).lower()
    state = getattr(error.orig, "sqlstate", None)
    if "database is locked" in words or state in _UNDONE:
        return LedgerBusy()
    if "disk is full" in words or "disk i/o error" in words or state in _FULL:
        return StorageFull(what="the ledger")
    if error.connection_invalidated or (
        isinstance(error, (OperationalError, InterfaceError))
        and ("unable to open database" in words or "connect" in words)
    ):
        return LedgerUnreachable(why=str(error.orig).splitlines()[0])
    return None
