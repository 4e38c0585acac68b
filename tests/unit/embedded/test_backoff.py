"""The waits before a program that died is started again."""

from hypothesis import given
from hypothesis import strategies as st

from moonloop.embedded.processes import Backoff

_SECONDS = st.floats(min_value=0.001, max_value=60.0)


def test_the_wait_doubles_from_the_first_to_the_cap() -> None:
    """A program that keeps dying is left alone for longer each time, up to a limit."""
    backoff = Backoff(first=0.5, cap=3.0)

    assert [0.5, 1.0, 2.0, 3.0, 3.0] == [backoff.wait(deaths) for deaths in range(1, 6)]


@given(first=_SECONDS, cap=_SECONDS, deaths=st.integers(min_value=1, max_value=10_000))
def test_no_wait_is_longer_than_the_cap_or_than_the_next(first: float, cap: float, deaths: int) -> None:
    """Whatever the settings, waits never shrink and never pass the cap, even after thousands of deaths."""
    backoff = Backoff(first=first, cap=cap)

    assert backoff.wait(deaths) <= backoff.wait(deaths + 1) <= cap
