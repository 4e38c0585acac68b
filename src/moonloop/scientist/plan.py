"""The batches of a campaign: references, tests of claims, space-filling runs and the designer's picks."""

from collections.abc import Sequence

import numpy as np

from moonloop.domain.campaigns import CampaignSpec, Reference
from moonloop.domain.canonical import derive_seed
from moonloop.domain.errors import BudgetSpent, SpaceImpossible
from moonloop.domain.history import History
from moonloop.domain.plans import Purpose
from moonloop.domain.space import Candidate
from moonloop.scientist.batch import Draft, PlannedBatch, assemble
from moonloop.scientist.position import batches, locate
from moonloop.scientist.suggestions import with_suggestions
from moonloop.scientist.testing import START, draft_tests, open_claims
from moonloop.scientist.winners import draft_confirmations
from moonloop.tools.chemistry import canonical_smiles
from moonloop.tools.design import Position, choose, fill, incumbent
from moonloop.tools.spaces import setting_key

__all__ = ["plan_confirmation", "plan_search"]


def plan_search(spec: CampaignSpec, history: History) -> PlannedBatch:
    """Return the next batch of the search.

    The first two batches are random test pairs and space-filling runs (only the first one, and all of it
    space-filling, in a campaign without claims); then test runs while a claim is open, and picks. Agents'
    candidates take the places of some picks, as far as their record has earned (`with_suggestions`).

    Raises:
        BudgetSpent: when no experiment is left.
        SpaceImpossible: when there is nothing left to run.
    """
    room = min(spec.design.batch_size, history.experiments_left)
    if room == 0:
        spent = len(history.searched)
        raise BudgetSpent(line="experiments", asked=1, spent=spent, reserved=0, limit=spec.budget.experiments)
    position = locate(spec, history)
    tests = draft_tests(spec, history, position, room)
    drawn = [draft.candidate for block in tests for draft in block]
    room -= len(drawn)
    position = position.extended(drawn)
    filling = position.surrogate is None or batches(history) < (START if open_claims(history) else 1)
    rest = (_filling if filling else _picks)(spec, history, position, drawn, room)
    if not filling:
        rest = with_suggestions(spec, history, position, rest, drawn)
    references = _references(spec) if not history.observations else ()
    blocks = [*tests, *([draft] for draft in (*rest, *references))]
    if not blocks:
        raise SpaceImpossible(why="every candidate within the goal constraints has been run")
    return assemble(spec, history, blocks, _summary(blocks))


def plan_confirmation(spec: CampaignSpec, history: History) -> PlannedBatch:
    """Return the runs that check the best candidates, as `confirmation` of the campaign file says.

    Raises:
        BudgetSpent: when the confirmation budget has no room for one whole candidate.
        SpaceImpossible: when there is no candidate to check.
    """
    drafts = draft_confirmations(spec, history)
    names = len({draft.candidate.key for draft in drafts})
    checked = "the best candidate" if names == 1 else f"the best {names} candidates"
    return assemble(
        spec, history, [[draft] for draft in drafts], f"Check {checked} before anything is claimed."
    )


def _filling(
    spec: CampaignSpec, history: History, position: Position, drawn: Sequence[Candidate], room: int
) -> tuple[Draft, ...]:
    pending = position.pool.rows(drawn)
    places = fill(
        position.pool.features,
        open_places=np.setdiff1d(position.open, pending),
        taken=[*position.tried.tolist(), *pending.tolist()],
        count=room,
        seed=_seed(spec, history, "filling"),
    )
    candidates = [position.pool.candidates[int(place)] for place in places]
    return tuple(
        Draft(
            purpose=Purpose.EXPLORE,
            candidate=candidate,
            protocol=spec.protocol,
            reason="It fills the space: far from the other runs, chosen before the outcomes say much.",
            expected=expected,
        )
        for candidate, expected in zip(candidates, position.expectations(candidates), strict=True)
    )


def _picks(
    spec: CampaignSpec, history: History, position: Position, drawn: Sequence[Candidate], room: int
) -> tuple[Draft, ...]:
    if position.surrogate is None:
        return ()
    pending = position.pool.rows(drawn)
    feasible, sign, unit = position.pool.feasible, spec.objective.sign, spec.objective.unit
    chosen = choose(
        position.surrogate,
        open_places=np.setdiff1d(position.open, pending),
        pending=pending.tolist(),
        feasible=feasible,
        count=room,
        sign=sign,
        seed=_seed(spec, history, "picks"),
        success=position.success,
        last=history.experiments_left <= spec.design.batch_size,
    )
    best = incumbent(position.surrogate, feasible, sign)
    than = f"the best so far, {best.mean:.4g} {unit}" if best else "what was measured so far"
    why = {
        "improvement": "Expected to improve on",
        "knowledge": "Expected to teach most about where to improve on",
    }
    candidates = [position.pool.candidates[pick.place] for pick in chosen]
    return tuple(
        Draft(
            purpose=Purpose.PICK,
            candidate=candidate,
            protocol=spec.protocol,
            reason=f"{why[pick.rule]} {than}; expected improvement {pick.improvement:.2g} {unit}.",
            expected=expected,
        )
        for pick, candidate, expected in zip(
            chosen, candidates, position.expectations(candidates), strict=True
        )
    )


def _references(spec: CampaignSpec) -> tuple[Draft, ...]:
    return tuple(
        Draft(
            purpose=Purpose.REFERENCE,
            candidate=_reference(reference),
            protocol=spec.protocol,
            reason=(
                f"{reference.name} has a published value, {reference.value} {spec.objective.unit}: it checks "
                "the instrument."
            ),
            label=reference.name,
        )
        for reference in spec.references[: spec.reference_runs]
    )


def _reference(reference: Reference) -> Candidate:
    smiles = canonical_smiles(reference.smiles) if reference.smiles is not None else None
    key = smiles or setting_key(reference.settings) or reference.name
    return Candidate(key=key, settings=reference.settings, smiles=smiles)


def _summary(blocks: Sequence[Sequence[Draft]]) -> str:
    purposes = [draft.purpose for block in blocks for draft in block]
    named = {
        Purpose.TEST: "test claims on settings drawn at random",
        Purpose.EXPLORE: "fill the space",
        Purpose.PICK: "are expected to come nearer to the goal",
        Purpose.REFERENCE: "check the instrument against published values",
    }
    parts = [f"{purposes.count(purpose)} {words}" for purpose, words in named.items() if purpose in purposes]
    suggested = sum(1 for block in blocks for draft in block if draft.suggested is not None)
    theirs = f"; {suggested} of them suggested by agents" if suggested else ""
    return f"{len(purposes)} runs: {', '.join(parts)}{theirs}."


def _seed(spec: CampaignSpec, history: History, use: str) -> int:
    return derive_seed(spec.design.seed, history.campaign_id, history.cycle, use)
