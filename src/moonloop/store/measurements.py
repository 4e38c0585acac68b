"""What counts: a result becomes measurements once, and settles its job."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from moonloop.domain import ids
from moonloop.domain.budgets import Line, reagent_line
from moonloop.domain.errors import ArtifactMissing, UnitMismatch
from moonloop.domain.lifecycles import JOB, JobState
from moonloop.domain.results import ArtifactRef, FinishReport, Outcome, ReportedMeasurement
from moonloop.store import budgets, jobs
from moonloop.store.grips import Grip
from moonloop.store.tables import attempt_artifacts, measurements
from moonloop.store.tables import jobs as jobs_table
from moonloop.store.transaction import Tx

__all__ = ["Accepted", "Converted", "count_result"]


@dataclass(frozen=True, slots=True)
class Converted:
    """A reported measurement in the unit that the job asked for."""

    reported: ReportedMeasurement
    value: float
    unit: str
    uncertainty: float | None


@dataclass(frozen=True, slots=True)
class Accepted:
    """A report that fits its job, ready to be counted."""

    report: FinishReport
    measurements: Sequence[Converted]


_JOB_OUTCOME = {
    Outcome.SUCCEEDED: JobState.SUCCEEDED,
    Outcome.FAILED: JobState.FAILED,
    Outcome.CANCELLED: JobState.CANCELLED,
    Outcome.ABORTED: JobState.FAILED,
}


def count_result(tx: Tx, held: Grip, accepted: Accepted, letter: str, facts: Mapping[str, Any]) -> None:
    """Store the measurements, settle the budget and make the job final by edge h or l."""
    _require_artifacts(tx, held.attempt.id, accepted.report.artifacts)
    _insert(tx, held, accepted.measurements)
    target = _JOB_OUTCOME[accepted.report.outcome]
    if letter == "l" and target is JobState.CANCELLED:
        target = JobState.FAILED
    tx.move(JOB, jobs_table, held.job, letter, target, ended_at=tx.now(), facts=dict(facts))
    budgets.settle(tx, held.campaign.id, held.job.id, _used(tx, held, accepted.report))
    jobs.settled(tx, held.job)


def _require_artifacts(tx: Tx, attempt: str, named: Sequence[ArtifactRef]) -> None:
    if not named:
        return
    stored = {
        (row.name, row.sha256)
        for row in tx.all(select(attempt_artifacts).where(attempt_artifacts.c.attempt_id == attempt))
    }
    missing = sorted(ref.name for ref in named if (ref.name, ref.sha256) not in stored)
    if missing:
        raise ArtifactMissing(missing=", ".join(missing))


def _insert(tx: Tx, held: Grip, found: Sequence[Converted]) -> None:
    now = tx.now()
    rows = [
        {
            "id": ids.measurement_id(held.attempt.id, position),
            "attempt_id": held.attempt.id,
            "job_id": held.job.id,
            "campaign_id": held.campaign.id,
            "position": position,
            "name": item.reported.name,
            "value": item.value,
            "unit": item.unit,
            "uncertainty": item.uncertainty,
            "parts": dict(item.reported.parts),
            "quality": item.reported.quality,
            "reported_value": item.reported.value,
            "reported_unit": item.reported.unit,
            "measured_at": item.reported.measured_at,
            "received_at": now,
        }
        for position, item in enumerate(found)
    ]
    tx.add_all(measurements, rows)


def _used(tx: Tx, held: Grip, report: FinishReport) -> dict[str, float]:
    units = {row.line: row.unit for row in held.budgets}
    for substance, amount in report.consumables.items():
        unit = units.get(reagent_line(substance), amount.unit)
        if unit != amount.unit:
            raise UnitMismatch(name=substance, given=amount.unit, expected=unit)
    used = {reagent_line(substance): amount.value for substance, amount in report.consumables.items()}
    if held.attempt.started_at is not None:
        used[Line.INSTRUMENT_TIME] = (tx.now() - held.attempt.started_at).total_seconds()
    return used
