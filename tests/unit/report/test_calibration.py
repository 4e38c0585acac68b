"""The calibration line and its leave-one-out predictions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonloop.report.calibration import calibrate

_VALUES = st.lists(
    st.tuples(st.floats(0, 1.2), st.floats(0, 1.2)), min_size=4, max_size=15, unique_by=lambda pair: pair[0]
).filter(lambda pairs: np.ptp([x for x, _ in pairs]) > 0.1)


@given(_VALUES)
def test_left_out_predictions_are_those_of_lines_fitted_without_the_point(
    pairs: list[tuple[float, float]],
) -> None:
    """The short formula gives what fitting each line anew gives."""
    xs, ys = np.array(pairs).T
    line = calibrate(list(xs), list(ys))
    assert line is not None
    for place, predicted in enumerate(line.left_out):
        rest = np.delete(xs, place)
        if np.ptp(rest) < 1e-3:
            continue
        slope, intercept = np.polyfit(rest, np.delete(ys, place), 1)
        assert predicted == pytest.approx(slope * xs[place] + intercept, abs=1e-6)


def test_points_on_a_line_are_predicted_exactly() -> None:
    """A perfect instrument has no error, in or out of the fit."""
    xs = [0.1, 0.4, 0.7, 0.9]
    line = calibrate(xs, [0.05 + 1.1 * x for x in xs])
    assert line is not None
    assert (line.slope, line.intercept, line.r_squared) == pytest.approx((1.1, 0.05, 1.0))
    assert line.left_out_error([0.05 + 1.1 * x for x in xs]) == pytest.approx(0.0, abs=1e-12)


def test_two_points_and_equal_points_fix_no_line() -> None:
    """Nothing is claimed of an instrument that was not put to the test."""
    assert calibrate([0.1, 0.2], [0.1, 0.2]) is None
    assert calibrate([0.3, 0.3, 0.3], [0.1, 0.2, 0.3]) is None


def test_a_point_that_alone_fixes_the_slope_is_not_predicted() -> None:
    """Without it the others fix no line, and that is said instead of a number."""
    line = calibrate([0.3, 0.3, 0.9], [0.2, 0.4, 0.8])
    assert line is not None
    assert line.left_out[2] is None
    assert line.left_out_error([0.2, 0.4, 0.8]) is not None


def test_published_values_that_do_not_vary_leave_nothing_to_explain() -> None:
    """The share of a variance of zero is no number."""
    line = calibrate([0.1, 0.2, 0.4], [0.5, 0.5, 0.5])
    assert line is not None
    assert line.r_squared is None
