"""Holds: nothing starts under one. One row per scope, made with the scope."""

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from moonloop.domain.errors import NotFound
from moonloop.domain.steps import SITE, scope_of_campaign, scope_of_mission, scope_of_robot
from moonloop.store.tables import campaigns, holds, jobs
from moonloop.store.transaction import Level, Tx

__all__ = ["hold", "make_scopes", "release", "scopes_for"]


def make_scopes(tx: Tx, *scopes: str) -> None:
    """Make the rows of new scopes; those that exist stay as they are."""
    dialect = tx.connection.dialect.name
    construct = sqlite_insert if dialect == "sqlite" else postgres_insert
    for scope in sorted(scopes):
        tx.run(construct(holds).values(scope=scope, active=False).on_conflict_do_nothing())


def scopes_for(institute: str, mission: str, campaign: str, robot: str) -> tuple[str, ...]:
    """Return every scope whose hold stops this robot from starting work of this campaign."""
    return (
        SITE,
        scope_of_mission(institute, mission),
        scope_of_campaign(campaign),
        scope_of_robot(robot),
    )


def hold(tx: Tx, scope: str, reason: str) -> None:
    """Stop every start in a scope; repeated, it only renews the reason."""
    _switch(tx, scope, active=True, reason=reason)


def release(tx: Tx, scope: str, reason: str) -> None:
    """Let a scope start again, and wake whoever waited for it."""
    _switch(tx, scope, active=False, reason=reason)


def _switch(tx: Tx, scope: str, *, active: bool, reason: str) -> None:
    rows = tx.lock(Level.HOLD, scope, write=True)
    if not rows:
        raise NotFound(kind="scope", id=scope)
    before = rows[0].active
    tx.run(
        update(holds)
        .where(holds.c.scope == scope)
        .values(active=active, reason=reason, by=tx.actor, since=tx.now())
    )
    tx.announces = True  # robots that wait for work look again
    tx.journal(
        "hold.set" if active else "hold.released",
        scope,
        _campaign_of(tx, scope),
        before="held" if before else "free",
        after="held" if active else "free",
        facts={"reason": reason},
    )


def _campaign_of(tx: Tx, scope: str) -> str | None:
    kind, _, subject = scope.partition(":")
    if kind != "campaign":
        return None
    return tx.scalar(select(campaigns.c.id).where(campaigns.c.id == subject))


def scopes_of_job(tx: Tx, job: str, robot: str) -> tuple[str, ...]:
    """Return the scopes of a job on a robot."""
    row = tx.one(
        select(campaigns.c.institute, campaigns.c.mission, campaigns.c.id)
        .join(jobs, jobs.c.campaign_id == campaigns.c.id)
        .where(jobs.c.id == job)
    )
    assert row is not None
    return scopes_for(row.institute, row.mission, row.id, robot)
