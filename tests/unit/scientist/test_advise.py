"""Advice and confirmation: when to stop, what is checked, and what may be called found."""

import zlib
from collections.abc import Callable
from typing import Any

import pytest

from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.errors import BudgetSpent
from moonloop.domain.history import History, NextStep, Observation
from moonloop.domain.plans import Purpose, Run
from moonloop.scientist import advise, confirmed, plan_confirmation, plan_search, winners

Campaign = Callable[..., CampaignSpec]
Play = Callable[..., History]
Settle = Callable[..., History]

ROUTINE = {"name": "formula/1", "robot": "simulated"}
OTHER = {"name": "other/1", "robot": "simulated"}
CHECKS = {
    "top": 2,
    "runs": [
        {"label": "again", "tolerance": 0.05, "protocol": ROUTINE},
        {"label": "otherwise", "tolerance": 0.2, "protocol": OTHER},
    ],
}
NO_CLAIMS: dict[str, Any] = {"claims": [], "scientist": {"claims_at_most": 0}}


def told(history: History, spec: CampaignSpec) -> tuple[NextStep, str]:
    """Return step and reason of the advice."""
    advice = advise(spec, history)
    return advice.step, advice.reason


def value_of(run: Run) -> float:
    """Return the formula's outcome of a run."""
    at = run.candidate.settings
    return float(at["time"]) / 10.0 + (0.1 if at["base"] == "CsOAc" else 0.0)


def check(history: History, spec: CampaignSpec, settle: Settle, shift: float | None = 0.0) -> History:
    """Run the planned confirmation; every value is off by `shift`, or missing."""

    def outcome(run: Run) -> float | None:
        return None if shift is None else value_of(run) + shift

    return settle(spec, history, plan_confirmation(spec, history), outcome)


def test_the_search_goes_on_while_there_is_hope(campaign: Campaign, play: Play) -> None:
    """With experiments left and no target met, the advice is to search, with the numbers."""
    spec = campaign(**NO_CLAIMS)
    advice = advise(spec, play(spec, cycles=2))
    assert (NextStep.SEARCH, "") == (advice.step, advice.reason)
    assert advice.best_key is not None
    assert advice.expected_improvement is not None
    assert f"{advice.best_value:.4g}" in advice.sentence
    assert "40 experiments are left" in advice.sentence


def test_before_any_value_there_is_nothing_to_say(campaign: Campaign, start: Callable[..., History]) -> None:
    """A campaign that has not begun is advised to search."""
    spec = campaign()
    assert (NextStep.SEARCH, "") == told(start(spec), spec)


def test_a_spent_budget_leads_to_confirmation_and_then_to_the_end(
    campaign: Campaign, play: Play, settle: Settle
) -> None:
    """The best two are checked in both ways, once; then the campaign stops for its first reason."""
    spec = campaign(**NO_CLAIMS, confirmation=CHECKS, budget={"experiments": 10})
    spent = play(spec, outcome=value_of)
    assert (NextStep.CONFIRM, "budget_spent") == told(spent, spec)
    checked = check(spent, spec, settle)
    assert (NextStep.STOP, "budget_spent") == told(checked, spec)
    assert [True, True] == [one.held for one in confirmed(spec, checked)]


def test_the_best_of_those_that_were_checked_is_named_by_its_own_value(
    campaign: Campaign, play: Play, settle: Settle
) -> None:
    """As the report does, though what to check is decided by what the surrogate makes of scattered values."""

    def scattered(run: Run) -> float:
        return value_of(run) + 0.5 * (zlib.crc32(f"f {run.candidate.key}".encode()) % 3)

    again = [{"label": "again", "tolerance": 1.0, "protocol": ROUTINE}]
    spec = campaign(**NO_CLAIMS, confirmation={"top": 4, "runs": again}, budget={"experiments": 10})
    spent = play(spec, outcome=scattered)
    checked = check(spent, spec, settle, shift=3.0)
    held = {one.candidate.key: one.value for one in confirmed(spec, checked) if one.held}
    first = next(winner for winner in winners(spec, checked) if winner.candidate.key in held)
    advice = advise(spec, checked)

    assert first.value < max(held.values())
    assert (NextStep.STOP, max(held.values())) == (advice.step, advice.best_value)
    assert advice.best_value == held[advice.best_key or ""]


