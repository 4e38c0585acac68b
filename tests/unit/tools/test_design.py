"""The designer: acquisition against brute force, and batches that do what they are for."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonloop.tools.arrays import FloatArray, IntArray
from moonloop.tools.design import (
    Surrogate,
    choose,
    expected_error,
    fill,
    fit_surrogate,
    improvements,
    incumbent,
    paired_belief,
    success_probability,
)
from moonloop.tools.design.acquisition import Worlds, expected_improvement, log_expected_improvement
from moonloop.tools.spaces import Features

GRID = Features(
    matrix=np.stack(np.meshgrid(np.linspace(-1, 1, 15), np.linspace(-1, 1, 15)), axis=-1).reshape(-1, 2),
    blocks=(slice(0, 1), slice(1, 2)),
)
EVERYWHERE = np.arange(225)
FEASIBLE = np.ones(225, dtype=np.bool_)


def outcome(places: IntArray) -> FloatArray:
    """Return a smooth function with its maximum, 1, at (0.43, -0.29)."""
    away = GRID.matrix[places] - np.asarray([6 / 14 * 2 - 1 + 4 / 7, -2 / 7])
    return np.exp(-2.0 * (away**2).sum(axis=1))


def surrogate(places: IntArray) -> Surrogate:
    """Return the surrogate of exact outcomes at some places."""
    values = outcome(places)
    fitted = fit_surrogate(GRID, [(int(p), float(v)) for p, v in zip(places, values, strict=True)], 1.0)
    assert fitted is not None
    return fitted


START = np.asarray([0, 14, 112, 210, 224, 60, 160, 33])


@given(mean=st.floats(-3, 3), sd=st.floats(0.05, 3), best=st.floats(-3, 3))
def test_expected_improvement_is_the_integral(mean: float, sd: float, best: float) -> None:
    """The closed form equals the average of max(f - best, 0) over the normal distribution."""
    grid = mean + sd * np.linspace(-9, 9, 20001)
    weights = np.exp(-0.5 * ((grid - mean) / sd) ** 2)
    integral = float((np.maximum(grid - best, 0) * weights).sum() / weights.sum())
    closed = expected_improvement(np.asarray([mean]), np.asarray([sd]), best)[0]
    assert pytest.approx(integral, abs=1e-5) == closed


@given(gain=st.floats(-4.9, 5))
def test_the_logarithm_is_that_of_the_improvement(gain: float) -> None:
    """Where the improvement can be computed, its logarithm agrees."""
    one = np.ones(1)
    plain = np.log(expected_improvement(gain * one, one, 0.0))[0]
    assert pytest.approx(plain, abs=1e-6) == log_expected_improvement(gain * one, one, 0.0)[0]


def test_the_logarithm_goes_on_where_the_improvement_is_zero() -> None:
    """Hopeless candidates are still ranked: the logarithm falls and stays finite."""
    means = -np.asarray([1.0, 4.9, 5.1, 20.0, 200.0, 2000.0, 1e5])
    logs = log_expected_improvement(means, np.ones(len(means)), 0.0)
    assert bool(np.isfinite(logs).all())
    assert bool((np.diff(logs) < 0).all())


def test_worlds_without_pending_runs_give_the_closed_form() -> None:
    """Averaging over worlds that are all the same changes nothing."""
    mean, covariance = np.asarray([0.0, 0.5]), np.asarray([[1.0, 0.3], [0.3, 0.5]])
    worlds = Worlds(mean, covariance, 0.01, 0.2, np.random.default_rng(1))
    expected = expected_improvement(mean, np.sqrt(np.diag(covariance)), 0.2)
    assert pytest.approx(expected) == worlds.improvement()


def test_the_gain_after_a_pending_run_is_that_of_the_pair() -> None:
    """E over fantasies of the second run's improvement = EI of the pair - EI of the first (by simulation)."""
    mean, covariance = np.asarray([0.0, 0.1]), np.asarray([[1.0, 0.6], [0.6, 0.8]])
    worlds = Worlds(mean, covariance, 1e-9, 0.2, np.random.default_rng(1))
    worlds.observe(0)
    draws = np.random.default_rng(2).multivariate_normal(mean, covariance, size=400_000)
    pair = np.maximum(draws.max(axis=1) - 0.2, 0).mean() - np.maximum(draws[:, 0] - 0.2, 0).mean()
    assert pytest.approx(float(pair), abs=0.01) == worlds.improvement()[1]


