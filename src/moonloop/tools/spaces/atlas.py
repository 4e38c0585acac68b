"""A space with what is computed of it once: candidates, features, limits, matched pairs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from moonloop.domain.canonical import derive_seed
from moonloop.domain.errors import InvalidInput, SpaceImpossible
from moonloop.domain.limits import GoalConstraint
from moonloop.domain.space import Candidate, RGroupSpace, Space
from moonloop.tools.arrays import BoolArray, IntArray
from moonloop.tools.chemistry import constraint_value, parse_smarts, satisfies
from moonloop.tools.spaces.features import FeatureMap, Features, encoders_of, fit_features
from moonloop.tools.spaces.grid import Grid
from moonloop.tools.spaces.library import Library
from moonloop.tools.spaces.source import Contrast, Pair

__all__ = ["Atlas", "Pool"]


@dataclass(frozen=True, slots=True)
class Pool:
    """Candidates with all that the designer must know of them."""

    candidates: tuple[Candidate, ...]
    index: Mapping[str, int]
    """Place of each candidate by its key."""
    features: Features
    within: BoolArray
    """Which candidates satisfy which goal constraint, shape (n, constraints)."""
    complete: bool
    """Whether these are all candidates of the space."""
    atlas: "Atlas"

    @property
    def feasible(self) -> BoolArray:
        """Which candidates satisfy all goal constraints, shape (n,)."""
        return np.all(self.within, axis=1)

    def rows(self, candidates: Sequence[Candidate]) -> IntArray:
        """Return the places of candidates that are in the pool."""
        return np.asarray([self.index[candidate.key] for candidate in candidates], dtype=np.int64)

    def extended(self, candidates: Sequence[Candidate]) -> "Pool":
        """Return the pool with the candidates that it lacks added at its end."""
        fresh = {c.key: c for c in candidates if c.key not in self.index}
        if not fresh:
            return self
        added = tuple(fresh.values())
        matrix = np.vstack([self.features.matrix, self.atlas.features.of(added)])
        everyone = (*self.candidates, *added)
        return Pool(
            everyone,
            {candidate.key: place for place, candidate in enumerate(everyone)},
            Features(matrix, self.features.blocks),
            np.vstack([self.within, self.atlas.within(added)]),
            self.complete,
            self.atlas,
        )


class Atlas:
    """A space with what was computed of it once: source, scales of the features, matched pairs."""

    def __init__(self, space: Space, constraints: Sequence[GoalConstraint], limit: int, seed: int) -> None:
        self.constraints = tuple(constraints)
        self._limit = limit
        for constraint in self.constraints:
            _check(constraint)
        self.source = Library(space) if isinstance(space, RGroupSpace) else Grid(space)
        listed = self.source.listed(limit)
        chosen = self.source.sample(limit, _rng(seed, "pool")) if listed is None else listed
        if not chosen:
            raise SpaceImpossible(why="no setting satisfies the constraints of the space")
        self.features: FeatureMap
        self.features, scaled = fit_features(encoders_of(self.source), chosen)
        self._pairs: dict[Contrast, tuple[Pair, ...] | None] = {}
        self.pool = Pool(
            chosen,
            {candidate.key: place for place, candidate in enumerate(chosen)},
            scaled,
            self.within(chosen),
            listed is not None,
            self,
        )

    def within(self, candidates: Sequence[Candidate]) -> BoolArray:
        """Return which candidates satisfy which goal constraint, shape (n, constraints)."""
        rows = [
            [satisfies(limit, constraint_value(limit, _smiles(candidate))) for limit in self.constraints]
            for candidate in candidates
        ]
        return np.asarray(rows, dtype=np.bool_).reshape(len(candidates), len(self.constraints))

    def pairs(self, contrast: Contrast) -> tuple[Pair, ...] | None:
        """Return the distinct matched pairs of a contrast, or None where they are drawn without a list."""
        if contrast not in self._pairs:
            self._pairs[contrast] = self.source.pairs(contrast, self._limit)
        return self._pairs[contrast]

    def draw_pair(self, contrast: Contrast, seed: int) -> Pair:
        """Return one matched pair, uniform over the distinct ones, as a function of the seed alone."""
        listed = self.pairs(contrast)
        if listed is None:
            return self.source.draw_pair(contrast, _rng(seed, "pair"))
        if not listed:
            raise SpaceImpossible(
                why=f"no matched pair of {contrast.level_a} and {contrast.level_b} for {contrast.factor}"
            )
        return listed[int(_rng(seed, "pair").integers(len(listed)))]

    def draw(self, seed: int, seen: frozenset[str]) -> Candidate:
        """Return one candidate, uniform over those whose key is not in `seen`."""
        rng = _rng(seed, "setting")
        if self.pool.complete:
            unseen = [c for c in self.pool.candidates if c.key not in seen]
            if not unseen:
                raise SpaceImpossible(why="every setting has been seen")
            return unseen[int(rng.integers(len(unseen)))]
        while True:
            candidate = self.source.draw(rng)
            if candidate.key not in seen:
                return candidate


def _check(constraint: GoalConstraint) -> None:
    if constraint.kind == "substructure":
        try:
            parse_smarts(constraint.smarts)
        except InvalidInput as error:
            raise SpaceImpossible(why=f"{constraint.name}: {error.why}") from error


def _smiles(candidate: Candidate) -> str:
    if candidate.smiles is None:
        raise SpaceImpossible(why="goal constraints are about molecules, and its candidates have no SMILES")
    return candidate.smiles


def _rng(seed: int, use: str) -> np.random.Generator:
    return np.random.default_rng(derive_seed(seed, use))
