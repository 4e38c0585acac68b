"""Candidates by what a model writes of them: those of the space, within the goal's constraints, not run yet.

It loads the chemistry, so it is itself loaded only when there is advice to read.
"""

from collections.abc import Sequence

from moonloop.agents.roles.fences import shortened
from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.errors import AnswerRefused
from moonloop.domain.history import History
from moonloop.domain.space import Candidate
from moonloop.tools.asking.arguments import Asked, Level
from moonloop.tools.predicting.naming import found_in
from moonloop.tools.spaces import Pool, pool_for

__all__ = ["resolve_candidate"]


def resolve_candidate(
    spec: CampaignSpec, history: History, settings: Sequence[tuple[str, str]], smiles: str
) -> Candidate:
    """Return the candidate that is meant, by its settings or, for a molecule, by its SMILES.

    Raises:
        AnswerRefused: when it was run before, or is outside the space or the goal's constraints.
        InvalidInput: when nothing is meant.
    """
    if settings and smiles:
        raise AnswerRefused(why="give either the settings or the SMILES, and leave the other empty")
    pool = pool_for(spec)
    asked = Asked(smiles=smiles, settings=[Level(factor=one, level=level) for one, level in settings])
    candidate = found_in(spec, pool, asked)
    if candidate.key in _tried(history):
        raise AnswerRefused(why=f"{shortened(candidate.key, 80)} was run before")
    if candidate.key not in pool.index and not _is_in_space(pool, candidate):
        raise AnswerRefused(why=f"{shortened(candidate.key, 80)} is left out of the space")
    _require_within(pool, candidate)
    return candidate


def _tried(history: History) -> frozenset[str]:
    """Return the keys of the candidates that were run for the search."""
    return frozenset(one.candidate.key for one in history.searched if one.outcome != "cancelled")


def _is_in_space(pool: Pool, candidate: Candidate) -> bool:
    """Say whether a candidate outside the pool is in the space: then it is a neighbour of its neighbours."""
    if pool.complete:
        return False
    source = pool.atlas.source
    beside = source.neighbours(candidate)[:1]
    return any(back.key == candidate.key for one in beside for back in source.neighbours(one))


def _require_within(pool: Pool, candidate: Candidate) -> None:
    (within,) = pool.atlas.within((candidate,))
    for limit, met in zip(pool.atlas.constraints, within, strict=True):
        if not met:
            raise AnswerRefused(
                why=f"{shortened(candidate.key, 80)} is outside the goal's constraint {limit.name}"
            )
