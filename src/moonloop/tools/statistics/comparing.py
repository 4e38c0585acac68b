"""Two groups of runs compared."""

import math
from collections.abc import Sequence

import numpy as np
from scipy import special

from moonloop.domain.errors import InvalidInput
from moonloop.domain.ids import MeasurementId
from moonloop.domain.values import Value
from moonloop.tools.asking.arguments import Compare
from moonloop.tools.asking.offer import Snapshot
from moonloop.tools.statistics.runs import EXPLORATORY, at_level, measured_runs

__all__ = ["Comparison", "compare"]

_NAMED = 12
"""Measurements that an answer names for each group."""


class Group(Value):
    """One group."""

    level: str
    n: int
    mean: float
    sd: float
    measurements: tuple[MeasurementId, ...]
    """The first of them."""


class Comparison(Value):
    """The difference of two means, in the objective's unit."""

    factor: str
    a: Group
    b: Group
    difference: float
    """Mean of a less mean of b."""
    low: float
    """Lower end of Welch's 95 % confidence interval."""
    high: float
    p: float
    """Two-sided, of Welch's test of equal means."""
    note: str = EXPLORATORY


def compare(asked: Compare, snapshot: Snapshot) -> Comparison:
    """Compare the means of the runs at two levels (B. L. Welch, Biometrika 34, 28-35, 1947).

    Raises:
        InvalidInput: for an unknown factor, or where a group has fewer than two measured runs.
    """
    if asked.level_a == asked.level_b:
        raise InvalidInput(where="level_b", why="it is the same level as level_a")
    runs = measured_runs(snapshot)
    taken = [
        [
            (seen.measurement_id, value)
            for seen, value in runs
            if at_level(seen, asked.factor, level, snapshot)
        ]
        for level in (asked.level_a, asked.level_b)
    ]
    shared = {name for name, _ in taken[0]} & {name for name, _ in taken[1]}
    first, second = (
        _group(level, [one for one in group if one[0] not in shared])
        for level, group in zip((asked.level_a, asked.level_b), taken, strict=True)
    )
    difference, low, high, p = _welch(first, second)
    return Comparison(factor=asked.factor, a=first, b=second, difference=difference, low=low, high=high, p=p)


def _group(level: str, taken: Sequence[tuple[str | None, float]]) -> Group:
    if len(taken) < 2:
        why = f"{len(taken)} measured runs are at {level!r}, a comparison needs at least 2 in each group"
        raise InvalidInput(where="levels", why=why)
    values = np.asarray([value for _, value in taken])
    return Group(
        level=level,
        n=len(taken),
        mean=_short(values.mean()),
        sd=_short(values.std(ddof=1)),
        measurements=tuple(name for name, _ in taken if name is not None)[:_NAMED],
    )


def _welch(a: Group, b: Group) -> tuple[float, float, float, float]:
    difference = a.mean - b.mean
    parts = (a.sd**2 / a.n, b.sd**2 / b.n)
    variance = parts[0] + parts[1]
    if variance == 0.0:
        return difference, difference, difference, float(difference == 0.0)
    freedom = variance**2 / (parts[0] ** 2 / (a.n - 1) + parts[1] ** 2 / (b.n - 1))
    error = math.sqrt(variance)
    half = float(special.stdtrit(freedom, 0.975)) * error
    # The tails of Student's t by the incomplete beta function.
    p = float(special.betainc(freedom / 2.0, 0.5, freedom / (freedom + (difference / error) ** 2)))
    return _short(difference), _short(difference - half), _short(difference + half), float(f"{p:.3g}")


def _short(value: float) -> float:
    return float(f"{float(value):.8g}")
