"""What the data tool answers."""

import sqlite3
from contextlib import closing

from moonloop.domain.errors import InvalidInput, ToolRefused
from moonloop.domain.values import Value
from moonloop.tools.asking.arguments import Query
from moonloop.tools.asking.offer import Snapshot
from moonloop.tools.data.guard import FUNCTIONS, Stopwatch, guard
from moonloop.tools.data.tables import TABLES, fill

__all__ = ["Rows", "query"]

_SECONDS = 3.0
_ROWS = 100
_COLUMNS = 24
_CELL = 400
"""Characters of one cell."""
_CHARACTERS = 6_000
"""Of all cells together."""


class Rows(Value):
    """A small table."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str | float | int | None, ...], ...]
    cut: str | None = None
    """What was left out, where something was."""


def query(asked: Query, snapshot: Snapshot) -> Rows:
    """Answer a SELECT over the campaign's tables.

    Raises:
        InvalidInput: when the statement is wrong, is no question, or takes too long.
        ToolRefused: when there is no campaign.
    """
    if snapshot.spec is None or snapshot.history is None:
        raise ToolRefused(tool="data_query", why="no campaign is open here")
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
        fill(database, snapshot.spec, snapshot.history)
        watch = Stopwatch(_SECONDS)
        guard(database, TABLES, watch)
        try:
            cursor = database.execute(asked.sql)
            found = cursor.fetchmany(_ROWS + 1)
        except (sqlite3.Error, sqlite3.Warning, OverflowError, UnicodeError) as error:
            raise InvalidInput(where="sql", why=_why(error, watch)) from error
        if cursor.description is None:
            raise InvalidInput(where="sql", why="it asks for nothing; give one SELECT statement")
        columns = tuple(str(column[0])[:120] for column in cursor.description)
    return _bounded(columns, found)


def _why(error: Exception, watch: Stopwatch) -> str:
    said = str(error)
    if watch.over:
        return f"it took longer than {_SECONDS:g} s; ask for less, and join on keys"
    if "not authorized" in said or "prohibited" in said:
        why = "only SELECT is allowed, on the tables and columns that the description names"
        return f"{said}: {why}, with these functions: {', '.join(sorted(FUNCTIONS))}"
    return f"SQLite says: {said}"


def _bounded(columns: tuple[str, ...], found: list[tuple[object, ...]]) -> Rows:
    kept: list[tuple[str | float | int | None, ...]] = []
    room = _CHARACTERS
    for row in found[:_ROWS]:
        cells = tuple(_cell(cell) for cell in row[:_COLUMNS])
        room -= sum(len(str(cell)) + 3 for cell in cells)
        if room < 0 and kept:
            break
        kept.append(cells)
    cut: list[str] = []
    if len(kept) < len(found):
        cut.append(f"only the first {len(kept)} rows are shown; use LIMIT, or aggregate")
    if len(columns) > _COLUMNS:
        cut.append(f"only the first {_COLUMNS} columns are shown")
    return Rows(columns=columns[:_COLUMNS], rows=tuple(kept), cut="; ".join(cut) or None)


def _cell(value: object) -> str | float | int | None:
    if value is None or (isinstance(value, int) and abs(value) < 2**53):
        return value
    if isinstance(value, float) and value == value and abs(value) != float("inf"):  # noqa: PLR0124 -- NaN
        return float(f"{value:.9g}")
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    return text if len(text) <= _CELL else text[: _CELL - 1] + "…"
