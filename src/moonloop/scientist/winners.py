"""Winners: the best candidates, and whether they hold when they are checked."""

import numpy as np

from moonloop.domain.campaigns import CampaignSpec, ConfirmationRun
from moonloop.domain.errors import BudgetSpent, SpaceImpossible
from moonloop.domain.history import History, Observation
from moonloop.domain.plans import Purpose
from moonloop.domain.space import Candidate
from moonloop.domain.values import Value
from moonloop.scientist.batch import Draft
from moonloop.scientist.position import locate, routine_values
from moonloop.tools.design import Position

__all__ = [
    "Check",
    "Confirmed",
    "Winner",
    "checks_left",
    "confirmed",
    "draft_confirmations",
    "meets_target",
    "rank",
    "winners",
]


class Winner(Value):
    """A measured candidate within the goal constraints."""

    candidate: Candidate
    value: float
    """Mean of its routine measurements, in the objective's unit."""
    expected: float
    """What the surrogate makes of all measurements; winners are ranked by it."""


class Check(Value):
    """One confirmation run of a winner."""

    label: str
    value: float | None
    """In the objective's unit; absent when the run failed."""
    better_by: float | None
    """How much better than the routine value; negative is worse."""
    tolerance: float
    held: bool
    sentence: str


class Confirmed(Value):
    """What came of checking a winner."""

    candidate: Candidate
    value: float
    """Mean of its routine measurements, in the objective's unit."""
    checks: tuple[Check, ...]
    held: bool
    """Whether every check that was asked for was made and held."""
    sentence: str


def winners(spec: CampaignSpec, history: History) -> tuple[Winner, ...]:
    """Return the measured candidates within the goal constraints, best first.

    Ranked by the surrogate's mean, so that a lucky measurement does not win; those that did not hold when
    they were checked are left out.
    """
    return rank(spec, history, locate(spec, history))


def rank(spec: CampaignSpec, history: History, position: Position) -> tuple[Winner, ...]:
    """Return the winners, as `winners` does, from a position that was located already."""
    if position.surrogate is None:
        return ()
    fallen = {one.candidate.key for one in confirmed(spec, history) if not one.held}
    places = position.surrogate.places[position.pool.feasible[position.surrogate.places]]
    if not len(places):
        return ()
    means, _ = position.surrogate.predict(places)
    values = routine_values(history)
    ranked = np.argsort(-spec.objective.sign * means, kind="stable")
    found = [(position.pool.candidates[int(places[rank])], float(means[rank])) for rank in ranked]
    return tuple(
        Winner(candidate=candidate, value=values[candidate.key], expected=mean)
        for candidate, mean in found
        if candidate.key not in fallen
    )


def meets_target(spec: CampaignSpec, value: float) -> bool:
    """Say whether a value is at least as good as the objective's target; without a target nothing is."""
    target = spec.objective.target
    return target is not None and spec.objective.sign * (value - target) >= 0.0


def confirmed(spec: CampaignSpec, history: History) -> tuple[Confirmed, ...]:
    """Return, for each candidate that was checked, whether every confirmation run held."""
    if spec.confirmation is None:
        return ()
    runs: dict[str, list[Observation]] = {}
    for seen in history.observations:
        if seen.purpose is Purpose.CONFIRMATION:
            runs.setdefault(seen.candidate.key, []).append(seen)
    values = routine_values(history)
    return tuple(_confirmed(spec, made, values[key]) for key, made in runs.items() if key in values)


def checks_left(spec: CampaignSpec, history: History) -> int:
    """Return how many whole candidates the confirmation budget still allows to check."""
    if spec.confirmation is None:
        return 0
    used = sum(1 for seen in history.observations if seen.purpose is Purpose.CONFIRMATION)
    return max(spec.confirmation_runs - used, 0) // len(spec.confirmation.runs)


def draft_confirmations(spec: CampaignSpec, history: History) -> tuple[Draft, ...]:
    """Return the confirmation runs of the best winners that were not checked yet.

    While the search goes on only of those that meet the target: the others keep their place in the budget.
    """
    room = checks_left(spec, history)
    if spec.confirmation is None or room == 0:
        used = sum(1 for seen in history.observations if seen.purpose is Purpose.CONFIRMATION)
        raise BudgetSpent(line="confirmation", asked=1, spent=used, reserved=0, limit=spec.confirmation_runs)
    done = {one.candidate.key for one in confirmed(spec, history)}
    best = [one for one in winners(spec, history)[: spec.confirmation.top] if one.candidate.key not in done]
    met = [one for one in best if meets_target(spec, one.value)]
    chosen = met if met and history.experiments_left else best
    if not chosen:
        raise SpaceImpossible(why="there is no winner that was not checked already")
    return tuple(
        Draft(
            purpose=Purpose.CONFIRMATION,
            candidate=winner.candidate,
            protocol=check.protocol,
            reason=(
                f"{check.label} for winner {rank}: it holds if this run is not worse than {winner.value:.4g} "
                f"{spec.objective.unit} by more than {check.tolerance:g}."
            ),
            label=check.label,
        )
        for rank, winner in enumerate(chosen[:room], start=1)
        for check in spec.confirmation.runs
    )


def _confirmed(spec: CampaignSpec, made: list[Observation], value: float) -> Confirmed:
    asked = spec.confirmation.runs if spec.confirmation else ()
    by_label = {seen.label: seen for seen in made}
    checks = tuple(_check(spec, run, by_label[run.label], value) for run in asked if run.label in by_label)
    missing = [run.label for run in asked if run.label not in by_label]
    fallen = [check.label for check in checks if not check.held]
    held = not missing and not fallen
    told = "; ".join(check.sentence for check in checks)
    unit = spec.objective.unit
    sentence = f"{value:.4g} {unit} {'is confirmed' if held else 'is not confirmed'}: {told}"
    if missing:
        sentence += f"; not run: {', '.join(missing)}"
    return Confirmed(
        candidate=made[0].candidate, value=value, checks=checks, held=held, sentence=sentence + "."
    )


def _check(spec: CampaignSpec, run: ConfirmationRun, seen: Observation, routine: float) -> Check:
    unit = spec.objective.unit
    if seen.outcome != "measured" or seen.value is None:
        sentence = f"{run.label} {seen.outcome}, which counts as not held"
        return Check(
            label=run.label,
            value=None,
            better_by=None,
            tolerance=run.tolerance,
            held=False,
            sentence=sentence,
        )
    better = spec.objective.sign * (seen.value - routine)
    held = better >= -run.tolerance
    words = "better" if better >= 0 else "worse"
    sentence = (
        f"{run.label} gave {seen.value:.4g} {unit}, {abs(better):.2g} {words}, "
        f"{'within' if held else 'outside'} the {run.tolerance:g} allowed"
    )
    return Check(
        label=run.label,
        value=seen.value,
        better_by=better,
        tolerance=run.tolerance,
        held=held,
        sentence=sentence,
    )
