"""Reviews, incidents, robots and holds, as people and programs read them."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, func, select

from moonloop.domain.facts import DecisionFact, HoldFact, IncidentFact, ReviewFact, RobotFact
from moonloop.domain.robots import Capabilities
from moonloop.store.tables import (
    LIVE_ATTEMPT,
    attempts,
    campaigns,
    decisions,
    device_fences,
    holds,
    incidents,
    late_results,
    plans,
    reviews,
    robots,
)

__all__ = [
    "decision_rows",
    "grouped",
    "hold_facts",
    "incident_facts",
    "review_fact",
    "review_facts",
    "review_rows",
    "robot_facts",
]

Key = TypeVar("Key")


def grouped(rows: Sequence[Row[Any]], key: Callable[[Row[Any]], Key]) -> dict[Key, list[Row[Any]]]:
    """Return the rows by their key, in the order they came."""
    groups: dict[Key, list[Row[Any]]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups


def review_rows(
    connection: Connection,
    *,
    campaign: str | None = None,
    review: str | None = None,
    state: str | None = None,
) -> Sequence[Row[Any]]:
    """Return reviews with the names of their campaigns, the longest open first."""
    query = (
        select(reviews, campaigns.c.name.label("campaign_name"), plans.c.cycle)
        .join(campaigns, campaigns.c.id == reviews.c.campaign_id)
        .join(plans, plans.c.id == reviews.c.plan_id)
        .order_by(reviews.c.opened_at, reviews.c.id)
    )
    for column, value in (
        (reviews.c.campaign_id, campaign),
        (reviews.c.id, review),
        (reviews.c.state, state),
    ):
        if value is not None:
            query = query.where(column == value)
    return connection.execute(query).all()  # type: ignore[return-value]


def review_facts(
    connection: Connection,
    *,
    campaign: str | None = None,
    review: str | None = None,
    state: str | None = None,
) -> list[ReviewFact]:
    """Return reviews, the longest open first."""
    rows = review_rows(connection, campaign=campaign, review=review, state=state)
    said = decision_rows(connection, campaign, [row.id for row in rows] if campaign is None else None)
    return [review_fact(row, said) for row in rows]


def decision_rows(
    connection: Connection, campaign: str | None, of: list[str] | None = None
) -> dict[str, list[Row[Any]]]:
    """Return decisions by review: of a campaign, or of the named reviews."""
    query = (
        select(decisions)
        .join(reviews, reviews.c.id == decisions.c.review_id)
        .order_by(decisions.c.at, decisions.c.id)
    )
    query = query.where(
        reviews.c.campaign_id == campaign if campaign is not None else reviews.c.id.in_(of or [])
    )
    return grouped(connection.execute(query).all(), lambda row: row.review_id)


def review_fact(row: Row[Any], said: dict[str, list[Row[Any]]]) -> ReviewFact:
    """Return one review with what was said."""
    return ReviewFact(
        id=row.id,
        campaign_id=row.campaign_id,
        campaign_name=row.campaign_name,
        cycle=row.cycle,
        plan_id=row.plan_id,
        plan_sha256=row.plan_sha256,
        state=row.state,
        hazard=row.hazard,
        opened_at=row.opened_at,
        expires_at=row.expires_at,
        approval_expires_at=row.approval_expires_at,
        decisions=tuple(
            DecisionFact(
                id=decision.id,
                verdict=decision.verdict,
                by=decision.by,
                by_kind=decision.by_kind,
                policy=decision.policy,
                policy_version=decision.policy_version,
                plan_sha256=decision.plan_sha256,
                at=decision.at,
                comment=decision.comment,
            )
            for decision in said.get(row.id, [])
        ),
    )


def incident_facts(
    connection: Connection,
    *,
    campaign: str | None = None,
    incident: str | None = None,
    state: str | None = None,
) -> list[IncidentFact]:
    """Return incidents, the oldest first."""
    query = select(incidents).order_by(incidents.c.opened_at, incidents.c.id)
    for column, value in (
        (incidents.c.campaign_id, campaign),
        (incidents.c.id, incident),
        (incidents.c.state, state),
    ):
        if value is not None:
            query = query.where(column == value)
    late = set(connection.execute(select(late_results.c.attempt_id)).scalars())
    return [
        IncidentFact(
            id=row.id,
            kind=row.kind,
            state=row.state,
            campaign_id=row.campaign_id,
            job_id=row.job_id,
            attempt_id=row.attempt_id,
            robot_id=row.robot_id,
            opened_at=row.opened_at,
            settled_at=row.settled_at,
            resolution=row.resolution,
            by=row.by,
            reason=row.reason,
            late_result=row.attempt_id in late,
        )
        for row in connection.execute(query)
    ]


def robot_facts(connection: Connection) -> list[RobotFact]:
    """Return every robot, by age."""
    holding = {
        row.robot_id: row.id
        for row in connection.execute(
            select(attempts.c.robot_id, attempts.c.id).where(attempts.c.state.in_(LIVE_ATTEMPT))
        )
    }
    query = (
        select(robots, func.coalesce(device_fences.c.fence, 0).label("fence"))
        .join(device_fences, device_fences.c.robot_id == robots.c.id, isouter=True)
        .order_by(robots.c.id)
    )
    return [
        RobotFact(
            id=row.id,
            name=row.name,
            kind=row.kind,
            adapter=row.adapter,
            version=row.version,
            state=row.state,
            protocols=Capabilities.model_validate_json(row.capabilities).protocols,
            fence=row.fence,
            enrolled_at=row.enrolled_at,
            last_seen=row.last_seen,
            attempt_id=holding.get(row.id),
        )
        for row in connection.execute(query)
    ]


def hold_facts(connection: Connection, *, active_only: bool = False) -> list[HoldFact]:
    """Return the holds."""
    query = select(holds).order_by(holds.c.scope)
    if active_only:
        query = query.where(holds.c.active)
    return [
        HoldFact(scope=row.scope, active=row.active, reason=row.reason, by=row.by, since=row.since)
        for row in connection.execute(query)
    ]
