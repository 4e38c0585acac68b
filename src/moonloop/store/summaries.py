"""A campaign in one line, with one plain sentence that says what happens now, or why nothing does."""

from typing import Any

from sqlalchemy import Connection, Row, func, select

from moonloop.domain.budgets import Line
from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.canonical import unseal
from moonloop.domain.facts import CampaignSummary
from moonloop.domain.history import Advice
from moonloop.domain.lifecycles import CampaignState, IncidentState, JobState, ReviewState
from moonloop.domain.steps import SITE, scope_of_campaign, scope_of_mission
from moonloop.store.tables import budgets, campaigns, cycles, holds, incidents, jobs, reviews

__all__ = ["summaries", "summary"]


def summaries(connection: Connection) -> list[CampaignSummary]:
    """Return every campaign, the newest first."""
    rows = connection.execute(
        select(campaigns).order_by(campaigns.c.created_at.desc(), campaigns.c.id.desc())
    )
    return [summary(connection, row) for row in rows]


def summary(connection: Connection, row: Row[Any]) -> CampaignSummary:
    """Return one campaign in one line."""
    spec = unseal(row.spec, row.spec_sha256, CampaignSpec)
    advice = _latest_advice(connection, row.id)
    line: Any = connection.execute(
        select(budgets).where(budgets.c.campaign_id == row.id, budgets.c.line == Line.EXPERIMENTS)
    ).one()
    return CampaignSummary(
        id=row.id,
        name=row.name,
        state=row.state,
        done_reason=row.done_reason,
        cycle=row.cycle,
        experiments_done=int(line.spent),
        experiments_limit=int(line.limit or 0),
        best_key=advice.best_key if advice else None,
        best_value=advice.best_value if advice else None,
        unit=spec.objective.unit,
        waiting_for=_sentence(connection, row),
        created_at=row.created_at,
    )


def _latest_advice(connection: Connection, campaign: str) -> Advice | None:
    body = connection.execute(
        select(cycles.c.advice)
        .where(cycles.c.campaign_id == campaign, cycles.c.advice.is_not(None))
        .order_by(cycles.c.number.desc())
        .limit(1)
    ).scalar_one_or_none()
    return Advice.model_validate_json(body) if body is not None else None


def _sentence(connection: Connection, row: Row[Any]) -> str:
    if row.state == CampaignState.DONE:
        return f"Done: {(row.stop_reason or row.done_reason).rstrip('.')}."
    return (
        _incident(connection, row.id)
        or _hold(connection, row)
        or _paused(row)
        or _review(connection, row.id)
        or _at_work(connection, row)
    )


def _incident(connection: Connection, campaign: str) -> str | None:
    found: Any = connection.execute(
        select(incidents)
        .where(incidents.c.campaign_id == campaign, incidents.c.state == IncidentState.OPEN)
        .order_by(incidents.c.opened_at)
        .limit(1)
    ).one_or_none()
    if found is None:
        return None
    since = found.opened_at.strftime("%H:%M:%S UTC")
    return (
        f"Waits since {since} for a person to say what became of {found.job_id}, which was lost: "
        f"moonloop incident show {found.id}"
    )


def _hold(connection: Connection, row: Row[Any]) -> str | None:
    scopes = (SITE, scope_of_mission(row.institute, row.mission), scope_of_campaign(row.id))
    found: Any = connection.execute(
        select(holds).where(holds.c.scope.in_(scopes), holds.c.active).order_by(holds.c.scope).limit(1)
    ).one_or_none()
    if found is None:
        return None
    return f"On hold by {found.by}: {found.reason}. To lift it: moonloop release {found.scope} --reason …"


def _paused(row: Row[Any]) -> str | None:
    if row.state != CampaignState.PAUSED:
        return None
    return f"Paused: {row.waits_because}. To go on: moonloop campaign resume {row.id}"


def _review(connection: Connection, campaign: str) -> str | None:
    found: Any = connection.execute(
        select(reviews).where(reviews.c.campaign_id == campaign, reviews.c.state == ReviewState.OPEN).limit(1)
    ).one_or_none()
    if found is None:
        return None
    since = found.opened_at.strftime("%H:%M:%S UTC")
    return f"Waits since {since} for a decision on its plan: moonloop review show {found.id}"


def _at_work(connection: Connection, row: Row[Any]) -> str:
    rows = connection.execute(
        select(jobs.c.state, func.count().label("jobs"))
        .where(jobs.c.campaign_id == row.id, jobs.c.cycle == row.cycle)
        .group_by(jobs.c.state)
    )
    counts: dict[str, int] = {found.state: found.jobs for found in rows}
    queued, active = counts.get(JobState.QUEUED, 0), counts.get(JobState.ACTIVE, 0)
    if active:
        return f"Cycle {row.cycle}: {active} running, {queued} queued."
    if queued:
        return f"Cycle {row.cycle}: {queued} queued for a robot (moonloop robot list)."
    if row.state == CampaignState.STOPPING:
        return "Stopping: the report is being written."
    return f"Cycle {row.cycle}: the scientist is thinking."
