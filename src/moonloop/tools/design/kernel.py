"""The kernel and the linear algebra that goes with it.

Matern 5/2 of a distance r: `(1 + sqrt(5) r + 5 r^2 / 3) exp(-sqrt(5) r)` (Rasmussen and Williams, Gaussian
Processes for Machine Learning, 2006, equation 4.17).
"""

from math import sqrt

import numpy as np
from scipy import linalg

from moonloop.tools.arrays import FloatArray

__all__ = ["ROOT5", "cholesky", "matern", "solve", "squared_distances"]

ROOT5 = sqrt(5.0)


def squared_distances(one: FloatArray, other: FloatArray) -> FloatArray:
    """Return squared distances of the rows of two matrices, shape (n, m)."""
    lengths = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1)[None, :]
    return np.maximum(lengths - 2.0 * one @ other.T, 0.0)


def matern(squared: FloatArray) -> FloatArray:
    """Return the kernel of squared distances."""
    root = ROOT5 * np.sqrt(squared)
    return (1.0 + root + root * root / 3.0) * np.exp(-root)


def cholesky(covariance: FloatArray) -> FloatArray:
    """Return the lower Cholesky factor."""
    return np.asarray(linalg.cholesky(covariance, lower=True, check_finite=False), dtype=np.float64)


def solve(factor: FloatArray, right: FloatArray, *, transposed: bool = False) -> FloatArray:
    """Solve with a lower triangular factor, or with its transpose."""
    trans = "T" if transposed else "N"
    solved = linalg.solve_triangular(factor, right, lower=True, trans=trans, check_finite=False)
    return np.asarray(solved, dtype=np.float64)
