"""Runs that fill the space, and what failed runs tell."""

from collections.abc import Sequence

import numpy as np

from moonloop.tools.arrays import BoolArray, FloatArray, IntArray
from moonloop.tools.design.kernel import squared_distances
from moonloop.tools.spaces import Features

__all__ = ["fill", "success_probability"]

_LOOKED_AT = 64


def fill(
    features: Features, *, open_places: IntArray, taken: Sequence[int], count: int, seed: int
) -> IntArray:
    """Return up to `count` places far from each other and from those taken.

    Each is the farthest of a random few, so that corners do not always win; the first one is random when
    nothing is taken.
    """
    rng = np.random.default_rng(seed)
    chosen: list[int] = []
    for _ in range(min(count, len(open_places))):
        free = np.setdiff1d(open_places, chosen)
        some = np.sort(rng.choice(free, size=min(_LOOKED_AT, len(free)), replace=False))
        known = [*taken, *chosen]
        far = _nearest(features.matrix[some], features.matrix[known]) if known else rng.random(len(some))
        chosen.append(int(some[int(np.argmax(far))]))
    return np.asarray(chosen, dtype=np.int64)


def success_probability(features: Features, tried: IntArray, failed: BoolArray) -> FloatArray:
    """Return the probability that a run yields a value, for every candidate of the pool, shape (n,).

    A weighted share of successes, `(1 + sum k s) / (1 + sum k)`, with the squared-exponential weight k of the
    distance to each tried candidate: 1 far from every failure, low beside one.
    """
    if not failed.any():
        return np.ones(len(features.matrix))
    width = max(len(features.blocks), 1) / 16.0
    weights = np.exp(-0.5 * squared_distances(features.matrix, features.matrix[tried]) / width)
    return (1.0 + weights @ (~failed).astype(np.float64)) / (1.0 + weights.sum(axis=1))


def _nearest(one: FloatArray, other: FloatArray) -> FloatArray:
    return squared_distances(one, other).min(axis=1)
