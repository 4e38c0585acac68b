"""What a space holds, counted before any experiment."""

from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.claims import Effect
from moonloop.domain.errors import SpaceImpossible
from moonloop.domain.values import Value
from moonloop.tools.spaces.atlas import Pool
from moonloop.tools.spaces.pool import pool_for
from moonloop.tools.spaces.source import Contrast

__all__ = ["ClaimContexts", "ConstraintCount", "SpaceSummary", "summarise"]


class ConstraintCount(Value):
    """What one goal constraint leaves."""

    name: str
    leaves: int
    """Candidates of the pool that satisfy it, whatever the others say."""


class ClaimContexts(Value):
    """How much a claim of the file can be tested on."""

    statement: str
    pairs: int | None
    """Distinct matched pairs; absent where they are drawn without being listed, and for predictions."""


class SpaceSummary(Value):
    """Sizes of a space and of what its limits leave."""

    settings: int
    """Combinations of levels, before constraints and duplicates are taken away."""
    candidates: int | None
    """Distinct candidates; absent where counting them means building them all."""
    pool: int
    """Candidates searched through at a time."""
    complete: bool
    """Whether the pool is the whole space; otherwise all counts are those of a random subset."""
    constraints: tuple[ConstraintCount, ...]
    feasible: int
    """Candidates of the pool that satisfy all goal constraints."""
    claims: tuple[ClaimContexts, ...]
    notes: tuple[str, ...]
    """What a scientist should know before the start."""


def summarise(spec: CampaignSpec) -> SpaceSummary:
    """Count what a campaign's space holds.

    Raises:
        SpaceImpossible: when a structure or constraint cannot be read, nothing satisfies the goal
            constraints, or a claim has no matched pair.
    """
    pool = pool_for(spec)
    counts = tuple(
        ConstraintCount(name=constraint.name, leaves=int(within.sum()))
        for constraint, within in zip(spec.constraints, pool.within.T, strict=True)
    )
    if not pool.feasible.any():
        told = ", ".join(f"{count.name} leaves {count.leaves}" for count in counts)
        raise SpaceImpossible(why=f"of {len(pool.candidates)} candidates none satisfies all limits ({told})")
    return SpaceSummary(
        settings=pool.atlas.source.settings,
        candidates=len(pool.candidates) if pool.complete else pool.atlas.source.size(),
        pool=len(pool.candidates),
        complete=pool.complete,
        constraints=counts,
        feasible=int(pool.feasible.sum()),
        claims=tuple(
            ClaimContexts(statement=proposed.statement, pairs=_pairs(pool, proposed.claim))
            for proposed in spec.claims
        ),
        notes=_notes(spec, pool),
    )


def _pairs(pool: Pool, claim: object) -> int | None:
    if not isinstance(claim, Effect):
        return None
    contrast = Contrast(claim.factor, claim.level_a, claim.level_b)
    pool.atlas.draw_pair(contrast, 0)
    listed = pool.atlas.pairs(contrast)
    return None if listed is None else len(listed)


def _notes(spec: CampaignSpec, pool: Pool) -> tuple[str, ...]:
    notes: list[str] = []
    effects = sum(1 for proposed in spec.claims if isinstance(proposed.claim, Effect))
    if not pool.complete:
        notes.append(
            f"the space is larger than design.pool_limit: {len(pool.candidates)} random candidates and the "
            "neighbours of the best are searched"
        )
    if effects and spec.design.batch_size == 1:
        notes.append("a batch of one run has no room for a matched pair: the claims will stay undecided")
    if effects and 28 * effects > spec.budget.experiments:
        notes.append(
            f"{effects} claims and {spec.budget.experiments} experiments: about 28 runs are needed for a "
            "verdict where the effect is twice the smallest of interest, so some will stay undecided"
        )
    if int(pool.feasible.sum()) < spec.design.batch_size:
        notes.append("fewer candidates satisfy the goal constraints than a batch has runs")
    return tuple(notes)
