"""Agents' candidates: which are run in place of picks, and what stays the algorithm's."""

from collections.abc import Callable
from typing import Any

import pytest

from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.canonical import seal
from moonloop.domain.history import History
from moonloop.domain.plans import Purpose, Run
from moonloop.domain.proposals import Avoidance, DesignAdvice, Proposal, Suggestion, Utility
from moonloop.domain.space import Candidate
from moonloop.domain.trust import ClaimScore, Standing, history_standings
from moonloop.scientist import PlannedBatch, plan_search
from moonloop.tools.spaces import pool_for

Campaign = Callable[..., CampaignSpec]
Play = Callable[..., History]
Start = Callable[[CampaignSpec], History]
Settle = Callable[..., History]

ADVISOR = "advisor/small@0badc0de"
AMINES = {"H": "[*][H]", "CH3": "[*]C", "OH": "[*]O", "F": "[*]F"}
CORE = "O=C1C([*:2])=C([*:3])C(=O)C([*:5])=C1[*:6]"


TEN: dict[str, Any] = {"batch_size": 10, "seed": 1}
TWENTY: dict[str, Any] = {"batch_size": 20, "seed": 1}
"""Twenty picks, of which a newcomer's twentieth is one place whatever the seed."""


def search(campaign: Campaign, **changes: Any) -> CampaignSpec:
    """Return a campaign without claims, in which every batch after the first is picks alone."""
    return campaign(**{"claims": [], "scientist": {"claims_at_most": 0}, **changes})


def earned(history: History, verdicts: int = 6, name: str = ADVISOR) -> History:
    """Return the history with claims supported, in other campaigns, as the advisor had said.

    Six make its share nearly a quarter: one place of five picks at least.
    """
    score = ClaimScore(proposer=name, probability=0.9, supported=True)
    return history.model_copy(update={"record": (*history.record, *[score] * verdicts)})


def advised(history: History, advice: DesignAdvice, name: str = ADVISOR) -> History:
    """Return the history with one more advisor's word in this cycle."""
    thread = f"thr_{history.campaign_id[4:]}_{history.cycle:04d}_advisor"
    proposal = Proposal(thread=thread, proposer=name, decision=advice)
    return history.model_copy(update={"proposals": (*history.proposals, proposal)})


def unseen(spec: CampaignSpec, history: History) -> list[Candidate]:
    """Return the candidates that were not run and would not be picked, in the order of the space."""
    picked = {run.candidate.key for run in plan_search(spec, history).plan.runs}
    run = {seen.candidate.key for seen in history.observations} | picked
    return [candidate for candidate in pool_for(spec).candidates if candidate.key not in run]


def worth(candidate: Candidate) -> float:
    """Return the outcome of a setting of the formula."""
    at = candidate.settings
    gain = {"KOAc": 0.3, "CsOAc": 0.5, "KOPiv": 0.1, "none": 0.0}[str(at["base"])]
    return gain + 0.4 - ((float(at["temperature"]) - 80.0) / 100.0) ** 2 + 0.02 * float(at["time"])


def best_first(spec: CampaignSpec, history: History) -> list[Candidate]:
    """Return the unseen candidates in the order of what they would give."""
    return sorted(unseen(spec, history), key=worth, reverse=True)


def advice(candidates: list[Candidate], probability: float = 0.9, **more: Any) -> DesignAdvice:
    """Return the suggestion of some candidates, all with the same probability."""
    suggestions = [Suggestion(candidate=one, probability=probability) for one in candidates[:10]]
    return DesignAdvice.model_validate({"suggestions": suggestions, **more})


def length(run: Run) -> float:
    """Return a tenth of the length of the candidate's name."""
    return 0.1 * len(run.candidate.key)


def share_of_a(run: Run) -> float:
    """Return the share of a."""
    return float(run.candidate.settings["a"]) / 20.0


def theirs(planned: PlannedBatch) -> list[Run]:
    """Return the runs of a plan that agents suggested."""
    return [run for run in planned.plan.runs if run.suggested is not None]


def test_a_newcomer_has_one_place_in_twenty(campaign: Campaign, play: Play) -> None:
    """Its candidate is run in place of the pick that was chosen last, which is the bar; the rest stays."""
    spec = search(campaign, design=TWENTY)
    history = play(spec, cycles=1)
    before = {run.candidate.key: run for run in plan_search(spec, history).plan.runs}
    planned = plan_search(spec, advised(history, advice(best_first(spec, history))))
    (run,) = theirs(planned)
    said = run.suggested
    assert said is not None
    assert (ADVISOR, 0.9) == (said.proposer, said.probability)
    displaced = before.pop(said.displaces)
    assert displaced.expected is not None
    assert displaced.expected.mean == said.bar
    assert {*before, run.candidate.key} == {one.candidate.key for one in planned.plan.runs}
    assert Purpose.PICK == run.purpose
    assert run.expected is not None
    assert run.expected.mean != said.bar


