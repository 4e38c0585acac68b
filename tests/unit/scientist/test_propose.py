"""Claims: registered before their data, with all that their rule needs."""

from collections.abc import Callable
from itertools import pairwise

import pytest

from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.claims import Effect, Prediction
from moonloop.domain.history import History
from moonloop.domain.plans import Run
from moonloop.scientist import propose

Campaign = Callable[..., CampaignSpec]
Play = Callable[..., History]


def share_of_a(run: Run) -> float:
    """Return half the share of part a."""
    return 0.5 * float(run.candidate.settings["a"])


def test_the_claims_of_the_file_come_first(campaign: Campaign, start: Callable[..., History]) -> None:
    """In cycle 1 they are registered with delta, cap, seed and half of alpha between them."""
    spec = campaign()
    first, second = propose(spec, start(spec))
    assert ["hyp_test0001_01", "hyp_test0001_02"] == [first.id, second.id]
    assert (0.25, 0.25) == (first.weight, second.weight)
    assert (0.1, 0.2, 0.05, 1) == (first.delta, first.cap, first.alpha, first.registered_in)
    assert first.seed != second.seed


def test_proposing_again_proposes_nothing_new(campaign: Campaign, play: Play) -> None:
    """Claims that are registered are not registered a second time."""
    spec = campaign(scientist={"claims_at_most": 2})
    assert propose(spec, play(spec, cycles=1)) == ()


def test_the_same_history_gives_the_same_claims(campaign: Campaign, play: Play) -> None:
    """Proposing is a function of file and history."""
    spec = campaign(claims=[])
    history = play(spec, cycles=2)
    assert propose(spec, history) == propose(spec, history) != ()


def test_a_claim_without_a_stated_delta_takes_a_tenth_of_the_range(
    campaign: Campaign, start: Callable[..., History]
) -> None:
    """The smallest effect of interest has a default, and the cap is twice it."""
    effect = {"kind": "effect", "factor": "base", "level_a": "KOAc", "level_b": "none"}
    spec = campaign(claims=[{"claim": effect, "statement": "It helps.", "probability": 0.5}])
    registered = propose(spec, start(spec))
    assert [(pytest.approx(0.1), pytest.approx(0.2))] == [(one.delta, one.cap) for one in registered]


def test_without_data_nothing_is_claimed(campaign: Campaign, start: Callable[..., History]) -> None:
    """The algorithm has no opinion before two batches."""
    spec = campaign(claims=[])
    assert propose(spec, start(spec)) == ()


def test_an_effect_is_claimed_where_the_surrogate_is_unsure(campaign: Campaign, play: Play) -> None:
    """It names levels in the direction that looks better, with its probability and its contexts."""
    spec = campaign(claims=[])
    (found,) = propose(spec, play(spec, cycles=2))
    claim = found.proposed.claim
    assert isinstance(claim, Effect)
    assert "algorithmic" == found.proposed.proposer
    assert 0.6 < found.proposed.probability < 0.95
    assert f"counting at most {found.cap:g}" in found.proposed.statement
    assert "matched pairs of the space" in found.proposed.statement
    assert 3 == found.registered_in


def test_a_claim_of_the_file_is_not_made_again(campaign: Campaign, play: Play) -> None:
    """The algorithm's claim is about other levels, turned round or not."""
    spec = campaign(scientist={"claims_at_most": 3})
    history = play(spec, cycles=3)
    pairs = [
        (one.proposed.claim.factor, frozenset({one.proposed.claim.level_a, one.proposed.claim.level_b}))
        for one in history.hypotheses
        if isinstance(one.proposed.claim, Effect)
    ]
    assert len(pairs) == len(set(pairs)) == 3


@pytest.mark.parametrize("of_file", [0, 2])
def test_shares_of_alpha_never_sum_to_more_than_one(campaign: Campaign, play: Play, of_file: int) -> None:
    """Half for the file's claims, the rest halved by each later one; claims_at_most holds."""
    claims = campaign().claims[:of_file]
    spec = campaign(claims=claims, scientist={"claims_at_most": 5}, budget={"experiments": 75})
    weights = [one.weight for one in play(spec).hypotheses]
    assert sum(weights) <= 1.0
    assert of_file < len(weights) <= 5
    assert all(pytest.approx(before / 2) == after for before, after in pairwise(weights[of_file:]))


def test_claims_that_none_can_follow_share_all_of_alpha(
    campaign: Campaign, start: Callable[..., History]
) -> None:
    """Nothing is kept back for later claims where the rules allow none."""
    spec = campaign(scientist={"claims_at_most": 2})
    assert [0.5, 0.5] == [one.weight for one in propose(spec, start(spec))]


def test_no_claim_is_made_that_the_budget_cannot_decide(campaign: Campaign, play: Play) -> None:
    """With 20 experiments there is no room for six more pairs."""
    spec = campaign(claims=[], budget={"experiments": 20})
    assert play(spec).hypotheses == ()


def test_one_own_claim_is_open_at_a_time(campaign: Campaign, play: Play) -> None:
    """While the algorithm's claim is undecided it makes no other."""
    spec = campaign(claims=[], scientist={"claims_at_most": 8})
    history = play(spec, cycles=3)
    assert [3] == [one.registered_in for one in history.hypotheses]


def test_where_nothing_can_be_paired_a_prediction_is_claimed(campaign: Campaign, play: Play) -> None:
    """In a mixture no level changes alone; the surrogate can still say how well it predicts."""
    parts = [{"kind": "discrete", "name": n, "unit": "1", "levels": [0, 0.25, 0.5, 0.75, 1]} for n in "abc"]
    whole = {"kind": "linear", "weights": {"a": 1, "b": 1, "c": 1}, "at_least": 1, "at_most": 1}
    spec = campaign(space={"kind": "factors", "factors": parts, "constraints": [whole]}, claims=[])
    history = play(spec, cycles=2, outcome=share_of_a)
    (found,) = propose(spec, history)
    claim = found.proposed.claim
    assert isinstance(claim, Prediction)
    assert 2 == claim.trained_through
    assert (claim.error, 2 * claim.error) == (found.delta, found.cap)
    assert 0.5 < found.proposed.probability < 1
    assert "drawn at random from those unseen" in found.proposed.statement
