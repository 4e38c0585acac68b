"""Where a campaign stands, as the designer sees it: its pool, the surrogate, what was run."""

from dataclasses import dataclass

import numpy as np

from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.errors import ToolRefused
from moonloop.domain.history import History, Observation
from moonloop.domain.plans import Purpose
from moonloop.tools.arrays import BoolArray, IntArray
from moonloop.tools.asking.offer import Snapshot
from moonloop.tools.design import Surrogate, fit_surrogate
from moonloop.tools.spaces import Pool, pool_for

__all__ = ["Standpoint", "standpoint"]

_SEARCH = frozenset({Purpose.TEST, Purpose.EXPLORE, Purpose.PICK})
"""The runs that feed the surrogate."""


@dataclass(frozen=True, slots=True)
class Standpoint:
    """What the designer has to go by."""

    spec: CampaignSpec
    pool: Pool
    surrogate: Surrogate | None
    """Absent until a value has been measured."""
    tried: IntArray
    """Places of the candidates that were run."""
    feasible: BoolArray
    """Which candidates satisfy the goal constraints."""
    seen: tuple[Observation, ...]
    """The measured runs of the search."""

    @property
    def open(self) -> IntArray:
        """Places of the feasible candidates that were not run."""
        free = self.feasible.copy()
        free[self.tried] = False
        return np.flatnonzero(free).astype(np.int64)


def standpoint(snapshot: Snapshot) -> Standpoint:
    """Return where the campaign stands; raise `ToolRefused` without one."""
    if snapshot.spec is None or snapshot.history is None:
        raise ToolRefused(tool="designer", why="no campaign is open here")
    spec, searched = snapshot.spec, _searched(snapshot.history)
    run = {one.candidate.key: one.candidate for one in searched if one.outcome != "cancelled"}
    pool = pool_for(spec).extended(tuple(run.values()))
    measured = tuple(one for one in searched if one.outcome == "measured" and one.value is not None)
    values = [(pool.index[one.candidate.key], one.value) for one in measured if one.value is not None]
    return Standpoint(
        spec=spec,
        pool=pool,
        surrogate=fit_surrogate(pool.features, values, spec.objective.width),
        tried=pool.rows(tuple(run.values())),
        feasible=pool.feasible,
        seen=measured,
    )


def _searched(history: History) -> list[Observation]:
    return [seen for seen in history.observations if seen.purpose in _SEARCH]
