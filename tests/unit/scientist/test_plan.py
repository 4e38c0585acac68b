"""Batches: what is in them, in which order, and that they can be repeated exactly."""

from collections import Counter
from collections.abc import Callable

import pytest

from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.canonical import seal
from moonloop.domain.errors import BudgetSpent, SpaceImpossible
from moonloop.domain.history import History
from moonloop.domain.plans import Purpose, Run
from moonloop.scientist import PlannedBatch, plan_search

Campaign = Callable[..., CampaignSpec]
Play = Callable[..., History]
Register = Callable[[CampaignSpec, History], History]
Settle = Callable[..., History]


def purposes(planned: PlannedBatch) -> Counter[Purpose]:
    """Count the runs of a plan by purpose."""
    return Counter(run.purpose for run in planned.plan.runs)


def batches(history: History) -> list[Counter[Purpose]]:
    """Count what was run in each cycle by purpose."""
    counts: dict[int, Counter[Purpose]] = {}
    for seen in history.observations:
        counts.setdefault(seen.cycle, Counter())[seen.purpose] += 1
    return list(counts.values())


def flat(_: Run) -> float:
    """Return the same value for every run."""
    return 0.1


def broken(_: Run) -> None:
    """Return no value: every run fails."""


def rising(run: Run) -> float:
    """Return the level of the only factor."""
    return float(run.candidate.settings["x"])


def test_a_campaign_with_claims_starts_with_pairs(campaign: Campaign, play: Play) -> None:
    """Two batches of two pairs and one space-filling run, then one pair and three picks."""
    tests = batches(play(campaign(), cycles=4))
    beginning = Counter({Purpose.TEST: 4, Purpose.EXPLORE: 1})
    later = Counter({Purpose.TEST: 2, Purpose.PICK: 3})
    assert [beginning, beginning, later, later] == tests


def test_the_first_pairs_are_spread_over_the_claims(campaign: Campaign, play: Play) -> None:
    """Both claims have two pairs after two batches."""
    history = play(campaign(), cycles=2)
    counts = Counter(seen.test.hypothesis_id for seen in history.observations if seen.test)
    assert {"hyp_test0001_01": 4, "hyp_test0001_02": 4} == dict(counts)


def test_a_campaign_without_claims_fills_the_space_once(campaign: Campaign, play: Play) -> None:
    """One space-filling batch, then picks alone."""
    spec = campaign(claims=[], scientist={"claims_at_most": 0})
    filling, picks = Counter({Purpose.EXPLORE: 5}), Counter({Purpose.PICK: 5})
    assert [filling, picks, picks] == batches(play(spec, cycles=3))