def test_a_run_that_was_fantasised_is_worth_little_again() -> None:
    """A pending run takes the worth from itself and from what is like it."""
    mean, covariance = np.zeros(3), np.asarray([[1.0, 0.99, 0.0], [0.99, 1.0, 0.0], [0.0, 0.0, 1.0]])
    worlds = Worlds(mean, covariance, 1e-6, 0.0, np.random.default_rng(1))
    worlds.observe(0)
    worth = worlds.improvement()
    assert worth[0] < worth[1] < 0.5 * worth[2]


def test_knowledge_is_the_expected_rise_of_the_best_mean() -> None:
    """The knowledge gradient of one run equals the average over its outcomes of the best posterior mean."""
    mean, covariance = np.asarray([0.0, 0.3, -0.2]), np.diag([1.0, 0.04, 0.5])
    worlds = Worlds(mean, covariance, 0.0, 0.3, np.random.default_rng(1))
    worth = worlds.knowledge(np.ones(3, dtype=np.bool_))
    shocks = np.linspace(-6, 6, 4001)
    weights = np.exp(-0.5 * shocks**2)
    by_integral = [
        float(
            (
                np.maximum(mean[j] + np.sqrt(covariance[j, j]) * shocks, np.delete(mean, j).max()) * weights
            ).sum()
        )
        / float(weights.sum())
        - 0.3
        for j in range(3)
    ]
    assert pytest.approx(by_integral, abs=0.03) == worth


def test_a_batch_is_a_function_of_its_inputs() -> None:
    """The same inputs give the same batch, and no place comes twice."""
    batches = [
        choose(
            surrogate(START), open_places=EVERYWHERE, pending=[5], feasible=FEASIBLE, count=5, sign=1, seed=3
        )
        for _ in range(2)
    ]
    assert batches[0] == batches[1]
    assert len({pick.place for pick in batches[0]}) == 5
    assert [pick.rule for pick in batches[0]] == ["improvement"] * 3 + ["knowledge"] * 2


def test_the_last_batch_is_chosen_by_improvement_alone() -> None:
    """Knowledge that no later batch can use is not bought."""
    picks = choose(
        surrogate(START),
        open_places=EVERYWHERE,
        pending=[],
        feasible=FEASIBLE,
        count=4,
        sign=1,
        seed=3,
        last=True,
    )
    assert {"improvement"} == {pick.rule for pick in picks}


def test_the_designer_finds_a_maximum() -> None:
    """Four batches of three after eight runs come within one step of the best of 225 candidates."""
    places = START
    for number in range(4):
        free = np.setdiff1d(EVERYWHERE, places)
        picks = choose(
            surrogate(places), open_places=free, pending=[], feasible=FEASIBLE, count=3, sign=1, seed=number
        )
        places = np.asarray([*places, *(pick.place for pick in picks)])
    assert float(outcome(places).max()) > 0.95 * float(outcome(EVERYWHERE).max())


def test_less_is_better_when_the_sign_says_so() -> None:
    """Minimising an outcome chooses the same batch as maximising its negative."""
    values = outcome(START)
    pairs = [
        fit_surrogate(GRID, [(int(p), sign * float(v)) for p, v in zip(START, values, strict=True)], 1.0)
        for sign in (1, -1)
    ]
    batches = [
        choose(fitted, open_places=EVERYWHERE, pending=[], feasible=FEASIBLE, count=3, sign=sign, seed=1)
        for fitted, sign in zip(pairs, (1, -1), strict=True)
        if fitted is not None
    ]
    assert [pick.place for pick in batches[0]] == [pick.place for pick in batches[1]]


def test_what_is_not_open_or_not_likely_to_work_is_not_chosen() -> None:
    """Picks come from the open places, and a place that is sure to fail is passed over."""
    open_places = np.arange(0, 225, 2)
    picked = partial(
        choose,
        surrogate(START),
        open_places=open_places,
        pending=[],
        feasible=FEASIBLE,
        count=3,
        sign=1,
        seed=1,
    )
    first = {pick.place for pick in picked()}
    success = np.ones(225)
    success[sorted(first)] = 0.0
    assert first <= set(open_places.tolist())
    assert not first & {pick.place for pick in picked(success=success)}


