"""What a campaign from elsewhere must be before it is taken in: all its own, at its end, and readable."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Connection, select

from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.canonical import canonical_json
from moonloop.domain.claims import Evidence, Hypothesis
from moonloop.domain.errors import ExportInvalid
from moonloop.domain.facts import JournalEntry
from moonloop.domain.history import Advice
from moonloop.domain.ids import stem
from moonloop.domain.lifecycles import (
    ATTEMPT,
    CAMPAIGN,
    HYPOTHESIS,
    INCIDENT,
    JOB,
    REVIEW,
    AttemptState,
    ReviewState,
)
from moonloop.domain.plans import JobSpec, Plan
from moonloop.domain.results import FinishReport, ReportedMeasurement
from moonloop.domain.reviews import HazardOutcome
from moonloop.domain.robots import Capabilities, Requires, RobotKind
from moonloop.domain.units import commensurable
from moonloop.store import export_threads, histories, listings, transcripts, views
from moonloop.store.tables import device_fences, robots

__all__ = ["Rows", "check", "check_robots", "check_written", "documents_of", "read_back"]

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
"""Rows by table, as the columns hold them."""

_DEEPEST = 200
"""Levels of a JSON value; a reader of the ledger fails soon after."""

_REFERENCES = {
    "campaign_id": ("campaigns", "id"),
    "plan_id": ("plans", "id"),
    "review_id": ("reviews", "id"),
    "job_id": ("specs", "job_id"),
    "attempt_id": ("attempts", "id"),
    "hypothesis_id": ("hypotheses", "id"),
    "robot_id": ("robots", "id"),
    "thread_id": ("threads", "id"),
}
"""Columns that name a row, by the table and column that they name."""

_NAMING_ARTIFACTS = ("attempt_artifacts", "reports")
"""Tables whose hash is that of an artifact, and no body's."""

_NAMED_AFTER = {
    "plans": ("id", "pln", "campaign_id", r"_\d{4,}"),
    "hypotheses": ("id", "hyp", "campaign_id", r"_\d{2,}"),
    "specs": ("job_id", "job", "plan_id", r"_\d{4,}"),
    "jobs": ("id", "job", "plan_id", r"_\d{4,}"),
    "reviews": ("id", "rev", "plan_id", r"_\d{2,}"),
    "attempts": ("id", "att", "job_id", r"_\d{2,}"),
    "measurements": ("id", "mea", "attempt_id", r"_\d+"),
    "incidents": ("id", "inc", "attempt_id", ""),
}
"""Rows whose id is made of another's: so nothing here can bear a name that a campaign elsewhere will need."""

_ENDED: Mapping[str, frozenset[str]] = {
    "campaigns": CAMPAIGN.finals,
    "hypotheses": HYPOTHESIS.finals,
    "reviews": frozenset(REVIEW.states) - {ReviewState.OPEN},
    "jobs": JOB.finals,
    "attempts": ATTEMPT.finals,
    "incidents": INCIDENT.finals,
}
"""States that a campaign which is done leaves behind."""

_BODIES: Sequence[tuple[str, str, type[BaseModel], Mapping[str, str]]] = (
    ("campaigns", "spec", CampaignSpec, {"name": "name", "institute": "institute", "mission": "mission"}),
    ("cycles", "advice", Advice, {}),
    (
        "hypotheses",
        "body",
        Hypothesis,
        {"id": "id", "campaign_id": "campaign_id", "number": "number", "proposed.proposer": "proposer"},
    ),
    ("evidence", "body", Evidence, {"hypothesis_id": "hypothesis_id"}),
    ("plans", "body", Plan, {"id": "id", "campaign_id": "campaign_id", "cycle": "cycle"}),
    ("specs", "body", JobSpec, {"job_id": "job_id", "protocol": "protocol"}),
    ("attempts", "finish", FinishReport, {"outcome": "state"}),
    ("late_results", "body", FinishReport, {}),
    ("robots", "capabilities", Capabilities, {}),
)
"""Bodies, what they must be, and which of their fields a column repeats."""


def _refuse(why: str) -> ExportInvalid:
    return ExportInvalid(why=why)


def check_written(name: str, row: Mapping[str, Any]) -> None:
    """Refuse a row that could not be written out again: NaN, infinities, half characters, endless nesting."""
    canonical_json(dict(row))
    if not _shallow(row, _DEEPEST):
        raise _refuse(f"a row of {name} is nested too deeply")


def _shallow(value: Any, left: int) -> bool:
    if isinstance(value, Mapping):
        value = list(value.values())  # type: ignore[reportUnknownArgumentType]
    return not isinstance(value, list) or (left > 0 and all(_shallow(item, left - 1) for item in value))  # type: ignore[reportUnknownVariableType]


