"""Migrations: the schema is what the code says, however often and by however many it is made."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import CheckConstraint, Connection, text

from moonloop.store import Ledger
from moonloop.store.tables import metadata

_MIGRATE = "import sys; from moonloop.store import Ledger; l = Ledger(sys.argv[1]); l.migrate(); l.close()"


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a ledger in which nothing has been made yet."""
    if request.param == "postgresql":
        return request.getfixturevalue("postgres").empty()
    return f"sqlite:///{tmp_path / 'made' / 'ledger.db'}"


def _differences(connection: Connection) -> list[object]:
    # On SQLite Alembic reads an empty default back in other quotes, and takes it for another.
    defaults = connection.dialect.name == "postgresql"
    opts = {"compare_type": True, "compare_server_default": defaults}
    return list(compare_metadata(MigrationContext.configure(connection, opts=opts), metadata))


def test_the_migrated_schema_is_that_of_the_code(ledger: Ledger) -> None:
    """Tables, columns, types, defaults, keys and indexes: there is nothing left to migrate."""
    assert ledger.read_now(_differences) == []
    assert ledger.pending_migration() is None


def _checks_in(connection: Connection) -> set[str]:
    if connection.dialect.name == "sqlite":
        made = " ".join(
            connection.execute(text("SELECT sql FROM sqlite_master WHERE type = 'table'")).scalars()
        )
        return set(re.findall(r"CONSTRAINT (ck_\w+) CHECK", made))
    query = text("SELECT conname FROM pg_constraint WHERE contype = 'c' AND conname LIKE 'ck_%'")
    return set(connection.execute(query).scalars())


def test_the_checks_of_the_code_are_in_the_database(ledger: Ledger) -> None:
    """Alembic does not compare them, so they are compared here, by name."""
    declared = {
        str(check.name)
        for table in metadata.sorted_tables
        for check in table.constraints
        if isinstance(check, CheckConstraint)
    }

    assert ledger.read_now(_checks_in) == declared


def test_migrating_again_changes_nothing(ledger: Ledger) -> None:
    """Every process may do it when it starts."""
    for _ in range(2):
        ledger.migrate()

    assert ledger.read_now(_differences) == []


def test_an_empty_database_says_what_it_needs(empty_url: str) -> None:
    """Until it is migrated, and then no more."""
    ledger = Ledger(empty_url)
    before = ledger.pending_migration()
    ledger.migrate()
    after = ledger.pending_migration()
    ledger.close()

    assert before is not None
    assert before.startswith("the ledger is at revision none, this version needs ")
    assert after is None


def test_a_newer_ledger_is_not_taken_for_this_versions(ledger: Ledger) -> None:
    """Whoever goes back to an older version is told so instead of corrupting what it does not know."""
    ledger.write_now(lambda tx: tx.run(text("UPDATE alembic_version SET version_num = '9999'")), "test")

    assert "is at revision 9999" in str(ledger.pending_migration())


def test_two_processes_may_migrate_at_once(empty_url: str) -> None:
    """One does it, the other finds it done."""
    started = [
        subprocess.Popen([sys.executable, "-c", _MIGRATE, empty_url], stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    told = [process.communicate(timeout=60)[1].decode() for process in started]

    assert [process.returncode for process in started] == [0, 0], told
    ledger = Ledger(empty_url)
    assert ledger.read_now(_differences) == []
    ledger.close()
