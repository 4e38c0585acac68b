"""People and the laboratory: decisions, holds, incidents, robots, codes."""

from sqlalchemy import Connection, select

from moonloop.domain.access import Identity
from moonloop.domain.errors import NotFound, NothingToAdopt
from moonloop.domain.facts import HoldFact, IncidentFact, PlanFact, ReviewFact, RobotFact
from moonloop.domain.lifecycles import ReviewState
from moonloop.domain.reviews import NewDecision, Resolution
from moonloop.domain.robots import RobotKind
from moonloop.domain.steps import SITE, scope_of_campaign, scope_of_robot
from moonloop.service.access import new_secret
from moonloop.service.robots import fit, spec_of
from moonloop.store import Ledger, Tx, holds, listings, losses, results, reviews, robots, views
from moonloop.store.grips import grip
from moonloop.store.tables import incidents

__all__ = ["IncidentService", "LaboratoryService", "ReviewService", "scope_named"]


class ReviewService:
    """Reviews and decisions."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def all(self, state: ReviewState | None, campaign: str | None) -> list[ReviewFact]:
        """Return reviews, the longest open first."""
        return await self._ledger.read(
            lambda connection: listings.review_facts(connection, campaign=campaign, state=state)
        )

    async def get(self, review: str) -> tuple[ReviewFact, PlanFact]:
        """Return a review with its plan."""
        found = await self._ledger.read(lambda connection: listings.review_facts(connection, review=review))
        if not found:
            raise NotFound(kind="review", id=review)
        return found[0], await self._ledger.read(views.plan_fact, found[0].plan_id)

    async def decide(self, by: Identity, review: str, decision: NewDecision) -> ReviewFact:
        """Take a decision on the plan that was shown."""
        await self._ledger.write(reviews.decide, by.principal, review, decision, by.principal, by.decider)
        return (await self.get(review))[0]


class IncidentService:
    """Incidents and their settlement."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def all(self, *, campaign: str | None = None, state: str | None = None) -> list[IncidentFact]:
        """Return incidents, the oldest first."""
        return await self._ledger.read(
            lambda connection: listings.incident_facts(connection, campaign=campaign, state=state)
        )

    async def get(self, incident: str) -> IncidentFact:
        """Return one incident."""
        found = await self._ledger.read(
            lambda connection: listings.incident_facts(connection, incident=incident)
        )
        if not found:
            raise NotFound(kind="incident", id=incident)
        return found[0]

    async def reconcile(self, by: str, incident: str, resolution: Resolution, reason: str) -> IncidentFact:
        """Say what became of a lost job."""
        attempt = await self._ledger.read(_attempt_of, incident)
        await self._ledger.write(_reconcile, by, incident, attempt, resolution, reason)
        return await self.get(incident)


class LaboratoryService:
    """Holds, robots and their enrolment."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def hold(self, by: str, scope: str, reason: str) -> None:
        """Stop every start in a scope."""
        await self._ledger.write(holds.hold, by, scope_named(scope), reason)

    async def release(self, by: str, scope: str, reason: str) -> None:
        """Let a scope start again."""
        await self._ledger.write(holds.release, by, scope_named(scope), reason)

    async def holds(self) -> list[HoldFact]:
        """Return every scope, held or free."""
        return await self._ledger.read(listings.hold_facts)

    async def robots(self) -> list[RobotFact]:
        """Return every robot."""
        return await self._ledger.read(listings.robot_facts)

    async def issue_code(self, by: str, kind: RobotKind, valid_s: float) -> str:
        """Return a one-time enrolment code for a robot of this kind."""
        code = new_secret("enrol")
        await self._ledger.write(robots.issue_code, by, code, kind, valid_s)
        return code

    async def admit(self, by: str, robot: str) -> None:
        """Let a waiting robot work."""
        await self._ledger.write(robots.admit, by, robot)

    async def revoke(self, by: str, robot: str, reason: str) -> None:
        """End a robot's access."""
        await self._ledger.write(robots.revoke, by, robot, reason)


def scope_named(given: str) -> str:
    """Return the scope that a person means: `site`, a campaign's or robot's id, or a scope spelt out."""
    if given == SITE or ":" in given:
        return given
    if given.startswith("cmp_"):
        return scope_of_campaign(given)
    if given.startswith("rob_"):
        return scope_of_robot(given)
    raise NotFound(kind="scope", id=given)


def _attempt_of(connection: Connection, incident: str) -> str:
    found = connection.execute(
        select(incidents.c.attempt_id).where(incidents.c.id == incident)
    ).scalar_one_or_none()
    if found is None:
        raise NotFound(kind="incident", id=incident)
    return found


def _reconcile(tx: Tx, incident: str, attempt: str, resolution: Resolution, reason: str) -> None:
    held = grip(tx, attempt, None)
    accepted = None
    if resolution is Resolution.ADOPT:
        report = results.late_result(tx, attempt)
        if report is None:
            raise NothingToAdopt(incident=incident)
        accepted = fit(spec_of(tx.connection, attempt), report)
    losses.reconcile(tx, held, resolution, reason, accepted)
