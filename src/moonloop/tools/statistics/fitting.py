"""A curve through the measured values."""

import numpy as np
from scipy import special

from moonloop.domain.errors import InvalidInput
from moonloop.domain.ids import MeasurementId
from moonloop.domain.values import Value
from moonloop.tools.arrays import FloatArray
from moonloop.tools.asking.arguments import Fit
from moonloop.tools.asking.offer import Snapshot
from moonloop.tools.statistics.runs import EXPLORATORY, at_level, factor_names, measured_runs, number_of

__all__ = ["Coefficient", "Fitted", "fit"]

_NAMED = 12


class Coefficient(Value):
    """One coefficient with its 95 % confidence interval."""

    power: int
    """Of (x - centre)."""
    estimate: float
    low: float
    high: float


class Fitted(Value):
    """An ordinary least-squares polynomial: value = sum of coefficient times (x - centre) to its power."""

    factor: str
    n: int
    distinct: int
    """Different levels among the runs."""
    centre: float
    """Mean of x."""
    x_from: float
    x_to: float
    coefficients: tuple[Coefficient, ...]
    residual_sd: float
    r_squared: float | None
    """Absent where all values are the same."""
    measurements: tuple[MeasurementId, ...]
    """The first of them."""
    note: str = EXPLORATORY


def fit(asked: Fit, snapshot: Snapshot) -> Fitted:
    """Fit a polynomial by ordinary least squares; the intervals are those of normal errors of equal size.

    Raises:
        InvalidInput: for a factor that is unknown or not numeric, or too few levels for the degree.
    """
    known = factor_names(snapshot)
    if asked.factor not in known:
        raise InvalidInput(where="factor", why=f"{asked.factor!r} is none of {', '.join(known)}")
    points: list[tuple[float, float]] = []
    names: list[str] = []
    for seen, value in measured_runs(snapshot):
        x = number_of(seen.candidate.settings.get(asked.factor))
        if x is None or (
            asked.where_factor and not at_level(seen, asked.where_factor, asked.where_level, snapshot)
        ):
            continue
        points.append((x, value))
        names += [seen.measurement_id] if seen.measurement_id else []
    _check(asked, points)
    xs, ys = np.asarray(points, dtype=np.float64).T
    return _fitted(asked, xs, ys, names)


def _check(asked: Fit, points: list[tuple[float, float]]) -> None:
    distinct = len({x for x, _ in points})
    if not points:
        raise InvalidInput(where="factor", why=f"no measured run has a number for {asked.factor!r} there")
    if distinct <= asked.degree or len(points) < asked.degree + 2:
        why = f"{len(points)} runs at {distinct} levels are too few for a polynomial of degree {asked.degree}"
        raise InvalidInput(where="degree", why=why)


def _fitted(asked: Fit, xs: FloatArray, ys: FloatArray, names: list[str]) -> Fitted:
    centre = float(xs.mean())
    scale = float(np.abs(xs - centre).max())
    # Scaled to [-1, 1], the powers are of a size, and the normal equations are well conditioned.
    powers = np.vander((xs - centre) / scale, asked.degree + 1, increasing=True)
    solved, *_ = np.linalg.lstsq(powers, ys, rcond=None)
    residuals = ys - powers @ solved
    freedom = len(ys) - asked.degree - 1
    variance = float(residuals @ residuals) / freedom
    errors = np.sqrt(np.diag(np.linalg.inv(powers.T @ powers)) * variance)
    half = errors * float(special.stdtrit(float(freedom), 0.975))
    spread = float(((ys - ys.mean()) ** 2).sum())
    return Fitted(
        factor=asked.factor,
        n=len(ys),
        distinct=len(set(xs.tolist())),
        centre=_short(centre),
        x_from=float(xs.min()),
        x_to=float(xs.max()),
        coefficients=tuple(
            Coefficient(
                power=power,
                estimate=_short(solved[power] / scale**power),
                low=_short((solved[power] - half[power]) / scale**power),
                high=_short((solved[power] + half[power]) / scale**power),
            )
            for power in range(asked.degree + 1)
        ),
        residual_sd=_short(variance**0.5),
        r_squared=_short(1.0 - float(residuals @ residuals) / spread) if spread > 0 else None,
        measurements=tuple(names[:_NAMED]),
    )


def _short(value: float) -> float:
    return float(f"{float(value):.8g}")
