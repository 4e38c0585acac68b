"""One transaction on the ledger: locks in their one order, compare-and-set moves, journal and outbox.

Transitions are plain functions of a `Tx`. They cannot await, so no transaction is held across the network.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import IntEnum
from functools import cache
from typing import Any, cast

from sqlalchemy import Connection, Insert, Row, Table, Update, bindparam, insert, select, update
from sqlalchemy.sql import Executable, Select

from moonloop.domain.errors import IllegalTransition, MoonloopError, NotFound
from moonloop.domain.lifecycles import Lifecycle
from moonloop.store import tables
from moonloop.store.database import now

__all__ = ["Level", "Query", "Tx"]

Query = Select[*tuple[Any, ...]]
"""A selection of any columns."""


class Level(IntEnum):
    """The lock order of every transition; a lower level is never taken after a higher one."""

    HOLD = 1
    CAMPAIGN = 2
    APPROVAL = 3
    THREAD = 4
    BUDGET = 5
    DEVICE = 6
    JOB = 7
    ATTEMPT = 8


_LOCKED = {
    Level.HOLD: (tables.holds, "scope"),
    Level.CAMPAIGN: (tables.campaigns, "id"),
    Level.APPROVAL: (tables.reviews, "id"),
    Level.THREAD: (tables.threads, "id"),
    Level.BUDGET: (tables.budgets, "campaign_id"),
    Level.DEVICE: (tables.robots, "id"),
    Level.JOB: (tables.jobs, "id"),
    Level.ATTEMPT: (tables.attempts, "id"),
}


# Statements are built once: to build one costs several times what it costs SQLite to run it.


@cache
def _lock_statement(level: Level, write: bool, skip_locked: bool) -> Query:
    table, column = _LOCKED[level]
    key = table.c[column]
    order = [key, table.c.line] if level is Level.BUDGET else [key]
    statement = select(table).where(key.in_(bindparam("keys", expanding=True))).order_by(*order)
    # FOR NO KEY UPDATE, or FOR SHARE: ids never change, so a row that refers to a locked one need not wait.
    return statement.with_for_update(read=not write, key_share=write, skip_locked=skip_locked)


@cache
def _insert_into(table: Table) -> Insert:
    return insert(table)


@cache
def _move_in(table: Table) -> Update:
    return update(table).where(table.c.id == bindparam("row_id"), table.c.state == bindparam("from_state"))


class Tx:
    """A transaction in progress, and who is acting in it."""

    def __init__(self, connection: Connection, actor: str) -> None:
        self.connection = connection
        self.actor = actor
        self.commit_anyway = False
        self.announces = False
        self._level = 0
        self._now: datetime | None = None
        self._journal: list[dict[str, Any]] = []
        self._outbox: list[dict[str, Any]] = []

    # Reading and writing.

    def now(self) -> datetime:
        """Return the database's time, read after the latest lock."""
        if self._now is None:
            self._now = now(self.connection)
        return self._now

    def one(self, statement: Query, **values: Any) -> Row[Any] | None:
        """Return the only row, or None; `values` are those of the statement's bound parameters."""
        return cast("Row[Any] | None", self.connection.execute(statement, values).one_or_none())

    def all(self, statement: Query, **values: Any) -> Sequence[Row[Any]]:
        """Return the rows."""
        return cast("Sequence[Row[Any]]", self.connection.execute(statement, values).all())

    def scalar(self, statement: Query, **values: Any) -> Any:
        """Return the first column of the only row, or None."""
        return self.connection.execute(statement, values).scalar_one_or_none()

    def run(self, statement: Executable) -> int:
        """Execute a write; return how many rows it changed."""
        # Of an insert SQLAlchemy does not keep the count unless asked.
        kept = {"preserve_rowcount": True}
        return int(self.connection.execute(statement, execution_options=kept).rowcount)

    def add(self, table: Table, **values: Any) -> None:
        """Insert one row."""
        self.connection.execute(_insert_into(table), values)

    def add_all(self, table: Table, rows: Sequence[dict[str, Any]]) -> None:
        """Insert rows; none is fine too."""
        if rows:
            self.connection.execute(_insert_into(table), rows)

    # Locks.

    def lock(
        self, level: Level, *keys: str, write: bool = False, skip_locked: bool = False
    ) -> Sequence[Row[Any]]:
        """Lock the rows of these keys, in key order, and return them as they are once locked.

        SQLite holds its one write lock already; there this only reads. Raises `RuntimeError` when the level
        is below one already taken: the order keeps the transitions free of deadlock and of missed revokes.
        """
        if level < self._level:
            raise RuntimeError(f"lock order broken: {level.name} after {Level(self._level).name}")
        self._level = level
        self._now = None  # waiting for a lock takes time
        return self.all(_lock_statement(level, write, skip_locked), keys=sorted(set(keys)))

    def lock_one(self, level: Level, key: str, *, write: bool = False) -> Row[Any]:
        """Lock one row and return it; raise `NotFound` when there is none."""
        rows = self.lock(level, key, write=write)
        if not rows:
            raise NotFound(kind=level.name.lower(), id=key)
        return rows[0]

    def set_if(self, level: Level, statement: Executable, **values: Any) -> Row[Any] | None:
        """Run a compare-and-set of one row in place of its lock; return what it returns, None if it missed.

        PostgreSQL keeps the lock of a row that it waited for and then found changed. What missed is undone to
        let go of it: the caller goes on to take locks in their order.
        """
        savepoint = self.connection.begin_nested()
        row = self.connection.execute(statement, values).one_or_none()
        if row is None:
            savepoint.rollback()
            return None
        savepoint.commit()
        self._level = max(self._level, level)
        return row

    # Moving along a lifecycle.

    def move(
        self,
        machine: Lifecycle,
        table: Table,
        row: Row[Any],
        letter: str,
        target: str,
        *,
        facts: dict[str, Any] | None = None,
        **values: Any,
    ) -> None:
        """Take an edge by compare-and-set and journal it; refuse an edge that the lifecycle has not."""
        machine.check(row.state, letter, target)
        given = {"row_id": row.id, "from_state": row.state, "state": target, **values}
        if self.connection.execute(_move_in(table), given).rowcount != 1:
            raise IllegalTransition(machine=machine.name, state="no longer " + row.state, edge=letter)
        campaign = row.id if table is tables.campaigns else row.campaign_id
        self.journal(
            f"{machine.name}.{letter}", row.id, campaign, before=row.state, after=target, facts=facts
        )

    # Telling.

    def journal(
        self,
        what: str,
        subject: str,
        campaign: str | None,
        *,
        before: str | None = None,
        after: str | None = None,
        facts: dict[str, Any] | None = None,
    ) -> None:
        """Append to the journal, in this transaction."""
        self._journal.append(
            {
                "at": self.now(),
                "who": self.actor,
                "what": what,
                "subject": subject,
                "campaign_id": campaign,
                "before": before,
                "after": after,
                "facts": facts or {},
            }
        )

    def refuse(self, error: MoonloopError, subject: str, campaign: str | None) -> MoonloopError:
        """Journal a refusal and return its error to be raised; the transaction commits all the same."""
        self.commit_anyway = True
        facts = {"type": error.slug, "reason": str(error)}
        self.journal("refused", subject, campaign, facts=facts)
        return error

    def wake(self, campaign: str, workflow: str, topic: str, key: str) -> None:
        """Announce a change to a workflow, by the outbox."""
        self._post("wake", campaign, workflow, topic, key)

    def start_workflow(self, campaign: str, workflow: str) -> None:
        """Ask for a campaign's workflow to be started, by the outbox."""
        self._post("start", campaign, workflow, "start", campaign)

    def _post(self, kind: str, campaign: str, workflow: str, topic: str, key: str) -> None:
        self.announces = True
        self._outbox.append(
            {
                "kind": kind,
                "campaign_id": campaign,
                "workflow_id": workflow,
                "topic": topic,
                "key": key,
                "created_at": self.now(),
            }
        )

    def write_out(self) -> None:
        """Write what was told; the last thing before the commit."""
        self.add_all(tables.journal, self._journal)
        self.add_all(tables.outbox, self._outbox)
