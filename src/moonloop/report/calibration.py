"""The instrument against published values: a straight line, judged on values that it has not seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

__all__ = ["FEWEST", "Calibration", "calibrate"]

FEWEST = 3
"""With fewer references a line through all but one of them says nothing."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """A least-squares line of published on measured values, in the objective's unit."""

    slope: float
    intercept: float
    r_squared: float | None
    """Share of the published values' variance that the line explains; None when they do not vary."""
    error: float
    """Mean absolute error of the line on the values that it was fitted to."""
    left_out: tuple[float | None, ...]
    """The prediction for each reference from the line through the others; None where they fix no line."""

    def left_out_error(self, published: Sequence[float]) -> float | None:
        """Return the mean absolute error of the predictions of left-out references."""
        pairs = zip(published, self.left_out, strict=True)
        errors = [abs(value - predicted) for value, predicted in pairs if predicted is not None]
        return fmean(errors) if errors else None


def calibrate(measured: Sequence[float], published: Sequence[float]) -> Calibration | None:
    """Fit the line and predict each point from the others; None when the points fix no line.

    The leave-one-out residual is e / (1 - h) with the leverage h (Allen, Technometrics 16, 125, 1974).
    """
    n = len(measured)
    if n < FEWEST:
        return None
    centre, level = fmean(measured), fmean(published)
    offsets = [value - centre for value in measured]
    spread = sum(offset**2 for offset in offsets)
    if spread <= 1e-18 * max(1.0, centre**2):
        return None
    slope = sum(offset * value for offset, value in zip(offsets, published, strict=True)) / spread
    residuals = [y - level - slope * offset for offset, y in zip(offsets, published, strict=True)]
    free = [1 - 1 / n - offset**2 / spread for offset in offsets]
    return Calibration(
        slope=slope,
        intercept=level - slope * centre,
        r_squared=_explained(residuals, published, level),
        error=fmean(abs(residual) for residual in residuals),
        left_out=tuple(
            None if rest < 1e-9 else y - residual / rest
            for y, residual, rest in zip(published, residuals, free, strict=True)
        ),
    )


def _explained(residuals: Sequence[float], published: Sequence[float], level: float) -> float | None:
    total = sum((value - level) ** 2 for value in published)
    return None if total == 0 else 1 - sum(residual**2 for residual in residuals) / total
