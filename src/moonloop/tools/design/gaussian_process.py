"""Exact Gaussian-process regression with priors on everything.

Covariance: `a k(r)` with `r^2 = sum over blocks b of d_b^2 / l_b^2`, where k is the Matern 5/2 kernel and d_b
the distance in block b (Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, equations
2.23-2.26). The amplitude a, the lengths l_b and the noise variance take their most probable values.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import optimize

from moonloop.tools.arrays import FloatArray
from moonloop.tools.design.kernel import cholesky, matern, solve, squared_distances
from moonloop.tools.design.posterior import Posterior, Priors

__all__ = ["GaussianProcess", "fit"]

_CHUNK = 20_000
"""Rows that a prediction handles at a time."""


@dataclass(frozen=True, slots=True)
class GaussianProcess:
    """A fitted process; outcomes have mean 0 and variance 1."""

    inputs: FloatArray
    """Scaled inputs of the data, shape (n, d)."""
    scales: FloatArray
    """What each column is divided by, shape (d,)."""
    amplitude: float
    noise: float
    """Variance of one measurement."""
    factor: FloatArray
    """Lower Cholesky factor of the covariance of the data, shape (n, n)."""
    weights: FloatArray
    """Solution of covariance times weights = outcomes, shape (n,)."""

    def predict(self, matrix: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return mean and variance of the noise-free outcome at each row of `matrix`."""
        parts = [self._marginal(matrix[at : at + _CHUNK]) for at in range(0, len(matrix), _CHUNK)]
        if not parts:
            return np.zeros(0), np.zeros(0)
        return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])

    def joint(self, matrix: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return mean, shape (m,), and covariance, shape (m, m), of the noise-free outcomes."""
        scaled = matrix / self.scales
        cross = self.amplitude * matern(squared_distances(scaled, self.inputs))
        prior = self.amplitude * matern(squared_distances(scaled, scaled))
        reduced = solve(self.factor, cross.T)
        return cross @ self.weights, prior - reduced.T @ reduced

    def _marginal(self, matrix: FloatArray) -> tuple[FloatArray, FloatArray]:
        cross = self.amplitude * matern(squared_distances(matrix / self.scales, self.inputs))
        reduced = solve(self.factor, cross.T)
        variance = self.amplitude - np.einsum("ij,ij->j", reduced, reduced)
        return cross @ self.weights, np.maximum(variance, 1e-12)


def fit(
    matrix: FloatArray,
    blocks: Sequence[slice],
    outcomes: FloatArray,
    replicates: FloatArray,
    priors: Priors,
) -> GaussianProcess:
    """Return the most probable process; for the arguments see `Posterior`."""
    objective = Posterior(matrix, blocks, outcomes, replicates, priors)
    found: Any = optimize.minimize(
        objective,
        objective.centre,
        jac=True,
        method="L-BFGS-B",
        bounds=objective.bounds,
        options={"maxiter": 60},
    )
    parameters: FloatArray = np.exp(np.asarray(found.x, dtype=np.float64))
    scales = np.ones(matrix.shape[1])
    for block, length in zip(blocks, parameters[1:-1], strict=True):
        scales[block] = length
    factor = cholesky(objective.covariance(parameters))
    return GaussianProcess(
        inputs=matrix / scales,
        scales=scales,
        amplitude=float(parameters[0]),
        noise=float(parameters[-1]),
        factor=factor,
        weights=solve(factor, solve(factor, outcomes), transposed=True),
    )
