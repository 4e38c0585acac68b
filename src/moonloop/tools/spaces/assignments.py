"""Assignments: which substituent sits at which place, at most so many of them not the unsubstituted one.

An assignment is a tuple of numbers, one per place; 0 is the unsubstituted, 1 to `others` are the rest.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations, product
from math import comb

import numpy as np

__all__ = ["all_assignments", "choice", "count_assignments", "count_fixed", "permuted", "random_assignment"]

Assignment = tuple[int, ...]


def all_assignments(places: int, most: int, others: int) -> Iterator[Assignment]:
    """Yield all assignments by number of substituents, places and substituents."""
    for count in range(min(most, places) + 1):
        for chosen in combinations(range(places), count):
            for groups in product(range(1, others + 1), repeat=count):
                filled = [0] * places
                for place, group in zip(chosen, groups, strict=True):
                    filled[place] = group
                yield tuple(filled)


def count_assignments(places: int, most: int, others: int) -> int:
    """Count all assignments without making them."""
    return sum(comb(places, count) * others**count for count in range(min(most, places) + 1))


def count_fixed(permutation: Sequence[int], most: int, others: int) -> int:
    """Count the assignments that a permutation of the places leaves as they are.

    Such an assignment has one substituent for each cycle of the permutation.
    """
    counts = [1] + [0] * most
    for length in _cycles(permutation):
        for total in range(most, length - 1, -1):
            counts[total] += others * counts[total - length]
    return sum(counts)


def random_assignment(places: int, most: int, others: int, rng: np.random.Generator) -> Assignment:
    """Return one assignment, uniform over all of them."""
    count = choice([comb(places, k) * others**k for k in range(min(most, places) + 1)], rng)
    filled = [0] * places
    for place in rng.choice(places, size=count, replace=False):
        filled[int(place)] = int(rng.integers(1, others + 1))
    return tuple(filled)


def permuted(assignment: Assignment, permutation: Sequence[int]) -> Assignment:
    """Return the assignment that has at each place what was at its image."""
    return tuple(assignment[place] for place in permutation)


def choice(weights: Sequence[int], rng: np.random.Generator) -> int:
    """Return a place in `weights`, with a probability in proportion to its weight."""
    shares = np.asarray(weights, dtype=np.float64)
    return int(rng.choice(len(shares), p=shares / shares.sum()))


def _cycles(permutation: Sequence[int]) -> list[int]:
    seen: set[int] = set()
    lengths: list[int] = []
    for start in range(len(permutation)):
        length, place = 0, start
        while place not in seen:
            seen.add(place)
            place = permutation[place]
            length += 1
        if length:
            lengths.append(length)
    return lengths
