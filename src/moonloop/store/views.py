"""The ledger as people and programs read it."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, Table, select

from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.canonical import unseal
from moonloop.domain.claims import Evidence, Hypothesis
from moonloop.domain.errors import NotFound
from moonloop.domain.facts import (
    AttemptFact,
    BudgetFact,
    CampaignFacts,
    CycleFact,
    HypothesisFact,
    JobFact,
    MeasurementFact,
    PlanFact,
)
from moonloop.domain.history import Advice
from moonloop.domain.plans import Plan
from moonloop.domain.results import ArtifactRef, FinishReport
from moonloop.domain.trust import Standing, history_standings
from moonloop.store.histories import history
from moonloop.store.listings import (
    decision_rows,
    grouped,
    incident_facts,
    review_fact,
    review_rows,
    robot_facts,
)
from moonloop.store.summaries import summary
from moonloop.store.tables import (
    artifacts,
    attempt_artifacts,
    attempts,
    budgets,
    campaigns,
    cycles,
    evidence,
    hypotheses,
    jobs,
    measurements,
    plans,
    robots,
)
from moonloop.store.transcripts import agent_facts

__all__ = ["campaign_facts", "plan_fact"]


def _of(connection: Connection, table: Table, campaign: str, *order: str) -> Sequence[Row[Any]]:
    query = select(table).where(table.c.campaign_id == campaign).order_by(*(table.c[name] for name in order))
    return connection.execute(query).all()


def campaign_facts(connection: Connection, campaign: str) -> CampaignFacts:
    """Return all that the ledger knows of a campaign."""
    row: Any = connection.execute(select(campaigns).where(campaigns.c.id == campaign)).one_or_none()
    if row is None:
        raise NotFound(kind="campaign", id=campaign)
    spec = unseal(row.spec, row.spec_sha256, CampaignSpec)
    found_incidents = incident_facts(connection, campaign=campaign)
    used = {found.robot_id for found in _of(connection, attempts, campaign, "id")}
    return CampaignFacts(
        summary=summary(connection, row),
        spec=spec,
        spec_sha256=row.spec_sha256,
        owner=row.owner,
        started_at=row.started_at,
        ended_at=row.ended_at,
        stop_reason=row.stop_reason,
        cycles=_cycles(connection, campaign),
        hypotheses=_hypotheses(connection, campaign),
        budgets=tuple(
            BudgetFact(
                line=line.line, unit=line.unit, limit=line.limit, reserved=line.reserved, spent=line.spent
            )
            for line in _of(connection, budgets, campaign, "line")
        ),
        incidents=tuple(found_incidents),
        robots=tuple(robot for robot in robot_facts(connection) if robot.id in used),
        standings=_standings(connection, row, spec),
    )


def _standings(connection: Connection, row: Row[Any], spec: CampaignSpec) -> tuple[Standing, ...]:
    if spec.scientist.kind != "llm":
        return ()
    return history_standings(spec, history(connection, row.id, row.cycle))


def _cycles(connection: Connection, campaign: str) -> tuple[CycleFact, ...]:
    made = {row.cycle: row for row in _of(connection, plans, campaign, "cycle")}
    reviewed = grouped(review_rows(connection, campaign=campaign), lambda row: row.plan_id)
    done = _jobs(connection, campaign)
    said = decision_rows(connection, campaign)
    tasks = agent_facts(connection, campaign)
    return tuple(
        CycleFact(
            number=row.number,
            purpose=row.purpose,
            proposer=row.proposer,
            opened_at=row.opened_at,
            closed_at=row.closed_at,
            plan=_plan(made.get(row.number), reviewed, said),
            jobs=tuple(fact for fact in done if fact.cycle == row.number),
            advice=Advice.model_validate_json(row.advice) if row.advice else None,
            agents=tuple(task for task in tasks if task.cycle == row.number),
        )
        for row in _of(connection, cycles, campaign, "number")
    )


def _plan(
    row: Row[Any] | None, reviewed: dict[str, list[Row[Any]]], said: dict[str, list[Row[Any]]]
) -> PlanFact | None:
    if row is None:
        return None
    return PlanFact(
        plan=unseal(row.body, row.sha256, Plan),
        sha256=row.sha256,
        reviews=tuple(review_fact(review, said) for review in reviewed.get(row.id, [])),
    )


def plan_fact(connection: Connection, plan: str) -> PlanFact:
    """Return a plan with its reviews."""
    row: Any = connection.execute(select(plans).where(plans.c.id == plan)).one_or_none()
    if row is None:
        raise NotFound(kind="plan", id=plan)
    rows = grouped(review_rows(connection, campaign=row.campaign_id), lambda review: review.plan_id)
    fact = _plan(row, rows, decision_rows(connection, row.campaign_id))
    assert fact is not None
    return fact


def _jobs(connection: Connection, campaign: str) -> list[JobFact]:
    kinds = {row.id: row.kind for row in connection.execute(select(robots.c.id, robots.c.kind))}
    kept = grouped(
        connection.execute(
            select(attempt_artifacts, artifacts.c.size)
            .join(attempts, attempts.c.id == attempt_artifacts.c.attempt_id)
            .join(artifacts, artifacts.c.sha256 == attempt_artifacts.c.sha256)
            .where(attempts.c.campaign_id == campaign)
            .order_by(attempt_artifacts.c.name)
        ).all(),  # type: ignore[arg-type]
        lambda row: row.attempt_id,
    )
    tried = grouped(_of(connection, attempts, campaign, "id"), lambda row: row.job_id)
    found = grouped(_of(connection, measurements, campaign, "id"), lambda row: row.job_id)
    return [
        JobFact(
            id=row.id,
            cycle=row.cycle,
            index=row.position,
            state=row.state,
            spec_sha256=row.spec_sha256,
            attempts=tuple(_attempt(one, kinds, kept) for one in tried.get(row.id, [])),
            measurements=tuple(_measurement(one) for one in found.get(row.id, [])),
        )
        for row in _of(connection, jobs, campaign, "cycle", "position")
    ]


def _attempt(row: Row[Any], kinds: dict[str, str], kept: dict[str, list[Row[Any]]]) -> AttemptFact:
    report = FinishReport.model_validate_json(row.finish) if row.finish else None
    refusal = f"start refused: {row.refusal['why']}" if row.refusal else ""
    return AttemptFact(
        id=row.id,
        robot_id=row.robot_id,
        robot_kind=kinds[row.robot_id],  # type: ignore[arg-type]
        fence=row.fence,
        state=row.state,
        offered_at=row.offered_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        failure=report.failure if report else refusal,
        review_id=row.review_id,
        versions=report.versions if report else {},
        artifacts=tuple(
            ArtifactRef(name=one.name, sha256=one.sha256, size=one.size, media_type=one.media_type)
            for one in kept.get(row.id, [])
        ),
    )


def _measurement(row: Row[Any]) -> MeasurementFact:
    return MeasurementFact(
        id=row.id,
        attempt_id=row.attempt_id,
        name=row.name,
        value=row.value,
        unit=row.unit,
        uncertainty=row.uncertainty,
        parts=row.parts,
        quality=row.quality,
        received_at=row.received_at,
        reported_value=row.reported_value,
        reported_unit=row.reported_unit,
    )


def _hypotheses(connection: Connection, campaign: str) -> tuple[HypothesisFact, ...]:
    weighed = grouped(
        connection.execute(
            select(evidence)
            .join(hypotheses, hypotheses.c.id == evidence.c.hypothesis_id)
            .where(hypotheses.c.campaign_id == campaign)
            .order_by(evidence.c.cycle)
        ).all(),
        lambda row: row.hypothesis_id,
    )
    return tuple(
        HypothesisFact(
            hypothesis=unseal(row.body, row.sha256, Hypothesis),
            state=row.state,
            registered_at=row.registered_at,
            evidence=tuple(Evidence.model_validate_json(one.body) for one in weighed.get(row.id, [])),
            decided_in=row.decided_in,
        )
        for row in _of(connection, hypotheses, campaign, "number")
    )
