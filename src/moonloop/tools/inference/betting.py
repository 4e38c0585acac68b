"""Betting e-processes: evidence about the mean of bounded values that may be looked at after every value.

For z_1, z_2, ... in [lo, hi] whose mean, given the past, is at most m,

    E_n = 1/4 sum over g in {0.2, 0.5, 0.8, 0.95} of prod_i (1 + g (z_i - m) / (m - lo))

is a non-negative supermartingale that starts at 1: each factor is at least 1 - g > 0, and its mean is at
most 1. So P(E_n >= 1/a for any n) <= a (Ville 1939), however the stopping time is chosen. It is the capital
of a gambler who bets the fixed fractions g against the null (Waudby-Smith and Ramdas, J. R. Stat. Soc. B 86,
1-27, 2024).
"""

from collections.abc import Sequence
from math import exp, log

from scipy.optimize import brentq

__all__ = ["FRACTIONS", "e_above", "e_below", "lower_bound", "upper_bound"]

FRACTIONS = (0.2, 0.5, 0.8, 0.95)
"""Shares of the largest possible bet; few values need bold ones, small effects cautious ones."""


def e_above(values: Sequence[float], mean: float, low: float) -> float:
    """Return the e-value against "the mean is at most `mean`" for values of at least `low`.

    Raises:
        ValueError: when `mean` is not above `low`, or a value is below `low`.
    """
    return exp(min(_log_e(values, mean, low), 700.0))


def e_below(values: Sequence[float], mean: float, high: float) -> float:
    """Return the e-value against "the mean is at least `mean`" for values of at most `high`."""
    return e_above([-value for value in values], -mean, -high)


def lower_bound(values: Sequence[float], low: float, high: float, level: float) -> float:
    """Return the largest m in [low, high] such that "the mean is at most m" is rejected at `level`.

    The e-value falls as m rises, so that the rejected means are all those up to the bound: a confidence
    sequence, valid at all times together with probability 1 - `level`.
    """

    def excess(mean: float) -> float:
        return _log_e(values, mean, low) + log(level)

    start = low + 1e-9 * (high - low)
    if excess(start) <= 0:
        return low
    return float(brentq(excess, start, high, xtol=1e-9 * (high - low)))


def upper_bound(values: Sequence[float], low: float, high: float, level: float) -> float:
    """Return the smallest m in [low, high] such that "the mean is at least m" is rejected at `level`."""
    return -lower_bound([-value for value in values], -high, -low, level)


def _log_e(values: Sequence[float], mean: float, low: float) -> float:
    if not mean > low:
        raise ValueError("the mean must be above the lowest possible value")
    if any(value < low - 1e-12 * abs(low) for value in values):
        raise ValueError("a value is below the lowest possible one")
    logs = [sum(log(1.0 + g * (value - mean) / (mean - low)) for value in values) for g in FRACTIONS]
    most = max(logs)
    return most + log(sum(exp(one - most) for one in logs) / len(FRACTIONS))
