"""What the surrogate says of a comparison of levels, and of its own errors."""

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from moonloop.tools.arrays import FloatArray, IntArray
from moonloop.tools.design.kernel import solve
from moonloop.tools.design.surrogate import Surrogate

__all__ = ["Belief", "expected_error", "paired_belief"]

_DRAWS = 200


@dataclass(frozen=True, slots=True)
class Belief:
    """The surrogate's belief about a capped mean advantage."""

    mean: float
    """In the objective's unit."""
    probability: float
    """That the capped mean is above zero."""


def paired_belief(surrogate: Surrogate, pairs: IntArray, *, cap: float, sign: int, seed: int) -> Belief:
    """Return the belief about the mean of clip(sign (f(a) - f(b)), -cap, cap) over matched pairs.

    Args:
        surrogate: Fitted to all measurements.
        pairs: Places of arm A and arm B, shape (n, 2).
        cap: In the objective's unit.
        sign: +1 when more is better, -1 when less is.
        seed: Of the draws from the posterior.
    """
    rng = np.random.default_rng(seed)
    drawn = [_advantages(surrogate, member, pairs, rng) for member in range(len(surrogate.members))]
    advantages: FloatArray = sign * surrogate.scale * np.vstack(drawn)
    capped: FloatArray = np.clip(advantages, -cap, cap).mean(axis=1)
    return Belief(float(capped.mean()), float(np.mean(capped > 0.0)))


def expected_error(surrogate: Surrogate, places: IntArray) -> float:
    """Return the mean absolute error to be expected of predictions at `places`, in the objective's unit.

    The larger of two estimates: that of the posterior, and the mean leave-one-out error of the data
    (Rasmussen and Williams, 2006, equation 5.12).
    """
    _, sd = surrogate.predict(places)
    by_posterior = float(np.sqrt(2.0 / np.pi) * np.sqrt(sd**2 + surrogate.noise**2).mean())
    left_out: FloatArray = np.stack(
        [
            member.weights / np.square(solve(member.factor, np.eye(len(member.factor)))).sum(axis=0)
            for member in surrogate.members
        ]
    )
    return max(by_posterior, surrogate.scale * float(np.abs(left_out.mean(axis=0)).mean()))


def _advantages(surrogate: Surrogate, member: int, pairs: IntArray, rng: np.random.Generator) -> FloatArray:
    matrix = surrogate.features.matrix[pairs.ravel()]
    mean, covariance = surrogate.members[member].joint(matrix)
    root = _root(covariance)
    worlds = mean + rng.standard_normal((_DRAWS, len(mean))) @ root.T
    return worlds[:, 0::2] - worlds[:, 1::2]


def _root(covariance: FloatArray) -> FloatArray:
    """Return R with R R' = covariance, which may be singular: a candidate may be in several pairs."""
    values, vectors = linalg.eigh(covariance)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)), dtype=np.float64)
