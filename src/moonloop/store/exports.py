"""A campaign's rows out of one ledger and into another, byte for byte where bytes were hashed."""

import json
import math
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NoReturn

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Float,
    Integer,
    LargeBinary,
    String,
    Table,
    insert,
    select,
)
from sqlalchemy.exc import InvalidRequestError, OperationalError, StatementError

from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.canonical import digest
from moonloop.domain.errors import AlreadyExists, ExportInvalid, InvalidInput
from moonloop.domain.lifecycles import CampaignState
from moonloop.domain.steps import scope_of_campaign, scope_of_mission, scope_of_robot
from moonloop.store import export_checks, tables
from moonloop.store.holds import make_scopes
from moonloop.store.tables import UTCTime, iso, metadata
from moonloop.store.transaction import Tx

__all__ = ["HASHED", "Records", "Rehearsed", "dump", "load", "rehearse"]

Records = Mapping[str, Sequence[Mapping[str, Any]]]
"""Rows by table, as JSON values: times as text, hashed bodies as the text of their bytes."""

_ORDER = (
    "campaigns", "cycles", "hypotheses", "evidence", "plans", "specs", "hazard_reports", "reviews",
    "decisions", "approval_uses", "jobs", "robots", "attempts", "attempt_events", "artifacts",
    "attempt_artifacts", "late_results", "measurements", "incidents", "budgets", "spend", "reports",
    "threads", "transcripts", "model_calls", "journal",
)  # fmt: skip
"""Every table that speaks of a campaign; each after those that it refers to."""

_SINCE_AGENTS = frozenset({"threads", "transcripts", "model_calls"})
"""Tables that exports of the first version have not."""

HASHED: Mapping[str, tuple[str, str]] = {
    "campaigns": ("spec", "spec_sha256"),
    "hypotheses": ("body", "sha256"),
    "plans": ("body", "sha256"),
    "specs": ("body", "sha256"),
    "attempts": ("finish", "finish_sha256"),
    "late_results": ("body", "sha256"),
    "threads": ("decision", "sha256"),
    "transcripts": ("body", "sha256"),
    "model_calls": ("turn", "sha256"),
}
"""Columns of bodies that are kept with their hash, and must still hash to it, with the column of the hash."""

_MALFORMED = (
    AttributeError, TypeError, ValueError, LookupError, ArithmeticError, RecursionError, StatementError,
    InvalidRequestError, InvalidInput,
)  # fmt: skip

_EPOCH = 1970
"""Times are kept as text of a fixed width, which early years have not."""

_OWN_NUMBERS = frozenset({"spend", "journal"})
"""Tables whose row ids belong to one ledger: given anew where the rows are taken in."""


def dump(connection: Connection, campaign: str) -> dict[str, list[dict[str, Any]]]:
    """Return every row that speaks of a campaign."""
    brought = _documents_of(connection, campaign)
    queries = {name: _rows_of(metadata.tables[name], campaign, brought) for name in _ORDER}
    return {
        name: [_to_json(metadata.tables[name], row) for row in connection.execute(query).mappings()]
        for name, query in queries.items()
    }


def _documents_of(connection: Connection, campaign: str) -> Collection[str]:
    spec = connection.scalar(select(tables.campaigns.c.spec).where(tables.campaigns.c.id == campaign))
    return export_checks.documents_of(CampaignSpec.model_validate_json(spec)) if spec is not None else ()


def _rows_of(table: Table, campaign: str, documents: Collection[str]) -> Any:
    query = select(table).order_by(*table.primary_key.columns)
    if table is tables.campaigns:
        return query.where(table.c.id == campaign)
    if "campaign_id" in table.c:
        return query.where(table.c.campaign_id == campaign)
    mine: dict[str, Any] = {
        "hypothesis_id": select(tables.hypotheses.c.id).where(tables.hypotheses.c.campaign_id == campaign),
        "plan_id": select(tables.plans.c.id).where(tables.plans.c.campaign_id == campaign),
        "review_id": select(tables.reviews.c.id).where(tables.reviews.c.campaign_id == campaign),
        "attempt_id": select(tables.attempts.c.id).where(tables.attempts.c.campaign_id == campaign),
        "thread_id": select(tables.threads.c.id).where(tables.threads.c.campaign_id == campaign),
    }
    for column, ids in mine.items():
        if column in table.c:
            return query.where(table.c[column].in_(ids))
    if table is tables.robots:
        used = select(tables.attempts.c.robot_id).where(tables.attempts.c.campaign_id == campaign)
        return query.where(table.c.id.in_(used))
    kept = select(tables.attempt_artifacts.c.sha256).where(
        tables.attempt_artifacts.c.attempt_id.in_(mine["attempt_id"])
    )
    written = select(tables.reports.c.sha256).where(tables.reports.c.campaign_id == campaign)
    named = table.c.sha256.in_(kept.union(written))
    return query.where(named | table.c.sha256.in_(documents))


def _to_json(table: Table, row: Mapping[Any, Any]) -> dict[str, Any]:
    return {column.name: _value(row[column.name]) for column in table.columns}


def _value(value: Any) -> Any:
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, bytes):
        return value.decode()
    return value


