"""Units and durations: a closed list, and texts such as "90 min"."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from moonloop.domain.units import UNITS, Duration, Unit, commensurable, parse_duration
from moonloop.domain.values import Value

UNIT: TypeAdapter[str] = TypeAdapter(Unit)
DURATION: TypeAdapter[float] = TypeAdapter(Duration)
codes = st.sampled_from(sorted(UNITS))


@given(codes)
def test_a_known_code_is_taken_as_it_is(code: str) -> None:
    """No case is folded and no blank trimmed: mM is not Mm."""
    assert UNIT.validate_python(code) == code


@given(st.text(max_size=8).filter(lambda code: code not in UNITS))
def test_any_other_code_is_refused_by_name(code: str) -> None:
    """With the codes that there are."""
    with pytest.raises(ValidationError, match="is not one of the UCUM codes that Moonloop knows") as caught:
        UNIT.validate_python(code)

    assert "mol/L" in str(caught.value)


@given(codes, codes, codes)
def test_measuring_the_same_quantity_is_an_equivalence(one: str, two: str, three: str) -> None:
    """Reflexive, symmetric and transitive."""
    assert commensurable(one, one)
    assert commensurable(one, two) == commensurable(two, one)
    if commensurable(one, two) and commensurable(two, three):
        assert commensurable(one, three)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [("K", "Cel", True), ("mL", "L", True), ("V", "mV", True), ("mol", "mol/L", False), ("K", "J", False)],
)
def test_what_can_be_converted(one: str, other: str, *, same: bool) -> None:
    """Volume to volume, not amount to concentration."""
    assert commensurable(one, other) == same


@pytest.mark.parametrize(
    ("given_text", "seconds"),
    [
        ("90 min", 5400),
        ("2 h", 7200),
        ("7 d", 604_800),
        ("500ms", 0.5),
        (" 1.5 h ", 5400),
        (".5 s", 0.5),
        (30, 30),
        (0.25, 0.25),
    ],
)
def test_durations_are_read_as_people_write_them(given_text: object, seconds: float) -> None:
    """As a number of seconds, or as a text with a unit of time."""
    assert DURATION.validate_python(given_text) == seconds


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "h",
        "two hours",
        "1 week",
        "1 H",
        "1,5 h",
        "-1 h",
        "1 h 30 min",
        "1e3 s",
        None,
        [],
        True,
        0,
        -5,
        "0 s",
    ],
)
def test_what_is_no_duration_is_refused(wrong: object) -> None:
    """Nothing is guessed, and no duration is zero or negative."""
    with pytest.raises(ValidationError, match="duration"):
        DURATION.validate_python(wrong)


class _Wait(Value):
    time: Duration


@given(st.floats(1e-3, 1e6), st.sampled_from(["ms", "s", "min", "h", "d"]))
def test_a_unit_of_time_multiplies(number: float, unit: str) -> None:
    """So many times one of it."""
    shown = f"{number:.6f}"

    assert parse_duration(f"{shown} {unit}") == pytest.approx(float(shown) * parse_duration(f"1 {unit}"))


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_no_duration_is_endless(wrong: float) -> None:
    """Neither NaN nor infinity is a time to wait, in any value that has one."""
    with pytest.raises(ValidationError):
        _Wait(time=wrong)
