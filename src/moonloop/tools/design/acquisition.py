"""How much a run is worth: expected improvement and knowledge gradient, with pending runs as fantasies.

Outcomes are standardised and more is better. A fantasy is one possible world: outcomes for the pending and
the already chosen runs, drawn from the process and fed back to it. The value of the next run is its
average over the worlds, which makes a chosen batch the greedy maximiser of the batch's expected improvement
(Snoek, Larochelle and Adams, NeurIPS 2012; Wilson, Hutter and Deisenroth, NeurIPS 2018).
"""

from collections.abc import Callable

import numpy as np
from scipy import special

from moonloop.tools.arrays import BoolArray, FloatArray

__all__ = ["Worlds", "expected_improvement", "log_expected_improvement"]

_WORLDS = 64
_NODES = 9
_ROOT_TWO_PI = float(np.sqrt(2.0 * np.pi))
_erfcx: Callable[[FloatArray], FloatArray] = special.erfcx  # pyright: ignore[reportUnknownMemberType]  # not in scipy's stubs


def expected_improvement(mean: FloatArray, sd: FloatArray, best: FloatArray | float) -> FloatArray:
    """Return E[max(f - best, 0)] for normal f (Jones, Schonlau and Welch, J. Glob. Optim. 13, 1998)."""
    gain = (mean - best) / sd
    density = np.exp(-0.5 * gain**2) / _ROOT_TWO_PI
    return sd * (gain * special.ndtr(gain) + density)


def log_expected_improvement(mean: FloatArray, sd: FloatArray, best: float) -> FloatArray:
    """Return the logarithm, also where the improvement itself is too small for a floating-point number.

    With h(z) = z Phi(z) + phi(z) and h(z) = phi(z) (1 + z m(z)), m the Mills ratio, by its scaled
    complementary error function (Ament et al., NeurIPS 2023).
    """
    gain = (mean - best) / sd
    near = np.maximum(gain, -5.0)
    plain = np.log(near * special.ndtr(near) + np.exp(-0.5 * near**2) / _ROOT_TWO_PI)
    far = np.minimum(gain, -5.0)
    mills = np.sqrt(np.pi / 2.0) * _erfcx(-far / np.sqrt(2.0))
    # 1 + z m(z) loses digits far out, where 1 / z^2 is its leading term.
    rest = np.where(far > -1e3, 1.0 + far * mills, far**-2)
    tail = -0.5 * far**2 - np.log(_ROOT_TWO_PI) + np.log(np.maximum(rest, 1e-300))
    return np.log(sd) + np.where(gain > -5.0, plain, tail)


class Worlds:
    """One process's joint beliefs about some candidates, in many possible worlds at once."""

    def __init__(
        self, mean: FloatArray, covariance: FloatArray, noise: float, best: float, rng: np.random.Generator
    ) -> None:
        self._means = np.tile(mean, (_WORLDS, 1))
        self._covariance = covariance.copy()
        self._noise = noise
        self._best = np.full(_WORLDS, best)
        self._rng = rng

    def observe(self, place: int, *, counts: bool = True) -> None:
        """Let a run at `place` have an outcome in every world; `counts` says whether it may be the best."""
        variance = max(float(self._covariance[place, place]), 0.0) + self._noise
        # Normal quantiles in random order: every world gets another, and together they are balanced.
        shocks = special.ndtri((self._rng.permutation(_WORLDS) + 0.5) / _WORLDS)
        column = self._covariance[:, place].copy()
        self._means += np.outer(shocks / np.sqrt(variance), column)
        self._covariance -= np.outer(column, column) / variance
        if counts:
            self._best = np.maximum(self._best, self._means[:, place])

    def improvement(self) -> FloatArray:
        """Return the expected improvement of every candidate, averaged over the worlds."""
        sd = np.sqrt(np.maximum(np.diag(self._covariance), 1e-12))
        return expected_improvement(self._means, sd[None, :], self._best[:, None]).mean(axis=0)

    def knowledge(self, eligible: BoolArray) -> FloatArray:
        """Return by how much a run at each candidate is expected to raise the highest mean of the eligible.

        Frazier, Powell and Dayanik, INFORMS J. Comput. 21, 599-613 (2009), on fixed normal quantiles.
        """
        spread = np.sqrt(np.maximum(np.diag(self._covariance), 1e-12) + self._noise)
        shifts = self._covariance / spread[None, :]
        nodes = special.ndtri((np.arange(_NODES) + 0.5) / _NODES)
        worlds = self._means[:: _WORLDS // 16][:, eligible]
        shifts = shifts[eligible]
        raised = np.zeros(shifts.shape[1])
        for world in worlds:
            for node in nodes:
                raised += (world[:, None] + node * shifts).max(axis=0)
            raised -= len(nodes) * world.max()
        return raised / (len(worlds) * len(nodes))
