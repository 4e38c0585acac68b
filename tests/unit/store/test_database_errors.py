"""What the errors of a database mean to a caller."""

import sqlite3
from typing import Any

import psycopg
import pytest
from psycopg import errors
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from moonloop.domain.errors import LedgerBusy, LedgerUnreachable, StorageFull
from moonloop.store.database import is_transient, meaning, sqlite_path


def _wrapped(
    original: Exception, kind: type[DBAPIError] = OperationalError, *, invalidated: bool = False
) -> DBAPIError:
    return kind("SELECT 1", {}, original, connection_invalidated=invalidated)


@pytest.mark.parametrize(
    ("original", "means"),
    [
        (sqlite3.OperationalError("database is locked"), LedgerBusy),
        (sqlite3.OperationalError("database or disk is full"), StorageFull),
        (sqlite3.OperationalError("disk I/O error"), StorageFull),
        (sqlite3.OperationalError("unable to open database file"), LedgerUnreachable),
        (errors.SerializationFailure("could not serialize access"), LedgerBusy),
        (errors.DeadlockDetected("deadlock detected"), LedgerBusy),
        (errors.DiskFull("could not extend file"), StorageFull),
        (psycopg.OperationalError("connection failed: no such socket"), LedgerUnreachable),
        (errors.AdminShutdown("terminating connection due to administrator command"), LedgerUnreachable),
        (errors.TooManyConnections("connection failed: too many clients already"), LedgerUnreachable),
        (errors.OutOfMemory("out of memory"), None),
        (sqlite3.OperationalError("no such table: jobs"), None),
        (errors.UndefinedTable('relation "jobs" does not exist'), None),
    ],
    ids=lambda value: getattr(value, "__name__", None) or str(value),
)
def test_an_error_means_what_a_caller_can_do_about_it(original: Exception, means: Any) -> None:
    """Wait, free some space, find the database; all else is a fault of ours and stays what it is."""
    found = meaning(_wrapped(original))

    assert (type(found) if found is not None else None) is means


def test_a_connection_that_broke_means_that_the_database_is_out_of_reach() -> None:
    """Whatever the words were."""
    found = meaning(_wrapped(psycopg.OperationalError("consuming input failed"), invalidated=True))

    assert isinstance(found, LedgerUnreachable)


@pytest.mark.parametrize(
    ("original", "again"),
    [
        (errors.SerializationFailure(""), True),
        (errors.DeadlockDetected(""), True),
        (errors.UniqueViolation(""), True),
        (errors.ForeignKeyViolation(""), False),
        (errors.CheckViolation(""), False),
        (sqlite3.IntegrityError("UNIQUE constraint failed"), False),
        (sqlite3.OperationalError("database is locked"), False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_only_what_concurrency_undid_is_run_again(original: Exception, *, again: bool) -> None:
    """On SQLite there is one writer, so that the same transition would meet the same end."""
    assert is_transient(_wrapped(original, IntegrityError)) is again


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:////var/lib/moonloop/ledger.db", "/var/lib/moonloop/ledger.db"),
        ("sqlite:///ledger.db", "ledger.db"),
        ("postgresql://moonloop@/moonloop", None),
    ],
)
def test_an_sqlite_url_names_a_file(url: str, path: str | None) -> None:
    """Another one does not."""
    found = sqlite_path(url)

    assert (str(found) if found is not None else None) == path
