"""The agents' claims: which of those that they propose in a cycle is registered, if any."""

from collections.abc import Sequence

from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.claims import Effect, ProposedClaim
from moonloop.domain.history import History
from moonloop.domain.proposals import Critique, Hypotheses
from moonloop.domain.trust import ALGORITHM, LEAST, Standing, history_standings
from moonloop.domain.values import Scalar
from moonloop.scientist.testing import open_claims
from moonloop.tools.inference.ranking import bradley_terry
from moonloop.tools.spaces import Contrast, pool_for

__all__ = ["agents_claim", "contrast_of", "contrasts_claimed"]

Levels = tuple[str, frozenset[Scalar]]


def agents_claim(spec: CampaignSpec, history: History, *, in_place: bool) -> ProposedClaim | None:
    """Return the claim of the agents' that is to be registered in this cycle, or None.

    A proposer that has earned no more than it started with is heard only `in_place` of a claim that the
    algorithm would make now: its test runs would be made anyway, so that a bad claim costs none that would
    have come nearer to the goal. One claim of the agents' is open at a time, and they have no turn while they
    have had more than the algorithm. A proposer with a wealth below 0.05 has no say.

    Of the claims those are passed over that the critic calls untestable or not new, that cannot be claims
    of this campaign or have no matched pair, and that compare levels which a claim has compared already,
    either way round. The critic's comparisons order the rest (Bradley and Terry); without any they are
    taken in the proposer's order.
    """
    stated = [
        one.model_copy(update={"proposer": proposal.proposer})
        for proposal in history.proposals
        if isinstance(proposal.decision, Hypotheses) and proposal.proposer != ALGORITHM
        for one in proposal.decision.claims
    ]
    if not stated or not _their_turn(spec, history):
        return None
    standing = {one.proposer: one for one in history_standings(spec, history)}
    # The last claim that the rules allow is not for one that may never be tested.
    in_place = in_place and len(history.hypotheses) + 1 < spec.scientist.claims_at_most
    passing = (
        stated[number]
        for number in _ranked(history, len(stated))
        if _has_say(standing[stated[number].proposer], in_place=in_place)
        and _can_be_tested(spec, history, stated[number])
    )
    return next(passing, None)


def contrast_of(claim: Effect | Contrast) -> Levels:
    """Return what a claim compares, the same for either direction."""
    return claim.factor, frozenset((claim.level_a, claim.level_b))


def contrasts_claimed(history: History) -> frozenset[Levels]:
    """Return what the registered claims compare, decided or not."""
    stated = (hypothesis.proposed.claim for hypothesis in history.hypotheses)
    return frozenset(contrast_of(claim) for claim in stated if isinstance(claim, Effect))


def _their_turn(spec: CampaignSpec, history: History) -> bool:
    later = [one for one in history.hypotheses if one.number > len(spec.claims)]
    theirs = {one.id for one in later if one.proposed.proposer != ALGORITHM}
    is_open = any(one.id in theirs for one in open_claims(history))
    return not is_open and len(theirs) <= len(later) - len(theirs)


def _has_say(standing: Standing, *, in_place: bool) -> bool:
    return standing.weight >= LEAST if in_place else standing.weight > 1.0


def _ranked(history: History, count: int) -> Sequence[int]:
    """Return the places of the claims that the critic lets pass, best first."""
    critiques = [one.decision for one in history.proposals if isinstance(one.decision, Critique)]
    refused = {
        objection.claim
        for critique in critiques
        for objection in critique.objections
        if not (objection.testable and objection.new)
    }
    compared = [
        one
        for critique in critiques
        for one in critique.comparisons
        if one.better != one.worse and max(one.better, one.worse) < count
    ]
    strengths = bradley_terry(count, compared).strengths if compared else (0.0,) * count
    best_first = sorted(range(count), key=lambda number: -strengths[number])
    return [number for number in best_first if number not in refused]


def _can_be_tested(spec: CampaignSpec, history: History, stated: ProposedClaim) -> bool:
    claim = stated.claim
    if (
        not isinstance(claim, Effect)
        or spec.fault_in(stated)
        or contrast_of(claim) in contrasts_claimed(history)
    ):
        return False
    return pool_for(spec).atlas.pairs(Contrast(claim.factor, claim.level_a, claim.level_b)) != ()
