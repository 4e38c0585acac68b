"""Retry-After, as it is sent and as it should not be."""

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonloop.agents.door.failures import retry_after

_NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("given_", "seconds"),
    [
        ("7", 7.0),
        (" 0.5 ", 0.5),
        ("999999999", 86_400.0),
        (formatdate(_NOW + 30, usegmt=True), 30.0),
        (formatdate(_NOW - 30, usegmt=True), 0.0),
        ("", 0.0),
        ("soon", 0.0),
        ("-5", 0.0),
        ("nan", 0.0),
        ("1e9", 0.0),
        ("Fri, 31 Feb 2027 99:00:00 GMT", 0.0),
    ],
)
def test_a_wait_is_read_in_both_of_its_forms(given_: str, seconds: float) -> None:
    """Seconds and dates are understood, anything else is no wait, and none is longer than a day."""
    assert retry_after({"retry-after": given_}, _NOW) == pytest.approx(seconds)


@given(st.text(max_size=40))
def test_any_header_gives_a_bounded_wait(text: str) -> None:
    """No text makes it fail or wait for ever."""
    assert 0.0 <= retry_after({"retry-after": text}, _NOW) <= 86_400.0
