"""The calibration: a straight line, its errors, and the references it goes through."""

import csv
from collections.abc import Sequence
from importlib.resources import files
from itertools import product
from statistics import pvariance

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from moonloop.domain.canonical import digest
from moonloop.lab_adapters.xtb.calibration import Line, calibration, leave_one_out
from moonloop.lab_adapters.xtb.measurement import search_variance
from moonloop.lab_adapters.xtb.messages import Level
from moonloop.lab_adapters.xtb.request import Parameters

REFERENCES = files("moonloop.lab_adapters.xtb").joinpath("references.csv")


def _not_in_line(points: Sequence[tuple[int, int]]) -> bool:
    (x, y), (dx, dy) = points[0], (points[1][0] - points[0][0], points[1][1] - points[0][1])
    return any((each[0] - x) * dy != (each[1] - y) * dx for each in points)


POINTS = (
    st.lists(
        st.tuples(st.integers(0, 200), st.integers(-100, 100)),
        min_size=4,
        max_size=12,
        unique_by=lambda point: point[0],
    )
    .filter(_not_in_line)
    .map(lambda points: [(x / 100, y / 100) for x, y in points])
)
"""Potentials that no straight line goes through exactly."""


def fitted(points: Sequence[tuple[float, float]]) -> Line:
    """Fit some points."""
    x, y = zip(*points, strict=True)
    return Line.through(Parameters(), x, y)


@given(points=POINTS)
def test_leave_one_out_agrees_with_the_leverage_formula(points: list[tuple[float, float]]) -> None:
    """Fitting without a point gives its residual divided by one minus its leverage."""
    line = fitted(points)
    x, y = zip(*points, strict=True)
    leverages = [1 / len(x) + (at - line.x_mean) ** 2 / line.x_squares for at in x]
    assume(max(leverages) < 0.99)
    expected = [(b - line.potential(a)) / (1 - h) for a, b, h in zip(x, y, leverages, strict=True)]
    assert pytest.approx(expected, abs=1e-6) == [
        b - guess for b, guess in zip(y, leave_one_out(x, y), strict=True)
    ]


@given(points=POINTS, at=st.floats(-1, 3))
def test_the_error_of_prediction_grows_away_from_the_references(
    points: list[tuple[float, float]], at: float
) -> None:
    """It is smallest at the mean of the references, where it still exceeds the residual scatter."""
    line = fitted(points)
    assert line.error(at) >= line.error(line.x_mean) > line.residual_sd


@given(points=POINTS)
def test_no_reference_is_beyond_the_references(points: list[tuple[float, float]]) -> None:
    """The distance outside is zero within the range and counts from its nearer end."""
    line = fitted(points)
    assert {0.0} == {line.beyond(x) for x, _ in points}
    assert pytest.approx(0.25) == line.beyond(line.x_high + 0.25)


LEVELS = st.lists(st.tuples(st.floats(-1, 1), st.integers(1, 2)), min_size=1, max_size=3)


@given(levels=LEVELS)
def test_the_search_variance_is_that_of_the_resampled_minimum(levels: list[tuple[float, int]]) -> None:
    """The closed form equals the variance of the lowest energy over every possible resample."""
    ordered = [Level(energy=energy, found=found) for energy, found in sorted(levels)]
    starts = [level.energy for level in ordered for _ in range(level.found)]
    minima = [min(drawn) for drawn in product(starts, repeat=len(starts))]
    assert pytest.approx(pvariance(minima), abs=1e-9) == search_variance(ordered)


def test_every_protocol_has_a_line() -> None:
    """Each choice of method, solvent and relaxation was calibrated, with as many references as there are."""
    count = len(REFERENCES.read_text(encoding="utf-8").splitlines()) - 1
    for method, solvent, optimise in product(("GFN2-xTB", "GFN1-xTB"), ("water", "none"), (False, True)):
        asked = Parameters.model_validate({"method": method, "solvent": solvent, "optimise": optimise})
        line = calibration().line(asked)
        assert (method, solvent, optimise, count) == (
            line.method,
            line.solvent,
            line.optimise,
            line.references,
        )


def test_the_calibration_belongs_to_the_references_that_ship_with_it() -> None:
    """Whoever changes a reference has to calibrate again."""
    assert calibration().references_sha256 == digest(REFERENCES.read_bytes())


def test_every_reference_says_where_its_value_is_from() -> None:
    """At least ten potentials, each with a citation and the place where it was seen; no molecule twice."""
    rows = list(csv.DictReader(REFERENCES.read_text(encoding="utf-8").splitlines()))
    assert len(rows) >= 10
    assert len(rows) == len({row["smiles"] for row in rows})
    assert all(row["citation"] and row["seen"] for row in rows)
    assert all(-0.5 < float(row["potential_V"]) < 1.5 for row in rows)
