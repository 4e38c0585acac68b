"""Plain factors and explicit tables: settings as rows of level numbers, built factor by factor.

Constraints cut partial rows as soon as nothing that is still to come could mend them, so that a mixture
of many components is listed without its whole product ever being there.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import combinations
from math import prod

import numpy as np

from moonloop.domain.errors import SpaceImpossible
from moonloop.domain.space import (
    Candidate,
    CandidateTable,
    CategoricalFactor,
    ContinuousFactor,
    Exclusion,
    Factor,
    FactorSpace,
    LinearLimit,
    level_text,
)
from moonloop.domain.values import Scalar
from moonloop.tools.arrays import BoolArray, IntArray
from moonloop.tools.spaces.source import Contrast, Pair

__all__ = ["Grid", "setting_key"]

_ROWS_AT_ONCE = 2_000_000
"""Partial rows that may be there at the same time while settings are built."""
_REMEMBERED = 50_000
_TRIES = 200_000
"""Draws after which a rejection sampler says that there is nothing to be found."""
_CLOSE = 1e-9


class Grid:
    """A factor space or a candidate table as a source of settings."""

    def __init__(self, space: FactorSpace | CandidateTable) -> None:
        self.factors: tuple[Factor, ...] = tuple(space.factors)
        self._levels: list[tuple[Scalar, ...]] = [tuple(factor.levels) for factor in self.factors]
        self._known = [{level: number for number, level in enumerate(levels)} for levels in self._levels]
        self._constraints = space.constraints if isinstance(space, FactorSpace) else ()
        self._table = self._numbered(space) if isinstance(space, CandidateTable) else None
        self._listed: dict[int, IntArray | None] = {}
        self._candidates_made: dict[tuple[int, ...], Candidate] = {}
        self._substance = _sole_substance(space)
        for constraint in self._constraints:
            self._check(constraint)

    @property
    def settings(self) -> int:
        """How many combinations of levels there are, or rows of the table."""
        return len(self._table) if self._table is not None else prod(len(known) for known in self._levels)

    def size(self) -> int | None:
        """Return how many settings satisfy the constraints, or None when they are too many to build."""
        if self._table is None and not self._constraints:
            return self.settings
        rows = self._rows(_ROWS_AT_ONCE)
        return None if rows is None else len(rows)

    def listed(self, limit: int) -> tuple[Candidate, ...] | None:
        """Return all valid settings in the order of the factors' levels, or of the table."""
        rows = self._rows(limit)
        return None if rows is None else self._candidates(rows)

    def sample(self, count: int, rng: np.random.Generator) -> tuple[Candidate, ...]:
        """Return at most `count` distinct valid settings: rows are thinned at random while they are built."""
        if self._table is not None:
            chosen = rng.permutation(len(self._table))[:count]
            return self._candidates(self._table[np.sort(chosen)])
        return self._candidates(self._built(count, rng))

    def draw(self, rng: np.random.Generator) -> Candidate:
        """Return one valid setting, uniform over them all."""
        if self._table is not None:
            return self._candidates(self._table[[int(rng.integers(len(self._table)))]])[0]
        for rows in self._random_rows(rng):
            valid = np.flatnonzero(self._valid(rows))
            if len(valid):
                return self._candidates(rows[valid[:1]])[0]
        raise SpaceImpossible(why=f"none of {_TRIES} random settings satisfies the constraints")

    def neighbours(self, candidate: Candidate) -> tuple[Candidate, ...]:
        """Return the valid settings with one factor changed, or a step moved from one to another."""
        here = self.numbers((candidate,))[0]
        steps = [*self._single_steps(here), *self._exchanges(here)]
        rows = np.unique(np.asarray(steps, dtype=np.int64).reshape(-1, len(self.factors)), axis=0)
        if self._table is not None:
            known = {row.tobytes() for row in self._table}
            rows = rows[[row.tobytes() in known for row in rows]]
        return self._candidates(rows[self._valid(rows)])

    def pairs(self, contrast: Contrast, limit: int) -> tuple[Pair, ...] | None:
        """Return the matched pairs: all factors but one have the same level. A table's are always listed."""
        rows = self._table if self._table is not None else self._rows(limit)
        if rows is None:
            return None
        one, other = self._arms(rows, contrast)
        return tuple(zip(self._candidates(one), self._candidates(other), strict=True))

    def draw_pair(self, contrast: Contrast, rng: np.random.Generator) -> Pair:
        """Return one matched pair, uniform over the contexts that are valid with either level."""
        place, first, second = self._contrasted(contrast)
        for rows in self._random_rows(rng):
            one, other = rows.copy(), rows.copy()
            one[:, place], other[:, place] = first, second
            valid = np.flatnonzero(self._valid(one) & self._valid(other))
            if len(valid):
                chosen = valid[:1]
                return self._candidates(one[chosen])[0], self._candidates(other[chosen])[0]
        raise SpaceImpossible(
            why=f"no matched pair of {contrast.level_a} and {contrast.level_b} for {contrast.factor}"
        )

    def contrasts(self) -> tuple[Contrast, ...]:
        """Return all pairs of a categorical factor's levels; of a numeric one lowest, middle and highest."""
        return tuple(
            Contrast(factor.name, one, other)
            for factor in self.factors
            for one, other in combinations(_telling(factor), 2)
        )

    def numbers(self, candidates: Sequence[Candidate]) -> IntArray:
        """Return the level numbers of candidates, shape (n, factors)."""
        rows = [
            [
                self._number(place, candidate.settings[factor.name])
                for place, factor in enumerate(self.factors)
            ]
            for candidate in candidates
        ]
        return np.asarray(rows, dtype=np.int64).reshape(-1, len(self.factors))

    @cached_property
    def _sizes(self) -> IntArray:
        return np.asarray([len(known) for known in self._levels], dtype=np.int64)

    def _rows(self, limit: int) -> IntArray | None:
        if limit not in self._listed:
            self._listed[limit] = self._all_rows(limit)
        return self._listed[limit]

    def _all_rows(self, limit: int) -> IntArray | None:
        if self._table is not None:
            return self._table if len(self._table) <= limit else None
        if not self._constraints and self.settings > limit:
            return None
        built = self._built(limit, None)
        return built if built is not None and len(built) <= limit else None

    def _built(self, limit: int, rng: np.random.Generator | None) -> IntArray | None:
        """Expand factor by factor; above `limit` thin at random, or give up (None) when there is no `rng`."""
        rows = np.zeros((1, 0), dtype=np.int64)
        for count, known in enumerate(self._levels, start=1):
            if len(rows) * len(known) > _ROWS_AT_ONCE:
                if rng is None:
                    return None
                rows = _thinned(rows, max(1, _ROWS_AT_ONCE // len(known)), rng)
            rows = np.column_stack(
                [
                    np.repeat(rows, len(known), axis=0),
                    np.tile(np.arange(len(known), dtype=np.int64), len(rows)),
                ]
            )
            rows = rows[self._still_valid(rows, count)]
            if rng is not None:
                rows = _thinned(rows, 4 * limit, rng)
        return rows if rng is None else _thinned(rows, limit, rng)

    def _valid(self, rows: IntArray) -> BoolArray:
        return self._still_valid(rows, len(self.factors))

    def _still_valid(self, rows: IntArray, count: int) -> BoolArray:
        """Say which partial rows, of the first `count` factors, some completion may yet make valid."""
        keep = np.ones(len(rows), dtype=np.bool_)
        for constraint in self._constraints:
            if isinstance(constraint, Exclusion):
                keep &= ~self._excluded(constraint, rows, count)
            else:
                keep &= self._within(constraint, rows, count)
        return keep

    def _excluded(self, exclusion: Exclusion, rows: IntArray, count: int) -> BoolArray:
        places = {self._place(name): level for name, level in exclusion.settings.items()}
        if max(places) >= count:
            return np.zeros(len(rows), dtype=np.bool_)
        hit = np.ones(len(rows), dtype=np.bool_)
        for place, level in places.items():
            hit &= rows[:, place] == self._number(place, level)
        return hit

    def _within(self, limit: LinearLimit, rows: IntArray, count: int) -> BoolArray:
        total = np.zeros(len(rows))
        least = most = 0.0
        for name, weight in limit.weights.items():
            place = self._place(name)
            terms = weight * np.asarray(self._levels[place], dtype=np.float64)
            if place < count:
                total += terms[rows[:, place]]
            else:
                least, most = least + float(terms.min()), most + float(terms.max())
        keep = np.ones(len(rows), dtype=np.bool_)
        if limit.at_most is not None:
            keep &= total + least <= limit.at_most + _CLOSE
        if limit.at_least is not None:
            keep &= total + most >= limit.at_least - _CLOSE
        return keep

    def _arms(self, rows: IntArray, contrast: Contrast) -> tuple[IntArray, IntArray]:
        place, first, second = self._contrasted(contrast)
        known = {row.tobytes() for row in rows}
        one = rows[rows[:, place] == first]
        other = one.copy()
        other[:, place] = second
        both = np.asarray([row.tobytes() in known for row in other], dtype=np.bool_)
        return one[both], other[both]

    def _contrasted(self, contrast: Contrast) -> tuple[int, int, int]:
        place = self._place(contrast.factor)
        return place, self._number(place, contrast.level_a), self._number(place, contrast.level_b)

    def _random_rows(self, rng: np.random.Generator) -> Iterator[IntArray]:
        for _ in range(_TRIES // 4000):
            yield rng.integers(self._sizes, size=(4000, len(self.factors)))

    def _single_steps(self, here: IntArray) -> Iterator[IntArray]:
        for place, factor in enumerate(self.factors):
            count = len(self._levels[place])
            far = count if isinstance(factor, CategoricalFactor) or count <= 32 else 8
            for number in range(max(0, int(here[place]) - far), min(count, int(here[place]) + far + 1)):
                if number != here[place]:
                    yield _with(here, {place: number})

    def _exchanges(self, here: IntArray) -> Iterator[IntArray]:
        numeric = [p for p, factor in enumerate(self.factors) if not isinstance(factor, CategoricalFactor)]
        for giver in numeric:
            for taker in numeric:
                less, more = int(here[giver]) - 1, int(here[taker]) + 1
                if giver != taker and less >= 0 and more < len(self._levels[taker]):
                    yield _with(here, {giver: less, taker: more})

    def _candidates(self, rows: IntArray | None) -> tuple[Candidate, ...]:
        if rows is None:
            return ()
        names = [factor.name for factor in self.factors]
        return tuple(self._made(names, row) for row in rows.tolist())

    def _made(self, names: list[str], row: list[int]) -> Candidate:
        made = self._candidates_made.get(tuple(row))
        if made is None:
            made = self._candidate(names, row)
            if len(self._candidates_made) < _REMEMBERED:
                self._candidates_made[tuple(row)] = made
        return made

    def _candidate(self, names: list[str], row: list[int]) -> Candidate:
        levels = [known[number] for known, number in zip(self._levels, row, strict=True)]
        settings: dict[str, Scalar] = dict(zip(names, levels, strict=True))
        key = setting_key(settings)
        smiles = self._substance.substances[str(settings[self._substance.name])] if self._substance else None
        return Candidate(key=key, settings=settings, smiles=smiles)

    def _numbered(self, table: CandidateTable) -> IntArray:
        rows = [[self._number(place, level) for place, level in enumerate(row)] for row in table.rows]
        return np.asarray(rows, dtype=np.int64)

    def _number(self, place: int, level: Scalar) -> int:
        """Return the number of a level; a continuous one counts when it is within rounding of a step."""
        known, factor = self._known[place], self.factors[place]
        if level in known:
            return known[level]
        if isinstance(factor, ContinuousFactor) and isinstance(level, (int, float)):
            number = round((level - factor.low) / factor.step)
            if (
                0 <= number < len(known)
                and abs(factor.low + number * factor.step - level) < 1e-6 * factor.step
            ):
                return number
        raise SpaceImpossible(why=f"{level!r} is no level of {factor.name}")

    def _place(self, name: str) -> int:
        for place, factor in enumerate(self.factors):
            if factor.name == name:
                return place
        raise SpaceImpossible(why=f"{name} is no factor")

    def _check(self, constraint: Exclusion | LinearLimit) -> None:
        if isinstance(constraint, Exclusion):
            for name, level in constraint.settings.items():
                self._number(self._place(name), level)
            return
        for name in constraint.weights:
            if isinstance(self.factors[self._place(name)], CategoricalFactor):
                raise SpaceImpossible(why=f"a linear constraint weighs {name}, which is not numeric")


def setting_key(settings: Mapping[str, Scalar]) -> str:
    """Return the canonical name of a setting: its levels in the order of the factors."""
    return "; ".join(f"{name}={level_text(level)}" for name, level in settings.items())


def _sole_substance(space: FactorSpace | CandidateTable) -> CategoricalFactor | None:
    """Return the factor that makes a table one of molecules: the only one with a SMILES for every level."""
    whole = [
        factor
        for factor in space.factors
        if isinstance(factor, CategoricalFactor) and set(factor.substances) == set(factor.levels)
    ]
    return whole[0] if isinstance(space, CandidateTable) and len(whole) == 1 else None


def _telling(factor: Factor) -> tuple[Scalar, ...]:
    levels = tuple(factor.levels)
    if isinstance(factor, CategoricalFactor) or len(levels) <= 3:
        return levels
    rising: list[Scalar] = sorted(levels, key=float)
    return (rising[0], rising[len(rising) // 2], rising[-1])


def _thinned(rows: IntArray, most: int, rng: np.random.Generator) -> IntArray:
    if len(rows) <= most:
        return rows
    return rows[np.sort(rng.choice(len(rows), size=most, replace=False))]


def _with(row: IntArray, changes: dict[int, int]) -> IntArray:
    changed = row.copy()
    for place, number in changes.items():
        changed[place] = number
    return changed