def load(tx: Tx, records: Records) -> str:
    """Take a campaign in; return its id. It must be done, and not be here already.

    Raises `ExportInvalid` for rows that are not the campaign's own, not at their end, not what was hashed,
    or not readable, and for work of a robot that is enrolled here.
    """
    campaign = _only_campaign(records)
    with _refusing("its records are malformed"):
        records = _of_this_version(records)
        rows = {name: _typed_rows(name, records[name]) for name in _ORDER}
        export_checks.check(rows)
        export_checks.check_robots(tx.connection, rows)
    if tx.one(select(tables.campaigns.c.id).where(tables.campaigns.c.id == campaign["id"])) is not None:
        raise AlreadyExists(kind="campaign", id=campaign["id"])
    make_scopes(
        tx,
        scope_of_mission(campaign["institute"], campaign["mission"]),
        scope_of_campaign(campaign["id"]),
        *(scope_of_robot(robot["id"]) for robot in rows["robots"]),
    )
    for name in _ORDER:
        with _refusing(f"the records of {name} do not fit"):
            _insert(tx, metadata.tables[name], rows[name])
    with _refusing("its records cannot be read back"):
        export_checks.read_back(tx.connection, campaign["id"])
        dump(tx.connection, campaign["id"])
    tx.journal("campaign.imported", campaign["id"], campaign["id"], after=campaign["state"])
    return campaign["id"]


def rehearse(tx: Tx, records: Records) -> NoReturn:
    """Take a campaign in and undo it: raise `Rehearsed`, or whatever `load` raises."""
    load(tx, records)
    raise Rehearsed


class Rehearsed(Exception):
    """The campaign can be taken in."""


@contextmanager
def _refusing(why: str) -> Generator[None]:
    """Turn what a malformed export raises into `ExportInvalid`; a fault of the database stays what it is."""
    try:
        yield
    except (ExportInvalid, OperationalError):
        raise
    except _MALFORMED as error:
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise ExportInvalid(why=f"{why}: {first}") from error


def _of_this_version(records: Records) -> Records:
    """Return the records with what those of the first version say without saying it."""
    named = [
        row if "proposer" in row else {**row, "proposer": json.loads(row["body"])["proposed"]["proposer"]}
        for row in records["hypotheses"]
    ]
    return {**dict.fromkeys(_SINCE_AGENTS, ()), **records, "hypotheses": named}


def _only_campaign(records: Records) -> Mapping[str, Any]:
    missing = [name for name in _ORDER if name not in records and name not in _SINCE_AGENTS]
    if missing:
        raise ExportInvalid(why=f"it has no records of {', '.join(missing)}")
    unknown = sorted(set(records) - set(_ORDER))
    if unknown:
        raise ExportInvalid(why=f"it has records of {', '.join(unknown)}, which this version does not know")
    if len(records["campaigns"]) != 1:
        raise ExportInvalid(why="it holds not just one campaign")
    campaign = records["campaigns"][0]
    if campaign.get("state") != CampaignState.DONE:
        raise ExportInvalid(why="only a campaign that is done can be taken in")
    return campaign


_ALSO: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "campaigns": lambda row: row | {"imported": True, "request_id": f"import_{row['id']}"},
    "journal": lambda row: row | {"number": None, "facts": row["facts"] | {"exported_as": row["number"]}},
    "robots": lambda row: row | {"state": "revoked", "why": "known from an imported campaign"},
}


def _typed_rows(name: str, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    for row in rows:
        export_checks.check_written(name, row)
    return [_from_json(metadata.tables[name], row) for row in rows]


def _insert(tx: Tx, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    made = list(rows)
    if table.name in _ALSO:
        made = [_ALSO[table.name](row) for row in made]
    if table.name in ("robots", "artifacts"):
        made = [row for row in made if not _known(tx, table, row)]
    if made:
        tx.connection.execute(insert(table), made)


def _known(tx: Tx, table: Table, row: Mapping[str, Any]) -> bool:
    key = next(iter(table.primary_key.columns))
    return tx.one(select(key).where(key == row[key.name])) is not None


def _from_json(table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    skipped = {"id"} if table.name in _OWN_NUMBERS else set[str]()
    expected = {column.name for column in table.columns}
    if set(row) != expected:
        raise ExportInvalid(why=f"a row of {table.name} has other columns than this version knows")
    made = {
        column.name: _typed(column, row[column.name])
        for column in table.columns
        if column.name not in skipped
    }
    body, sha256 = HASHED.get(table.name, ("", ""))
    if made.get(body) is not None and digest(made[body]) != made[sha256]:
        raise ExportInvalid(why=f"a row of {table.name} is not what was hashed")
    return made


def _typed(column: Column[Any], value: Any) -> Any:
    if value is None:
        return None
    if isinstance(column.type, UTCTime):
        return _time(value)
    if isinstance(column.type, LargeBinary):
        return value.encode()
    if not isinstance(column.type, JSON) and not _fits(column, value):
        raise TypeError(f"{column.name} is {value!r}")
    return value


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None or moment.year < _EPOCH:
        raise ValueError(f"{text} is no time of a ledger")
    return moment.astimezone(UTC)


def _fits(column: Column[Any], value: Any) -> bool:
    """SQLite keeps whatever it is handed, so type, length and range are checked before."""
    if isinstance(column.type, Boolean) or isinstance(value, bool):
        return isinstance(column.type, Boolean) and isinstance(value, bool)
    if isinstance(column.type, Float):
        return isinstance(value, int | float) and math.isfinite(value)
    if isinstance(column.type, Integer):
        bits = 63 if isinstance(column.type, BigInteger) else 31
        return isinstance(value, int) and -(1 << bits) <= value < 1 << bits
    if not isinstance(value, column.type.python_type):
        return False
    return not isinstance(column.type, String) or len(value) <= (column.type.length or len(value))
