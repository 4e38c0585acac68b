"""Choosing a batch: the runs that are worth most together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from moonloop.tools.arrays import BoolArray, FloatArray, IntArray
from moonloop.tools.design.acquisition import Worlds, expected_improvement, log_expected_improvement
from moonloop.tools.design.surrogate import Surrogate

__all__ = ["Incumbent", "Pick", "choose", "improvements", "incumbent"]

_BY_IMPROVEMENT = 120
_BY_PROMISE = 60


@dataclass(frozen=True, slots=True)
class Incumbent:
    """The best measured candidate by what the surrogate makes of all measurements."""

    place: int
    mean: float
    """In the objective's unit."""


@dataclass(frozen=True, slots=True)
class Pick:
    """One chosen run."""

    place: int
    rule: str
    """`improvement` or `knowledge`."""
    improvement: float
    """Expected improvement of the run alone, in the objective's unit."""


def incumbent(surrogate: Surrogate, feasible: BoolArray, sign: int) -> Incumbent | None:
    """Return the feasible measured candidate with the best posterior mean; `sign` +1 means more is better."""
    places = surrogate.places[feasible[surrogate.places]]
    if not len(places):
        return None
    means, _ = surrogate.predict(places)
    best = int(np.argmax(sign * means))
    return Incumbent(int(places[best]), float(means[best]))


def improvements(surrogate: Surrogate, places: IntArray, feasible: BoolArray, sign: int) -> FloatArray:
    """Return the expected improvement on the incumbent at `places`, in the objective's unit."""
    each = [
        expected_improvement(sign * mean, np.sqrt(variance), _best(surrogate, member, feasible, sign))
        for member in range(len(surrogate.members))
        for mean, variance in [surrogate.members[member].predict(surrogate.features.matrix[places])]
    ]
    return surrogate.scale * np.mean(each, axis=0)


def choose(
    surrogate: Surrogate,
    *,
    open_places: IntArray,
    pending: Sequence[int],
    feasible: BoolArray,
    count: int,
    sign: int,
    seed: int,
    success: FloatArray | None = None,
    last: bool = False,
) -> tuple[Pick, ...]:
    """Return up to `count` places to run next: the first half by improvement, the rest by knowledge gradient.

    Args:
        surrogate: Fitted to all measurements.
        open_places: Where a run is allowed, shape (m,).
        pending: Places of runs whose outcome is not known yet.
        feasible: Which candidates may be winners, over the whole pool.
        count: How many runs to choose.
        sign: +1 when more is better, -1 when less is.
        seed: Of the fantasies.
        success: Probability that a run yields a value, over the whole pool.
        last: No run follows this batch, so that all are chosen by improvement.
    """
    count = min(count, len(open_places))
    if count == 0:
        return ()
    short = _shortlist(surrogate, open_places, feasible, sign)
    known = incumbent(surrogate, feasible, sign)
    places = np.asarray([*short, *pending, *([known.place] if known else [])], dtype=np.int64)
    worlds = _worlds(surrogate, places, feasible, sign, seed)
    for offset in range(len(pending)):
        for world in worlds:
            world.observe(len(short) + offset, counts=bool(feasible[pending[offset]]))
    chance = np.ones(len(short)) if success is None else success[short]
    alone = improvements(surrogate, short, feasible, sign)
    eligible = feasible[places]
    picks: list[Pick] = []
    free = np.ones(len(short), dtype=np.bool_)
    for number in range(min(count, len(short))):
        by_knowledge = not last and number >= (count + 1) // 2
        worth = np.mean(
            [world.knowledge(eligible) if by_knowledge else world.improvement() for world in worlds], axis=0
        )[: len(short)]
        best = int(np.argmax(np.where(free, worth * chance, -np.inf)))
        free[best] = False
        picks.append(
            Pick(int(short[best]), "knowledge" if by_knowledge else "improvement", float(alone[best]))
        )
        for world in worlds:
            world.observe(best)
    return tuple(picks)


def _shortlist(surrogate: Surrogate, places: IntArray, feasible: BoolArray, sign: int) -> IntArray:
    """Keep the candidates that are best by improvement, and those best by mean plus two deviations."""
    logs: list[FloatArray] = []
    for number, member in enumerate(surrogate.members):
        mean, variance = member.predict(surrogate.features.matrix[places])
        best = _best(surrogate, number, feasible, sign)
        logs.append(log_expected_improvement(sign * mean, np.sqrt(variance), best))
    mean, sd = surrogate.predict(places)
    by_improvement = np.argsort(-np.logaddexp.reduce(logs, axis=0), kind="stable")[:_BY_IMPROVEMENT]
    by_promise = np.argsort(-(sign * mean + 2.0 * sd), kind="stable")[:_BY_PROMISE]
    return places[np.union1d(by_improvement, by_promise)]


def _worlds(
    surrogate: Surrogate, places: IntArray, feasible: BoolArray, sign: int, seed: int
) -> list[Worlds]:
    made: list[Worlds] = []
    for number, member in enumerate(surrogate.members):
        mean, covariance = member.joint(surrogate.features.matrix[places])
        best = _best(surrogate, number, feasible, sign)
        rng = np.random.default_rng([seed, number])
        made.append(Worlds(sign * mean, covariance, member.noise, best, rng))
    return made


def _best(surrogate: Surrogate, member: int, feasible: BoolArray, sign: int) -> float:
    """Return a member's mean at the incumbent, standardised and signed; without one, at the worst datum."""
    places = surrogate.places[feasible[surrogate.places]]
    process = surrogate.members[member]
    if len(places):
        return float((sign * process.predict(surrogate.features.matrix[places])[0]).max())
    return float((sign * process.predict(surrogate.features.matrix[surrogate.places])[0]).min())
