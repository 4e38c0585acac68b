"""Migrations: the schema is what the code says, however often and by however many it is made."""

import re
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import CheckConstraint, Connection, Table, select, text

from moonloop.domain import ids
from moonloop.domain.budgets import Line
from moonloop.domain.claims import Hypothesis
from moonloop.domain.lifecycles import DoneReason
from moonloop.store import Ledger, Tx, budgets, campaigns, hypotheses, migrations, views
from moonloop.store import tables as t
from moonloop.store.tables import metadata
from support.campaigns import CAMPAIGN, Bench, ShiftedClock, make_spec

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


def _upgrade(connection: Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.attributes["connection"] = connection
    with connection.begin():
        command.upgrade(config, revision)


_NEW = {"threads", "transcripts", "model_calls"}
_MADE_BY_THE_MIGRATION = {"seals"}


def _rows(bench: Bench) -> dict[Table, list[dict[str, Any]]]:
    """Return what the first version would have written of all that is in a ledger."""
    kept = [one for one in metadata.sorted_tables if one.name not in _NEW | _MADE_BY_THE_MIGRATION]
    rows = {table: bench.dicts(select(table)) for table in kept}
    rows[t.holds] = [row for row in rows[t.holds] if row["scope"] != "site"]
    rows[t.budgets] = [row for row in rows[t.budgets] if row["line"] != Line.TOKENS]
    for row in rows[t.hypotheses]:
        del row["proposer"]
    for numbered in (t.journal, t.outbox, t.spend):
        for row in rows[numbered]:
            del row["id"]
    return rows


def _write(tx: Tx, rows: dict[Table, list[dict[str, Any]]]) -> None:
    for table, some in rows.items():
        tx.add_all(table, some)


def _dangling(connection: Connection) -> list[object]:
    if connection.dialect.name != "sqlite":
        return []  # it checks while it migrates
    return list(connection.execute(text("PRAGMA foreign_key_check")))


def _claim(number: int, **said: str) -> Hypothesis:
    effect = {"kind": "effect", "factor": "solvent", "level_a": "water", "level_b": "ethanol"}
    proposed = {"claim": effect, "statement": "Water is better.", "probability": 0.7, **said}
    fixed = {"alpha": 0.05, "weight": 0.5, "delta": 10, "cap": 20, "seed": 7, "registered_in": 1}
    made = {"id": ids.hypothesis_id(CAMPAIGN, number), "campaign_id": CAMPAIGN, "number": number}
    return Hypothesis.model_validate(made | {"proposed": proposed} | fixed)


def _worked(ledger: Ledger) -> Bench:
    """A ledger in which a campaign goes on, with claims and a measurement, and another one is done."""
    bench = Bench(ledger, make_spec(), ShiftedClock())
    bench.start()
    bench.do(hypotheses.register, CAMPAIGN, [_claim(1), _claim(2, proposer="algorithmic")])
    bench.queued(2)
    robot = bench.robot()
    bench.finish(robot, bench.running(robot))
    done = Bench(ledger, bench.spec, bench.clock, DONE)
    done.start()
    done.do(campaigns.stop, DONE, DoneReason.STOPPED_BY, "enough")
    done.do(campaigns.conclude, DONE)
    return bench


DONE = "cmp_0000000000000002"


def test_a_ledger_of_the_first_version_is_brought_up_to_date(empty_url: str, sqlite_url: str) -> None:
    """With all that is in it: each claim knows its proposer, and what goes on has a line for tokens."""
    clock = ShiftedClock()
    with closing(Ledger(sqlite_url, clock=clock)) as source, closing(Ledger(empty_url, clock=clock)) as old:
        worked = _worked(source)
        with old._write_engine.connect() as connection:  # pyright: ignore[reportPrivateUsage]  no other way back
            _upgrade(connection, "0001")
        old.write_now(_write, "test", _rows(worked))
        assert "is at revision 0001" in str(old.pending_migration())

        old.migrate()

        assert [] == old.read_now(_differences)
        assert [] == old.read_now(_dangling)
        told = [ledger.read_now(views.campaign_facts, CAMPAIGN) for ledger in (source, old)]
        assert told[0] == told[1]
        bench = Bench(old, worked.spec, clock)
        proposers = bench.all(select(t.hypotheses.c.proposer).order_by(t.hypotheses.c.number))
        assert ["campaign file", "algorithmic"] == [row.proposer for row in proposers]
        limited = select(t.budgets.c.campaign_id, t.budgets.c.limit).where(t.budgets.c.line == Line.TOKENS)
        assert [(CAMPAIGN, None)] == [tuple(row) for row in bench.all(limited)]
        bench.do(budgets.change_limit, CAMPAIGN, "tokens", 5)
