"""What a surrogate sees of a candidate: blocks of columns, each on a scale of its own.

One block is one source of likeness: the level of a categorical factor (one-hot), the value of a numeric
one, the descriptors of a factor's substance or of the molecule, its atom environments. Columns are centred,
columns that repeat another (|r| >= 0.95) are dropped, descriptors are z-scored, and every block is
divided so that two random candidates of the pool have a mean squared distance of 1 in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Protocol

import numpy as np

from moonloop.domain.errors import InvalidInput, SpaceImpossible
from moonloop.domain.space import Candidate, CategoricalFactor
from moonloop.tools.arrays import BoolArray, FloatArray
from moonloop.tools.chemistry import descriptor_vector, environment_counts
from moonloop.tools.spaces.grid import Grid
from moonloop.tools.spaces.library import Library

__all__ = ["Encoder", "FeatureMap", "Features", "encoders_of", "fit_features"]

_ALIKE = 0.95


class Encoder(Protocol):
    """One block before it is scaled."""

    name: str
    standardise: bool
    """Whether each column is z-scored; otherwise columns keep their proportions."""

    def columns(self, candidates: Sequence[Candidate]) -> FloatArray:
        """Return the raw columns, shape (n, d)."""
        ...


@dataclass(frozen=True, slots=True)
class Features:
    """The scaled columns of some candidates."""

    matrix: FloatArray
    """Shape (n, d)."""
    blocks: tuple[slice, ...]
    """Columns of each block."""


@dataclass(frozen=True, slots=True)
class _Scaling:
    keep: BoolArray
    centre: FloatArray
    factor: FloatArray

    def __call__(self, raw: FloatArray) -> FloatArray:
        # What a candidate outside the pool lacks counts as the pool's mean.
        return np.nan_to_num((raw[:, self.keep] - self.centre) * self.factor)


class FeatureMap:
    """The encoders of a space, with the scales that a pool gave them."""

    def __init__(self, encoders: Sequence[Encoder], scalings: Sequence[_Scaling]) -> None:
        useful = [
            (encoder, scaling)
            for encoder, scaling in zip(encoders, scalings, strict=True)
            if scaling.keep.any()
        ]
        self._parts = tuple(useful)
        ends = np.cumsum([0, *(int(scaling.keep.sum()) for _, scaling in useful)])
        self.blocks = tuple(slice(int(a), int(b)) for a, b in pairwise(ends))
        self.names = tuple(encoder.name for encoder, _ in useful)

    def of(self, candidates: Sequence[Candidate]) -> FloatArray:
        """Return the scaled columns of candidates, shape (n, d), also of such as are not in the pool."""
        if not self._parts:
            return np.zeros((len(candidates), 0))
        return np.hstack([scaling(encoder.columns(candidates)) for encoder, scaling in self._parts])


def fit_features(encoders: Sequence[Encoder], candidates: Sequence[Candidate]) -> tuple[FeatureMap, Features]:
    """Return the feature map whose scales are those of `candidates`, and their features."""
    raw = [encoder.columns(candidates) for encoder in encoders]
    scalings = [_fit(encoder, columns) for encoder, columns in zip(encoders, raw, strict=True)]
    made = FeatureMap(encoders, scalings)
    scaled = [scaling(columns) for scaling, columns in zip(scalings, raw, strict=True)]
    return made, Features(np.hstack(scaled), made.blocks)


def encoders_of(source: Library | Grid) -> tuple[Encoder, ...]:
    """Return the blocks that a space has."""
    if isinstance(source, Library):
        return (_ScaffoldBlock(source), _SubstituentBlock(source), _MoleculeBlock(), _EnvironmentBlock())
    blocks: list[Encoder] = []
    for place, factor in enumerate(source.factors):
        if not isinstance(factor, CategoricalFactor):
            blocks.append(_NumberBlock(factor.name))
            continue
        blocks.append(_LevelBlock(source, place))
        if factor.substances:
            blocks.append(_SubstanceBlock(factor))
    return tuple(blocks)


class _NumberBlock:
    standardise = False

    def __init__(self, name: str) -> None:
        self.name = name

    def columns(self, candidates: Sequence[Candidate]) -> FloatArray:
        return np.asarray([[float(candidate.settings[self.name])] for candidate in candidates])


class _LevelBlock:
    standardise = False

    def __init__(self, grid: Grid, place: int) -> None:
        self._grid, self._place = grid, place
        self.name = grid.factors[place].name

    def columns(self, candidates: Sequence[Candidate]) -> FloatArray:
        numbers = self._grid.numbers(candidates)[:, self._place]
        return np.eye(len(self._grid.factors[self._place].levels))[numbers]


class _SubstanceBlock:
    standardise = True

    def __init__(self, factor: CategoricalFactor) -> None:
        self.name = f"{factor.name}: substance"
        self._factor = factor
        known = {level: _described_level(factor, level) for level in factor.substances}
        # A level without a substance sits in the middle of those that have one.
        middle: FloatArray = np.vstack(list(known.values())).mean(axis=0)
        self._vectors = {**dict.fromkeys(factor.levels, middle), **known}

    def columns(self, candidates: Sequence[Candidate]) -> FloatArray:
        return np.vstack([self._vectors[str(c.settings[self._factor.name])] for c in candidates])


class _ScaffoldBlock:
    name = "scaffold"
    standardise = False

    def __init__(self, library: Library) -> None:
        self._library = library

    def columns(self, candidates: Sequence[Candidate]) -> FloatArray:
        scaffolds = [self._library.composition(candidate)[0] for candidate in candidates]
        return np.eye(self._library.shape[0])[scaffolds]


class _SubstituentBlock:
    name = "substituents"
    standardise = False

    def __init__(self, library: Library) -> None:
        self._library = library

    def columns(self, candidates: Sequence[Candidate]) -> FloatArray:
        # How often each occurs, whatever the locant: one-hot columns, summed over the locants.
        counts = [self._library.composition(candidate)[1] for candidate in candidates]
        return np.asarray(counts, dtype=np.float64)[:, 1:]


class _MoleculeBlock:
    name = "molecule"
    standardise = True

    def columns(self, candidates: Sequence[Candidate]) -> FloatArray:
        return np.vstack([_described(candidate.smiles or "") for candidate in candidates])


class _EnvironmentBlock:
    name = "atom environments"
    standardise = False

    def columns(self, candidates: Sequence[Candidate]) -> FloatArray:
        return np.vstack([environment_counts(candidate.smiles or "") for candidate in candidates])


def _described_level(factor: CategoricalFactor, level: str) -> FloatArray:
    try:
        return descriptor_vector(factor.substances[level])
    except InvalidInput as error:
        raise SpaceImpossible(why=f"{factor.name} {level}: {error.why}") from error


@lru_cache(maxsize=100_000)
def _described(smiles: str) -> FloatArray:
    return descriptor_vector(smiles)


def _fit(encoder: Encoder, raw: FloatArray) -> _Scaling:
    keep = np.isfinite(raw).all(axis=0)
    spread = np.where(keep, np.nan_to_num(raw).std(axis=0), 0.0)
    keep &= spread > 1e-9 * np.maximum(1.0, np.abs(np.nan_to_num(raw)).max(axis=0))
    if encoder.standardise:
        keep = _without_repeats(raw, keep)
    scale = 1.0 / spread[keep] if encoder.standardise else np.ones(int(keep.sum()))
    # The mean squared distance of two random rows is twice the summed variance.
    distance = 2.0 * float(((spread[keep] * scale) ** 2).sum())
    return _Scaling(keep, raw[:, keep].mean(axis=0), scale / np.sqrt(distance) if distance else scale)


def _without_repeats(raw: FloatArray, keep: BoolArray) -> BoolArray:
    places = np.flatnonzero(keep)
    if len(places) < 2:
        return keep
    alike = np.abs(np.corrcoef(raw[:, places], rowvar=False)) >= _ALIKE
    chosen: list[int] = []
    for number in range(len(places)):
        if not alike[number, chosen].any():
            chosen.append(number)
    kept = np.zeros_like(keep)
    kept[places[chosen]] = True
    return kept
