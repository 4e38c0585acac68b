"""What every kind of space can do, however large it is: be listed, sampled, drawn from and walked through."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from moonloop.domain.space import Candidate
from moonloop.domain.values import Scalar

__all__ = ["Contrast", "Pair", "Source"]

Pair = tuple[Candidate, Candidate]
"""The candidates of arm A and of arm B."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """Two levels of a factor that matched pairs compare, all else being the same."""

    factor: str
    level_a: Scalar
    level_b: Scalar


class Source(Protocol):
    """A space as a source of candidates."""

    @property
    def settings(self) -> int:
        """How many settings there are before constraints and duplicates are taken away."""
        ...

    def size(self) -> int | None:
        """Return how many distinct candidates there are, or None where counting means building them all."""
        ...

    def listed(self, limit: int) -> tuple[Candidate, ...] | None:
        """Return all distinct candidates in a fixed order, or None when there are more than `limit`."""
        ...

    def sample(self, count: int, rng: np.random.Generator) -> tuple[Candidate, ...]:
        """Return about `count` distinct candidates from all over the space, to search through."""
        ...

    def draw(self, rng: np.random.Generator) -> Candidate:
        """Return one candidate, uniform over the distinct ones."""
        ...

    def neighbours(self, candidate: Candidate) -> tuple[Candidate, ...]:
        """Return the candidates that are one small step away."""
        ...

    def pairs(self, contrast: Contrast, limit: int) -> tuple[Pair, ...] | None:
        """Return all distinct matched pairs, or None where there are too many candidates to list them."""
        ...

    def draw_pair(self, contrast: Contrast, rng: np.random.Generator) -> Pair:
        """Return one matched pair, uniform over the distinct ones; for spaces too large to list."""
        ...

    def contrasts(self) -> tuple[Contrast, ...]:
        """Return the comparisons of levels that claims could be about, each once."""
        ...
