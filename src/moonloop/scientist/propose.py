"""Claims: those of the campaign file at the start, and the scientist's own when the data suggest some."""

from math import log

import numpy as np
from scipy.special import ndtr

from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.canonical import derive_seed
from moonloop.domain.claims import Effect, Hypothesis, Prediction, ProposedClaim
from moonloop.domain.history import History
from moonloop.domain.ids import hypothesis_id
from moonloop.domain.trust import ALGORITHM
from moonloop.scientist.hearing import agents_claim, contrast_of, contrasts_claimed
from moonloop.scientist.position import batches, locate
from moonloop.scientist.testing import START, open_claims
from moonloop.tools.arrays import IntArray
from moonloop.tools.design import Belief, Position, Surrogate, expected_error, paired_belief
from moonloop.tools.spaces import Contrast, Pair

__all__ = ["propose"]

_UNSURE = (0.6, 0.95)
"""Posterior probabilities that are worth a test: neither a toss of a coin nor a foregone conclusion."""
_PAIRS = 32
"""Matched pairs that a contrast is averaged over."""
_FEWEST = 6
"""No support comes from fewer pairs, at alpha 0.05 and c = 2 delta."""
_FEW = 20
_MARGIN = 1.7
"""A prediction's true error must be so much below the claimed one for a verdict in 6 to 18 runs."""
_DOUBT = 0.5
"""Standard deviation of the logarithm of a surrogate's actual error over the error that it expects."""


def propose(spec: CampaignSpec, history: History) -> tuple[Hypothesis, ...]:
    """Return the hypotheses to be registered in this cycle, before any of its runs are planned.

    In the first cycle the file's claims. Then at most one a cycle, while the rules allow another and the
    budget could decide it. The algorithm has one of its own to make once two batches have been run, while
    none of its own is open: by turns the largest contrast of the surrogate with 0.6 < P < 0.95, and a
    prediction of random unseen settings. A claim of the agents' takes its place where it is their turn, or
    stands by itself where it has earned that (`agents_claim`).

    Raises:
        SpaceImpossible: when a claim of the file has no matched pair.
    """
    of_file = () if history.hypotheses else _of_file(spec, history)
    after = history.model_copy(update={"hypotheses": (*history.hypotheses, *of_file)})
    later = (one for one in history.hypotheses if one.number > len(spec.claims))
    if not _has_room(spec, after) or any(one.registered_in == history.cycle for one in later):
        return of_file
    own = None if of_file or not _own_turn(history) else _own(spec, history)
    found = agents_claim(spec, after, in_place=own is not None) or own
    return (
        of_file if found is None else (*of_file, _registered(spec, history, found, len(after.hypotheses) + 1))
    )


def _own(spec: CampaignSpec, history: History) -> ProposedClaim | None:
    position = locate(spec, history)
    if position.surrogate is None:
        return None
    return _own_claim(spec, history, position, position.surrogate)


def _of_file(spec: CampaignSpec, history: History) -> tuple[Hypothesis, ...]:
    return tuple(
        _registered(spec, history, proposed, number) for number, proposed in enumerate(spec.claims, start=1)
    )


def _has_room(spec: CampaignSpec, history: History) -> bool:
    """Say whether the rules allow one more claim, and the budget the fewest pairs that could decide it.

    A starting batch has two pairs in five places, a later one has one.
    """
    pairs = _FEWEST - max(START - batches(history), 0)
    return len(history.hypotheses) < spec.scientist.claims_at_most and history.experiments_left >= 5 * pairs


def _own_turn(history: History) -> bool:
    return batches(history) >= START and not any(
        claim.proposed.proposer == ALGORITHM for claim in open_claims(history)
    )


def _registered(spec: CampaignSpec, history: History, proposed: ProposedClaim, number: int) -> Hypothesis:
    claim = proposed.claim
    delta = claim.error if isinstance(claim, Prediction) else _delta(spec, claim)
    return Hypothesis(
        id=hypothesis_id(history.campaign_id, number),
        campaign_id=history.campaign_id,
        number=number,
        proposed=proposed,
        alpha=spec.scientist.alpha,
        weight=_weight(spec, number),
        delta=delta,
        cap=2.0 * delta,
        seed=derive_seed(spec.design.seed, history.campaign_id, "hypothesis", number),
        registered_in=history.cycle,
    )


def _weight(spec: CampaignSpec, number: int) -> float:
    """Return a claim's share of alpha.

    The file's claims share a half, or all of it where the rules allow no other; the rest is halved by each
    later claim.
    """
    of_file = len(spec.claims)
    theirs = 0.5 if of_file < spec.scientist.claims_at_most else 1.0
    if number <= of_file:
        return theirs / of_file
    return (1.0 - theirs if of_file else 1.0) * 0.5 ** (number - of_file)


def _delta(spec: CampaignSpec, claim: Effect) -> float:
    """Return the smallest effect of interest: as stated, as in the file's claims, or a tenth of the range."""
    stated = [
        one.claim.delta
        for one in spec.claims
        if isinstance(one.claim, Effect) and one.claim.delta is not None
    ]
    return claim.delta or min(stated, default=0.1 * spec.objective.width)


