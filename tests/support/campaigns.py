"""Campaign specs, plans and robots for tests of the ledger: small, and said in one place."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, select

from moonloop.domain import ids
from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.canonical import Sealed, derive_seed, seal
from moonloop.domain.messages import ClaimRequest, EnrolRequest, Offer
from moonloop.domain.plans import JobSpec, Measure, Plan, Purpose, Run
from moonloop.domain.results import FinishReport, Outcome, ReportedMeasurement
from moonloop.domain.reviews import DeciderKind, DecisionVerdict, NewDecision, Resolution
from moonloop.domain.robots import Capabilities, Requires, RobotKind
from moonloop.domain.space import Candidate
from moonloop.store import (
    Ledger,
    Tx,
    attempts,
    campaigns,
    jobs,
    losses,
    offers,
    plans,
    presence,
    results,
    reviews,
    robots,
)
from moonloop.store import tables as t
from moonloop.store.database import database_time
from moonloop.store.grips import grip
from moonloop.store.measurements import Accepted, Converted
from moonloop.store.transaction import Query

__all__ = [
    "CAMPAIGN",
    "PROTOCOL",
    "TTL",
    "Bench",
    "ShiftedClock",
    "StoppedClock",
    "ended",
    "make_plan",
    "make_spec",
    "reconcile",
    "succeeded",
]

CAMPAIGN = "cmp_0000000000000001"
PROTOCOL = "table.lookup/1"
TTL = 60.0


class ShiftedClock:
    """The database's time, moved by a test."""

    def __init__(self) -> None:
        self.shift = timedelta()

    def __call__(self, connection: Connection) -> datetime:
        """Return the shifted time."""
        return database_time(connection) + self.shift

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.shift += timedelta(seconds=seconds)


class StoppedClock(ShiftedClock):
    """Time that stands still until a test moves it: what is over is over to the second."""

    _START = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self, connection: Connection) -> datetime:  # noqa: ARG002 -- the database is not asked
        """Return the time, whatever the database thinks it is."""
        return self._START + self.shift


def make_spec(kind: RobotKind = RobotKind.SIMULATED, **changes: Any) -> CampaignSpec:
    """Return a small valid campaign over two factors."""
    return CampaignSpec.model_validate(
        {
            "moonloop": 1,
            "name": "A test of the ledger",
            "space": {
                "kind": "factors",
                "factors": [
                    {"kind": "categorical", "name": "solvent", "levels": ["water", "ethanol"]},
                    {"kind": "discrete", "name": "temperature", "unit": "Cel", "levels": [20, 40, 60]},
                ],
            },
            "objective": {"name": "yield", "unit": "%", "direction": "maximise", "range": [0, 100]},
            "protocol": {"name": PROTOCOL, "robot": kind},
            "budget": {"experiments": 20},
            **changes,
        }
    )


def make_plan(
    spec: CampaignSpec, cycle: int = 1, size: int = 2, campaign: str = CAMPAIGN
) -> tuple[Plan, Sealed, list[tuple[JobSpec, Sealed]]]:
    """Return a plan of `size` runs with its job specs, as the scientist would make it."""
    plan_id = ids.plan_id(campaign, cycle)
    made: list[tuple[JobSpec, Sealed]] = []
    runs: list[Run] = []
    for index in range(size):
        job = ids.job_id(plan_id, index)
        candidate = Candidate(
            key=f"solvent=water; temperature={20 * (index % 3 + 1)}",
            settings={"solvent": "water", "temperature": 20.0 * (index % 3 + 1)},
        )
        job_spec = JobSpec(
            job_id=job,
            campaign_id=campaign,
            cycle=cycle,
            protocol=spec.protocol.name,
            candidate=candidate,
            seed=derive_seed(job),
            measures=(Measure(name="yield", unit="%"),),
            requires=Requires(
                kind=spec.protocol.robot,
                protocol=spec.protocol.name,
                features=spec.protocol.features,
                limits=spec.protocol.limits,
            ),
            timeout_s=60,
        )
        sealed = seal(job_spec)
        made.append((job_spec, sealed))
        runs.append(
            Run(
                index=index,
                job_id=job,
                spec_sha256=sealed.sha256,
                purpose=Purpose.EXPLORE,
                candidate=candidate,
                reason="to fill the space",
                cost=spec.protocol.cost,
            )
        )
    plan = Plan(
        id=plan_id,
        campaign_id=campaign,
        cycle=cycle,
        author="algorithmic",
        summary="fill the space",
        robot_kinds=(spec.protocol.robot,),
        protocols=(spec.protocol.name,),
        space_sha256=seal(spec.space).sha256,
        runs=tuple(runs),
    )
    return plan, seal(plan), made