def check(rows: Rows) -> None:
    """Refuse rows of another campaign, rows that are not at their end, and bodies that are not what they say.

    Raises `ExportInvalid`, or `ValueError` for a body of another shape.
    """
    _check_references(rows)
    _check_names(rows)
    _check_ends(rows)
    read = {
        (name, column): _read(rows, name, column, model, repeated)
        for name, column, model, repeated in _BODIES
    }
    _check_artifacts(rows, *read["campaigns", "spec"])
    _check_plans(rows, read["plans", "body"], read["specs", "body"])
    _check_measurements(rows, read["attempts", "finish"], read["late_results", "body"])
    _check_words(rows)
    export_threads.check(rows)


def _check_references(rows: Rows) -> None:
    known = {column: {row[key] for row in rows[table]} for column, (table, key) in _REFERENCES.items()}
    known["sha256"] = {row["sha256"] for row in rows["artifacts"]}
    for table, found in rows.items():
        for column in _referring(table):
            if not {row[column] for row in found if row.get(column) is not None} <= known[column]:
                raise _refuse(f"a row of {table} has a {column} that is not of this campaign")
    if any(row["campaign_id"] is None for row in rows["journal"]):
        raise _refuse("a row of journal is of no campaign")
    if known["robot_id"] != {row["robot_id"] for row in rows["attempts"]}:
        raise _refuse("it brings a robot that did nothing in it")
    cycles = {row["number"] for row in rows["cycles"]}
    if not {row["cycle"] for name in ("plans", "jobs", "threads") for row in rows[name]} <= cycles:
        raise _refuse("it has work in a cycle that is missing")


def _referring(table: str) -> set[str]:
    columns = set(_REFERENCES)
    if table == "spend":
        columns.remove("job_id")  # it may be a turn's key
    return columns | {"sha256"} if table in _NAMING_ARTIFACTS else columns


def documents_of(spec: CampaignSpec) -> Mapping[str, str]:
    """Return the names of the documents that a campaign brings, by the SHA-256 of their bytes."""
    return {document.sha256: document.name for document in spec.documents}


def _check_artifacts(rows: Rows, spec: CampaignSpec) -> None:
    brought = {row["sha256"] for row in rows["artifacts"]}
    documents = documents_of(spec)
    for sha256, name in documents.items():
        if sha256 not in brought:
            raise _refuse(f"it lacks the bytes of the document “{name}”")
    if brought - {row["sha256"] for table in _NAMING_ARTIFACTS for row in rows[table]} - set(documents):
        raise _refuse("it brings an artifact that nothing in it names")


def _check_names(rows: Rows) -> None:
    [campaign] = rows["campaigns"]
    if not re.fullmatch(r"cmp_[0-9a-z]{4,32}", campaign["id"]):
        raise _refuse("its id is not that of a campaign")
    if any(not re.fullmatch(r"rob_[0-9a-z]{4,32}", row["id"]) for row in rows["robots"]):
        raise _refuse("a robot's id is not that of a robot")
    for table, (column, prefix, parent, number) in _NAMED_AFTER.items():
        for row in rows[table]:
            if not re.fullmatch(f"{prefix}_{re.escape(stem(row[parent]))}{number}", row[column]):
                raise _refuse(f"a row of {table} does not bear the name that its {parent} gives it")
    for row in rows["decisions"]:
        if row["id"].endswith("_policy") and row["id"] != f"dec_{stem(row['review_id'])}_policy":
            raise _refuse("a decision bears the name of another review's")


def _check_ends(rows: Rows) -> None:
    for table, states in _ENDED.items():
        for row in rows[table]:
            if row["state"] not in states:
                raise _refuse(f"a row of {table} is {row['state']}, in a campaign that is done")


def _read(
    rows: Rows, table: str, column: str, model: type[BaseModel], repeated: Mapping[str, str]
) -> list[Any]:
    """Return the bodies of a table as values, None where a row has none."""
    found: list[Any] = []
    for row in rows[table]:
        value = model.model_validate_json(row[column]) if row[column] is not None else None
        for field, told in repeated.items():
            if value is not None and attrgetter(field)(value) != row[told]:
                raise _refuse(f"a row of {table} has another {told} than its {column}")
        found.append(value)
    return found


