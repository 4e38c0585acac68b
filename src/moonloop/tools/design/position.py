"""Where a campaign stands: its observations as the designer sees them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf

import numpy as np

from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.history import History
from moonloop.domain.plans import Expectation
from moonloop.domain.space import Candidate
from moonloop.tools.arrays import BoolArray, FloatArray, IntArray
from moonloop.tools.design.filling import success_probability
from moonloop.tools.design.surrogate import Surrogate, fit_surrogate
from moonloop.tools.spaces import Pool, pool_for

__all__ = ["Position", "position_after"]


@dataclass(frozen=True, slots=True)
class Position:
    """What the designer has to go by."""

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


def position_after(spec: CampaignSpec, history: History, *, through: int | None = None) -> Position:
    """Return the position after the runs of the search up to and with cycle `through`; default all of them.

    The pool is the campaign's with what was run; `fit_surrogate` is given every measured value.
    """
    last = inf if through is None else through
    run = {
        one.candidate.key: one.candidate
        for one in history.searched
        if one.cycle <= last and one.outcome != "cancelled"
    }
    pool = pool_for(spec).extended(tuple(run.values()))
    measured = [
        (pool.index[one.candidate.key], value) for one, value in history.measured if one.cycle <= last
    ]
    valued = {place for place, _ in measured}
    tried = pool.rows(tuple(run.values()))
    return Position(
        pool=pool,
        surrogate=fit_surrogate(pool.features, measured, spec.objective.width),
        tried=tried,
        failed=np.asarray([int(place) not in valued for place in tried], dtype=np.bool_),
    )