def succeeded(value: float = 50.0, **more: Any) -> tuple[Accepted, bytes, str]:
    """Return a good result of one measurement, with its body and hash."""
    reported = ReportedMeasurement(name="yield", value=value, unit="%")
    report = FinishReport(outcome=Outcome.SUCCEEDED, measurements=(reported,), **more)
    sealed = seal(report)
    return Accepted(report, [Converted(reported, value, "%", None)]), sealed.body, sealed.sha256


def ended(outcome: Outcome, **more: Any) -> tuple[Accepted, bytes, str]:
    """Return a result without a measurement, with its body and hash."""
    report = FinishReport(outcome=outcome, **more)
    sealed = seal(report)
    return Accepted(report, []), sealed.body, sealed.sha256


def reconcile(tx: Tx, attempt: str, resolution: Resolution, reason: str) -> None:
    """Settle the incident of a lost attempt, adopting its late result where that is asked."""
    held = grip(tx, attempt, None)
    late = results.late_result(tx, attempt) if resolution is Resolution.ADOPT else None
    found = (
        [Converted(item, item.value, item.unit, item.uncertainty) for item in late.measurements]
        if late
        else []
    )
    losses.reconcile(tx, held, resolution, reason, Accepted(late, found) if late else None)


@dataclass
class Bench:
    """A ledger with a running campaign, driven by hand."""

    ledger: Ledger
    spec: CampaignSpec
    clock: ShiftedClock
    campaign: str = CAMPAIGN

    def do(self, transition: Any, *args: Any, actor: str = "tester", **kwargs: Any) -> Any:
        """Run a transition."""
        return self.ledger.write_now(transition, actor, *args, **kwargs)

    def start(self) -> None:
        """Start the campaign, with a job service present."""
        self.do(presence.beat, 5.0, TTL, {})
        self.do(
            campaigns.start, self.campaign, f"req_{self.campaign}", seal(self.spec), self.spec, actor="alice"
        )

    def plan(self, cycle: int = 1, size: int = 2) -> Plan:
        """Open the next cycle and record and screen its plan."""
        self.do(campaigns.next_step, self.campaign, "algorithmic")
        plan, sealed, specs = make_plan(self.spec, cycle, size, self.campaign)
        self.do(plans.record_plan, plan, sealed, specs)
        self.do(plans.screen, plan.id)
        return plan

    def review(self, plan: Plan) -> str:
        """Open the review of a plan."""
        return self.do(reviews.open_review, plan.id)

    def decide(
        self,
        review: str,
        verdict: DecisionVerdict = DecisionVerdict.APPROVE,
        *,
        sha256: str | None = None,
        by: str = "bob",
        kind: DeciderKind = DeciderKind.PERSON,
        decision: str | None = None,
    ) -> Any:
        """Decide on a review, by default with the hash that is on record."""
        shown = sha256 or self.value(select(t.reviews.c.plan_sha256).where(t.reviews.c.id == review))
        new = NewDecision(
            id=decision or f"dec_{ids.stem(review)}_{verdict.value}_{by}", verdict=verdict, plan_sha256=shown
        )
        return self.do(reviews.decide, review, new, by, kind, actor=by)

    def queued(self, size: int = 2, cycle: int = 1) -> Plan:
        """Bring a plan into the queue, approved."""
        plan = self.plan(cycle, size)
        review = self.review(plan)
        if self.state(t.reviews, review) == "open":
            self.decide(review)
        self.do(jobs.queue, plan.id)
        return plan

    def robot(
        self, name: str = "r1", kind: RobotKind | None = None, *, admitted: bool = True, **capabilities: Any
    ) -> str:
        """Enrol a robot that can do the campaign's protocol, and admit it."""
        robot = f"rob_{name.rjust(8, '0')}"
        code = f"code-{name}-12345678"
        self.do(robots.issue_code, code, kind or self.spec.protocol.robot, 3600)
        request = EnrolRequest(
            code=code,
            name=name,
            adapter="table",
            version="1",
            capabilities=Capabilities(protocols=(self.spec.protocol.name,), **capabilities),
        )
        row = self.do(robots.enrol, robot, request)
        if row.state == "waiting" and admitted:
            self.do(robots.admit, robot)
        return robot

    def claim(self, robot: str, request: str = "request-1", ttl: float = TTL) -> Offer | None:
        """Claim a job."""
        return self.do(offers.claim, robot, ClaimRequest(request_id=request), ttl, actor=robot)

    def accept(self, robot: str, offer: Offer) -> None:
        """Accept an offer."""
        self.do(attempts.accept, robot, offer.attempt_id, offer.fence, TTL, actor=robot)

    def begin(self, robot: str, offer: Offer) -> Any:
        """Start an accepted attempt."""
        return self.do(attempts.start, robot, offer.attempt_id, offer.fence, TTL, actor=robot)

    def finish(
        self, robot: str, offer: Offer, value: float = 50.0, result: tuple[Accepted, bytes, str] | None = None
    ) -> Any:
        """Finish a running attempt with a value, or with another result."""
        accepted, body, sha256 = result or succeeded(value)
        return self.do(
            results.finish, robot, offer.attempt_id, offer.fence, accepted, body, sha256, actor=robot
        )

    def ready(self, robot: str, request: str = "request-1") -> Offer:
        """Bring an attempt to the brink of its start."""
        offer = self.claim(robot, request)
        assert offer is not None
        self.accept(robot, offer)
        return offer

    def running(self, robot: str, request: str = "request-1") -> Offer:
        """Bring an attempt to running."""
        offer = self.ready(robot, request)
        self.begin(robot, offer)
        return offer

    def reconcile(self, offer: Offer, resolution: str, reason: str = "looked", actor: str = "olga") -> None:
        """Settle the incident of a lost attempt as a person."""
        self.do(reconcile, offer.attempt_id, Resolution(resolution), reason, actor=actor)

    # Looking.

    def all(self, query: Query) -> list[Row[Any]]:
        """Return rows as a reader sees them."""
        return self.ledger.read_now(lambda connection: list(connection.execute(query).all()))

    def dicts(self, query: Query) -> list[dict[str, Any]]:
        """Return rows by column name, to be changed and written again."""
        return self.ledger.read_now(
            lambda connection: [dict(row) for row in connection.execute(query).mappings()]
        )

    def value(self, query: Query) -> Any:
        """Return the first column of the only row."""
        return self.ledger.read_now(lambda connection: connection.execute(query).scalar_one())

    def state(self, table: Any, key: str) -> str:
        """Return the state of a row."""
        return self.value(select(table.c.state).where(table.c.id == key))

    def count(self, table: Any, *where: Any) -> int:
        """Return how many rows there are."""
        return self.value(select(func.count()).select_from(table).where(*where))

    def budget(self, line: str = "experiments") -> tuple[float, float]:
        """Return what is reserved on a line, and what is spent."""
        query = select(t.budgets.c.reserved, t.budgets.c.spent)
        rows = self.all(query.where(t.budgets.c.campaign_id == self.campaign, t.budgets.c.line == line))
        return rows[0].reserved, rows[0].spent

    def journal(self, what: str, subject: str | None = None) -> list[Row[Any]]:
        """Return journal entries of a kind, in the order they were written."""
        query = select(t.journal).where(t.journal.c.what == what).order_by(t.journal.c.id)
        return self.all(query if subject is None else query.where(t.journal.c.subject == subject))

    def refusals(self, subject: str) -> list[str]:
        """Return the types of the refusals that were journalled about something."""
        return [row.facts["type"] for row in self.journal("refused", subject)]

    # Time.

    def later(self, seconds: float, *, service_up: bool = True) -> None:
        """Let time pass, with the job service beating all the while or down for it."""
        if service_up:
            self.do(presence.beat, 5.0, TTL, {})
            step = 4.0
            while seconds > step:
                self.clock.advance(step)
                self.do(presence.beat, 5.0, TTL, {})
                seconds -= step
        self.clock.advance(seconds)
        if service_up:
            self.do(presence.beat, 5.0, TTL, {})
