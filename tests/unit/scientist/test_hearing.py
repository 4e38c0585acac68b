"""Agents' claims: which are registered, when, and what a bad one cannot do."""

from collections.abc import Callable
from typing import Any

import pytest

from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.claims import Effect, Prediction, ProposedClaim
from moonloop.domain.history import History
from moonloop.domain.plans import Purpose
from moonloop.domain.proposals import Critique, Hypotheses, Objection, Proposal
from moonloop.domain.trust import ClaimScore
from moonloop.scientist import plan_search, propose

Campaign = Callable[..., CampaignSpec]
Play = Callable[..., History]
Start = Callable[[CampaignSpec], History]
Settle = Callable[..., History]

PROPOSER = "proposer/small@0badc0de"


def stated(factor: str, level_a: Any, level_b: Any, **changes: Any) -> ProposedClaim:
    """Return a claim as an agent would state it, with the field for its name left as it came."""
    effect = Effect(factor=factor, level_a=level_a, level_b=level_b)
    made = {"claim": effect, "statement": f"{level_a} is better.", "probability": 0.8}
    return ProposedClaim.model_validate({**made, **changes})


WARM = stated("temperature", 80, 20)
LONG = stated("time", 8, 1)


def heard(history: History, *claims: ProposedClaim, critique: Critique | None = None) -> History:
    """Return the history with the claims that a proposer states in this cycle, and a critic's judgement."""
    stem = history.campaign_id[4:]
    proposals = [
        Proposal(
            thread=f"thr_{stem}_{history.cycle:04d}_proposer",
            proposer=PROPOSER,
            decision=Hypotheses(claims=claims),
        )
    ]
    if critique is not None:
        thread = f"thr_{stem}_{history.cycle:04d}_critic"
        proposals.append(Proposal(thread=thread, proposer="critic/small@1", decision=critique))
    return history.model_copy(update={"proposals": tuple(proposals)})


def earned(history: History, *, supported: bool = True, probability: float = 0.9) -> History:
    """Return the history with a verdict on a claim that the proposer had stated in another campaign."""
    score = ClaimScore(proposer=PROPOSER, probability=probability, supported=supported)
    return history.model_copy(update={"record": (*history.record, score)})


def names(spec: CampaignSpec, history: History) -> list[str]:
    """Return the statements of what is registered now."""
    return [one.proposed.statement for one in propose(spec, history)]


def proposers(spec: CampaignSpec, history: History) -> list[str]:
    """Return who proposed what is registered now."""
    return [one.proposed.proposer for one in propose(spec, history)]


def test_an_agents_claim_is_registered_like_any_other(campaign: Campaign, play: Play) -> None:
    """With the campaign's delta, cap, seed and weight, and under the name of the agent that stated it."""
    spec = campaign(claims=[])
    (found,) = propose(spec, heard(play(spec, cycles=2), LONG.model_copy(update={"proposer": "algorithmic"})))
    assert PROPOSER == found.proposed.proposer
    assert ("hyp_test0001_01", 1, 3) == (found.id, found.number, found.registered_in)
    assert (0.5, pytest.approx(0.1), pytest.approx(0.2)) == (found.weight, found.delta, found.cap)


def test_it_comes_after_the_files_claims_in_the_first_cycle(campaign: Campaign, start: Start) -> None:
    """The file's always come; who has earned it is next, a newcomer waits."""
    spec = campaign()
    found = propose(spec, heard(earned(start(spec)), LONG))
    assert ["campaign file", "campaign file", PROPOSER] == [one.proposed.proposer for one in found]
    assert [0.25, 0.25, 0.25] == [one.weight for one in found]
    assert ["campaign file", "campaign file"] == proposers(spec, heard(start(spec), LONG))


def test_a_newcomer_waits_until_the_algorithm_would_claim_something(
    campaign: Campaign, start: Start, play: Play
) -> None:
    """Before that its claim would cost picks; then it comes in place of the algorithm's, not beside it."""
    spec = campaign(claims=[])
    assert () == propose(spec, heard(start(spec), LONG))
    assert () == propose(spec, heard(play(spec, cycles=1), LONG))
    history = play(spec, cycles=2)
    assert ["algorithmic"] == proposers(spec, history)
    assert [PROPOSER] == proposers(spec, heard(history, LONG))


def test_a_newcomer_waits_while_the_algorithms_own_claim_is_open(campaign: Campaign, play: Play) -> None:
    """The algorithm would make none now: a claim beside its own would draw out the tests of both."""
    spec = campaign(claims=[])
    history = play(spec, cycles=3)
    assert ["algorithmic"] == [one.proposed.proposer for one in history.hypotheses]
    assert () == propose(spec, heard(history, LONG))
    assert [PROPOSER] == proposers(spec, heard(earned(history), LONG))


def test_who_has_earned_it_is_heard_at_once(campaign: Campaign, start: Start) -> None:
    """A verdict that came as it had said, in any campaign, opens the first cycle to it."""
    spec = campaign(claims=[])
    assert [LONG.statement] == names(spec, heard(earned(start(spec)), LONG))


@pytest.mark.parametrize(("supported", "probability"), [(True, 0.5), (True, 0.3), (False, 0.9)])
def test_a_record_that_shows_nothing_is_that_of_a_newcomer(
    campaign: Campaign, start: Start, play: Play, *, supported: bool, probability: float
) -> None:
    """A wealth of 1 or less is heard in place of the algorithm alone, however it came about."""
    spec = campaign(claims=[])
    now, later = (
        earned(history, supported=supported, probability=probability)
        for history in (start(spec), play(spec, cycles=2))
    )
    assert () == propose(spec, heard(now, LONG))
    assert [PROPOSER] == proposers(spec, heard(later, LONG))