def test_the_reviewer_reads_who_suggested_it(campaign: Campaign, play: Play) -> None:
    """The run names the agent, its probability and its record, the plan its authors, in plain sentences."""
    spec = search(campaign)
    history = earned(play(spec, cycles=1))
    planned = plan_search(spec, advised(history, advice(unseen(spec, history))))
    (run,) = theirs(planned)
    assert f"Suggested by {ADVISOR}, with a probability of 0.9" in run.reason
    assert run.reason.endswith("none of its candidates has been run yet.")
    assert f"algorithmic with {ADVISOR}" == planned.plan.author
    assert planned.plan.summary.endswith("; 1 of them suggested by agents.")


def test_the_name_of_an_author_keeps_its_version(campaign: Campaign, play: Play) -> None:
    """A name too long for the field is cut in its middle; several agents are counted."""
    spec = search(campaign, design={"batch_size": 20, "seed": 1}, budget={"experiments": 60})
    long = f"advisor/{'m' * 62}@0badc0de"
    history = earned(earned(play(spec, cycles=1)), name=long)
    some = unseen(spec, history)
    one = advised(history, advice(some[:8]), long)
    author = plan_search(spec, one).plan.author
    assert (80, "@0badc0de") == (len(author), author[-9:])
    both = plan_search(spec, advised(one, advice(some[8:16]), ADVISOR))
    assert "algorithmic with 2 agents" == both.plan.author


def test_without_advice_nothing_changes(campaign: Campaign, play: Play) -> None:
    """An advisor with nothing to say leaves the plan as it was, to the byte."""
    spec = search(campaign)
    history = play(spec, cycles=2)
    said = advised(history, DesignAdvice())
    assert seal(plan_search(spec, history).plan) == seal(plan_search(spec, said).plan)


def test_a_plan_with_suggestions_can_be_repeated(campaign: Campaign, play: Play) -> None:
    """It is a function of file and history, the rounding of shares too."""
    spec = search(campaign, design={"batch_size": 3, "seed": 1})
    history = play(spec, cycles=3)
    history = advised(history, advice(unseen(spec, history)))
    assert seal(plan_search(spec, history).plan) == seal(plan_search(spec, history).plan)


def test_a_share_of_a_place_is_a_place_now_and_then(campaign: Campaign, play: Play) -> None:
    """A twentieth of five runs is a quarter of a place: over forty campaigns it comes to about ten."""
    given: list[int] = []
    for seed in range(40):
        spec = search(campaign, design={"batch_size": 5, "seed": seed}, budget={"experiments": 10})
        history = play(spec, cycles=1)
        given.append(len(theirs(plan_search(spec, advised(history, advice(best_first(spec, history)))))))
    assert {0, 1} == set(given)
    assert 4 <= sum(given) <= 16


@pytest.mark.parametrize(("verdicts", "places"), [(0, {0, 1}), (6, {2, 3}), (10, {4, 5}), (30, {5, 6})])
def test_a_record_earns_places(campaign: Campaign, play: Play, verdicts: int, places: set[int]) -> None:
    """Of ten picks 0.5, 2.4, 4.3 and just under 6, for 0, 6, 10 and 30 claims that came as had been said."""
    spec = search(campaign, design=TEN)
    history = earned(play(spec, cycles=1), verdicts)
    planned = plan_search(spec, advised(history, advice(best_first(spec, history), 0.98)))
    assert len(theirs(planned)) in places


def test_newcomers_together_have_the_share_of_one(campaign: Campaign, play: Play) -> None:
    """Saying it under five names earns no more: of ten picks in each of twenty campaigns about ten."""
    given = 0
    for seed in range(20):
        spec = search(campaign, design={"batch_size": 10, "seed": seed})
        history = play(spec, cycles=1)
        some = best_first(spec, history)
        for number in range(5):
            history = advised(history, advice(some[number::5]), f"advisor/{number}@1")
        given += len(theirs(plan_search(spec, history)))
    assert 4 <= given <= 16


def test_the_likeliest_come_first_and_none_below_the_base_rate(campaign: Campaign, play: Play) -> None:
    """After no pick the base rate is a half: 0.49 is not run at all."""
    spec = search(campaign)
    history = earned(play(spec, cycles=1))
    some = unseen(spec, history)
    mixed = DesignAdvice(
        suggestions=tuple(
            Suggestion(candidate=one, probability=probability)
            for one, probability in zip(some, (0.6, 0.95, 0.7), strict=False)
        )
    )
    (run,) = theirs(plan_search(spec, advised(history, mixed)))
    assert some[1] == run.candidate
    assert [] == theirs(plan_search(spec, advised(history, advice(some[:5], 0.49))))


