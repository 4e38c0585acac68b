"""What was found: every candidate with its routine value, its constraints and its confirmation."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean, stdev

from moonloop.domain.campaigns import ConfirmationRun
from moonloop.domain.errors import MoonloopError
from moonloop.domain.lifecycles import CampaignState, JobState
from moonloop.domain.limits import GoalConstraint
from moonloop.domain.plans import Purpose
from moonloop.domain.space import Candidate
from moonloop.report.records import Reading, Result, RunRecord
from moonloop.tools.chemistry import constraint_value, satisfies

__all__ = ["Check", "Finding", "Findings", "Standing", "Trial", "find"]


class Standing(StrEnum):
    """How far a candidate may be believed."""

    CONFIRMED = "confirmed"
    DID_NOT_HOLD = "did not hold"
    INCOMPLETE = "confirmation incomplete"
    AWAITED = "confirmation under way"
    UNCHECKED = "not put to confirmation"
    OUTSIDE = "outside the constraints"


@dataclass(frozen=True, slots=True)
class Check:
    """A constraint with the candidate's figure."""

    constraint: GoalConstraint
    value: float | None
    """None when it cannot be computed."""

    @property
    def met(self) -> bool:
        """Whether the figure is within the limit; one that cannot be computed is not."""
        return self.value is not None and satisfies(self.constraint, self.value)


@dataclass(frozen=True, slots=True)
class Trial:
    """A confirmation run of a candidate."""

    record: RunRecord
    result: Result | None
    rule: ConfirmationRun | None
    """None when the campaign file has no confirmation of this label."""
    shortfall: float | None
    """How much worse it was than the routine value, in the objective's unit; negative when better."""

    @property
    def held(self) -> bool | None:
        """Whether it was worse by no more than its tolerance; None while or because it has no value."""
        if self.shortfall is None or self.rule is None:
            return None
        return self.shortfall <= self.rule.tolerance

    @property
    def pending(self) -> bool:
        """Whether a value may still come."""
        ended = (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)
        return self.result is None and (self.record.job is None or self.record.job.state not in ended)


@dataclass(frozen=True, slots=True)
class Finding:
    """A measured candidate."""

    candidate: Candidate
    records: tuple[RunRecord, ...]
    """The routine runs that gave a value."""
    results: tuple[Result, ...]
    checks: tuple[Check, ...]
    trials: tuple[Trial, ...]
    standing: Standing

    @property
    def value(self) -> float:
        """Mean of the routine values, in the objective's unit."""
        return fmean(result.fact.value for result in self.results)

    @property
    def sd(self) -> float | None:
        """Spread of the routine values, or the uncertainty that the robot told of a single one."""
        values = [result.fact.value for result in self.results]
        return stdev(values) if len(values) > 1 else self.results[0].fact.uncertainty


@dataclass(frozen=True, slots=True)
class Findings:
    """All measured candidates, the best first."""

    ranked: tuple[Finding, ...]

    @property
    def within(self) -> tuple[Finding, ...]:
        """Those within the constraints."""
        return tuple(finding for finding in self.ranked if finding.standing is not Standing.OUTSIDE)

    def standing(self, standing: Standing) -> tuple[Finding, ...]:
        """Return those that stand so."""
        return tuple(finding for finding in self.ranked if finding.standing is standing)

    @property
    def tried(self) -> tuple[Finding, ...]:
        """Those that were put to confirmation."""
        return tuple(finding for finding in self.ranked if finding.trials)


def find(reading: Reading) -> Findings:
    """Rank the candidates by the mean of their routine values."""
    routine: dict[str, list[RunRecord]] = defaultdict(list)
    trials: dict[str, list[RunRecord]] = defaultdict(list)
    for record in reading.records:
        key = record.run.candidate.key
        if record.run.purpose is Purpose.CONFIRMATION:
            trials[key].append(record)
        elif record.routine and reading.of_run(record):
            routine[key].append(record)
    found = [_finding(reading, records, trials[key]) for key, records in routine.items()]
    sign = reading.objective.sign
    return Findings(tuple(sorted(found, key=lambda finding: (-sign * finding.value, finding.candidate.key))))


def _finding(reading: Reading, records: list[RunRecord], tried: list[RunRecord]) -> Finding:
    candidate = records[0].run.candidate
    results = tuple(result for record in records if (result := reading.of_run(record)))
    checks = tuple(Check(limit, _computed(limit, candidate)) for limit in reading.facts.spec.constraints)
    routine = fmean(result.fact.value for result in results)
    trials = tuple(_trial(reading, record, routine) for record in tried)
    standing = _standing(reading, checks, trials)
    return Finding(candidate, tuple(records), results, checks, trials, standing)


def _computed(constraint: GoalConstraint, candidate: Candidate) -> float | None:
    if candidate.smiles is None:
        return None
    try:
        return constraint_value(constraint, candidate.smiles)
    except MoonloopError:
        # A report is made of whatever the ledger holds; the candidate is shown as one that was not checked.
        return None


def _trial(reading: Reading, record: RunRecord, routine: float) -> Trial:
    confirmation = reading.facts.spec.confirmation
    rules = {rule.label: rule for rule in confirmation.runs} if confirmation else {}
    result = reading.of_run(record)
    shortfall = reading.objective.sign * (routine - result.fact.value) if result else None
    return Trial(record, result, rules.get(record.run.label), shortfall)


def _standing(reading: Reading, checks: Iterable[Check], trials: tuple[Trial, ...]) -> Standing:
    if not all(check.met for check in checks):
        return Standing.OUTSIDE
    if not trials:
        return Standing.UNCHECKED
    if any(trial.held is False for trial in trials):
        return Standing.DID_NOT_HOLD
    confirmation = reading.facts.spec.confirmation
    asked = {rule.label for rule in confirmation.runs} if confirmation else set[str]()
    if asked and asked <= {trial.record.run.label for trial in trials if trial.held}:
        return Standing.CONFIRMED
    open_still = reading.facts.summary.state is not CampaignState.DONE
    return Standing.AWAITED if open_still and _waits(asked, trials) else Standing.INCOMPLETE


def _waits(asked: set[str], trials: tuple[Trial, ...]) -> bool:
    planned = {trial.record.run.label for trial in trials}
    return any(trial.pending for trial in trials) or not asked <= planned
