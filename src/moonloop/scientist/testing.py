"""Test runs: which claims get them, and on which settings, drawn by the seed of the claim."""

from collections.abc import Mapping, Sequence

from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.canonical import derive_seed
from moonloop.domain.claims import Effect, Hypothesis, Prediction
from moonloop.domain.history import History
from moonloop.domain.plans import Purpose, TestArm
from moonloop.domain.trust import history_standings
from moonloop.scientist.batch import Draft
from moonloop.scientist.judge import decided, next_blocks
from moonloop.scientist.position import batches, locate
from moonloop.tools.design import Position
from moonloop.tools.inference import threshold
from moonloop.tools.spaces import Contrast

__all__ = ["START", "draft_tests", "open_claims", "shares"]

START = 2
"""The batches that make the start: their pairs take the place of random runs."""


def open_claims(history: History) -> tuple[Hypothesis, ...]:
    """Return the registered hypotheses without a verdict."""
    settled = decided(history)
    return tuple(hypothesis for hypothesis in history.hypotheses if hypothesis.id not in settled)


def shares(history: History, batch_size: int) -> int:
    """Return how many blocks of two runs the next batch has room for.

    Two in five of the starting batches' places, in pairs, so that a batch of 5 has two pairs and a run of
    its own; after that one pair per five places, carried over between smaller batches.
    """
    number = batches(history) + 1
    if number <= START:
        return max(2 * batch_size // 5, 1) if batch_size > 1 else 0
    done = number - START
    return batch_size * done // 5 - batch_size * (done - 1) // 5


def draft_tests(
    spec: CampaignSpec, history: History, position: Position, room: int
) -> tuple[tuple[Draft, ...], ...]:
    """Return the blocks of test runs of the next batch, of at most `room` runs together.

    The position must be that of the history; it gives the expectations.
    """
    claims = _to_be_tested(spec, history)
    planned = dict.fromkeys((claim.id for claim in claims), 0)
    for _ in range(shares(history, spec.design.batch_size)):
        fitting = [claim for claim in claims if room >= _least(claim)]
        if not fitting:
            break
        chosen = _chosen(history, fitting, planned)
        runs = min(2, room)
        planned[chosen.id] += runs
        room -= runs
    return tuple(
        block for claim in claims for block in _drafts(spec, history, position, claim, planned[claim.id])
    )


def _to_be_tested(spec: CampaignSpec, history: History) -> list[Hypothesis]:
    """Return the claims that may have test runs now.

    Those of a proposer that has earned no more than it started with only beside others: test runs are made
    then anyway, and theirs are none the more.
    """
    claims = [claim for claim in open_claims(history) if _testable(history, claim)]
    weights = {one.proposer: one.weight for one in history_standings(spec, history)}
    given = [
        claim
        for claim in claims
        if claim.number <= len(spec.claims) or weights.get(claim.proposed.proposer, 2.0) > 1.0
    ]
    return claims if given else []


def _testable(history: History, claim: Hypothesis) -> bool:
    """Say whether the surrogate whose predictions are claimed exists by now."""
    stated = claim.proposed.claim
    if isinstance(stated, Effect):
        return True
    through = stated.trained_through
    return history.cycle > through and any(
        seen.cycle <= through and seen.outcome == "measured" for seen in history.searched
    )


def _least(claim: Hypothesis) -> int:
    return 2 if isinstance(claim.proposed.claim, Effect) else 1


def _chosen(history: History, claims: Sequence[Hypothesis], planned: Mapping[str, int]) -> Hypothesis:
    """At the start spread over claims on different factors; then take the claim nearest to its verdict."""
    if batches(history) < START:
        runs = {claim.id: planned[claim.id] + _runs_so_far(history, claim) for claim in claims}
        by_factor: dict[str, int] = {}
        for claim in claims:
            by_factor[_factor(claim)] = by_factor.get(_factor(claim), 0) + runs[claim.id]
        return min(claims, key=lambda claim: (by_factor[_factor(claim)], runs[claim.id], claim.number))
    return max(claims, key=lambda claim: (_progress(history, claim), -claim.number))


def _factor(claim: Hypothesis) -> str:
    stated = claim.proposed.claim
    return stated.factor if isinstance(stated, Effect) else ""


def _runs_so_far(history: History, claim: Hypothesis) -> int:
    return sum(1 for seen in history.observations if seen.test and seen.test.hypothesis_id == claim.id)


def _progress(history: History, claim: Hypothesis) -> float:
    """Return the share of the e-value needed; spending the runs by it is a choice that the rule allows."""
    for known in history.evidence:
        if known.hypothesis_id == claim.id:
            return max(known.e_support, known.e_refute) / known.threshold
    return 1.0 / threshold(claim, len(decided(history)))


def _drafts(
    spec: CampaignSpec, history: History, position: Position, claim: Hypothesis, runs: int
) -> tuple[tuple[Draft, ...], ...]:
    stated = claim.proposed.claim
    if isinstance(stated, Effect):
        blocks = next_blocks(history, claim, runs // 2)
        return tuple(_pair(spec, position, claim, stated, block) for block in blocks)
    blocks = next_blocks(history, claim, runs)
    return tuple((run,) for run in _predicted(spec, history, position, claim, stated, blocks))


def _pair(
    spec: CampaignSpec, position: Position, claim: Hypothesis, stated: Effect, block: int
) -> tuple[Draft, ...]:
    contrast = Contrast(stated.factor, stated.level_a, stated.level_b)
    pair = position.pool.atlas.draw_pair(contrast, derive_seed(claim.seed, block))
    expected = position.expectations(pair)
    return tuple(
        Draft(
            purpose=Purpose.TEST,
            candidate=candidate,
            protocol=spec.protocol,
            reason=(
                f"Pair {block + 1} of claim {claim.number}, {stated.factor} {level}: the rest was drawn at "
                f"random and is the same in its partner with {other}."
            ),
            expected=expectation,
            test=TestArm(hypothesis_id=claim.id, block=block, arm=arm),
        )
        for arm, level, other, candidate, expectation in zip(
            ("a", "b"),
            (stated.level_a, stated.level_b),
            (stated.level_b, stated.level_a),
            pair,
            expected,
            strict=True,
        )
    )


def _predicted(
    spec: CampaignSpec,
    history: History,
    position: Position,
    claim: Hypothesis,
    stated: Prediction,
    blocks: Sequence[int],
) -> tuple[Draft, ...]:
    """Draw settings unseen at registration, and say what the frozen surrogate makes of them."""
    if not blocks:
        return ()
    seen = frozenset(one.candidate.key for one in history.searched if one.cycle <= stated.trained_through)
    atlas = position.pool.atlas
    drawn = [atlas.draw(derive_seed(claim.seed, block), seen) for block in blocks]
    frozen = locate(spec, history, through=stated.trained_through).expectations(drawn)
    expected = position.expectations(drawn)
    return tuple(
        Draft(
            purpose=Purpose.TEST,
            candidate=candidate,
            protocol=spec.protocol,
            reason=(
                f"Prediction {block + 1} of claim {claim.number}: a setting drawn at random, for which the "
                f"surrogate of cycle {stated.trained_through} says {said.mean:.4g} {spec.objective.unit}."
            ),
            expected=now,
            test=TestArm(hypothesis_id=claim.id, block=block, arm="single", predicted=said.mean),
        )
        for block, candidate, said, now in zip(blocks, drawn, frozen, expected, strict=True)
        if said is not None
    )
