"""Advice after a cycle: go on, check the winners, or stop; with the numbers that say so."""

from collections.abc import Sequence

import numpy as np

from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.history import Advice, History, NextStep
from moonloop.scientist.position import batches, locate
from moonloop.scientist.testing import START
from moonloop.scientist.winners import Winner, checks_left, confirmed, meets_target, rank
from moonloop.tools.design import Position, improvements

__all__ = ["advise"]


def advise(spec: CampaignSpec, history: History) -> Advice:
    """Return the next step.

    - stop, goal met: a confirmed winner is at least as good as the target (a measured one, where the file
      asks for no confirmation).
    - confirm: a winner that was not checked meets the target; or the search is over and the best were not.
    - the search is over: no experiment left, no candidate left, or `stop.improvement_below`.
    """
    return _Adviser(spec, history).advice()


class _Adviser:
    def __init__(self, spec: CampaignSpec, history: History) -> None:
        self._spec, self._history = spec, history
        self._position: Position = locate(spec, history)
        self._winners = rank(spec, history, self._position)
        self._checked = {one.candidate.key: one for one in confirmed(spec, history)}
        self._best: Winner | None = self._winners[0] if self._winners else None
        """By the surrogate's mean while the search goes on, by their own values once they were checked."""
        self._improvement = _largest_improvement(spec, self._position)

    def advice(self) -> Advice:
        met = [winner for winner in self._top() if meets_target(self._spec, winner.value)]
        unchecked = self._unchecked(met)
        if len(unchecked) < len(met):
            return self._goal_met([winner for winner in met if winner not in unchecked])
        if met and checks_left(self._spec, self._history):
            return self._say(
                NextStep.CONFIRM,
                "goal_met",
                f"{met[0].value:.4g} {self._unit} meets the target and is to be checked.",
            )
        return self._ended() or self._say(NextStep.SEARCH, "", self._outlook())

    def _ended(self) -> Advice | None:
        if self._history.experiments_left == 0:
            number = self._spec.budget.experiments
            return self._end("budget_spent", f"The {number} experiments of the budget are used.")
        if not len(self._position.open):
            return self._end("no_candidates", "Every candidate within the goal constraints has been run.")
        least = self._spec.stop.improvement_below
        expected = self._improvement
        if (
            least is not None
            and expected is not None
            and expected < least
            and batches(self._history) >= START
        ):
            return self._end(
                "no_candidates",
                f"No candidate is expected to improve on the best by {least:g} {self._unit}: the largest "
                f"expected improvement is {expected:.2g}.",
            )
        return None

    def _end(self, reason: str, sentence: str) -> Advice:
        if self._unchecked(self._top()) and checks_left(self._spec, self._history):
            return self._say(NextStep.CONFIRM, reason, f"{sentence} The best are to be checked.")
        self._settle_on([winner for winner in self._winners if winner.candidate.key in self._checked])
        return self._say(NextStep.STOP, reason, f"{sentence} {self._found()}")

    def _settle_on(self, sure: Sequence[Winner]) -> None:
        """Name the best of those that were checked by their own values, as the report does."""
        if sure:
            self._best = max(sure, key=lambda winner: self._spec.objective.sign * winner.value)

    def _goal_met(self, found: Sequence[Winner]) -> Advice:
        self._settle_on(found)
        assert self._best is not None
        winner = self._best
        how = " and held when it was checked" if self._checked else "; the file asks for no confirmation"
        target = f"the target {self._spec.objective.target:g}"
        return self._say(
            NextStep.STOP,
            "goal_met",
            f"{winner.value:.4g} {self._unit} is at least as good as {target}{how}.",
        )

    def _top(self) -> tuple[Winner, ...]:
        return self._winners[: self._spec.confirmation.top] if self._spec.confirmation else self._winners

    def _unchecked(self, some: Sequence[Winner]) -> list[Winner]:
        """Return those that the file wants checked and that were not."""
        if self._spec.confirmation is None:
            return []
        return [winner for winner in some if winner.candidate.key not in self._checked]

    def _found(self) -> str:
        if self._best is None:
            return "No candidate within the goal constraints was measured."
        sure = self._best.candidate.key in self._checked
        return (
            f"The best is {self._best.value:.4g} {self._unit}{', confirmed' if sure else ', not confirmed'}."
        )

    def _outlook(self) -> str:
        left = f"{self._history.experiments_left} experiments are left"
        if self._best is None or self._improvement is None:
            return f"Nothing within the goal constraints has been measured yet; {left}."
        return (
            f"The best so far is {self._best.value:.4g} {self._unit}; the largest expected improvement is "
            f"{self._improvement:.2g}; {left}."
        )

    def _say(self, step: NextStep, reason: str, sentence: str) -> Advice:
        return Advice.model_validate(
            {
                "step": step,
                "reason": reason,
                "sentence": sentence,
                "best_key": self._best.candidate.key if self._best else None,
                "best_value": self._best.value if self._best else None,
                "expected_improvement": self._improvement,
            }
        )

    @property
    def _unit(self) -> str:
        return self._spec.objective.unit


def _largest_improvement(spec: CampaignSpec, position: Position) -> float | None:
    if position.surrogate is None or not len(position.open):
        return None
    worth = improvements(position.surrogate, position.open, position.pool.feasible, spec.objective.sign)
    return float(np.max(worth * position.success[position.open]))
