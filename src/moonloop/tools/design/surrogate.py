"""The surrogate: what the measurements so far say about every candidate, in the objective's unit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from moonloop.tools.arrays import FloatArray, IntArray
from moonloop.tools.design.gaussian_process import GaussianProcess, fit
from moonloop.tools.design.posterior import LOOSE, STIFF
from moonloop.tools.spaces import Features

__all__ = ["Surrogate", "fit_surrogate"]


@dataclass(frozen=True, slots=True)
class Surrogate:
    """Gaussian processes of equal say, and the scale that they share."""

    members: tuple[GaussianProcess, ...]
    features: Features
    centre: float
    scale: float
    """Outcomes of the members are (value - centre) / scale."""
    places: IntArray
    """Candidates with at least one measured value, in order of first measurement."""

    def predict(self, places: IntArray | slice) -> tuple[FloatArray, FloatArray]:
        """Return mean and standard deviation of the noise-free value at places of the pool."""
        return self.predict_features(self.features.matrix[places])

    def predict_features(self, matrix: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return mean and standard deviation of the noise-free value at rows of features."""
        told = [member.predict(matrix) for member in self.members]
        means = np.stack([mean for mean, _ in told])
        mean = means.mean(axis=0)
        variance = np.stack([variance for _, variance in told]).mean(axis=0) + means.var(axis=0)
        return self.centre + self.scale * mean, self.scale * np.sqrt(variance)

    @property
    def noise(self) -> float:
        """Standard deviation of one measurement, as the data show it."""
        return self.scale * float(np.sqrt(np.mean([member.noise for member in self.members])))


def fit_surrogate(
    features: Features, measured: Sequence[tuple[int, float]], width: float
) -> Surrogate | None:
    """Return the surrogate of (place in the pool, value) pairs, or None without any.

    Replicates of a candidate count as their mean with the noise divided by their number. A robot's own
    uncertainty is not used as noise: most of it, such as a calibration's error, is common to all runs.
    `width` is that of the objective's declared range, the scale while a single value is known.
    """
    if not measured:
        return None
    values = _by_place(measured)
    places = np.asarray(list(values), dtype=np.int64)
    means = np.asarray([float(np.mean(one)) for one in values.values()])
    counts = np.asarray([float(len(one)) for one in values.values()])
    centre = float(means.mean())
    scale = max(float(means.std()), 1e-3 * width) if len(means) > 1 else width / 4.0
    matrix = features.matrix[places]
    outcomes = (means - centre) / scale
    members = tuple(fit(matrix, features.blocks, outcomes, counts, priors) for priors in (STIFF, LOOSE))
    return Surrogate(members, features, centre, scale, places)


def _by_place(measured: Sequence[tuple[int, float]]) -> Mapping[int, list[float]]:
    values: dict[int, list[float]] = {}
    for place, value in measured:
        values.setdefault(place, []).append(value)
    return values
