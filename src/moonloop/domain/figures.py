"""Figures that a narrative may name: each printed by code from the ledger's facts, each with its source."""

import re
from collections.abc import Iterator, Mapping

from moonloop.domain.facts import CampaignFacts, HypothesisFact, JobFact, MeasurementFact
from moonloop.domain.ids import MeasurementId
from moonloop.domain.lifecycles import HypothesisState, JobState
from moonloop.domain.numbers import amount, figure, places, plain_amount, with_unit
from moonloop.domain.plans import SEARCH, Run
from moonloop.domain.space import level_text
from moonloop.domain.values import Value

__all__ = ["PLACEHOLDER", "Figure", "figures_of", "spread"]

PLACEHOLDER = re.compile(r"\{([A-Za-z][A-Za-z0-9_.]{0,119})\}")
"""A figure's name in braces."""

_VERDICTS = (HypothesisState.SUPPORTED, HypothesisState.REFUTED, HypothesisState.UNDECIDED)


class Figure(Value):
    """A printed figure."""

    text: str
    """With its unit and, where it has one, its standard uncertainty."""
    meaning: str
    """What it is, for those who choose among the names."""
    measurements: tuple[MeasurementId, ...] = ()
    """What it rests on; empty for what the ledger counts itself."""


def figures_of(facts: CampaignFacts) -> Mapping[str, Figure]:
    """Return the figures of a campaign by name, the telling ones first."""
    found: dict[str, Figure] = {}
    for part in (_outcome, _counts, _verdicts, _spending, _measurements):
        for name, printed in part(facts):
            if PLACEHOLDER.fullmatch(f"{{{name}}}"):
                found.setdefault(name, printed)
    return found


def spread(text: str, figures: Mapping[str, Figure]) -> tuple[str | Figure, ...] | None:
    """Return a sentence as words and figures in turn, or None when it names a figure that does not exist."""
    parts = PLACEHOLDER.split(text)
    if any(name not in figures for name in parts[1::2]):
        return None
    turns = (figures[part] if place % 2 else part for place, part in enumerate(parts))
    return tuple(turn for turn in turns if turn)


Named = Iterator[tuple[str, Figure]]


def _outcome(facts: CampaignFacts) -> Named:
    objective, best = facts.spec.objective, _best(facts)
    if objective.target is not None:
        yield "objective.target", Figure(text=_of_objective(facts, objective.target), meaning="the target")
    if best is None:
        return
    key, value = best
    runs = [(run, job) for run, job in _runs(facts) if run.candidate.key == key and run.purpose in SEARCH]
    sources = tuple(fact.id for _, job in runs for fact in job.measurements if fact.name == objective.name)
    text = _of_objective(facts, value)
    yield "best.value", Figure(text=text, meaning="the best routine value", measurements=sources)
    yield "best.candidate", Figure(text=key, meaning="the candidate of it", measurements=sources)
    yield "best.runs", Figure(text=str(len(runs)), meaning="its routine runs", measurements=sources)
    for factor, level in runs[0][0].candidate.settings.items() if runs else ():
        name, text = f"best.setting.{_slug(factor)}", level_text(level)
        yield name, Figure(text=text, meaning=f"{factor} of the best candidate")


def _counts(facts: CampaignFacts) -> Named:
    runs = [(run, job) for run, job in _runs(facts)]
    valued = [job for _, job in runs if job.measurements]
    by_state = {state: sum(one.state is state for one in facts.hypotheses) for state in _VERDICTS}
    counted = {
        "cycles": (len(facts.cycles), "cycles"),
        "experiments.done": (facts.summary.experiments_done, "experiments counted by the budget"),
        "experiments.limit": (facts.summary.experiments_limit, "experiments that the budget allows"),
        "runs.planned": (len(runs), "runs of all kinds that became jobs"),
        "runs.measured": (len(valued), "runs that gave a value"),
        "runs.failed": (sum(job.state is JobState.FAILED for _, job in runs), "runs that failed"),
        "claims.registered": (len(facts.hypotheses), "registered claims"),
        **{f"claims.{state}": (number, f"claims {state}") for state, number in by_state.items()},
    }
    for name, (number, meaning) in counted.items():
        yield name, Figure(text=str(number), meaning=meaning)


def _verdicts(facts: CampaignFacts) -> Named:
    for fact in facts.hypotheses:
        stem = f"verdict.{fact.hypothesis.id}"
        proposed = fact.hypothesis.proposed.probability
        yield f"{stem}.probability", Figure(text=figure(proposed, 2), meaning="what its proposer gave it")
        yield (
            f"{stem}.delta",
            Figure(
                text=_of_objective(facts, fact.hypothesis.delta), meaning="the smallest effect of interest"
            ),
        )
        yield from _evidence(facts, fact, stem)


def _evidence(facts: CampaignFacts, fact: HypothesisFact, stem: str) -> Named:
    if not fact.evidence:
        return
    last = fact.evidence[-1]
    yield (
        f"{stem}.n",
        Figure(text=str(last.n), meaning="pairs or runs counted", measurements=last.measurements),
    )
    for name, value, meaning in (
        ("estimate", last.estimate, "the mean counted"),
        ("low", last.low, "lower end of its confidence sequence"),
        ("high", last.high, "upper end of its confidence sequence"),
    ):
        if value is not None:
            text = _of_objective(facts, value)
            yield f"{stem}.{name}", Figure(text=text, meaning=meaning, measurements=last.measurements)


def _spending(facts: CampaignFacts) -> Named:
    for line in facts.budgets:
        stem = f"budget.{_slug(line.line)}"
        spent = with_unit(figure(line.spent, 6), line.unit)
        yield f"{stem}.spent", Figure(text=spent, meaning=f"{line.line} spent")
        if line.limit is not None:
            limit = with_unit(figure(line.limit, 6), line.unit)
            yield f"{stem}.limit", Figure(text=limit, meaning=f"{line.line} allowed")


def _measurements(facts: CampaignFacts) -> Named:
    for run, job in _runs(facts):
        for fact in job.measurements:
            meaning = f"{fact.name} of {run.candidate.key}, {run.purpose}"
            yield (
                f"measurement.{fact.id}",
                Figure(text=_measured(facts, fact), meaning=meaning, measurements=(fact.id,)),
            )


def _best(facts: CampaignFacts) -> tuple[str, float] | None:
    """Return the best candidate within the constraints and its value, as the ledger has it."""
    told = [(facts.summary.best_key, facts.summary.best_value)]
    told += [(c.advice.best_key, c.advice.best_value) for c in reversed(facts.cycles) if c.advice]
    return next(((key, value) for key, value in told if key is not None and value is not None), None)


def _runs(facts: CampaignFacts) -> Iterator[tuple[Run, JobFact]]:
    for cycle in facts.cycles:
        jobs = {job.id: job for job in cycle.jobs}
        for run in cycle.plan.plan.runs if cycle.plan else ():
            if run.job_id in jobs:
                yield run, jobs[run.job_id]


def _measured(facts: CampaignFacts, fact: MeasurementFact) -> str:
    objective = facts.spec.objective
    if (fact.name, fact.unit) != (objective.name, objective.unit):
        return plain_amount(fact.value, fact.uncertainty, fact.unit)
    return _of_objective(facts, fact.value, fact.uncertainty)


def _of_objective(facts: CampaignFacts, value: float, sd: float | None = None) -> str:
    """Write a value of the objective to a thousandth of its declared range."""
    objective = facts.spec.objective
    return amount(value, sd, objective.unit, decimals=places(objective.width))


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
