"""Facts for tests of the report, written down entry by entry as a ledger would tell them."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from moonloop.domain import ids
from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.canonical import digest
from moonloop.domain.facts import (
    AttemptFact,
    BudgetFact,
    CampaignFacts,
    CampaignSummary,
    CycleFact,
    DecisionFact,
    HypothesisFact,
    IncidentFact,
    JobFact,
    MeasurementFact,
    PlanFact,
    ReviewFact,
    RobotFact,
)
from moonloop.domain.lifecycles import AttemptState, CampaignState, DoneReason, JobState, ReviewState
from moonloop.domain.plans import Expectation, Plan, Purpose, Run, TestArm
from moonloop.domain.results import ArtifactRef, Quality
from moonloop.domain.reviews import DeciderKind, DecisionVerdict, HazardOutcome, Resolution
from moonloop.domain.robots import RobotKind, RobotState
from moonloop.domain.space import Candidate

__all__ = ["Entry", "Notebook"]

_ROBOT = "rob_00000000000000r1"
_DECIDERS = {
    DeciderKind.PERSON: "anna",
    DeciderKind.POLICY: "policy first_cycle",
    DeciderKind.UNATTENDED: "moonloop demo",
}


class Entry(NamedTuple):
    """A run and what became of it."""

    candidate: Candidate
    purpose: Purpose
    value: float | None
    """None when the run failed."""
    expected: Expectation | None = None
    label: str = ""
    reason: str = "For a test."
    test: TestArm | None = None
    failure: str = ""
    lost: Resolution | None = None


class Notebook:
    """Cycles, one after the other; a minute each."""

    def __init__(
        self,
        spec: CampaignSpec,
        kind: RobotKind = RobotKind.COMPUTATIONAL,
        decider: DeciderKind = DeciderKind.PERSON,
    ) -> None:
        self.spec = spec
        self.kind = kind
        self.campaign_id = "cmp_01k9zq3v7h2m4x5a"
        self.began = datetime(2031, 3, 4, 9, 30, tzinfo=UTC)
        self._decider = decider
        self._cycles: list[CycleFact] = []
        self._entries: dict[str, Entry] = {}

    def hypothesis_id(self, number: int) -> str:
        """Return the id of a hypothesis."""
        return ids.hypothesis_id(self.campaign_id, number)

    def cycle(self, entries: Sequence[Entry], purpose: str = "search") -> None:
        """Add a cycle in which every run was settled."""
        number = len(self._cycles) + 1
        at = self.began + timedelta(minutes=number)
        plan_id = ids.plan_id(self.campaign_id, number)
        runs = tuple(self._run(plan_id, index, entry) for index, entry in enumerate(entries))
        plan = Plan(
            id=plan_id,
            campaign_id=self.campaign_id,
            cycle=number,
            author="algorithmic",
            summary=f"{len(runs)} runs for {purpose}",
            robot_kinds=(self.kind,),
            protocols=(self.spec.protocol.name,),
            space_sha256=digest(b"space"),
            runs=runs,
        )
        self._entries |= dict(zip((run.job_id for run in runs), entries, strict=True))
        jobs = tuple(self._job(run, entry, at) for run, entry in zip(runs, entries, strict=True))
        self._cycles.append(
            CycleFact(
                number=number,
                purpose=purpose,
                proposer="algorithmic",
                opened_at=at,
                closed_at=at + timedelta(seconds=50),
                plan=self._reviewed(plan, at),
                jobs=jobs,
            )
        )

    def _run(self, plan_id: str, index: int, entry: Entry) -> Run:
        job_id = ids.job_id(plan_id, index)
        return Run(
            index=index, job_id=job_id, spec_sha256=digest(job_id.encode()), purpose=entry.purpose,
            candidate=entry.candidate, label=entry.label, reason=entry.reason, expected=entry.expected,
            test=entry.test,
        )  # fmt: skip

    def _reviewed(self, plan: Plan, at: datetime) -> PlanFact:
        sha256 = digest(plan.id.encode())
        policy = self._decider is DeciderKind.POLICY
        decision = DecisionFact(
            id=f"dec_{ids.stem(plan.id)}", verdict=DecisionVerdict.APPROVE, by=_DECIDERS[self._decider],
            by_kind=self._decider, policy="first_cycle" if policy else None,
            policy_version="1" if policy else None, plan_sha256=sha256, at=at + timedelta(seconds=5),
            comment="" if policy else "Looks right to me.",
        )  # fmt: skip
        review = ReviewFact(
            id=ids.review_id(plan.id, 1), campaign_id=self.campaign_id, campaign_name=self.spec.name,
            cycle=plan.cycle, plan_id=plan.id, plan_sha256=sha256, state=ReviewState.APPROVED,
            hazard=HazardOutcome.NOT_APPLICABLE, opened_at=at, expires_at=at + timedelta(days=7),
            decisions=(decision,),
        )  # fmt: skip
        return PlanFact(plan=plan, sha256=sha256, reviews=(review,))

    def _job(self, run: Run, entry: Entry, at: datetime) -> JobFact:
        attempts = tuple(self._attempts(run, entry, at + timedelta(seconds=10 + run.index)))
        value = () if entry.value is None else (self._measurement(entry.value, attempts[-1], entry),)
        return JobFact(
            id=run.job_id,
            cycle=int(run.job_id.split("_")[2]),
            index=run.index,
            state=JobState.FAILED if entry.value is None else JobState.SUCCEEDED,
            spec_sha256=run.spec_sha256,
            attempts=attempts,
            measurements=value,
        )

    def _attempts(self, run: Run, entry: Entry, at: datetime) -> Iterator[AttemptFact]:
        last = AttemptState.FAILED if entry.value is None else AttemptState.SUCCEEDED
        states = {
            None: [last],
            Resolution.ADOPT: [AttemptState.RECONCILED],
            Resolution.RERUN: [AttemptState.RECONCILED, last],
        }[entry.lost]
        for number, state in enumerate(states, start=1):
            attempt = ids.attempt_id(run.job_id, number)
            yield AttemptFact(
                id=attempt, robot_id=_ROBOT, robot_kind=self.kind, fence=number, state=state, offered_at=at,
                started_at=at + timedelta(seconds=1), ended_at=at + timedelta(seconds=1.4 + run.index / 10),
                failure=entry.failure, review_id=ids.review_id(f"pln_{ids.stem(run.job_id)[:-5]}", 1),
                versions={"tblite": "0.5.0", "rdkit": "2026.9.1"},
                artifacts=(
                    ArtifactRef(name="log.txt", sha256=digest(attempt.encode()), size=2_048),
                    ArtifactRef(name="geometry.xyz", sha256=digest(attempt[::-1].encode()), size=731),
                ),
            )  # fmt: skip

    def _measurement(self, value: float, attempt: AttemptFact, entry: Entry) -> MeasurementFact:
        objective = self.spec.objective
        assert attempt.ended_at is not None
        return MeasurementFact(
            id=ids.measurement_id(attempt.id, 0), attempt_id=attempt.id, name=objective.name, value=value,
            unit=objective.unit, uncertainty=objective.width / 35,
            parts={"conformer_spread": objective.width / 400},
            quality=Quality.SUSPECT if entry.label == "suspect" else Quality.GOOD,
            received_at=attempt.ended_at, reported_value=value, reported_unit=objective.unit,
        )  # fmt: skip

    def jobs(self) -> Iterator[JobFact]:
        """Return all jobs so far."""
        for cycle in self._cycles:
            yield from cycle.jobs

    def _values(self) -> Iterator[tuple[Entry, JobFact]]:
        for job in self.jobs():
            if job.measurements:
                yield self._entries[job.id], job

    def best(self, many: int) -> list[tuple[Candidate, float]]:
        """Return the best candidates within the constraints, with their values."""
        from moonloop.tools.chemistry import constraint_value, satisfies

        found: dict[str, list[tuple[Candidate, float]]] = defaultdict(list)
        for entry, job in self._values():
            smiles = entry.candidate.smiles
            limits = self.spec.constraints
            good = smiles and all(satisfies(limit, constraint_value(limit, smiles)) for limit in limits)
            if good and entry.purpose in (Purpose.TEST, Purpose.EXPLORE, Purpose.PICK):
                found[entry.candidate.key].append((entry.candidate, job.measurements[0].value))
        means = [(all_[0][0], sum(value for _, value in all_) / len(all_)) for all_ in found.values()]
        return sorted(means, key=lambda pair: -self.spec.objective.sign * pair[1])[:many]

    def pairs(self, hypothesis_id: str) -> list[tuple[float, float, tuple[str, str]]]:
        """Return the values and measurement ids of both arms of each whole pair."""
        arms: dict[tuple[int, str], JobFact] = {}
        for entry, job in self._values():
            if entry.test is not None and entry.test.hypothesis_id == hypothesis_id:
                arms[entry.test.block, entry.test.arm] = job
        blocks = sorted(block for block, arm in arms if arm == "a" and (block, "b") in arms)
        both = [(arms[block, "a"].measurements[0], arms[block, "b"].measurements[0]) for block in blocks]
        return [(a.value, b.value, (a.id, b.id)) for a, b in both]

    def facts(
        self,
        *,
        hypotheses: tuple[HypothesisFact, ...] = (),
        incidents: tuple[IncidentFact, ...] = (),
        done: bool = True,
        **changes: Any,
    ) -> CampaignFacts:
        """Return all of it as the ledger would."""
        ended = self.began + timedelta(minutes=len(self._cycles) + 1, seconds=12)
        experiments = sum(entry.purpose.line == "experiments" for entry in self._entries.values())
        budget = self.spec.budget
        summary = CampaignSummary(
            id=self.campaign_id, name=self.spec.name,
            state=CampaignState.DONE if done else CampaignState.RUNNING,
            done_reason=DoneReason.BUDGET_SPENT if done else None, cycle=len(self._cycles),
            experiments_done=experiments, experiments_limit=budget.experiments, unit=self.spec.objective.unit,
            waiting_for="" if done else "5 runs are at a robot", created_at=self.began - timedelta(minutes=3),
        )  # fmt: skip
        robot = RobotFact(
            id=_ROBOT, name="xtb-1", kind=self.kind, adapter="xtb", version="0.1.0", state=RobotState.ACTIVE,
            protocols=(self.spec.protocol.name,), fence=99, enrolled_at=self.began - timedelta(minutes=2),
        )  # fmt: skip
        return CampaignFacts(
            summary=summary, spec=self.spec, spec_sha256=digest(b"spec"), owner="anna", started_at=self.began,
            ended_at=ended if done else None, stop_reason="No experiment is left" if done else "",
            cycles=tuple(self._cycles), hypotheses=hypotheses, incidents=incidents,
            budgets=(
                BudgetFact(
                    line="experiments", unit="1", limit=budget.experiments, reserved=0, spent=experiments
                ),
                BudgetFact(line="wall_clock", unit="s", limit=3600, reserved=0, spent=832.4),
            ),
            robots=(robot,) if self._cycles else (),
        ).model_copy(update=changes)  # fmt: skip