def test_tests_end_with_the_verdicts(campaign: Campaign, play: Play) -> None:
    """When every claim is decided the batches are picks alone."""
    history = play(campaign(scientist={"claims_at_most": 2}, budget={"experiments": 70}))
    assert ["supported", "refuted"] == [one.verdict for one in history.evidence]
    assert Counter({Purpose.PICK: 5}) == batches(history)[-1]


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 10])
def test_other_batch_sizes_are_scaled(campaign: Campaign, play: Play, size: int) -> None:
    """Every batch is full, about two in five of the later runs are tests, and pairs are whole."""
    spec = campaign(
        design={"batch_size": size, "seed": 1}, budget={"experiments": 60}, scientist={"claims_at_most": 2}
    )
    history = play(spec, cycles=max(4, 20 // size))
    assert {size} == {batch.total() for batch in batches(history)}
    arms = Counter((s.cycle, s.test.hypothesis_id, s.test.block) for s in history.observations if s.test)
    assert set(arms.values()) == (set() if size == 1 else {2})
    assert sum(arms.values()) <= 30


def test_a_batch_never_exceeds_what_is_left(
    campaign: Campaign, start: Callable[..., History], register: Register
) -> None:
    """With three experiments left three runs are planned: a pair and one more; with one, no pair."""
    spec = campaign()
    for left, tests in ((3, 2), (1, 0)):
        history = register(spec, start(spec)).model_copy(update={"experiments_left": left})
        counts = purposes(plan_search(spec, history))
        assert (left, tests) == (counts.total(), counts[Purpose.TEST])


def test_nothing_is_planned_without_a_budget(campaign: Campaign, start: Callable[..., History]) -> None:
    """The error names the line that is spent."""
    spec = campaign()
    with pytest.raises(BudgetSpent, match="experiments"):
        plan_search(spec, start(spec).model_copy(update={"experiments_left": 0}))


def test_nothing_is_planned_when_everything_was_run(campaign: Campaign, play: Play) -> None:
    """A space of two settings ends after two runs."""
    factor = {"kind": "discrete", "name": "x", "unit": "1", "levels": [1, 2]}
    spec = campaign(
        space={"kind": "factors", "factors": [factor]}, claims=[], scientist={"claims_at_most": 0}
    )
    history = play(spec, cycles=1, outcome=rising)
    assert [2] == [batch.total() for batch in batches(history)]
    with pytest.raises(SpaceImpossible, match="has been run"):
        plan_search(spec, history)


def test_a_plan_is_a_function_of_file_and_history(campaign: Campaign, play: Play, register: Register) -> None:
    """The same inputs give the same bytes, another seed another plan."""
    spec, other = campaign(), campaign(design={"batch_size": 5, "seed": 2})
    hashes = [
        seal(plan_search(each, register(each, play(each, cycles=2))).plan).sha256
        for each in (spec, spec, other)
    ]
    assert hashes[0] == hashes[1] != hashes[2]


def test_specs_are_what_the_hashes_say(campaign: Campaign, play: Play, register: Register) -> None:
    """Run by run: the job's id, its sealed spec, the candidate, a seed of its own."""
    spec = campaign()
    planned = plan_search(spec, register(spec, play(spec, cycles=2)))
    for index, (run, job) in enumerate(zip(planned.plan.runs, planned.specs, strict=True)):
        assert (index, f"job_test0001_0003_{index:04d}") == (run.index, run.job_id)
        assert (run.job_id, run.spec_sha256) == (job.job_id, seal(job).sha256)
        assert run.candidate == job.candidate
    assert len(planned.specs) == len({job.seed for job in planned.specs})
    assert "pln_test0001_0003" == planned.plan.id


def test_arms_of_a_pair_stay_side_by_side_in_random_order(
    campaign: Campaign, start: Callable[..., History], register: Register
) -> None:
    """Over forty campaigns either arm comes first about as often, and nothing is ever between them."""
    firsts: Counter[str] = Counter()
    places: Counter[int] = Counter()
    for seed in range(40):
        spec = campaign(design={"batch_size": 5, "seed": seed})
        by_pair: dict[tuple[str, int], list[Run]] = {}
        for run in plan_search(spec, register(spec, start(spec))).plan.runs:
            if run.test:
                by_pair.setdefault((run.test.hypothesis_id, run.test.block), []).append(run)
            else:
                places[run.index] += 1
        for one, other in by_pair.values():
            assert 1 == other.index - one.index
            firsts[one.test.arm if one.test else ""] += 1
    assert 20 <= firsts["a"] <= 60
    assert {0, 2, 4} == set(places)


def test_pairs_are_matched_and_drawn_by_the_claims_seed(
    campaign: Campaign, play: Play, register: Register
) -> None:
    """The arms differ in the claim's factor alone; a plan that was never run is drawn again as it was."""
    spec = campaign()
    history = register(spec, play(spec, cycles=2))
    plans = [plan_search(spec, each) for each in (history, history.model_copy(update={"cycle": 4}))]
    contexts: list[list[object]] = []
    for planned in plans:
        arms = {run.test.arm: run.candidate for run in planned.plan.runs if run.test}
        differing = {k for k, v in arms["a"].settings.items() if arms["b"].settings[k] != v}
        assert 1 == len(differing)
        contexts.append([arms["a"], arms["b"]])
    assert contexts[0] == contexts[1]


def test_references_run_once_and_beside_the_budget(
    campaign: Campaign, start: Callable[..., History], register: Register, settle: Settle
) -> None:
    """They are in the first plan, beyond its batch, with their name, and never again."""
    known = {"name": "blank", "settings": {"base": "none", "temperature": 20, "time": 1}, "value": 0.1}
    spec = campaign(references=[{**known, "citation": "Nobody, 2000"}])
    history = register(spec, start(spec))
    first = plan_search(spec, history)
    assert {Purpose.TEST: 4, Purpose.EXPLORE: 1, Purpose.REFERENCE: 1} == dict(purposes(first))
    assert ["blank"] == [run.label for run in first.plan.runs if run.label]
    after = settle(spec, history, first)
    assert 45 == after.experiments_left
    assert 0 == purposes(plan_search(spec, after))[Purpose.REFERENCE]


def test_reasons_are_one_sentence_each(campaign: Campaign, play: Play, register: Register) -> None:
    """A reviewer reads why each run is there, and what it is expected to give."""
    spec = campaign()
    runs = plan_search(spec, register(spec, play(spec, cycles=2))).plan.runs
    assert all(run.reason.endswith(".") and "\n" not in run.reason for run in runs)
    assert all(run.expected is not None and run.expected.sd > 0 for run in runs)


def test_picks_are_new_and_within_the_limits(campaign: Campaign, play: Play) -> None:
    """No pick repeats a setting that was run before."""
    seen: set[str] = set()
    for one in play(campaign()).observations:
        if one.purpose is Purpose.PICK:
            assert one.candidate.key not in seen
        seen.add(one.candidate.key)


def test_replicates_are_counted(campaign: Campaign, play: Play) -> None:
    """A test that draws a setting again says that it is the next replicate, and has a seed of its own."""
    factor = [
        {"kind": "categorical", "name": "base", "levels": ["a", "b"]},
        {"kind": "discrete", "name": "x", "unit": "1", "levels": [1, 2]},
    ]
    effect = {"kind": "effect", "factor": "base", "level_a": "a", "level_b": "b"}
    spec = campaign(
        space={"kind": "factors", "factors": factor},
        claims=[{"claim": effect, "statement": "a beats b.", "probability": 0.5}],
    )
    history = play(spec, cycles=1, outcome=flat)
    planned = plan_search(spec, history)
    before = Counter(seen.candidate.key for seen in history.observations)
    for run in planned.plan.runs:
        assert before[run.candidate.key] == run.replicate
        before[run.candidate.key] += 1
    assert max(run.replicate for run in planned.plan.runs) > 0


def test_failed_runs_are_not_picked_again(campaign: Campaign, play: Play) -> None:
    """A base that fails whenever it is tried is left alone after a while."""
    spec = campaign(claims=[], scientist={"claims_at_most": 0})

    def outcome(run: Run) -> float | None:
        return (
            None if run.candidate.settings["base"] == "CsOAc" else 0.1 * float(run.candidate.settings["time"])
        )

    history = play(spec, cycles=6, outcome=outcome)
    tried = [one.candidate.key for one in history.observations]
    failed = [one.cycle for one in history.observations if one.outcome == "failed"]
    assert len(tried) == len(set(tried))
    assert failed
    assert len(failed) < 12


def test_a_batch_that_failed_altogether_is_followed_by_another(campaign: Campaign, play: Play) -> None:
    """Without any value the space is filled further, and the claims wait for data."""
    history = play(campaign(), cycles=3, outcome=broken)
    assert 15 == len(history.observations)
    assert {"failed"} == {one.outcome for one in history.observations}


def test_a_prediction_waits_for_the_surrogate_that_it_is_about(campaign: Campaign, play: Play) -> None:
    """Registered at the start for the surrogate of cycle 2, it is tested from cycle 3 on."""
    prediction = {"kind": "prediction", "error": 0.2, "trained_through": 2}
    claims = [{"claim": prediction, "statement": "It predicts well.", "probability": 0.5}]
    spec = campaign(claims=claims, scientist={"claims_at_most": 1})
    history = play(spec, cycles=4)
    tests = [seen for seen in history.observations if seen.test is not None]
    before = {seen.candidate.key for seen in history.observations if seen.cycle <= 2}
    assert [3, 3, 4, 4] == [seen.cycle for seen in tests]
    assert not before & {seen.candidate.key for seen in tests}
    assert all(seen.test is not None and seen.test.predicted is not None for seen in tests)
    assert history.evidence[0].n == 4


def test_a_frozen_prediction_does_not_learn(campaign: Campaign, play: Play) -> None:
    """What is predicted in cycle 4 is what the surrogate of cycle 2 says, whatever cycle 3 brought."""
    prediction = {"kind": "prediction", "error": 0.2, "trained_through": 2}
    claims = [{"claim": prediction, "statement": "It predicts well.", "probability": 0.5}]
    spec = campaign(claims=claims, scientist={"claims_at_most": 1})
    history = play(spec, cycles=3)
    shifted = [
        seen.model_copy(update={"value": 0.9}) if seen.cycle == 3 else seen for seen in history.observations
    ]
    said = [
        {
            run.candidate.key: run.test.predicted
            for run in plan_search(spec, each).plan.runs
            if run.test is not None
        }
        for each in (history, history.model_copy(update={"observations": tuple(shifted)}))
    ]
    assert said[0] == said[1] != {}
