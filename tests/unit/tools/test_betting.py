"""Betting e-processes: supermartingales under the null, whoever looks and however often."""

from collections.abc import Callable
from itertools import product
from math import exp, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonloop.tools.arrays import FloatArray
from moonloop.tools.inference import FRACTIONS, e_above, e_below, lower_bound, upper_bound

REPEATS = 2000
LOOKS = 40


def first_crossing(values: FloatArray, mean: float, low: float, threshold: float) -> bool:
    """Say whether the e-process against "mean at most" reaches the threshold at any look."""
    wealth = np.ones(len(FRACTIONS))
    for value in values:
        wealth = wealth * (1.0 + np.asarray(FRACTIONS) * (value - mean) / (mean - low))
        if wealth.mean() >= threshold:
            return True
    return False


Law = Callable[[np.random.Generator], FloatArray]

BOUNDARY: dict[str, Law] = {
    "symmetric coin": lambda rng: rng.choice([-1.0, 1.0], size=LOOKS),
    "rare large loss": lambda rng: np.where(rng.random(LOOKS) < 0.05, -0.95, 0.05),
    "rare large gain": lambda rng: np.where(rng.random(LOOKS) < 0.05, 0.95, -0.05),
    "uniform": lambda rng: rng.uniform(-1.0, 1.0, size=LOOKS),
    "always zero or the edges": lambda rng: rng.choice([-1.0, 0.0, 0.0, 1.0], size=LOOKS),
    "drifting scale": lambda rng: rng.choice([-1.0, 1.0], size=LOOKS) * np.linspace(0.05, 1.0, LOOKS),
}
"""Laws in [-1, 1] whose mean, given the past, is exactly 0: the hardest case of "the mean is at most 0"."""


@pytest.mark.parametrize("law", BOUNDARY, ids=str)
def test_looking_after_every_value_errs_at_most_as_often_as_promised(law: str) -> None:
    """With 2,000 repeats and 40 looks each, the share of wrong rejections is below alpha plus 3 sd."""
    rng = np.random.default_rng(20240501)
    alpha = 0.05
    wrong = sum(first_crossing(BOUNDARY[law](rng), 0.0, -1.0, 1.0 / alpha) for _ in range(REPEATS))
    assert wrong / REPEATS <= alpha + 3.0 * (alpha * (1 - alpha) / REPEATS) ** 0.5


@pytest.mark.parametrize("law", BOUNDARY, ids=str)
def test_stopping_when_it_looks_best_does_not_help(law: str) -> None:
    """Stopped at the first E >= 5, or at the end, the e-value is at most 1 on average (plus 3 sd)."""
    rng = np.random.default_rng(20240502)
    stopped: list[float] = []
    for _ in range(1000):
        values = BOUNDARY[law](rng)
        path = [e_above(values[:n].tolist(), 0.0, -1.0) for n in range(1, LOOKS + 1)]
        stopped.append(next((e_value for e_value in path if e_value >= 5.0), path[-1]))
    assert float(np.mean(stopped)) <= 1.0 + 3.0 * float(np.std(stopped)) / len(stopped) ** 0.5


@given(
    past=st.lists(st.floats(-1, 1), max_size=8),
    low=st.floats(-1, -0.01),
    high=st.floats(0.01, 1),
    mean=st.floats(-0.5, 0.5),
)
def test_the_next_factor_is_fair_at_the_boundary(
    past: list[float], low: float, high: float, mean: float
) -> None:
    """For a two-point law of mean m the expected next e-value is exactly the present one."""
    points = (mean + low * 0.5, mean + high * 0.5)
    shares = (high / (high - low), -low / (high - low))
    floor = -1.5
    now = e_above(past, mean, floor)
    after = sum(
        share * e_above([*past, point], mean, floor) for share, point in zip(shares, points, strict=True)
    )
    assert pytest.approx(now, rel=1e-9) == after


@given(
    past=st.lists(st.floats(-1, 1), max_size=8),
    value=st.floats(-1, 1),
    mean=st.floats(-0.9, 0.9),
)
def test_a_value_above_the_null_mean_raises_the_evidence_and_one_below_lowers_it(
    past: list[float], value: float, mean: float
) -> None:
    """Evidence moves with the data, stays positive, and never falls to zero."""
    before, after = e_above(past, mean, -1.0), e_above([*past, value], mean, -1.0)
    assert after > 0
    assert (after - before) * (value - mean) >= -1e-9 * before


@given(values=st.lists(st.floats(-1, 1), min_size=1, max_size=10), mean=st.floats(-0.9, 0.9))
def test_the_order_of_values_does_not_matter(values: list[float], mean: float) -> None:
    """The e-value is that of the set of values."""
    assert pytest.approx(e_above(values, mean, -1.0)) == e_above(values[::-1], mean, -1.0)


