"""Earned trust: the wealth of a record, and the share of the picks that goes with it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.claims import Effect, Hypothesis, ProposedClaim
from moonloop.domain.history import History, Observation
from moonloop.domain.proposals import DesignAdvice, Findings, Proposal
from moonloop.domain.trust import (
    ALGORITHM,
    LEAST,
    CandidateScore,
    ClaimScore,
    Standing,
    base_rate,
    candidate_scores,
    history_standings,
    pick_rate,
    shares,
    standings,
    weighed,
)

ADVISOR = "advisor/small@0badc0de"
PROPOSER = "proposer/small@0badc0de"
probabilities = st.floats(0, 1)
rates = st.builds(base_rate, st.integers(0, 30), st.integers(30, 60))


def claim(proposer: str, probability: float, *, supported: bool) -> ClaimScore:
    """Return a verdict on a claim."""
    return ClaimScore(proposer=proposer, probability=probability, supported=supported)


def candidate(cycle: int, proposer: str, probability: float | None, *, better: bool) -> CandidateScore:
    """Return the outcome of a candidate, or of an own pick."""
    return CandidateScore(cycle=cycle, proposer=proposer, probability=probability, better=better)


def test_an_event_is_weighed_as_the_rule_says() -> None:
    """With r = 0.5 and p = 0.9: q = 0.7, so that W is 1.4 on a hit and 0.6 on a miss."""
    assert pytest.approx(1.4) == weighed(1.0, 0.9, 0.5, hit=True)
    assert pytest.approx(0.6) == weighed(1.0, 0.9, 0.5, hit=False)


def test_stated_certainty_is_clipped() -> None:
    """Who says 1 is taken to have said 0.98, so that no single event ruins for good."""
    assert weighed(1.0, 0.98, 0.5, hit=False) == weighed(1.0, 1.0, 0.5, hit=False) > 0
    assert weighed(1.0, 0.02, 0.5, hit=True) == weighed(1.0, 0.0, 0.5, hit=True) > 0


@given(rates, probabilities)
def test_who_knows_no_more_than_the_base_rate_gains_nothing_on_average(rate: float, stated: float) -> None:
    """When events happen at the base rate, the expected wealth stays what it was, whatever is stated."""
    on_average = rate * weighed(1.0, stated, rate, hit=True)
    on_average += (1.0 - rate) * weighed(1.0, stated, rate, hit=False)
    assert pytest.approx(1.0) == on_average


@given(rates, probabilities, st.floats(LEAST, 1e3))
def test_who_knows_no_more_than_the_base_rate_loses_share_on_average(
    rate: float, stated: float, weight: float
) -> None:
    """A newcomer's share is therefore the most that it has on average at any later time."""
    hit, miss = (
        shares([Standing(proposer="a", weight=weighed(weight, stated, rate, hit=each), share=0.0)])["a"]
        for each in (True, False)
    )
    before = shares([Standing(proposer="a", weight=weight, share=0.0)])["a"]
    assert rate * hit + (1.0 - rate) * miss <= before + 1e-12


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=6))
def test_shares_leave_the_algorithm_its_floor(weights: list[float]) -> None:
    """All together never have more than 0.6 of the batch; nobody below 0.05 has any."""
    some = [Standing(proposer=f"agent {n}", weight=weight, share=0.0) for n, weight in enumerate(weights)]
    found = shares(some)
    assert sum(found.values()) < 0.6 + 1e-9
    assert all((found[one.proposer] == 0.0) == (one.weight < LEAST) for one in some)


def test_a_newcomer_has_a_twentieth_and_rivals_divide_it() -> None:
    """0.6 W / (W + 11) alone, 0.6 W_i / (11 M + sum of W) together."""
    new = [Standing(proposer=name, weight=1.0, share=0.0) for name in "ab"]
    assert {"a": pytest.approx(0.05)} == shares(new[:1])
    assert {"a": pytest.approx(0.025), "b": pytest.approx(0.025)} == shares(new)
    known = new[0].model_copy(update={"weight": 8.0})
    assert {"a": pytest.approx(0.6 * 8 / 31), "b": pytest.approx(0.6 / 31)} == shares([known, new[1]])


def test_a_standing_is_the_product_over_claims_and_candidates() -> None:
    """One claim supported and one candidate missed, both at a base rate of a half, with its counts."""
    (found,) = standings([claim(ADVISOR, 0.9, supported=True)], [candidate(1, ADVISOR, 0.9, better=False)])
    assert pytest.approx(1.4 * 0.6) == found.weight
    assert pytest.approx(0.6 * 0.84 / 11.84) == found.share
    assert (1, 1, 1, 0) == (found.claims, found.claims_supported, found.candidates, found.candidates_better)


def test_a_claim_is_scored_against_the_verdicts_before_it() -> None:
    """What the algorithm's own claims come to later does not change what an agent's verdict was worth."""
    own, theirs = claim(ALGORITHM, 0.7, supported=True), claim(PROPOSER, 0.9, supported=True)
    (before,) = standings([theirs, own], [])
    (after,) = standings([own, theirs], [])
    assert pytest.approx(weighed(1.0, 0.9, 2 / 4, hit=True)) == before.weight
    assert pytest.approx(weighed(1.0, 0.9, 3 / 5, hit=True)) == after.weight


