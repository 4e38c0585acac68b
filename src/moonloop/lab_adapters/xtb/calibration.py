"""From reaction energies to potentials: a straight line through quinones of published potential."""

import math
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from statistics import fmean
from typing import Annotated, Self

from pydantic import Field

from moonloop.domain.values import Value
from moonloop.lab_adapters.xtb.request import Parameters

__all__ = ["Calibration", "Line", "calibration", "leave_one_out"]


class Line(Value):
    """E = intercept + slope * x for one method, solvent and choice of relaxation, by least squares.

    x is minus the reaction energy of Q + H2 -> hydroquinone per electron; x and E are in V, E against the
    standard hydrogen electrode at pH 0.
    """

    method: str
    solvent: str
    optimise: bool
    intercept: float
    slope: float
    references: Annotated[int, Field(ge=3)]
    """How many quinones the line goes through."""
    r2: float
    """Share of the variance explained."""
    mean_absolute_error: float
    leave_one_out_error: float
    """Mean absolute error of each reference predicted by the line through the others."""
    residual_sd: Annotated[float, Field(gt=0)]
    """With two degrees of freedom less than references."""
    x_mean: float
    x_squares: Annotated[float, Field(gt=0)]
    """Sum of the squared distances of the references' x from their mean."""
    x_low: float
    x_high: float

    @classmethod
    def through(cls, parameters: Parameters, x: Sequence[float], potentials: Sequence[float]) -> Self:
        """Return the least-squares line through the references."""
        mean, squares, slope = _least_squares(x, potentials)
        intercept = fmean(potentials) - slope * mean
        errors = [y - intercept - slope * at for at, y in zip(x, potentials, strict=True)]
        total = sum((y - fmean(potentials)) ** 2 for y in potentials)
        left_out = leave_one_out(x, potentials)
        return cls(
            method=parameters.method,
            solvent=parameters.solvent,
            optimise=parameters.optimise,
            intercept=intercept,
            slope=slope,
            references=len(x),
            r2=1.0 - sum(error**2 for error in errors) / total,
            mean_absolute_error=fmean(abs(error) for error in errors),
            leave_one_out_error=fmean(abs(y - guess) for y, guess in zip(potentials, left_out, strict=True)),
            residual_sd=math.sqrt(sum(error**2 for error in errors) / (len(x) - 2)),
            x_mean=mean,
            x_squares=squares,
            x_low=min(x),
            x_high=max(x),
        )

    def potential(self, x: float) -> float:
        """Return the reduction potential, in V."""
        return self.intercept + self.slope * x

    def error(self, x: float) -> float:
        """Return the standard error of prediction at x, in V; it grows away from the references.

        Draper and Smith, Applied Regression Analysis (1998), equation 3.1.10.
        """
        return self.residual_sd * math.sqrt(
            1.0 + 1.0 / self.references + (x - self.x_mean) ** 2 / self.x_squares
        )

    def beyond(self, x: float) -> float:
        """Return how far x lies outside the references, in V; 0 within."""
        return max(self.x_low - x, x - self.x_high, 0.0)


class Calibration(Value):
    """The lines of all protocols, with where they come from."""

    version: str
    conformers: int
    """Starting structures per species in the fit."""
    references_sha256: str
    """Of the file of references."""
    programs: dict[str, str]
    """Versions of the programs that computed x."""
    lines: tuple[Line, ...]

    def line(self, parameters: Parameters) -> Line:
        """Return the line of a protocol; the number of conformers is not part of the choice."""
        return next(
            line
            for line in self.lines
            if (line.method, line.solvent, line.optimise)
            == (parameters.method, parameters.solvent, parameters.optimise)
        )


def leave_one_out(x: Sequence[float], potentials: Sequence[float]) -> list[float]:
    """Return each potential as the line through all the other references predicts it, in V."""
    guesses: list[float] = []
    for index, at in enumerate(x):
        others = [*x[:index], *x[index + 1 :]], [*potentials[:index], *potentials[index + 1 :]]
        mean, _, slope = _least_squares(*others)
        guesses.append(fmean(others[1]) + slope * (at - mean))
    return guesses


@cache
def calibration() -> Calibration:
    """Return the calibration that ships with this package."""
    body = files("moonloop.lab_adapters.xtb").joinpath("calibration.json").read_bytes()
    return Calibration.model_validate_json(body)


def _least_squares(x: Sequence[float], y: Sequence[float]) -> tuple[float, float, float]:
    mean, middle = fmean(x), fmean(y)
    squares = sum((at - mean) ** 2 for at in x)
    return (
        mean,
        squares,
        sum((at - mean) * (value - middle) for at, value in zip(x, y, strict=True)) / squares,
    )
