"""Numbers, times and durations in words."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from moonloop.domain.numbers import (
    amount,
    clock,
    day,
    evidence,
    figure,
    fixed,
    places,
    plain_amount,
    span,
    with_unit,
)

_FINITE = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e8, max_value=1e8)
_NUMBER = st.floats(allow_nan=False, allow_infinity=False)


@given(_FINITE)
def test_a_fixed_number_reads_back_to_within_half_its_last_digit(value: float) -> None:
    """Rounding is all that is lost."""
    assert abs(float(fixed(value, 3).replace("\N{MINUS SIGN}", "-")) - value) <= 0.0005 + 1e-9 * abs(value)


@given(_FINITE)
def test_zero_has_no_sign(value: float) -> None:
    """A number that rounds to zero is not written as less than nothing."""
    assert fixed(value * 1e-12, 3) == "0.000"


@given(st.floats(min_value=1e-5, max_value=9e5))
def test_a_figure_keeps_its_leading_digits(value: float) -> None:
    """Four significant digits survive."""
    assert float(figure(value)) == pytest.approx(value, rel=6e-4)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "0"),
        (0.05, "0.05"),
        (20000, "20000"),
        (-2, "−2"),
        (1.25e-9, "1.250 × 10⁻⁹"),
        (3e12, "3.000 × 10¹²"),
    ],
)
def test_figures_are_short(value: float, written: str) -> None:
    """Trailing zeros go, and what is far from one becomes a power of ten."""
    assert written == figure(value)


@pytest.mark.parametrize(
    ("width", "decimals"), [(1.2, 3), (1.0, 3), (20, 2), (100, 1), (5000, 0), (1e-3, 6), (1e-12, 9)]
)
def test_decimals_follow_the_declared_range(width: float, decimals: int) -> None:
    """A thousandth of the range is visible."""
    assert decimals == places(width)


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(min_value=0, max_value=3))
@example(0.0, 3)
@example(5e-324, 3)
@example(1.7976931348623157e308, 0)
def test_any_width_has_its_decimals(width: float, digits: int) -> None:
    """However large or small, also none at all: between no decimal and nine."""
    assert 0 <= places(width, digits) <= 9


@given(_NUMBER, st.none() | _NUMBER.map(abs))
@example(1.7976931348623157e308, 1.7976931348623157e308)
@example(50.0, 1e308)
@example(50.0, 5e-324)
def test_any_value_is_written_with_any_uncertainty(value: float, sd: float | None) -> None:
    """A number from a robot never keeps a report from being written."""
    assert plain_amount(value, sd, "%").endswith("\N{NO-BREAK SPACE}%")


@pytest.mark.parametrize(
    ("value", "sd", "written"),
    [
        (-0.001, None, "0.00"),
        (1.0, 0.0, "1.00 ± 0.00"),
        (1.0, 0.0004, "1.00 ± 0.0004"),
        (-1.0, 0.2, "−1.00 ± 0.20"),
    ],
)
def test_an_uncertainty_below_the_last_decimal_is_no_zero(
    value: float, sd: float | None, written: str
) -> None:
    """What is known of a value is told, however small it is beside the range."""
    assert written == amount(value, sd, "1", decimals=2)


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(0.25, "0.25 s"), (60, "1 min"), (852.4, "14 min 12 s"), (3600, "1 h"), (90_000, "1 d 1 h")],
)
def test_durations_have_two_units_at_most(seconds: float, written: str) -> None:
    """Nobody reads a day in seconds."""
    assert written == span(seconds)


def test_times_are_utc() -> None:
    """A moment of any zone is written in UTC; one without a zone is taken for UTC."""
    there = datetime(2031, 3, 4, 23, 30, tzinfo=timezone(timedelta(hours=-2)))
    assert clock(there) == "2031-03-05 01:30:00"
    assert day(there) == "5 March 2031, 01:30 UTC"
    assert clock(datetime(2031, 3, 5, 1, 30)) == clock(datetime(2031, 3, 5, 1, 30, tzinfo=UTC))  # noqa: DTZ001


def test_units_do_not_leave_their_number() -> None:
    """The space before a unit does not break; a pure number has none."""
    assert with_unit("0.7", "V") == "0.7\xa0V"
    assert with_unit("3", "1") == "3"


def test_vanishing_evidence_is_not_written_as_none() -> None:
    """A small e-value is small, not zero."""
    assert evidence(1e-7) == "< 0.001"
    assert evidence(0.0) == "0"
