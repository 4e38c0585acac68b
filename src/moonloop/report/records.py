"""The ledger's facts in the order of reading: every run with its job, its value and where that comes from."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from moonloop.domain.agent_words import SCRIPTED
from moonloop.domain.facts import (
    AgentFact,
    AttemptFact,
    CampaignFacts,
    HypothesisFact,
    JobFact,
    MeasurementFact,
    PlanFact,
)
from moonloop.domain.lifecycles import AttemptState, CampaignState, HypothesisState, JobState
from moonloop.domain.numbers import amount, places, plain_amount
from moonloop.domain.plans import Purpose, Run
from moonloop.domain.results import Quality
from moonloop.domain.robots import RobotKind
from moonloop.report.blocks import Code, Inline, Link, Mark, Prose, Words, joined, say
from moonloop.report.wording import spoken

__all__ = ["SCRIPTED_MARK", "Reading", "Result", "RunRecord"]

SCRIPTED_MARK = Mark(SCRIPTED)

_ANCHOR = re.compile(r"[A-Za-z][\w-]*", re.ASCII)

_WITHOUT_VALUE = {
    JobState.QUEUED: "waiting for a robot",
    JobState.ACTIVE: "at a robot",
    JobState.LOST: "lost, waits for a person",
    JobState.SUCCEEDED: "finished without the objective's value",
    JobState.FAILED: "failed",
    JobState.CANCELLED: "cancelled",
}


@dataclass(frozen=True, slots=True)
class Result:
    """A measurement with all that it comes from."""

    number: int
    """Its place in this report's table of measurements."""
    fact: MeasurementFact
    attempt: AttemptFact | None
    job: JobFact
    record: "RunRecord | None"

    @property
    def anchor(self) -> str:
        """Where the report's table of measurements has it: its id."""
        return self.fact.id if _ANCHOR.fullmatch(self.fact.id) else f"m{self.number}"

    @property
    def link(self) -> Link:
        """The reference that stands beside every measured number."""
        return Link(f"m{self.number}", self.anchor, self.fact.id)

    @property
    def simulated(self) -> bool:
        """Whether no instrument and no computation stands behind the number."""
        return self.attempt is not None and self.attempt.robot_kind is RobotKind.SIMULATED

    @property
    def marks(self) -> Prose:
        """What a reader must know beside the number."""
        words: list[str] = []
        if self.simulated:
            words.append("simulated")
        if self.fact.quality is Quality.SUSPECT:
            words.append("suspect")
        if self.attempt is not None and self.attempt.state is AttemptState.RECONCILED:
            words.append("late result")
        marks: list[Inline] = []
        for word in words:
            marks += say(" ", Mark(word))
        return tuple(marks)


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A planned run and what became of it."""

    number: int
    """Its place in the campaign, from 1."""
    cycle: int
    plan: PlanFact
    run: Run
    job: JobFact | None

    @property
    def anchor(self) -> str:
        """Where the report's table of runs has it."""
        return f"run-{self.number}"

    @property
    def link(self) -> Link:
        """The reference to the run."""
        return Link(f"run {self.number}", self.anchor, self.run.job_id)

    @property
    def routine(self) -> bool:
        """Whether it measures its candidate by the campaign's own protocol, for the search."""
        return self.run.purpose not in (Purpose.CONFIRMATION, Purpose.REFERENCE)

    @property
    def outcome(self) -> str:
        """What became of a run without a value, in words."""
        return "not started" if self.job is None else _WITHOUT_VALUE[self.job.state]


