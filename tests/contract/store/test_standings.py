"""What a proposer earned in one campaign, in the next one of the same ledger."""

from collections.abc import Callable

import pytest

from moonloop import scientist
from moonloop.domain import ids
from moonloop.domain.agents import Role, proposer_name
from moonloop.domain.claims import Evidence, Hypothesis
from moonloop.domain.lifecycles import DoneReason
from moonloop.domain.proposals import Hypotheses
from moonloop.domain.trust import Standing
from moonloop.store import campaigns, histories, hypotheses, views
from support.campaigns import CAMPAIGN, Bench
from support.thinking import AGENTS, Thinking, claims

Make = Callable[..., Bench]
NEXT = "cmp_0000000000000002"
AGENT = proposer_name(Role.PROPOSER, "scripted-one", "a" * 64)


def _begun(new_bench: Make, campaign: str) -> Bench:
    """Return a campaign with agents in its first cycle, in which the proposer has stated a claim."""
    bench = new_bench(campaign=campaign, scientist=AGENTS, budget={"experiments": 60})
    bench.do(campaigns.next_step, campaign, "algorithmic")
    thinking = Thinking(bench)
    thinking.open()
    thinking.decide(claims("water"))
    return bench


def _tested(bench: Bench, verdict: str) -> None:
    """Register the claim, bring it to a verdict, and end the campaign."""
    (stated,) = bench.ledger.read_now(histories.history, bench.campaign, 1).proposals
    assert isinstance(stated.decision, Hypotheses)
    claim = Hypothesis.model_validate(
        {
            "id": ids.hypothesis_id(bench.campaign, 1),
            "campaign_id": bench.campaign,
            "number": 1,
            "proposed": stated.decision.claims[0].model_copy(update={"proposer": stated.proposer}),
            "alpha": 0.05,
            "weight": 0.2,
            "delta": 10,
            "cap": 20,
            "seed": 7,
            "registered_in": 1,
        }
    )
    found = Evidence.model_validate(
        {
            "hypothesis_id": claim.id,
            "verdict": verdict,
            "e_support": 2.0,
            "e_refute": 0.5,
            "threshold": 40,
            "n": 3,
        }
    )
    bench.do(hypotheses.register, bench.campaign, [claim])
    bench.do(hypotheses.record_evidence, bench.campaign, 1, [found])
    bench.do(campaigns.stop, bench.campaign, DoneReason.STOPPED_BY, "enough")


def _standing(bench: Bench) -> Standing:
    (found,) = bench.ledger.read_now(views.campaign_facts, bench.campaign).standings
    return found


def _registered_next(bench: Bench) -> list[str]:
    history = bench.ledger.read_now(histories.history, bench.campaign, 1)
    return [one.proposed.proposer for one in scientist.propose(bench.spec, history)]


@pytest.mark.parametrize(("verdict", "heard"), [("supported", [AGENT]), ("refuted", [])])
def test_what_was_earned_in_one_campaign_counts_in_the_next(
    new_bench: Make, verdict: str, heard: list[str]
) -> None:
    """Before anything is measured there: the weight is the same, and above 1 it has a claim registered."""
    first = _begun(new_bench, CAMPAIGN)
    assert 1.0 == _standing(first).weight
    _tested(first, verdict)
    following = _begun(new_bench, NEXT)

    carried = _standing(following)
    assert _standing(first) == carried
    assert (AGENT, 1, int(verdict == "supported")) == (
        carried.proposer,
        carried.claims,
        carried.claims_supported,
    )
    assert (carried.weight > 1.0) == (verdict == "supported")
    assert heard == _registered_next(following)


def test_who_has_earned_nothing_is_heard_in_place_of_the_algorithm_only(new_bench: Make) -> None:
    """The same claim in the same cycle, in a ledger without an earlier campaign, is not registered."""
    following = _begun(new_bench, NEXT)

    assert 1.0 == _standing(following).weight
    assert [] == _registered_next(following)
