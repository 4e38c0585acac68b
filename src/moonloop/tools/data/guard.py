"""A database in memory that can be asked, but made to do nothing else: not write, not open, not run on."""

import sqlite3
import time
from contextlib import suppress
from statistics import median, stdev
from typing import Any

__all__ = ["FUNCTIONS", "Stopwatch", "guard"]

FUNCTIONS = frozenset(
    [
        "abs",
        "acos",
        "asin",
        "atan",
        "atan2",
        "avg",
        "ceil",
        "ceiling",
        "coalesce",
        "cos",
        "count",
        "cume_dist",
        "degrees",
        "dense_rank",
        "exp",
        "first_value",
        "floor",
        "group_concat",
        "ifnull",
        "iif",
        "instr",
        "lag",
        "last_value",
        "lead",
        "length",
        "like",
        "ln",
        "log",
        "log10",
        "log2",
        "lower",
        "ltrim",
        "max",
        "median",
        "min",
        "mod",
        "nth_value",
        "ntile",
        "nullif",
        "percent_rank",
        "pi",
        "pow",
        "power",
        "radians",
        "rank",
        "replace",
        "round",
        "row_number",
        "rtrim",
        "sign",
        "sin",
        "sqrt",
        "stdev",
        "string_agg",
        "substr",
        "substring",
        "sum",
        "tan",
        "total",
        "trim",
        "trunc",
        "typeof",
        "upper",
    ]
)
"""Functions that a question may call; those that make long values, load or look around are not among them."""

_LIMITS = {
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_COLUMN: 100,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 20,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 60,
    sqlite3.SQLITE_LIMIT_FUNCTION_ARG: 16,
    sqlite3.SQLITE_LIMIT_LENGTH: 100_000,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 100,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 4_000,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 1,
    sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER: 10,
    sqlite3.SQLITE_LIMIT_VDBE_OP: 50_000,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}
_INSTRUCTIONS = 2_000
"""Of SQLite's machine, between two looks at the watch: well under a millisecond."""
_VALUES = 100_000
"""That an aggregate of ours keeps."""


class Stopwatch:
    """A time limit that interrupts a statement from within."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds
        self.over = False

    def __call__(self) -> int:
        """Return 1, which interrupts, when time is over."""
        self.over = time.monotonic() > self._until
        return int(self.over)


def guard(database: sqlite3.Connection, tables: frozenset[str], watch: Stopwatch) -> None:
    """Allow no more than reading these tables with these functions; nothing lifts it again."""
    database.create_aggregate("stdev", 1, _aggregate(stdev, 2))  # pyright: ignore[reportArgumentType] -- made by a function
    database.create_aggregate("median", 1, _aggregate(median, 1))  # pyright: ignore[reportArgumentType] -- as above
    database.executescript("PRAGMA query_only = ON; PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY;")
    for limit, most in _LIMITS.items():
        database.setlimit(limit, most)
    database.set_progress_handler(watch, _INSTRUCTIONS)

    def allow(action: int, first: str | None, second: str | None, *_: str | None) -> int:
        if action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE):
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_READ and _may_read((first or "").lower(), second, tables):
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_FUNCTION and (second or "").lower() in FUNCTIONS:
            return sqlite3.SQLITE_OK
        return sqlite3.SQLITE_DENY

    database.set_authorizer(allow)


def _may_read(table: str, column: str | None, tables: frozenset[str]) -> bool:
    # Where no column is read, as by count(*), a name of a WITH clause is reported as if it were a table.
    return table in tables or (column == "" and not table.startswith("sqlite_"))


def _aggregate(statistic: Any, least: int) -> type:
    class Aggregate:
        def __init__(self) -> None:
            self._values: list[float] = []

        def step(self, value: Any) -> None:
            if isinstance(value, (int, float)) and len(self._values) < _VALUES:
                self._values.append(float(value))

        def finalize(self) -> float | None:
            with suppress(OverflowError, ValueError):
                return float(statistic(self._values)) if len(self._values) >= least else None
            return None

    return Aggregate