def _check_plans(rows: Rows, plans: Sequence[Plan], specs: Sequence[JobSpec]) -> None:
    promised = {(plan.id, run.job_id): run.spec_sha256 for plan in plans for run in plan.runs}
    if promised != {(row["plan_id"], row["job_id"]): row["sha256"] for row in rows["specs"]}:
        raise _refuse("its job specs are not those that its plans promise")
    cycles = {plan.id: (plan.campaign_id, plan.cycle) for plan in plans}
    for row, spec in zip(rows["specs"], specs, strict=True):
        if (spec.campaign_id, spec.cycle) != cycles[row["plan_id"]]:
            raise _refuse("a job spec is of another campaign or cycle than its plan")
        if Requires.model_validate(row["requires"]) != spec.requires or row["kind"] != spec.requires.kind:
            raise _refuse("a row of specs requires other things than its body")


def _check_measurements(rows: Rows, finished: Sequence[Any], late: Sequence[Any]) -> None:
    """What counts must be what its attempt reported, or what was adopted of a late result."""
    reports = {row["id"]: report for row, report in zip(rows["attempts"], finished, strict=True)}
    reports |= {
        row["attempt_id"]: report
        for row, report in zip(rows["late_results"], late, strict=True)
        if row["adopted_at"] is not None
    }
    jobs = {row["id"]: row["job_id"] for row in rows["attempts"]}
    for row in rows["attempts"]:
        if row["state"] == AttemptState.SUCCEEDED and reports[row["id"]] is None:
            raise _refuse("an attempt succeeded without a result")
    for row in rows["measurements"]:
        report = reports[row["attempt_id"]]
        told = {item.name: item for item in report.measurements} if report is not None else {}
        item = told.get(row["name"])
        if item is None or jobs[row["attempt_id"]] != row["job_id"] or not _agrees(row, item):
            raise _refuse("a measurement is not what its attempt reported")


def _agrees(row: Mapping[str, Any], item: ReportedMeasurement) -> bool:
    told = (item.value, item.unit, item.quality, dict(item.parts), item.measured_at)
    columns = ("reported_value", "reported_unit", "quality", "parts", "measured_at")
    if told[:-1] != tuple(row[name] for name in columns[:-1]) or not _same_time(told[-1], row["measured_at"]):
        return False
    if row["unit"] != item.unit:
        return commensurable(row["unit"], item.unit)
    return (row["value"], row["uncertainty"]) == (item.value, item.uncertainty)


def _same_time(one: Any, other: Any) -> bool:
    """The ledger keeps milliseconds."""
    if one is None or other is None:
        return one is other
    return math.isclose(one.timestamp(), other.timestamp(), rel_tol=0.0, abs_tol=1e-3)


def _check_words(rows: Rows) -> None:
    """Columns with a closed set of values that nothing else reads as such."""
    kinds: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
        "hazard_reports": ("outcome", HazardOutcome),
        "jobs": ("kind", RobotKind),
        "robots": ("kind", RobotKind),
    }
    for table, (column, word) in kinds.items():
        for row in rows[table]:
            word(row[column])
    if any(row["kind"] not in ("reserve", "settle", "release") for row in rows["spend"]):
        raise _refuse("a row of spend is of a kind that there is none of")
    for row in rows["journal"]:
        entry = {name: value for name, value in row.items() if name != "id"} | {"number": 1}
        JournalEntry.model_validate(entry).model_dump_json()


def check_robots(connection: Connection, rows: Rows) -> None:
    """Refuse work of a robot that is enrolled here: whatever it did is in this ledger already."""
    kinds = {row["id"]: row["kind"] for row in rows["robots"]}
    here = connection.execute(
        select(robots.c.id, robots.c.kind, device_fences.c.fence)
        .join(device_fences, device_fences.c.robot_id == robots.c.id, isouter=True)
        .where(robots.c.id.in_(kinds))
    ).all()
    for row in here:
        # Only a robot that was enrolled here has a fence; one known from another import has none.
        if row.fence is not None or row.kind != kinds[row.id]:
            raise _refuse(f"{row.id} is another robot here")


def read_back(connection: Connection, campaign: str) -> None:
    """Read the campaign as its readers will; raise what they would.

    Raises `ValueError`, `TypeError`, `KeyError`, `ArithmeticError`, `RecursionError`, `StatementError`,
    `InvalidRequestError` or `MoonloopError` for what is not readable.
    """
    facts = views.campaign_facts(connection, campaign)
    facts.model_dump_json()
    for found in listings.review_facts(connection, campaign=campaign):
        found.model_dump_json()
    for cycle in facts.cycles:
        for task in cycle.agents:
            for entry in transcripts.transcript(connection, task.thread):
                entry.model_dump_json()
    histories.history(connection, campaign, facts.summary.cycle)
