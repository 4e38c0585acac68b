"""Where a campaign stands: its observations as the designer sees them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import numpy as np

from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.history import History, Observation
from moonloop.domain.plans import Expectation, Purpose
from moonloop.domain.space import Candidate
from moonloop.tools.arrays import BoolArray, FloatArray, IntArray
from moonloop.tools.design import Surrogate, fit_surrogate, success_probability
from moonloop.tools.spaces import Pool, pool_for

__all__ = ["SEARCH", "Position", "batches", "locate", "routine_values", "searched"]

SEARCH = frozenset({Purpose.TEST, Purpose.EXPLORE, Purpose.PICK})
"""The runs that feed the surrogate; reference and confirmation runs do not."""

_BEST = 5
"""How many of the best are looked around, where the pool is not the whole space."""


@dataclass(frozen=True, slots=True)
class Position:
    """What is known when a batch is planned."""

    pool: Pool
    surrogate: Surrogate | None
    """Absent until a value has been measured."""
    tried: IntArray
    """Places of the candidates that were run, whatever came of it."""
    failed: BoolArray
    """Which of `tried` gave no value."""

    @property
    def open(self) -> IntArray:
        """Places of the candidates that satisfy the goal constraints and were not run yet."""
        free = self.pool.feasible
        free[self.tried] = False
        return np.flatnonzero(free).astype(np.int64)

    @property
    def success(self) -> FloatArray:
        """Probability that a run yields a value, for every candidate of the pool."""
        return success_probability(self.pool.features, self.tried, self.failed)

    def expectations(self, candidates: Sequence[Candidate]) -> tuple[Expectation | None, ...]:
        """Return what the surrogate expects of candidates, whether they are in the pool or not."""
        if self.surrogate is None or not candidates:
            return (None,) * len(candidates)
        means, sds = self.surrogate.predict_features(self.pool.atlas.features.of(candidates))
        return tuple(Expectation(mean=float(mean), sd=float(sd)) for mean, sd in zip(means, sds, strict=True))

    def extended(self, candidates: Sequence[Candidate]) -> "Position":
        """Return the position with candidates in its pool that were not there."""
        pool = self.pool.extended(candidates)
        if pool is self.pool:
            return self
        surrogate = self.surrogate and replace(self.surrogate, features=pool.features)
        return replace(self, pool=pool, surrogate=surrogate)


def searched(history: History) -> tuple[Observation, ...]:
    """Return the observations that feed the surrogate."""
    return tuple(seen for seen in history.observations if seen.purpose in SEARCH)


def batches(history: History) -> int:
    """Count the batches of the search that have been run."""
    return len({seen.cycle for seen in searched(history)})


def routine_values(history: History) -> Mapping[str, float]:
    """Return the mean routine measurement of each candidate, by its key."""
    values: dict[str, list[float]] = {}
    for seen in searched(history):
        if seen.outcome == "measured" and seen.value is not None:
            values.setdefault(seen.candidate.key, []).append(seen.value)
    return {key: fmean(measured) for key, measured in values.items()}


def locate(spec: CampaignSpec, history: History, *, through: int | None = None) -> Position:
    """Return the position after the observations up to and with cycle `through`; default all of them."""
    seen = [one for one in searched(history) if through is None or one.cycle <= through]
    run = {one.candidate.key: one.candidate for one in seen if one.outcome != "cancelled"}
    pool = pool_for(spec).extended(tuple(run.values()))
    measured = [
        (pool.index[one.candidate.key], one.value)
        for one in seen
        if one.outcome == "measured" and one.value is not None
    ]
    valued = {place for place, _ in measured}
    tried = pool.rows(tuple(run.values()))
    position = Position(
        pool=pool,
        surrogate=fit_surrogate(pool.features, measured, spec.objective.width),
        tried=tried,
        failed=np.asarray([int(place) not in valued for place in tried], dtype=np.bool_),
    )
    return position if pool.complete else _looked_around(spec, position)


def _looked_around(spec: CampaignSpec, position: Position) -> Position:
    """Add the neighbours of the best measured and of the best expected candidates to the pool."""
    if position.surrogate is None:
        return position
    means, _ = position.surrogate.predict(slice(None))
    order = np.argsort(-spec.objective.sign * means, kind="stable")
    order = order[position.pool.feasible[order]]
    known = order[np.isin(order, position.surrogate.places)][:_BEST]
    centres = {int(place) for place in (*known, *order[:_BEST])}
    source = position.pool.atlas.source
    return position.extended(
        [
            neighbour
            for place in sorted(centres)
            for neighbour in source.neighbours(position.pool.candidates[place])
        ]
    )