class Reading:
    """Everything that the sections draw on, each found once."""

    def __init__(self, facts: CampaignFacts) -> None:
        self.facts = facts
        self.objective = facts.spec.objective
        self.quantity = spoken(self.objective.name)
        self.decimals = places(self.objective.width)
        self.records = tuple(_records(facts))
        by_job = {record.run.job_id: record for record in self.records}
        self.results = tuple(_results(facts, by_job))
        self.agents: tuple[AgentFact, ...] = tuple(fact for cycle in facts.cycles for fact in cycle.agents)
        self._scripted = {fact.proposer for fact in self.agents if fact.scripted}
        self._by_measurement = {result.fact.id: result for result in self.results}
        self._of_run: dict[int, Result] = {}
        for result in self.results:
            fits = (result.fact.name, result.fact.unit) == (self.objective.name, self.objective.unit)
            if fits and result.record is not None:
                self._of_run[result.record.number] = result

    def of_run(self, record: RunRecord) -> Result | None:
        """Return the objective's value that counts for a run."""
        return self._of_run.get(record.number)

    def of_measurement(self, measurement_id: str) -> Result | None:
        """Return a measurement by its id."""
        return self._by_measurement.get(measurement_id)

    def cite(self, measurement_ids: tuple[str, ...]) -> Prose:
        """Return references to measurements, one after the other."""
        found = [self._by_measurement.get(measurement_id) for measurement_id in measurement_ids]
        pairs = zip(measurement_ids, found, strict=True)
        return joined((say(result.link if result else Code(name)) for name, result in pairs), " ")

    def proposer(self, name: str, *, scripted: bool = False) -> Prose:
        """Write who proposed something, with a mark where a script answered in place of a model."""
        return say(name, (Words(" "), SCRIPTED_MARK) if scripted else self.mark(name))

    def mark(self, proposer: str) -> Prose:
        """Return the mark of a proposer for whom a script answered; nothing for any other."""
        return say(" ", SCRIPTED_MARK) if proposer in self._scripted else ()

    def amount(self, value: float, sd: float | None = None) -> str:
        """Write a value of the objective, with its standard uncertainty."""
        return amount(value, sd, self.objective.unit, decimals=self.decimals)

    def difference(self, value: float) -> str:
        """Write a difference of values of the objective, with its sign."""
        return ("+" if round(value, self.decimals) > 0 else "") + self.amount(value)

    def measured(self, result: Result) -> Prose:
        """Write a measured value with its reference and its marks."""
        fact = result.fact
        if fact.name == self.objective.name and fact.unit == self.objective.unit:
            text = self.amount(fact.value, fact.uncertainty)
        else:
            text = plain_amount(fact.value, fact.uncertainty, fact.unit)
        return say(text, " ", result.link, *result.marks)

    def outcome(self, record: RunRecord) -> Prose:
        """Write what a run gave: its value with the reference, or why there is none."""
        result = self.of_run(record)
        return say(record.outcome) if result is None else self.measured(result)

    def state(self, fact: HypothesisFact) -> HypothesisState:
        """Return a hypothesis's state; a test that the campaign's end cut short is undecided."""
        over = self.facts.summary.state is CampaignState.DONE
        cut = over and fact.state in (HypothesisState.REGISTERED, HypothesisState.TESTING)
        return HypothesisState.UNDECIDED if cut else fact.state

    @property
    def simulated(self) -> tuple[Result, ...]:
        """The measurements that are simulated."""
        return tuple(result for result in self.results if result.simulated)

    @property
    def latest(self) -> datetime | None:
        """The last moment that the facts speak of; the report has no clock of its own."""
        return max(_moments(self.facts), default=None)


def _records(facts: CampaignFacts) -> Iterator[RunRecord]:
    number = 0
    for cycle in facts.cycles:
        jobs = {job.id: job for job in cycle.jobs}
        for run in sorted(cycle.plan.plan.runs, key=lambda run: run.index) if cycle.plan else ():
            number += 1
            assert cycle.plan is not None
            yield RunRecord(number, cycle.number, cycle.plan, run, jobs.get(run.job_id))


def _results(facts: CampaignFacts, by_job: dict[str, RunRecord]) -> Iterator[Result]:
    number = 0
    for cycle in facts.cycles:
        for job in sorted(cycle.jobs, key=lambda job: job.index):
            attempts = {attempt.id: attempt for attempt in job.attempts}
            for fact in job.measurements:
                number += 1
                yield Result(number, fact, attempts.get(fact.attempt_id), job, by_job.get(job.id))


def _moments(facts: CampaignFacts) -> Iterator[datetime]:
    several: list[datetime | None] = [facts.summary.created_at, facts.started_at, facts.ended_at]
    for cycle in facts.cycles:
        several += [cycle.opened_at, cycle.closed_at]
        several += [moment for task in cycle.agents for moment in (task.opened_at, task.ended_at)]
        for job in cycle.jobs:
            several += [measurement.received_at for measurement in job.measurements]
            for attempt in job.attempts:
                several += [attempt.offered_at, attempt.started_at, attempt.ended_at]
        for review in cycle.plan.reviews if cycle.plan else ():
            several += [review.opened_at, *(decision.at for decision in review.decisions)]
    for incident in facts.incidents:
        several += [incident.opened_at, incident.settled_at]
    yield from (moment for moment in several if moment is not None)