def _own_claim(
    spec: CampaignSpec, history: History, position: Position, surrogate: Surrogate
) -> ProposedClaim | None:
    own = sum(1 for claim in history.hypotheses if claim.proposed.proposer == ALGORITHM)
    effect = _effect(spec, history, position, surrogate) if own % 2 == 0 else None
    return effect or _prediction(spec, history, position, surrogate)


def _effect(
    spec: CampaignSpec, history: History, position: Position, surrogate: Surrogate
) -> ProposedClaim | None:
    claimed = contrasts_claimed(history)
    beliefs = [
        (contrast, belief)
        for contrast in _contrasts(spec, position)
        if contrast_of(contrast) not in claimed
        and (belief := _belief(spec, position, surrogate, contrast)) is not None
    ]
    oriented = [_oriented(contrast, belief) for contrast, belief in beliefs]
    unsure = [(c, b) for c, b in oriented if _UNSURE[0] < b.probability < _UNSURE[1]]
    if not unsure:
        return None
    contrast, belief = max(unsure, key=lambda one: one[1].mean)
    return _stated_effect(spec, contrast, belief)


def _contrasts(spec: CampaignSpec, position: Position) -> tuple[Contrast, ...]:
    """Return the contrasts to look at; where pairs must be built for each, a random few."""
    every = position.pool.atlas.source.contrasts()
    if position.pool.complete or len(every) <= _FEW:
        return every
    rng = np.random.default_rng(derive_seed(spec.design.seed, "contrasts"))
    return tuple(every[int(place)] for place in np.sort(rng.permutation(len(every))[:_FEW]))


def _belief(
    spec: CampaignSpec, position: Position, surrogate: Surrogate, contrast: Contrast
) -> Belief | None:
    seed = derive_seed(spec.design.seed, contrast.factor, str(contrast.level_a), str(contrast.level_b))
    pairs = _some_pairs(position, contrast, seed)
    if not pairs:
        return None
    wider = position.extended([candidate for pair in pairs for candidate in pair])
    places: IntArray = np.asarray([wider.pool.rows(pair) for pair in pairs], dtype=np.int64)
    cap = 2.0 * _delta(spec, _effect_of(contrast))
    return paired_belief(wider.surrogate or surrogate, places, cap=cap, sign=spec.objective.sign, seed=seed)


def _some_pairs(position: Position, contrast: Contrast, seed: int) -> tuple[Pair, ...]:
    atlas = position.pool.atlas
    if atlas.pairs(contrast) == ():
        return ()
    count = _PAIRS if position.pool.complete else _PAIRS // 2
    return tuple(atlas.draw_pair(contrast, derive_seed(seed, number)) for number in range(count))


def _oriented(contrast: Contrast, belief: Belief) -> tuple[Contrast, Belief]:
    if belief.mean >= 0.0:
        return contrast, belief
    turned = Contrast(contrast.factor, contrast.level_b, contrast.level_a)
    return turned, Belief(-belief.mean, 1.0 - belief.probability)


def _effect_of(contrast: Contrast) -> Effect:
    return Effect(factor=contrast.factor, level_a=contrast.level_a, level_b=contrast.level_b)


def _stated_effect(spec: CampaignSpec, contrast: Contrast, belief: Belief) -> ProposedClaim:
    claim = _effect_of(contrast)
    delta = _delta(spec, claim)
    unit, name = spec.objective.unit, spec.objective.name
    word = "raises" if spec.objective.sign > 0 else "lowers"
    return ProposedClaim(
        claim=claim.model_copy(update={"delta": delta}),
        statement=(
            f"{contrast.factor} {contrast.level_a} in place of {contrast.level_b} {word} {name} on "
            f"average over all matched pairs of the space, counting at most {2.0 * delta:g} {unit} per pair."
        ),
        mechanism=(
            "None is known: after the runs so far the surrogate puts the mean difference at "
            f"{belief.mean:.2g} {unit}."
        ),
        probability=round(belief.probability, 2),
        proposer=ALGORITHM,
    )


def _prediction(
    spec: CampaignSpec, history: History, position: Position, surrogate: Surrogate
) -> ProposedClaim | None:
    """Claim an error well above the expected one, as long as that is still a small one."""
    through = max(seen.cycle for seen in history.observations)
    if any(
        isinstance(claim.proposed.claim, Prediction) and claim.proposed.claim.trained_through == through
        for claim in history.hypotheses
    ):
        return None
    unseen = np.setdiff1d(np.arange(len(position.pool.candidates)), position.tried)
    expected = expected_error(surrogate, unseen) if len(unseen) else 0.0
    error = float(f"{_MARGIN * expected:.1e}")
    if not 0.0 < error <= 0.25 * spec.objective.width:
        return None
    unit = spec.objective.unit
    return ProposedClaim(
        claim=Prediction(error=error, trained_through=through),
        statement=(
            f"The surrogate of all runs through cycle {through} predicts {spec.objective.name} of settings "
            f"drawn at random from those unseen then with a mean error below {error:g} {unit}, counting at "
            f"most {2.0 * error:g} {unit} per setting."
        ),
        mechanism=f"It expects a mean error of {expected:.2g} {unit} itself.",
        probability=round(float(ndtr(log(error / expected) / _DOUBT)), 2),
        proposer=ALGORITHM,
    )
