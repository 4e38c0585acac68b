"""What the scientist may know of a campaign, read from the ledger."""

from collections.abc import Sequence
from typing import Any, Literal, cast

from sqlalchemy import Connection, Row, select

from moonloop.domain.budgets import Line
from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.canonical import unseal
from moonloop.domain.claims import Evidence, Hypothesis
from moonloop.domain.errors import NotFound
from moonloop.domain.history import History, Observation
from moonloop.domain.lifecycles import JobState
from moonloop.domain.plans import Plan, Run
from moonloop.store.tables import budgets, campaigns, evidence, hypotheses, jobs, measurements, plans
from moonloop.store.transcripts import claim_record, proposals

__all__ = ["history", "read_spec"]

_OUTCOME: dict[str, Literal["measured", "failed", "cancelled"]] = {
    JobState.SUCCEEDED: "measured",
    JobState.FAILED: "failed",
    JobState.CANCELLED: "cancelled",
}


def read_spec(connection: Connection, campaign: str) -> CampaignSpec:
    """Return a campaign's file, checked against its hash."""
    row = connection.execute(
        select(campaigns.c.spec, campaigns.c.spec_sha256).where(campaigns.c.id == campaign)
    ).one_or_none()
    if row is None:
        raise NotFound(kind="campaign", id=campaign)
    return unseal(row.spec, row.spec_sha256, CampaignSpec)


def history(connection: Connection, campaign: str, cycle: int) -> History:
    """Return what is settled up to and with a cycle, in the order of planning."""
    spec = read_spec(connection, campaign)
    settled = {row.id: row for row in _settled(connection, campaign, cycle, spec.objective.name)}
    observations: list[Observation] = []
    for row in connection.execute(
        select(plans).where(plans.c.campaign_id == campaign, plans.c.cycle <= cycle).order_by(plans.c.cycle)
    ):
        plan = unseal(row.body, row.sha256, Plan)
        observations += [
            _observation(plan.cycle, run, settled[run.job_id]) for run in plan.runs if run.job_id in settled
        ]
    return History(
        campaign_id=campaign,
        cycle=max(cycle, 1),
        observations=tuple(observations),
        hypotheses=_hypotheses(connection, campaign),
        evidence=_evidence(connection, campaign),
        experiments_left=_experiments_left(connection, campaign),
        proposals=proposals(connection, campaign, max(cycle, 1)),
        record=claim_record(connection),
    )


def _settled(connection: Connection, campaign: str, cycle: int, objective: str) -> Sequence[Row[Any]]:
    rows = connection.execute(
        select(
            jobs.c.id,
            jobs.c.state,
            measurements.c.id.label("measurement_id"),
            measurements.c.attempt_id,
            measurements.c.value,
            measurements.c.uncertainty,
        )
        .join_from(
            jobs,
            measurements,
            (measurements.c.job_id == jobs.c.id) & (measurements.c.name == objective),
            isouter=True,
        )
        .where(jobs.c.campaign_id == campaign, jobs.c.state.in_(_OUTCOME), jobs.c.cycle <= cycle)
    ).all()
    return cast("Sequence[Row[Any]]", rows)


def _observation(cycle: int, run: Run, row: Row[Any]) -> Observation:
    told = _OUTCOME[row.state]
    measured = told == "measured" and row.measurement_id is not None
    return Observation(
        cycle=cycle,
        index=run.index,
        job_id=run.job_id,
        purpose=run.purpose,
        candidate=run.candidate,
        label=run.label,
        outcome="failed" if told == "measured" and not measured else told,
        value=row.value if measured else None,
        sd=row.uncertainty if measured else None,
        measurement_id=row.measurement_id if measured else None,
        attempt_id=row.attempt_id,
        expected=run.expected,
        test=run.test,
        suggested=run.suggested,
    )


def _hypotheses(connection: Connection, campaign: str) -> tuple[Hypothesis, ...]:
    rows = connection.execute(
        select(hypotheses).where(hypotheses.c.campaign_id == campaign).order_by(hypotheses.c.number)
    )
    return tuple(unseal(row.body, row.sha256, Hypothesis) for row in rows)


def _evidence(connection: Connection, campaign: str) -> tuple[Evidence, ...]:
    rows = connection.execute(
        select(evidence)
        .join(hypotheses, hypotheses.c.id == evidence.c.hypothesis_id)
        .where(hypotheses.c.campaign_id == campaign)
        .order_by(hypotheses.c.number, evidence.c.cycle)
    )
    latest = {row.hypothesis_id: Evidence.model_validate_json(row.body) for row in rows}
    return tuple(latest.values())


def _experiments_left(connection: Connection, campaign: str) -> int:
    row = connection.execute(
        select(budgets).where(budgets.c.campaign_id == campaign, budgets.c.line == Line.EXPERIMENTS)
    ).one()
    return max(0, int(row.limit - row.spent - row.reserved)) if row.limit is not None else 0
