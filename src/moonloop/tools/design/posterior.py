"""What is believed of amplitude, lengths and noise, before and after the data."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, sqrt

import numpy as np

from moonloop.tools.arrays import FloatArray
from moonloop.tools.design.kernel import ROOT5, cholesky, matern, solve, squared_distances

__all__ = ["LOOSE", "STIFF", "LogNormal", "Posterior", "Priors"]

_JITTER = 1e-6
_REACH = 5.0
"""Standard deviations of the prior within which parameters are looked for."""


@dataclass(frozen=True, slots=True)
class LogNormal:
    """A log-normal prior."""

    median: float
    log_sd: float


@dataclass(frozen=True, slots=True)
class Priors:
    """What is believed before any datum, for outcomes of mean 0 and variance 1."""

    amplitude: LogNormal
    """Of the variance a."""
    length: LogNormal
    """Of every l_b, in units of sqrt(number of blocks): two random candidates have r = 1 / median."""
    noise: LogNormal
    """Of the variance of one measurement."""


STIFF = Priors(LogNormal(8.0, 0.3), LogNormal(2.5, 0.4), LogNormal(0.03, 1.0))
"""Near-linear while data are few; 2 * 8 * (1 - k(1 / 2.5)) is near 2, the mean squared difference."""
LOOSE = Priors(LogNormal(3.0, 0.7), LogNormal(1.4, 1.0), LogNormal(0.03, 1.0))
"""Every block soon finds a length of its own; 2 * 3 * (1 - k(1 / 1.4)) is near 2 too."""


class Posterior:
    """The negative log posterior of the logarithms of amplitude, lengths and noise, with its gradient.

    Rasmussen and Williams (2006), equations 5.8 and 5.9, and the log-normal priors.

    Args:
        matrix: Features of the data, shape (n, d).
        blocks: Columns of each block.
        outcomes: Means of the replicates, shape (n,), standardised.
        replicates: How many measurements each outcome is the mean of, shape (n,).
        priors: On amplitude, lengths and noise.
    """

    def __init__(
        self,
        matrix: FloatArray,
        blocks: Sequence[slice],
        outcomes: FloatArray,
        replicates: FloatArray,
        priors: Priors,
    ) -> None:
        each = [squared_distances(matrix[:, block], matrix[:, block]) for block in blocks]
        self._distances = np.asarray(each).reshape(-1, len(matrix), len(matrix))
        self._outcomes, self._shares = outcomes, 1.0 / replicates
        count = len(blocks)
        length = log(priors.length.median * sqrt(max(count, 1)))
        self.centre = np.asarray([log(priors.amplitude.median), *[length] * count, log(priors.noise.median)])
        self._precision = np.asarray(
            [priors.amplitude.log_sd**-2, *[priors.length.log_sd**-2] * count, priors.noise.log_sd**-2]
        )
        reach = _REACH / np.sqrt(self._precision)
        self.bounds = [(c - r, c + r) for c, r in zip(self.centre, reach, strict=True)]

    def covariance(self, parameters: FloatArray) -> FloatArray:
        """Return the covariance of the outcomes for parameters (not their logarithms), shape (n, n)."""
        kernel = parameters[0] * matern(self._squared(parameters[1:-1]))
        return self._noisy(kernel, parameters[-1])

    def __call__(self, logs: FloatArray) -> tuple[float, FloatArray]:
        """Return value and gradient for the logarithms of amplitude, lengths and noise."""
        amplitude, lengths, noise = np.exp(logs[0]), np.exp(logs[1:-1]), np.exp(logs[-1])
        root = ROOT5 * np.sqrt(self._squared(lengths))
        decay = np.exp(-root)
        kernel = amplitude * (1.0 + root + root * root / 3.0) * decay
        factor = cholesky(self._noisy(kernel, noise))
        inverse_factor = solve(factor, np.eye(len(factor)))
        inverse = inverse_factor.T @ inverse_factor
        weights = inverse @ self._outcomes
        away = logs - self.centre
        value = (
            0.5 * float(self._outcomes @ weights)
            + float(np.log(np.diag(factor)).sum())
            + 0.5 * float(self._precision @ away**2)
        )
        # dL/dK, to be multiplied entry by entry with dK/d(log parameter).
        slope = 0.5 * (inverse - np.outer(weights, weights))
        by_length = slope * (amplitude * (5.0 / 3.0) * (1.0 + root) * decay)
        gradient = self._precision * away
        gradient[0] += float((slope * kernel).sum())
        gradient[1:-1] += np.tensordot(self._distances, by_length, axes=2) * lengths**-2
        gradient[-1] += float(noise * (np.diag(slope) * self._shares).sum())
        return value, gradient

    def _squared(self, lengths: FloatArray) -> FloatArray:
        return np.tensordot(lengths**-2, self._distances, axes=1)

    def _noisy(self, kernel: FloatArray, noise: float) -> FloatArray:
        covariance = kernel.copy()
        covariance[np.diag_indices_from(covariance)] += noise * self._shares + _JITTER
        return covariance