def test_what_cannot_be_run_is_passed_over(campaign: Campaign, play: Play) -> None:
    """Candidates that were run, are picked, do not exist, or that the advisor would avoid itself."""
    spec = search(campaign)
    history = earned(play(spec, cycles=1))
    run, picked = history.observations[0].candidate, plan_search(spec, history).plan.runs[0].candidate
    invented = Candidate(key="base=NaH; temperature=20; time=1", settings={"base": "NaH"})
    some = unseen(spec, history)
    avoided = Avoidance(factor="base", level=some[0].settings["base"])
    bad = advice([run, picked, invented, some[0]], avoidances=[avoided])
    assert [] == theirs(plan_search(spec, advised(history, bad)))
    (only,) = theirs(plan_search(spec, advised(history, bad.model_copy(update={"avoidances": ()}))))
    assert some[0] == only.candidate


def test_the_spaces_own_candidate_is_run_whatever_goes_by_its_key(campaign: Campaign, play: Play) -> None:
    """Settings that contradict the key are not taken from the suggestion."""
    spec = search(campaign)
    history = earned(play(spec, cycles=1))
    own = unseen(spec, history)[0]
    forged = own.model_copy(update={"settings": {"base": "none", "temperature": 9000}, "smiles": "C"})
    (run,) = theirs(plan_search(spec, advised(history, advice([forged]))))
    assert own == run.candidate


def test_candidates_outside_the_goals_constraints_are_passed_over(campaign: Campaign, play: Play) -> None:
    """A molecule that cannot be a winner is no candidate."""
    spec = search(
        campaign,
        space={
            "kind": "r_groups",
            "scaffolds": [{"name": "quinone", "smiles": CORE}],
            "substituents": [{"name": name, "smiles": smiles} for name, smiles in AMINES.items()],
            "max_substituted": 2,
        },
        constraints=[{"kind": "substructure", "name": "fluorine", "smarts": "F"}],
    )
    history = earned(play(spec, cycles=1, outcome=length))
    some = unseen(spec, history)
    fluorinated = [one for one in some if "F" in one.key]
    others = [one for one in some if "F" not in one.key]
    assert [] == theirs(plan_search(spec, advised(history, advice(fluorinated[:10]))))
    assert 1 == len(theirs(plan_search(spec, advised(history, advice(others[:10])))))
    avoided = [Avoidance(factor="substituent", level="OH"), Avoidance(factor="substituent", level="CH3")]
    assert [] == theirs(plan_search(spec, advised(history, advice(others[-10:], avoidances=avoided))))


def test_candidates_beyond_the_pool_are_found_in_a_large_space(campaign: Campaign, play: Play) -> None:
    """What the random subset lacks may be suggested, if it is in the space and as the space has it."""
    levels = list(range(20))
    factors = [{"kind": "discrete", "name": name, "unit": "1", "levels": levels} for name in "abc"]
    spec = search(
        campaign,
        space={"kind": "factors", "factors": factors},
        design={"batch_size": 5, "seed": 1, "pool_limit": 50},
    )
    history = earned(play(spec, cycles=1, outcome=share_of_a))
    pool = pool_for(spec)
    beyond = Candidate(key="a=19; b=13; c=7", settings={"a": 19, "b": 13, "c": 7})
    assert beyond.key not in pool.index
    (run,) = theirs(plan_search(spec, advised(history, advice([beyond]))))
    assert beyond == run.candidate
    for lie in (
        Candidate(key="a=19; b=13; c=20", settings={"a": 19, "b": 13, "c": 20}),
        Candidate(key="a=19; b=13; c=7.5", settings={"a": 19, "b": 13, "c": 7}),
        Candidate(key="anything", settings={}),
    ):
        assert [] == theirs(plan_search(spec, advised(history, advice([lie]))))


def test_what_the_surrogate_is_sure_of_is_not_tried_on_an_agents_word(campaign: Campaign, play: Play) -> None:
    """The same probability gets a place for a candidate that may be good, and none for one that cannot be."""
    spec = search(campaign)
    history = earned(play(spec, cycles=5))
    ranked = sorted(unseen(spec, history), key=worth)
    assert [] == theirs(plan_search(spec, advised(history, advice(ranked[:10], 0.98))))
    assert [] != theirs(plan_search(spec, advised(history, advice(ranked[-10:], 0.98))))