def test_the_incumbent_is_feasible_and_has_the_best_mean() -> None:
    """A better candidate outside the limits is no incumbent; with none inside there is none."""
    fitted = surrogate(START)
    best = int(START[int(np.argmax(outcome(START)))])
    found = incumbent(fitted, FEASIBLE, 1)
    assert found is not None
    assert best == found.place
    without = FEASIBLE.copy()
    without[best] = False
    other = incumbent(fitted, without, 1)
    assert other is not None
    assert best != other.place
    assert incumbent(fitted, np.zeros(225, dtype=np.bool_), 1) is None


def test_improvement_is_in_the_unit_of_the_objective() -> None:
    """Outcomes a thousand times as large give improvements a thousand times as large."""
    values = outcome(START)
    worth = [
        improvements(fitted, EVERYWHERE, FEASIBLE, 1)
        for scale in (1.0, 1000.0)
        if (
            fitted := fit_surrogate(
                GRID, [(int(p), scale * float(v)) for p, v in zip(START, values, strict=True)], scale
            )
        )
    ]
    assert pytest.approx(1000.0 * worth[0], rel=1e-3) == worth[1]


def test_a_surrogate_needs_a_value() -> None:
    """Nothing measured, nothing fitted; one value is enough."""
    assert fit_surrogate(GRID, [], 1.0) is None
    one = fit_surrogate(GRID, [(3, 0.7)], 1.0)
    assert one is not None
    assert pytest.approx(0.7) == one.predict(np.asarray([3]))[0][0]


def test_filling_keeps_away_from_what_is_taken() -> None:
    """Runs that fill the space are farther from the others than random ones."""
    chosen = fill(GRID, open_places=EVERYWHERE, taken=[0, 112], count=5, seed=1)
    again = fill(GRID, open_places=EVERYWHERE, taken=[0, 112], count=5, seed=1)
    rng = np.random.default_rng(0)
    random = np.mean([_closest([0, 112, *rng.choice(225, 5, replace=False)]) for _ in range(200)])
    assert chosen.tolist() == again.tolist()
    assert _closest([0, 112, *chosen]) > random


def _closest(places: list[int]) -> float:
    points = GRID.matrix[places]
    distances = np.sqrt(((points[:, None] - points[None]) ** 2).sum(axis=2)) + 9.0 * np.eye(len(points))
    return float(distances.min())


def test_failures_warn_of_their_neighbourhood_alone() -> None:
    """Beside a failed run success is unlikely, far from it likely; without failures it is certain."""
    tried = np.asarray([0, 224])
    assert (success_probability(GRID, tried, np.zeros(2, dtype=np.bool_)) == 1.0).all()
    chance = success_probability(GRID, tried, np.asarray([True, False]))
    assert chance[0] < 0.6
    assert chance[224] > 0.95
    assert chance[112] > chance[1]


def test_beliefs_about_a_contrast_follow_the_data() -> None:
    """Towards the maximum is better for sure; the mirrored contrast is the mirrored belief; the cap caps."""
    fitted = surrogate(np.arange(0, 225, 7))
    pairs = np.asarray([[row * 15 + 9, row * 15] for row in range(15)])
    belief = paired_belief(fitted, pairs, cap=10.0, sign=1, seed=1)
    capped = paired_belief(fitted, pairs, cap=0.1, sign=1, seed=1)
    turned = paired_belief(fitted, pairs[:, ::-1], cap=10.0, sign=1, seed=1)
    assert belief.probability == 1.0
    assert pytest.approx(float((outcome(pairs[:, 0]) - outcome(pairs[:, 1])).mean()), abs=0.1) == belief.mean
    assert 0.0 < capped.mean <= 0.1
    assert pytest.approx(-belief.mean, abs=0.02) == turned.mean


def test_the_expected_error_falls_with_data() -> None:
    """More data, better predictions, and the surrogate knows it."""
    errors = [expected_error(surrogate(places), EVERYWHERE) for places in (START, np.arange(0, 225, 3))]
    assert errors[1] < 0.5 * errors[0]
