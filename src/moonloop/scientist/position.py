"""Where a campaign stands, with what the scientist looks around for in a large space."""

from collections.abc import Mapping
from statistics import fmean

import numpy as np

from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.history import History
from moonloop.tools.design import Position, position_after

__all__ = ["batches", "locate", "routine_values"]

_BEST = 5
"""How many of the best are looked around, where the pool is not the whole space."""


def batches(history: History) -> int:
    """Count the batches of the search that have been run."""
    return len({seen.cycle for seen in history.searched})


def routine_values(history: History) -> Mapping[str, float]:
    """Return the mean routine measurement of each candidate, by its key."""
    values: dict[str, list[float]] = {}
    for seen, value in history.measured:
        values.setdefault(seen.candidate.key, []).append(value)
    return {key: fmean(measured) for key, measured in values.items()}


def locate(spec: CampaignSpec, history: History, *, through: int | None = None) -> Position:
    """Return the position after the observations up to and with cycle `through`; default all of them.

    Where the pool is not the whole space, it has the neighbours of the best besides.
    """
    position = position_after(spec, history, through=through)
    return position if position.pool.complete else _looked_around(spec, position)


def _looked_around(spec: CampaignSpec, position: Position) -> Position:
    """Add the neighbours of the best measured and of the best expected candidates to the pool."""
    if position.surrogate is None:
        return position
    means, _ = position.surrogate.predict(slice(None))
    order = np.argsort(-spec.objective.sign * means, kind="stable")
    order = order[position.pool.feasible[order]]
    known = order[np.isin(order, position.surrogate.places)][:_BEST]
    centres = {int(place) for place in (*known, *order[:_BEST])}
    source = position.pool.atlas.source
    return position.extended(
        [
            neighbour
            for place in sorted(centres)
            for neighbour in source.neighbours(position.pool.candidates[place])
        ]
    )
