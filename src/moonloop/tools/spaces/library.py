"""R-group spaces: every scaffold with every allowed choice of substituents, counted before it is built.

A setting is a scaffold and one substituent per locant. Settings that differ by a symmetry of the scaffold
are the same molecule; the distinct ones are counted by Burnside's lemma and each is built once.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, product

import numpy as np

from moonloop.domain.errors import InvalidInput, SpaceImpossible
from moonloop.domain.space import Candidate, RGroupSpace, Scaffold
from moonloop.domain.values import Scalar
from moonloop.tools.chemistry import assemble, check_scaffold, check_substituent, symmetries
from moonloop.tools.spaces.assignments import (
    all_assignments,
    choice,
    count_assignments,
    count_fixed,
    permuted,
    random_assignment,
)
from moonloop.tools.spaces.source import Contrast, Pair

__all__ = ["Library", "Setting"]

_TRIES = 100_000
"""Draws after which a rejection sampler says that there is nothing to be found."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A scaffold by its number, and a substituent by its number at each locant; 0 is the unsubstituted."""

    scaffold: int
    groups: tuple[int, ...]

    @property
    def substituted(self) -> int:
        """How many locants carry another substituent than the unsubstituted."""
        return sum(1 for group in self.groups if group)


class Library:
    """An R-group space as a source of molecules; `SpaceImpossible` for structures that make none."""

    def __init__(self, space: RGroupSpace) -> None:
        self._scaffolds: tuple[Scaffold, ...] = space.scaffolds
        others = [group for group in space.substituents if group.name != space.unsubstituted]
        bare = [group for group in space.substituents if group.name == space.unsubstituted]
        self._groups = (*bare, *others)
        self._most = space.max_substituted
        self._built: dict[Setting, str] = {}
        for scaffold in space.scaffolds:
            _named(scaffold.name, check_scaffold, scaffold.smiles)
        for group in space.substituents:
            _named(group.name, check_substituent, group.smiles)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {group.name: number for number, group in enumerate(self._groups)}

    @cached_property
    def _symmetries(self) -> tuple[tuple[tuple[int, ...], ...], ...]:
        return tuple(symmetries(scaffold.smiles) for scaffold in self._scaffolds)

    @cached_property
    def _weights(self) -> tuple[int, ...]:
        """Number of settings of each scaffold."""
        return tuple(
            count_assignments(len(scaffold.positions), self._most, len(self._groups) - 1)
            for scaffold in self._scaffolds
        )

    @property
    def settings(self) -> int:
        """How many settings there are, symmetric ones among them."""
        return sum(self._weights)

    def size(self) -> int:
        """Return how many molecules there are up to the scaffolds' symmetries (Burnside's lemma)."""
        return sum(
            sum(count_fixed(symmetry, self._most, len(self._groups) - 1) for symmetry in of_one)
            // len(of_one)
            for of_one in self._symmetries
        )

    def listed(self, limit: int) -> tuple[Candidate, ...] | None:
        """Return the distinct molecules, by scaffold, number of substituents, locants and substituents."""
        if self.size() > limit:
            return None
        found: dict[str, Candidate] = {}
        for setting in self.all_settings():
            if setting == self._representative(setting):
                candidate = self.candidate(setting)
                found.setdefault(candidate.key, candidate)
        return tuple(found.values())

    def sample(self, count: int, rng: np.random.Generator) -> tuple[Candidate, ...]:
        """Return `count` distinct molecules, drawn uniformly without replacement."""
        found: dict[str, Candidate] = {}
        for _ in range(20 * count):
            if len(found) >= min(count, self.size()):
                break
            candidate = self.draw(rng)
            found.setdefault(candidate.key, candidate)
        return tuple(found.values())

    def draw(self, rng: np.random.Generator) -> Candidate:
        """Return one molecule, uniform over those that the scaffolds' symmetries leave distinct."""
        for _ in range(_TRIES):
            setting = self._random(rng)
            if rng.random() < 1.0 / len(self._orbit(setting)):
                return self.candidate(self._representative(setting))
        raise SpaceImpossible(why="no molecule could be drawn")

    def neighbours(self, candidate: Candidate) -> tuple[Candidate, ...]:
        """Return the molecules that differ by one substituent, by the place of one, or by the scaffold."""
        here = self._setting(candidate)
        steps = {
            self._representative(step) for step in (*self._swaps(here), *self._moves(here), *self._hops(here))
        }
        ordered = sorted(steps - {self._representative(here)}, key=lambda step: (step.scaffold, step.groups))
        return tuple(self.candidate(step) for step in ordered)

    def pairs(self, contrast: Contrast, limit: int) -> tuple[Pair, ...] | None:
        """Return the matched pairs, distinct as pairs of molecules."""
        if self.size() > limit:
            return None
        found: dict[tuple[str, str], Pair] = {}
        for one, other in self._all_pairs(contrast):
            pair = (self.candidate(one), self.candidate(other))
            found.setdefault((pair[0].key, pair[1].key), pair)
        return tuple(found.values())

    def draw_pair(self, contrast: Contrast, rng: np.random.Generator) -> Pair:
        """Return one matched pair: a random setting, taken in inverse proportion to its symmetric copies."""
        for _ in range(_TRIES):
            drawn = self._random_pair(contrast, rng)
            if drawn is not None and rng.random() < 1.0 / self._copies(*drawn):
                return (self.candidate(drawn[0]), self.candidate(drawn[1]))
        raise SpaceImpossible(
            why=f"no matched pair of {contrast.level_a} and {contrast.level_b} for {contrast.factor}"
        )

    def contrasts(self) -> tuple[Contrast, ...]:
        """Return every pair of scaffolds and every pair of substituents."""
        named = {
            "scaffold": [scaffold.name for scaffold in self._scaffolds],
            "substituent": [group.name for group in self._groups],
        }
        return tuple(
            Contrast(factor, one, other)
            for factor, levels in named.items()
            for one, other in combinations(levels, 2)
        )

    def all_settings(self) -> Iterator[Setting]:
        """Yield every setting, symmetric ones among them."""
        for number, scaffold in enumerate(self._scaffolds):
            for groups in self._fillings(len(scaffold.positions), self._most):
                yield Setting(number, groups)

    def candidate(self, setting: Setting) -> Candidate:
        """Return the molecule of a setting, with the setting as it was given."""
        scaffold = self._scaffolds[setting.scaffold]
        names = {
            locant: self._groups[group].name
            for locant, group in zip(scaffold.positions, setting.groups, strict=True)
        }
        smiles = self._smiles(setting)
        return Candidate(key=smiles, settings={"scaffold": scaffold.name, **names}, smiles=smiles)

    def composition(self, candidate: Candidate) -> tuple[int, tuple[int, ...]]:
        """Return the number of a candidate's scaffold, and how often each substituent occurs in it."""
        setting = self._setting(candidate)
        return setting.scaffold, tuple(setting.groups.count(group) for group in range(len(self._groups)))

    @property
    def shape(self) -> tuple[int, int]:
        """How many scaffolds and how many substituents there are."""
        return len(self._scaffolds), len(self._groups)

    def _smiles(self, setting: Setting) -> str:
        least = self._representative(setting)
        if least not in self._built:
            self._built[least] = self._assembled(least)
        return self._built[least]

    def _assembled(self, setting: Setting) -> str:
        scaffold = self._scaffolds[setting.scaffold]
        groups = {
            locant: self._groups[group]
            for locant, group in zip(scaffold.positions, setting.groups, strict=True)
        }
        try:
            return assemble(scaffold.smiles, {locant: group.smiles for locant, group in groups.items()})
        except InvalidInput as error:
            named = ", ".join(f"{locant}-{group.name}" for locant, group in groups.items())
            raise SpaceImpossible(why=f"{scaffold.name} with {named}: {error.why}") from error

    def _setting(self, candidate: Candidate) -> Setting:
        names = [scaffold.name for scaffold in self._scaffolds]
        number = names.index(str(candidate.settings["scaffold"]))
        groups = tuple(
            self._numbers[str(candidate.settings[locant])] for locant in self._scaffolds[number].positions
        )
        return Setting(number, groups)

    def _orbit(self, setting: Setting) -> set[tuple[int, ...]]:
        return {permuted(setting.groups, symmetry) for symmetry in self._symmetries[setting.scaffold]}

    def _representative(self, setting: Setting) -> Setting:
        # The largest image has its substituents at the lowest locants.
        return Setting(setting.scaffold, max(self._orbit(setting)))

    def _fillings(self, places: int, most: int) -> Iterator[tuple[int, ...]]:
        return all_assignments(places, most, len(self._groups) - 1)

    def _random(self, rng: np.random.Generator) -> Setting:
        number = choice(self._weights, rng)
        return Setting(number, self._random_filling(len(self._scaffolds[number].positions), self._most, rng))

    def _random_filling(self, places: int, most: int, rng: np.random.Generator) -> tuple[int, ...]:
        return random_assignment(places, most, len(self._groups) - 1, rng)

    def _swaps(self, here: Setting) -> Iterator[Setting]:
        for place, group in product(range(len(here.groups)), range(len(self._groups))):
            yield from self._allowed(_replaced(here, place, group))

    def _moves(self, here: Setting) -> Iterator[Setting]:
        for one, other in combinations(range(len(here.groups)), 2):
            moved = _replaced(here, one, here.groups[other])
            yield _replaced(moved, other, here.groups[one])

    def _hops(self, here: Setting) -> Iterator[Setting]:
        for number, image in product(range(len(self._scaffolds)), sorted(self._orbit(here))):
            hopped = self._on(number, self._by_locant(Setting(here.scaffold, image)))
            yield from self._allowed(hopped) if hopped else ()

    def _allowed(self, setting: Setting) -> Iterator[Setting]:
        if setting.substituted <= self._most:
            yield setting

    def _by_locant(self, setting: Setting) -> dict[str, int]:
        positions = self._scaffolds[setting.scaffold].positions
        return {locant: group for locant, group in zip(positions, setting.groups, strict=True) if group}

    def _on(self, number: int, by_locant: dict[str, int]) -> Setting | None:
        positions = self._scaffolds[number].positions
        if not set(by_locant) <= set(positions):
            return None
        return Setting(number, tuple(by_locant.get(locant, 0) for locant in positions))

    def _all_pairs(self, contrast: Contrast) -> Iterator[tuple[Setting, Setting]]:
        if contrast.factor == "scaffold":
            one, other, shared = self._shared(contrast)
            for groups in self._fillings(len(shared), self._most):
                yield self._both(one, other, shared, groups)
            return
        first, second = self._two_groups(contrast)
        rest = self._most - max(first > 0, second > 0)
        for number, scaffold in enumerate(self._scaffolds):
            places = len(scaffold.positions)
            for groups, place in product(self._fillings(places - 1, rest), range(places)):
                yield _swap(number, groups, place, (first, second))

    def _random_pair(self, contrast: Contrast, rng: np.random.Generator) -> tuple[Setting, Setting] | None:
        if contrast.factor == "scaffold":
            one, other, shared = self._shared(contrast)
            return self._both(one, other, shared, self._random_filling(len(shared), self._most, rng))
        first, second = self._two_groups(contrast)
        rest = self._most - max(first > 0, second > 0)
        places = [len(scaffold.positions) for scaffold in self._scaffolds]
        number = choice([n * count_assignments(n - 1, rest, len(self._groups) - 1) for n in places], rng)
        groups = self._random_filling(places[number] - 1, rest, rng)
        return _swap(number, groups, int(rng.integers(places[number])), (first, second))

    def _copies(self, one: Setting, other: Setting) -> int:
        """Count the settings of a pair that are the same pair of molecules."""
        if one.scaffold == other.scaffold:
            return len(
                {
                    (permuted(one.groups, symmetry), permuted(other.groups, symmetry))
                    for symmetry in self._symmetries[one.scaffold]
                }
            )
        images = [
            {frozenset(self._by_locant(Setting(arm.scaffold, image)).items()) for image in self._orbit(arm)}
            for arm in (one, other)
        ]
        return len(images[0] & images[1])

    def _shared(self, contrast: Contrast) -> tuple[int, int, tuple[str, ...]]:
        names = [scaffold.name for scaffold in self._scaffolds]
        one, other = names.index(str(contrast.level_a)), names.index(str(contrast.level_b))
        there = self._scaffolds[other].positions
        return one, other, tuple(p for p in self._scaffolds[one].positions if p in there)

    def _both(
        self, one: int, other: int, shared: tuple[str, ...], groups: tuple[int, ...]
    ) -> tuple[Setting, Setting]:
        filled = dict(zip(shared, groups, strict=True))
        settings = tuple(
            Setting(number, tuple(filled.get(locant, 0) for locant in self._scaffolds[number].positions))
            for number in (one, other)
        )
        return settings[0], settings[1]

    def _two_groups(self, contrast: Contrast) -> tuple[int, int]:
        return self._level(contrast.level_a), self._level(contrast.level_b)

    def _level(self, name: Scalar) -> int:
        if str(name) not in self._numbers:
            raise SpaceImpossible(why=f"{name} is no substituent")
        return self._numbers[str(name)]


def _named(name: str, check: Callable[[str], None], smiles: str) -> None:
    try:
        check(smiles)
    except InvalidInput as error:
        raise SpaceImpossible(why=f"{name}: {error.why}") from error


def _replaced(setting: Setting, place: int, group: int) -> Setting:
    groups = setting.groups
    return Setting(setting.scaffold, (*groups[:place], group, *groups[place + 1 :]))


def _swap(scaffold: int, rest: tuple[int, ...], place: int, arms: tuple[int, int]) -> tuple[Setting, Setting]:
    made = tuple(Setting(scaffold, (*rest[:place], arm, *rest[place:])) for arm in arms)
    return made[0], made[1]