def test_who_has_lost_its_say_registers_nothing(campaign: Campaign, play: Play) -> None:
    """After five confident claims that were refuted, the algorithm's claim comes instead."""
    spec = campaign(claims=[])
    history = play(spec, cycles=2)
    for _ in range(5):
        history = earned(history, supported=False, probability=0.98)
    assert ["algorithmic"] == proposers(spec, heard(history, LONG))


@pytest.mark.parametrize(
    "bad",
    [
        stated("pressure", 1, 2),
        stated("base", "KOAc", "NaOAc"),
        stated("base", "CsOAc", "none"),
        stated("base", "none", "CsOAc"),
        stated("time", 8, 1, claim=Prediction(error=0.1, trained_through=1)),
        stated("time", 8, 1, claim=Effect(factor="time", level_a=8, level_b=1, delta=5.0)),
    ],
    ids=["factor", "level", "registered", "turned round", "kind", "delta"],
)
def test_what_cannot_be_tested_or_was_claimed_is_passed_over(
    campaign: Campaign, play: Play, bad: ProposedClaim
) -> None:
    """The next claim takes its place; nothing raises."""
    spec = campaign(scientist={"claims_at_most": 3})
    assert [LONG.statement] == [
        one.proposed.statement
        for one in propose(spec, heard(earned(play(spec, cycles=1)), bad, LONG))
        if one.proposed.proposer == PROPOSER
    ]


def test_levels_that_never_meet_are_passed_over(campaign: Campaign, play: Play) -> None:
    """In a table of two settings that differ in both factors there is no matched pair."""
    factors = [{"kind": "discrete", "name": name, "unit": "1", "levels": [1, 2]} for name in "ab"]
    spec = campaign(space={"kind": "table", "factors": factors, "rows": [[1, 1], [2, 2]]}, claims=[])
    assert () == propose(spec, heard(earned(play(spec, cycles=0)), stated("a", 1, 2)))


def test_the_critic_refuses_and_ranks(campaign: Campaign, play: Play) -> None:
    """What it calls untestable or not new is passed over, and what it prefers comes first."""
    spec = campaign(claims=[])
    history, base = play(spec, cycles=2), stated("base", "KOAc", "none")
    preferred = Critique.model_validate(
        {"comparisons": [{"better": 2, "worse": 0}, {"better": 2, "worse": 1}, {"better": 9, "worse": 9}]}
    )
    old = Critique(objections=(Objection(claim=0, testable=True, new=False),))
    vague = Critique(objections=(Objection(claim=0, testable=False, new=True),))
    assert [WARM.statement] == names(spec, heard(history, WARM, LONG, base))
    assert [base.statement] == names(spec, heard(history, WARM, LONG, base, critique=preferred))
    assert [LONG.statement] == names(spec, heard(history, WARM, LONG, critique=old))
    assert [LONG.statement] == names(spec, heard(history, WARM, LONG, critique=vague))


def test_agents_and_algorithm_take_turns(campaign: Campaign, start: Start, settle: Settle) -> None:
    """A newcomer that always states something has one claim open, and only where the algorithm would."""
    spec = campaign(claims=[], scientist={"claims_at_most": 6}, budget={"experiments": 80})
    history = start(spec)
    claims = [WARM, LONG, stated("base", "CsOAc", "KOPiv"), stated("temperature", 60, 20)]
    while history.experiments_left:
        registered = propose(spec, heard(history, *claims))
        assert len(registered) <= 1
        assert len(registered) == len(propose(spec, history))
        history = history.model_copy(update={"hypotheses": (*history.hypotheses, *registered)})
        later = [one.proposed.proposer == PROPOSER for one in history.hypotheses]
        assert sum(later) <= len(later) - sum(later) + 1
        history = settle(spec, history, plan_search(spec, history))
    assert {PROPOSER, "algorithmic"} == {one.proposed.proposer for one in history.hypotheses}


def runs_of_tests(spec: CampaignSpec, history: History, settle: Settle, *claims: ProposedClaim) -> list[int]:
    """Play six cycles with a proposer of these claims; return the test runs of each."""
    for _ in range(6):
        history = heard(history, *claims)
        registered = propose(spec, history)
        history = history.model_copy(update={"hypotheses": (*history.hypotheses, *registered)})
        history = settle(spec, history, plan_search(spec, history))
    tests = [one.cycle for one in history.observations if one.purpose is Purpose.TEST]
    return [tests.count(cycle) for cycle in range(1, 7)]


def test_a_newcomers_claim_costs_no_run_that_the_algorithm_would_not_spend(
    campaign: Campaign, start: Start, settle: Settle
) -> None:
    """It is tested only beside a claim that would be tested anyway, as many runs being tests in a batch."""
    spec = campaign(claims=[], scientist={"claims_at_most": 2})
    without = runs_of_tests(spec, start(spec), settle)
    beside = runs_of_tests(spec, start(spec), settle, stated("time", 2, 1))
    assert [0, 0, 2] == without[:3]
    assert all(theirs <= ours for theirs, ours in zip(beside, without, strict=True))
    assert 0 < sum(beside)


def test_the_claim_of_one_who_has_earned_it_is_tested_by_itself(
    campaign: Campaign, start: Start, settle: Settle
) -> None:
    """From the first batch on; a newcomer's never takes the only place, which is left to the algorithm."""
    spec = campaign(claims=[], scientist={"claims_at_most": 1})
    claim = stated("time", 2, 1)
    alone = runs_of_tests(spec, start(spec), settle)
    assert alone == runs_of_tests(spec, start(spec), settle, claim)
    assert 4 == runs_of_tests(spec, earned(start(spec)), settle, claim)[0]