def test_without_a_confirmation_section_a_spent_budget_ends_the_campaign(
    campaign: Campaign, play: Play
) -> None:
    """Nothing is checked that the file does not ask for, and the sentence does not claim it."""
    spec = campaign(**NO_CLAIMS, budget={"experiments": 5})
    spent = play(spec)
    assert (NextStep.STOP, "budget_spent") == told(spent, spec)
    assert "not confirmed" in advise(spec, spent).sentence


def test_a_met_target_is_checked_before_it_counts(campaign: Campaign, play: Play, settle: Settle) -> None:
    """Only the winners that meet the target are checked, and then the goal is met."""
    objective = {**campaign().objective.model_dump(), "target": 0.9}
    spec = campaign(**NO_CLAIMS, confirmation=CHECKS, objective=objective)
    met = play(spec, cycles=4, outcome=value_of)
    assert (NextStep.CONFIRM, "goal_met") == told(met, spec)
    planned = plan_confirmation(spec, met)
    assert {Purpose.CONFIRMATION} == {run.purpose for run in planned.plan.runs}
    assert all(
        winner.value >= 0.9
        for winner in winners(spec, met)
        if winner.candidate.key in _keys(planned.plan.runs)
    )
    after = check(met, spec, settle)
    assert (NextStep.STOP, "goal_met") == told(after, spec)
    assert met.experiments_left == after.experiments_left


def _keys(runs: tuple[Run, ...]) -> set[str]:
    return {run.candidate.key for run in runs}


def test_a_winner_that_does_not_hold_is_not_the_goal(campaign: Campaign, play: Play, settle: Settle) -> None:
    """When the check is worse than the tolerance the search goes on, and the candidate is no winner."""
    objective = {**campaign().objective.model_dump(), "target": 0.9}
    spec = campaign(**NO_CLAIMS, confirmation={**CHECKS, "top": 1}, objective=objective)
    met = play(spec, cycles=4, outcome=value_of)
    fallen = check(met, spec, settle, shift=-0.1)
    assert NextStep.SEARCH == advise(spec, fallen).step
    (result,) = confirmed(spec, fallen)
    assert [("again", False), ("otherwise", True)] == [(one.label, one.held) for one in result.checks]
    assert not result.held
    assert "outside the 0.05 allowed" in result.sentence
    assert result.candidate.key not in {winner.candidate.key for winner in winners(spec, fallen)}
    assert result.candidate.key != advise(spec, fallen).best_key


def test_better_than_routine_holds(campaign: Campaign, play: Play, settle: Settle) -> None:
    """A tolerance bounds how much worse a check may be, not how much better."""
    spec = campaign(**NO_CLAIMS, confirmation=CHECKS, budget={"experiments": 5})
    better = check(play(spec, outcome=value_of), spec, settle, shift=0.5)
    assert all(one.held for one in confirmed(spec, better))


def test_where_less_is_better_a_higher_check_does_not_hold(
    campaign: Campaign, play: Play, settle: Settle
) -> None:
    """Worse has the sign of the goal."""
    objective = {**campaign().objective.model_dump(), "direction": "minimise"}
    spec = campaign(**NO_CLAIMS, confirmation=CHECKS, budget={"experiments": 5}, objective=objective)
    spent = play(spec, outcome=value_of)
    held = [confirmed(spec, check(spent, spec, settle, shift=s))[0].held for s in (-0.3, 0.3)]
    assert [True, False] == held


def test_a_failed_check_is_not_held(campaign: Campaign, play: Play, settle: Settle) -> None:
    """A winner whose check gave no value is not confirmed, in words."""
    spec = campaign(**NO_CLAIMS, confirmation=CHECKS, budget={"experiments": 5})
    failed = check(play(spec, outcome=value_of), spec, settle, shift=None)
    assert [False, False] == [one.held for one in confirmed(spec, failed)]
    assert "not confirmed" in confirmed(spec, failed)[0].sentence