def test_a_candidate_is_scored_against_the_picks_of_earlier_cycles() -> None:
    """The picks of its own batch were not known when it was suggested; their order does not matter."""
    earlier = [candidate(2, ALGORITHM, None, better=better) for better in (True, True, False)]
    same = [candidate(3, ALGORITHM, None, better=False), candidate(3, ADVISOR, 0.9, better=True)]
    rate = base_rate(2, 3)
    assert rate == pick_rate([*earlier, *same], 3)
    for batch in (same, same[::-1]):
        (found,) = standings([], [*earlier, *batch])
        assert pytest.approx(weighed(1.0, 0.9, rate, hit=True)) == found.weight


def test_the_algorithm_has_no_standing() -> None:
    """It is what the others are compared with."""
    own = [claim(ALGORITHM, 0.7, supported=True)]
    assert () == standings(own, [candidate(1, ALGORITHM, None, better=True)])


def test_a_liar_loses_its_say_and_does_not_win_it_by_confidence() -> None:
    """Five confident misses at a base rate of a half are enough."""
    (found,) = standings([], [candidate(cycle, ADVISOR, 0.98, better=False) for cycle in range(1, 6)])
    assert found.weight < LEAST
    assert 0.0 == found.share


FILE: dict[str, Any] = {
    "moonloop": 1,
    "name": "formula",
    "space": {
        "kind": "factors",
        "factors": [{"kind": "discrete", "name": "x", "unit": "1", "levels": [1, 2, 3]}],
    },
    "objective": {"name": "loss", "unit": "1", "direction": "minimise", "range": [0, 1]},
    "protocol": {"name": "formula/1", "robot": "simulated"},
    "budget": {"experiments": 20},
}


def seen(cycle: int, index: int, **changes: Any) -> Observation:
    """Return a run of x = 1 that was expected to give 0.5, of a loss: less is better."""
    run = {
        "cycle": cycle,
        "index": index,
        "job_id": f"job_test0001_{cycle:04d}_{index:04d}",
        "purpose": "pick",
        "candidate": {"key": "x=1", "settings": {"x": 1}},
        "outcome": "measured",
        "value": 0.4,
        "expected": {"mean": 0.5, "sd": 0.1},
    }
    return Observation.model_validate({**run, **changes})


def suggested(bar: float = 0.5, probability: float = 0.9) -> dict[str, Any]:
    """Return whose candidate a run is."""
    return {"proposer": ADVISOR, "probability": probability, "bar": bar, "displaces": "x=2"}


def history(*observations: Observation, **changes: Any) -> History:
    """Return the history of a campaign in its third cycle."""
    made = {"campaign_id": "cmp_test0001", "cycle": 3, "experiments_left": 10, "observations": observations}
    return History.model_validate({**made, **changes})


def test_better_goes_by_the_direction_of_the_objective() -> None:
    """0.4 beats 0.5 where less is better; a suggestion goes by its bar, not by its own expectation."""
    spec = CampaignSpec.model_validate(FILE)
    own, theirs = seen(1, 0), seen(1, 1, suggested=suggested(bar=0.3))
    assert [True, False] == [one.better for one in candidate_scores(spec, history(own, theirs))]
    assert [ALGORITHM, ADVISOR] == [one.proposer for one in candidate_scores(spec, history(own, theirs))]


def test_failed_runs_are_misses_and_cancelled_ones_no_events() -> None:
    """Of picks and of suggestions alike; other runs than picks are never scored."""
    spec = CampaignSpec.model_validate(FILE)
    failed = [
        seen(1, n, outcome="failed", value=None, suggested=said) for n, said in enumerate((None, suggested()))
    ]
    cancelled = seen(1, 2, outcome="cancelled", value=None, suggested=suggested())
    others = [seen(1, 3, purpose="explore"), seen(1, 4, purpose="test"), seen(1, 5, expected=None)]
    scores = candidate_scores(spec, history(*failed, cancelled, *others))
    assert [False, False] == [one.better for one in scores]


def test_a_campaign_lists_the_agents_that_take_part_in_it() -> None:
    """By claims after the file's, by candidates and by what they propose now; the record counts over all."""
    effect = Effect(factor="x", level_a=1, level_b=2)
    spec = CampaignSpec.model_validate(
        {**FILE, "claims": [{"claim": effect, "statement": "1 is better.", "probability": 0.5}]}
    )
    stated = spec.claims[0]
    hypotheses = [_hypothesis(1, stated), _hypothesis(2, stated.model_copy(update={"proposer": PROPOSER}))]
    analyst = Proposal(thread="thr_test0001_0003_analyst", proposer="analyst/a@1", decision=Findings())
    advisor = Proposal(thread="thr_test0001_0003_advisor", proposer=ADVISOR, decision=DesignAdvice())
    found = history_standings(
        spec,
        history(
            hypotheses=hypotheses,
            proposals=(analyst, advisor),
            record=(
                claim("proposer/elsewhere@1", 0.9, supported=True),
                claim(PROPOSER, 0.9, supported=False),
            ),
        ),
    )
    assert [(ADVISOR, 1.0), (PROPOSER, pytest.approx(0.6))] == [(one.proposer, one.weight) for one in found]


def _hypothesis(number: int, proposed: ProposedClaim) -> Hypothesis:
    return Hypothesis(
        id=f"hyp_test0001_{number:02d}",
        campaign_id="cmp_test0001",
        number=number,
        proposed=proposed,
        alpha=0.05,
        weight=0.25,
        delta=0.1,
        cap=0.2,
        seed=number,
        registered_in=1,
    )
