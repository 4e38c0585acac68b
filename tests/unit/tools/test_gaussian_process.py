"""Exact regression: against plain linear algebra, and against what the priors promise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import approx_fprime

from moonloop.tools.arrays import FloatArray
from moonloop.tools.design.gaussian_process import GaussianProcess, fit
from moonloop.tools.design.posterior import LOOSE, STIFF, Posterior, Priors

BLOCKS = (slice(0, 2), slice(2, 3))


def data(seed: int, count: int = 12) -> tuple[FloatArray, FloatArray]:
    """Return standardised outcomes of a smooth function of three columns."""
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(count, 3))
    outcomes = np.sin(matrix[:, 0]) + matrix[:, 2] ** 2 + 0.05 * rng.normal(size=count)
    return matrix, (outcomes - outcomes.mean()) / outcomes.std()


def kernel(process: GaussianProcess, one: FloatArray, other: FloatArray) -> FloatArray:
    """Return the covariance by the textbook's formula, pair by pair."""
    distance = np.sqrt((((one / process.scales)[:, None] - (other / process.scales)[None]) ** 2).sum(axis=2))
    root = np.sqrt(5.0) * distance
    return np.asarray(process.amplitude * (1 + root + 5 * distance**2 / 3) * np.exp(-root))


@pytest.mark.parametrize("priors", [STIFF, LOOSE], ids=["stiff", "loose"])
def test_predictions_are_those_of_the_textbook(priors: Priors) -> None:
    """Mean and covariance equal K* K^-1 y and K** - K* K^-1 K*', computed with a plain inverse."""
    matrix, outcomes = data(1)
    process = fit(matrix, BLOCKS, outcomes, np.ones(len(outcomes)), priors)
    new = np.random.default_rng(2).normal(size=(5, 3))
    inverse = np.linalg.inv(kernel(process, matrix, matrix) + (process.noise + 1e-6) * np.eye(len(matrix)))
    cross = kernel(process, new, matrix)
    mean, covariance = process.joint(new)
    assert pytest.approx(cross @ inverse @ outcomes, abs=1e-6) == mean
    assert pytest.approx(kernel(process, new, new) - cross @ inverse @ cross.T, abs=1e-6) == covariance


def test_marginal_and_joint_predictions_agree() -> None:
    """The variances are the diagonal of the covariance."""
    matrix, outcomes = data(3)
    process = fit(matrix, BLOCKS, outcomes, np.ones(len(outcomes)), STIFF)
    new = np.random.default_rng(4).normal(size=(7, 3))
    mean, covariance = process.joint(new)
    assert pytest.approx(mean) == process.predict(new)[0]
    assert pytest.approx(np.diag(covariance), abs=1e-9) == process.predict(new)[1]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), shift=st.floats(-0.5, 0.5))
def test_the_gradient_is_that_of_the_log_posterior(seed: int, shift: float) -> None:
    """Analytic and numerical derivatives agree anywhere near the prior's centre."""
    matrix, outcomes = data(seed)
    objective = Posterior(matrix, BLOCKS, outcomes, np.full(len(outcomes), 2.0), LOOSE)
    at = objective.centre + shift
    numeric = approx_fprime(at, lambda logs: objective(logs)[0], 1e-6)
    assert pytest.approx(numeric, abs=2e-3, rel=1e-3) == objective(at)[1]


def test_replicates_count_for_more() -> None:
    """The mean of nine replicates is trusted more than a single value."""
    matrix, outcomes = data(5)
    variances = [
        fit(matrix, BLOCKS, outcomes, np.full(len(outcomes), count), STIFF).predict(matrix)[1].mean()
        for count in (1.0, 9.0)
    ]
    assert variances[1] < variances[0]


def test_a_single_datum_is_enough() -> None:
    """With one outcome the process predicts it there, and knows little elsewhere."""
    process = fit(np.zeros((1, 3)), BLOCKS, np.zeros(1), np.ones(1), STIFF)
    mean, variance = process.predict(np.asarray([[0.0, 0.0, 0.0], [9.0, 9.0, 9.0]]))
    assert pytest.approx([0.0, 0.0], abs=1e-6) == mean
    assert variance[0] < 0.05 * variance[1]


def test_without_features_everything_is_alike() -> None:
    """Candidates that cannot be told apart are predicted alike."""
    process = fit(np.zeros((2, 0)), (), np.asarray([-1.0, 1.0]), np.ones(2), STIFF)
    mean, _ = process.predict(np.zeros((3, 0)))
    assert mean[0] == mean[1] == mean[2]


def test_stiff_priors_expect_outcomes_of_unit_variance() -> None:
    """Both priors expect two candidates to differ by about 2 in the square, as standardised outcomes do."""
    for priors in (STIFF, LOOSE):
        root = np.sqrt(5.0) / priors.length.median
        alike = (1 + root + root**2 / 3) * np.exp(-root)
        assert pytest.approx(2.0, rel=0.15) == 2 * priors.amplitude.median * (1 - alike)


def test_stiff_priors_learn_a_linear_function_from_few_data() -> None:
    """Eight noisy outcomes of a linear function of ten columns predict others far better than their mean."""
    rng = np.random.default_rng(8)
    matrix = rng.normal(size=(60, 4))
    truth: FloatArray = matrix @ np.asarray([1.0, -0.5, 0.3, 0.8])
    truth = (truth - truth[:8].mean()) / truth[:8].std()
    blocks = tuple(slice(place, place + 1) for place in range(4))
    process = fit(matrix[:8], blocks, truth[:8] + 0.05 * rng.normal(size=8), np.ones(8), STIFF)
    errors: FloatArray = process.predict(matrix[8:])[0] - truth[8:]
    assert float((errors**2).mean()) < 0.15 * float((truth[8:] ** 2).mean())