def test_confirmation_stays_within_its_budget(campaign: Campaign, play: Play, settle: Settle) -> None:
    """Of two winners only one fits into three runs, and then no more is planned."""
    spec = campaign(**NO_CLAIMS, confirmation=CHECKS, budget={"experiments": 5, "confirmation": 3})
    spent = play(spec, outcome=value_of)
    planned = plan_confirmation(spec, spent)
    assert 2 == len(planned.plan.runs)
    checked = check(spent, spec, settle)
    assert (NextStep.STOP, "budget_spent") == told(checked, spec)
    with pytest.raises(BudgetSpent, match="confirmation"):
        plan_confirmation(spec, checked)


def test_checks_use_their_own_protocol_and_are_replicates_of_it(campaign: Campaign, play: Play) -> None:
    """A check by the routine protocol is a candidate's second run, one by another protocol its first."""
    spec = campaign(**NO_CLAIMS, confirmation=CHECKS, budget={"experiments": 5})
    planned = plan_confirmation(spec, play(spec, outcome=value_of))
    by_label = {
        run.label: (run.replicate, job.protocol)
        for run, job in zip(planned.plan.runs, planned.specs, strict=True)
    }
    assert {"again": (1, "formula/1"), "otherwise": (0, "other/1")} == by_label
    assert ("formula/1", "other/1") == planned.plan.protocols


def test_confirmation_runs_do_not_feed_the_surrogate(
    campaign: Campaign, play: Play, observe: Callable[..., Observation]
) -> None:
    """Whatever a check or a reference gave, the next batch is the same."""
    spec = campaign(**NO_CLAIMS, confirmation=CHECKS)
    history = play(spec, cycles=2, outcome=value_of)
    plans: list[tuple[str, ...]] = []
    for value in (0.0, 1.0):
        runs = plan_confirmation(spec, history).plan.runs
        seen = tuple(observe(run, history.cycle, value) for run in runs)
        after = history.model_copy(update={"observations": (*history.observations, *seen)})
        plans.append(tuple(run.candidate.key for run in plan_search(spec, after).plan.runs))
    assert plans[0] == plans[1]


def test_a_campaign_stops_when_little_is_expected(campaign: Campaign, play: Play) -> None:
    """With stop.improvement_below the search ends when the largest expected improvement is smaller."""
    spec = campaign(**NO_CLAIMS, stop={"improvement_below": 0.01})
    history = play(spec, cycles=8, outcome=value_of)
    advice = advise(spec, history)
    assert advice.expected_improvement is not None
    assert advice.expected_improvement < 0.01
    assert (NextStep.STOP, "no_candidates") == (advice.step, advice.reason)
    assert NextStep.SEARCH == advise(campaign(**NO_CLAIMS), history).step


def test_a_space_that_was_run_through_ends_the_campaign(campaign: Campaign, play: Play) -> None:
    """When every setting was measured there is no candidate left, whatever the budget."""
    factor = {"kind": "discrete", "name": "time", "unit": "h", "levels": [1, 2, 4]}
    spec = campaign(**NO_CLAIMS, space={"kind": "factors", "factors": [factor]})

    def outcome(run: Run) -> float:
        return float(run.candidate.settings["time"])

    assert (NextStep.STOP, "no_candidates") == told(play(spec, cycles=1, outcome=outcome), spec)


def test_winners_are_ranked_by_all_that_is_known(campaign: Campaign, play: Play) -> None:
    """The order is that of the surrogate's means, and each shows its own measured value."""
    spec = campaign(**NO_CLAIMS)
    history = play(spec, cycles=4, outcome=value_of)
    ranked = winners(spec, history)
    means = [winner.expected for winner in ranked]
    assert sorted(means, reverse=True) == means
    measured = {one.candidate.key: one.value for one in history.observations}
    assert all(measured[winner.candidate.key] == winner.value for winner in ranked)
