"""A grip: an attempt with all the rows that its transitions touch, locked in order."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, select

from moonloop.domain.errors import Forbidden, NotFound
from moonloop.store.holds import scopes_for
from moonloop.store.presence import absent
from moonloop.store.tables import LIVE_ATTEMPT, attempts, campaigns, jobs, reviews, robots
from moonloop.store.transaction import Level, Tx

__all__ = ["Grip", "grip", "reread"]


@dataclass(frozen=True, slots=True)
class Grip:
    """An attempt with all the rows that its transitions touch, locked in order."""

    holds: Sequence[Row[Any]]
    """Those that bear on it; none unless the gate was asked for."""
    campaign: Row[Any]
    reviews: Sequence[Row[Any]]
    """Those of its plan; none unless the gate was asked for."""
    budgets: Sequence[Row[Any]]
    robot: Row[Any]
    job: Row[Any]
    attempt: Row[Any]
    now: datetime
    """The database's time after the locks."""
    absent: bool
    """Whether no job service was up just now, so that no lease may lapse."""

    @property
    def lapsed(self) -> bool:
        """Whether the lease ran out while the attempt was live."""
        over = self.now >= self.attempt.lease_until and not self.absent
        return over and self.attempt.state in LIVE_ATTEMPT


_WHOSE = (
    select(
        attempts.c.robot_id,
        attempts.c.job_id,
        jobs.c.plan_id,
        campaigns.c.id,
        campaigns.c.institute,
        campaigns.c.mission,
    )
    .join(jobs, jobs.c.id == attempts.c.job_id)
    .join(campaigns, campaigns.c.id == attempts.c.campaign_id)
    .where(attempts.c.id == bindparam("attempt"))
)
_REVIEWS_OF = select(reviews.c.id).where(reviews.c.plan_id == bindparam("plan"))


def grip(tx: Tx, attempt: str, robot: str | None, *, gate: bool = False) -> Grip:
    """Lock an attempt and what stands above it; raise unless it is this robot's (None: no matter whose).

    Holds and approvals are locked with it where the `gate` is to be asked; they do not bear on the rest.
    """
    found = tx.one(_WHOSE, attempt=attempt)
    if found is None:
        raise NotFound(kind="attempt", id=attempt)
    if robot is not None and found.robot_id != robot:
        refused = Forbidden(principal=robot, action=f"touch {attempt}", why="it is another robot's attempt")
        raise tx.refuse(refused, attempt, found.id)
    scopes = scopes_for(found.institute, found.mission, found.id, found.robot_id) if gate else ()
    plan_reviews = [row.id for row in tx.all(_REVIEWS_OF, plan=found.plan_id)] if gate else ()
    return Grip(
        holds=tx.lock(Level.HOLD, *scopes) if gate else (),
        campaign=tx.lock_one(Level.CAMPAIGN, found.id),
        reviews=tx.lock(Level.APPROVAL, *plan_reviews) if gate else (),
        budgets=tx.lock(Level.BUDGET, found.id, write=True),
        robot=tx.lock_one(Level.DEVICE, found.robot_id, write=True),
        job=tx.lock_one(Level.JOB, found.job_id, write=True),
        attempt=tx.lock_one(Level.ATTEMPT, attempt, write=True),
        now=tx.now(),
        absent=absent(tx),
    )


def reread(tx: Tx, held: Grip) -> Grip:
    """Return the grip with job, attempt and robot as this transaction has left them."""
    job = tx.one(select(jobs).where(jobs.c.id == held.job.id))
    attempt = tx.one(select(attempts).where(attempts.c.id == held.attempt.id))
    robot = tx.one(select(robots).where(robots.c.id == held.robot.id))
    assert job is not None
    assert attempt is not None
    assert robot is not None
    return replace(held, job=job, attempt=attempt, robot=robot)
