"""Minimisation of an energy over the coordinates of atoms by BFGS with a limited step."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from moonloop.lab_adapters.xtb.chemistry_errors import NotConverged
from moonloop.lab_adapters.xtb.molecules import Array, distance_matrix

__all__ = ["Minimum", "minimum"]

_STIFFNESS = 0.5
"""First guess of the spring between two atoms a bond apart, in Hartree per square Angstrom."""
_BOND = 1.4
"""Length of that bond, in Angstrom; springs weaken by a factor e for every third of it."""
_FLOOR = 0.1
"""First guess of the curvature along which no spring pulls, in Hartree per square Angstrom."""
_LONGEST = 0.2
"""An atom's longest step, in Angstrom, where the quadratic model is trusted."""
_SHORTEST = 1e-4
"""Below this, in Angstrom, a step that goes uphill means that the energy itself is noisy."""


class Minimum(NamedTuple):
    """Where the minimisation ended."""

    positions: Array
    energy: float
    steps: int


def minimum(
    point: Callable[[Array], tuple[float, Array]],
    start: Array,
    *,
    tolerance: float = 1e-3,
    max_steps: int = 300,
    each_step: Callable[[int], None] = lambda _: None,
) -> Minimum:
    """Walk downhill from `start` until no component of the gradient exceeds `tolerance`.

    `start` is atoms x 3; `point` gives energy and gradient; `NotConverged` after `max_steps`.
    Nocedal and Wright, Numerical Optimization (2006), equation 6.19; a step limit replaces the line search.
    """
    position, longest = start.copy(), _LONGEST
    energy, gradient = point(position)
    curvature = _springs(start)
    for step in range(max_steps):
        if np.abs(gradient).max() <= tolerance:
            return Minimum(position, energy, step)
        each_step(step)
        move = _limited(_downhill(curvature, gradient.ravel()).reshape(start.shape), longest)
        tried_energy, tried_gradient = point(position + move)
        curvature = _updated(curvature, move.ravel(), (tried_gradient - gradient).ravel())
        if tried_energy > energy and longest > _SHORTEST:
            longest = 0.25 * float(np.linalg.norm(move, axis=-1).max())
            continue
        position, energy, gradient = position + move, tried_energy, tried_gradient
        longest = min(2.0 * longest, _LONGEST)
    raise NotConverged(f"the geometry did not settle within {max_steps} steps")


def _springs(positions: Array) -> Array:
    """Return springs between near atoms as a curvature: Packwood et al., J. Chem. Phys. 144 (2016) 164109."""
    distances = distance_matrix(positions)
    strengths = _STIFFNESS * np.exp(-3.0 * (distances / _BOND - 1.0))
    np.fill_diagonal(strengths, 0.0)
    network = np.diag(strengths.sum(axis=1)) - strengths
    return np.kron(network, np.eye(3)) + _FLOOR * np.eye(positions.size)


def _downhill(curvature: Array, gradient: Array) -> Array:
    values, vectors = np.linalg.eigh(curvature)
    # Absolute values: along a direction of negative curvature, downhill is still away from the gradient.
    return -(vectors @ ((vectors.T @ gradient) / np.maximum(np.abs(values), 1e-3)))


def _limited(move: Array, longest: float) -> Array:
    return move * min(1.0, longest / float(np.linalg.norm(move, axis=-1).max()))


def _updated(curvature: Array, move: Array, change: Array) -> Array:
    along = float(move @ change)
    if along <= 1e-10:  # no information about a minimum: keep the matrix positive definite
        return curvature
    pushed = curvature @ move
    return curvature + np.outer(change, change) / along - np.outer(pushed, pushed) / float(move @ pushed)