def test_of_equal_probabilities_the_surrogate_prefers(campaign: Campaign, play: Play) -> None:
    """Both are believed: among those that the advisor likes as well, the designer's own likeliest is run."""
    spec = search(campaign)
    history = earned(play(spec, cycles=3))
    some = unseen(spec, history)[:10]
    one, other = (theirs(plan_search(spec, advised(history, advice(each)))) for each in (some, some[::-1]))
    assert 1 == len(one)
    assert [run.candidate for run in one] == [run.candidate for run in other]


def test_utilities_take_no_place(campaign: Campaign, play: Play) -> None:
    """Without a stated probability a run could not be scored."""
    spec = search(campaign)
    history = earned(play(spec, cycles=1))
    liked = DesignAdvice(utilities=(Utility(factor="base", level="CsOAc", utility=1.0),))
    assert [] == theirs(plan_search(spec, advised(history, liked)))


def test_nobody_displaces_a_test_or_a_start(campaign: Campaign, play: Play, start: Start) -> None:
    """Only picks are displaced, and of three at most one: the runs that test claims stay."""
    spec = campaign()
    first = earned(start(spec), 30)
    said = advice(sorted(pool_for(spec).candidates, key=worth, reverse=True))
    assert [] == theirs(plan_search(spec, advised(first, said)))
    history = earned(play(spec, cycles=2), 30)
    tests = [run.candidate for run in plan_search(spec, history).plan.runs if run.test is not None]
    assert 2 == len(tests)
    planned = plan_search(spec, advised(history, advice(best_first(spec, history), 0.98)))
    assert 1 == len(theirs(planned))
    assert tests == [run.candidate for run in planned.plan.runs if run.test is not None]


def with_advisor(
    spec: CampaignSpec,
    history: History,
    ranked: list[Candidate],
    settle: Settle,
    outcome: Callable[[Run], float | None] | None = None,
) -> tuple[list[int], Standing]:
    """Play a campaign with an advisor that is sure of the first of a ranking; return places and standing."""
    places: list[int] = []
    while history.experiments_left:
        run = {seen.candidate.key for seen in history.observations}
        said = advice([one for one in ranked if one.key not in run], 0.98)
        planned = plan_search(spec, advised(history.model_copy(update={"proposals": ()}), said))
        places.append(len(theirs(planned)))
        history = settle(spec, history, planned, outcome)
    (standing,) = history_standings(spec, history)
    return places, standing


@pytest.mark.parametrize("seed", [3, 5, 6])
def test_a_confident_liar_costs_a_place_and_half_its_wealth(
    campaign: Campaign, start: Start, settle: Settle, seed: int
) -> None:
    """The worst candidates, said to be better with 0.98: one is tried before the surrogate knows them."""
    spec = search(campaign, design={"batch_size": 5, "seed": seed})
    worst = sorted(pool_for(spec).candidates, key=worth)
    places, standing = with_advisor(spec, start(spec), worst, settle)
    assert 1 == sum(places)
    assert standing.weight < 0.6
    assert standing.share < 0.03


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_who_is_always_wrong_is_out_after_a_handful_of_places(
    campaign: Campaign, start: Start, settle: Settle, seed: int
) -> None:
    """A record does not save one whose candidates the surrogate likes as well, and which all fail."""
    spec = search(campaign, design={"batch_size": 10, "seed": seed}, budget={"experiments": 70})
    best = sorted(pool_for(spec).candidates, key=worth, reverse=True)
    before = earned(start(spec))

    def outcome(run: Run) -> float | None:
        return None if run.suggested is not None else worth(run.candidate)

    places, standing = with_advisor(spec, before, best, settle, outcome)
    assert 2 <= sum(places) <= 6
    assert (sum(places), 0) == (standing.candidates, standing.candidates_better)
    assert standing.share < 0.03


def test_who_is_right_earns_more_places(campaign: Campaign, start: Start, settle: Settle) -> None:
    """A newcomer that knows the best begins with one of ten at the most and comes to have several."""
    spec = search(campaign, design={"batch_size": 10, "seed": 3}, budget={"experiments": 70})
    best = sorted(pool_for(spec).candidates, key=worth, reverse=True)
    places, standing = with_advisor(spec, start(spec), best, settle)
    assert 1 == places[1] < max(places) <= 6
    assert standing.weight > 5.0


def test_who_knows_the_best_is_never_given_more_than_three_in_five(
    campaign: Campaign, start: Start, settle: Settle
) -> None:
    """However long its record, the algorithm keeps two of five."""
    spec = search(campaign)
    best = sorted(pool_for(spec).candidates, key=worth, reverse=True)
    places, _ = with_advisor(spec, earned(start(spec), 30), best, settle)
    assert 3 == places[1] == max(places)