@given(values=st.lists(st.floats(-1, 1), min_size=1, max_size=10), mean=st.floats(-0.9, 0.9))
def test_below_is_above_in_the_mirror(values: list[float], mean: float) -> None:
    """Evidence that the mean is lower is evidence that its negative is higher."""
    assert e_below(values, mean, 1.0) == e_above([-value for value in values], -mean, -1.0)


def test_the_formula_is_the_published_one() -> None:
    """For z = 0.5, -0.2 in [-1, 1] against mean 0: the average of (1 + g/2)(1 - g/5) over the fractions."""
    by_hand = sum((1 + 0.5 * g) * (1 - 0.2 * g) for g in (0.2, 0.5, 0.8, 0.95)) / 4
    assert pytest.approx(by_hand) == e_above([0.5, -0.2], 0.0, -1.0)


@pytest.mark.parametrize(("threshold", "support", "refute"), [(20.0, 6, 3), (80.0, 8, 4)])
def test_the_fewest_pairs_that_can_decide(threshold: float, support: int, refute: int) -> None:
    """With c = 2 delta, unanimous pairs decide after 6 or 3 at alpha 0.05, 8 or 4 at a quarter of it."""
    counts = range(1, 20)
    assert support == next(n for n in counts if e_above([2.0] * n, 0.0, -2.0) >= threshold)
    assert refute == next(n for n in counts if e_below([-2.0] * n, 1.0, 2.0) >= threshold)


@given(
    values=st.lists(st.floats(-1, 1), min_size=1, max_size=15),
    level=st.sampled_from([0.025, 0.1]),
)
def test_bounds_are_where_the_e_value_crosses(values: list[float], level: float) -> None:
    """Means below the lower bound are rejected, means above it are not; and likewise for the upper one."""
    low, high = lower_bound(values, -1.0, 1.0, level), upper_bound(values, -1.0, 1.0, level)
    assert -1.0 <= low <= float(np.mean(values)) + 1e-6
    assert float(np.mean(values)) - 1e-6 <= high <= 1.0
    if low > -0.99:
        assert e_above(values, low - 1e-3, -1.0) >= 1.0 / level * exp(-1e-6)
        assert log(e_above(values, low + 1e-6, -1.0)) <= log(1.0 / level) + 1e-3
    if high < 0.99:
        assert e_below(values, high + 1e-3, 1.0) >= 1.0 / level * exp(-1e-6)


@pytest.mark.parametrize("law", ["symmetric coin", "rare large loss", "rare large gain"])
def test_the_confidence_sequence_covers_at_all_times(law: str) -> None:
    """In 1,000 repeats the mean is outside the interval at any of 20 looks in at most 5 % (plus 3 sd)."""
    rng = np.random.default_rng(20240503)
    missed = 0
    for _ in range(1000):
        values = BOUNDARY[law](rng)[:20].tolist()
        # The mean 0 is outside at some look exactly when one of the two e-processes against it crosses.
        e_values = [
            e for n in range(1, 21) for e in (e_above(values[:n], 0.0, -1.0), e_below(values[:n], 0.0, 1.0))
        ]
        missed += max(e_values) >= 1.0 / 0.025
    assert missed / 1000 <= 0.05 + 3.0 * (0.05 * 0.95 / 1000) ** 0.5


def test_intervals_shrink_around_the_mean() -> None:
    """Forty values pin the mean down better than ten, and hold it."""
    values = [0.5, 0.3, 0.6, 0.2, 0.4]
    widths = [
        upper_bound(values * n, -1.0, 1.0, 0.025) - lower_bound(values * n, -1.0, 1.0, 0.025) for n in (2, 8)
    ]
    assert widths[1] < 0.6 * widths[0]
    assert lower_bound(values * 8, -1.0, 1.0, 0.025) < 0.4 < upper_bound(values * 8, -1.0, 1.0, 0.025)


@pytest.mark.parametrize("mean", [-1.0, -2.0])
def test_a_null_that_no_value_could_support_is_refused(mean: float) -> None:
    """A mean at or below the lowest possible value is no null hypothesis."""
    with pytest.raises(ValueError, match="mean"):
        e_above([0.0], mean, -1.0)


def test_a_value_out_of_bounds_is_refused() -> None:
    """Evidence from a value that cannot occur would be no evidence."""
    with pytest.raises(ValueError, match="below"):
        e_above([-1.5], 0.0, -1.0)


def test_the_laws_are_on_the_boundary() -> None:
    """The simulated laws have mean 0 to within 4 sd, so that the tests above test what they say."""
    rng = np.random.default_rng(1)
    for law, _ in product(BOUNDARY.values(), range(1)):
        draws = np.concatenate([law(rng) for _ in range(500)])
        assert abs(float(draws.mean())) <= 4.0 * float(draws.std()) / len(draws) ** 0.5
