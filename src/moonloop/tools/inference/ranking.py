"""Strengths from comparisons by pairs: which is worth more, and how well that is known.

The model is that of R. A. Bradley and M. E. Terry (Biometrika 39, 324-345, 1952): i is preferred to j with
probability 1 / (1 + exp(s_j - s_i)). Its likelihood alone has no maximum when one is always preferred
(L. R. Ford, Am. Math. Mon. 64, 28-33, 1957), so a weak normal prior is put on every s; the posterior is
log-concave.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from moonloop.domain.errors import InvalidInput
from moonloop.domain.proposals import Comparison
from moonloop.tools.arrays import FloatArray

__all__ = ["Ranking", "bradley_terry"]

_PRIOR_SD = 1.5
"""Of a strength: odds of 8 to 1 between two of them are nothing unusual before anything is compared."""
_STEPS = 100
_CLOSE = 1e-10


@dataclass(frozen=True, slots=True)
class Ranking:
    """Logarithmic strengths about zero, larger is better, and their standard errors."""

    strengths: tuple[float, ...]
    sds: tuple[float, ...]
    """From the curvature at the maximum; the prior's 1.5 for what was never compared."""


def bradley_terry(n: int, comparisons: Sequence[Comparison]) -> Ranking:
    """Return the strengths of `n` items after comparisons by pairs: the posterior's maximum, found by Newton.

    Raises:
        InvalidInput: when a comparison is of an item with itself, or of one that does not exist.
    """
    wins = _wins(n, comparisons)
    strengths = np.zeros(n)
    for _ in range(_STEPS):
        slope, curvature = _derivatives(strengths, wins)
        step = np.linalg.solve(curvature, slope)
        # A full step may overshoot where the likelihood is flat; a bounded one still climbs, and ends there.
        strengths = strengths + step / max(1.0, float(np.abs(step).max(initial=0.0)))
        if float(np.abs(step).max(initial=0.0)) < _CLOSE:
            break
    _, curvature = _derivatives(strengths, wins)
    spread = np.sqrt(np.diag(np.linalg.inv(curvature)))
    return Ranking(tuple(float(one) for one in strengths), tuple(float(one) for one in spread))


def _wins(n: int, comparisons: Sequence[Comparison]) -> FloatArray:
    """Return how often i was preferred to j, shape (n, n)."""
    wins = np.zeros((n, n))
    for compared in comparisons:
        if compared.better == compared.worse or max(compared.better, compared.worse) >= n:
            raise InvalidInput(
                where="comparison", why=f"{compared.better} with {compared.worse} is no pair of {n} items"
            )
        wins[compared.better, compared.worse] += 1.0
    return wins


def _derivatives(strengths: FloatArray, wins: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the slope of the log-posterior, shape (n,), and its negative curvature, shape (n, n)."""
    chance = expit(strengths[:, None] - strengths[None, :])
    games = wins + wins.T
    slope = (wins - games * chance).sum(axis=1) - strengths / _PRIOR_SD**2
    weight = games * chance * (1.0 - chance)
    curvature = np.diag(weight.sum(axis=1) + 1.0 / _PRIOR_SD**2) - weight
    return slope, curvature
