"""Verdicts: what counts, in which order, and what never changes."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.claims import Effect, Evidence, Hypothesis, Prediction, ProposedClaim, Verdict
from moonloop.domain.history import History, Observation
from moonloop.domain.plans import Purpose, Run, TestArm
from moonloop.domain.space import Candidate
from moonloop.scientist import judge, plan_search, propose
from moonloop.tools.spaces import Contrast, pool_for

Campaign = Callable[..., CampaignSpec]
Play = Callable[..., History]

SPEC = CampaignSpec.model_validate(
    {
        "moonloop": 1,
        "name": "judged",
        "space": {
            "kind": "factors",
            "factors": [{"kind": "categorical", "name": "base", "levels": ["a", "b", "c"]}],
        },
        "objective": {"name": "y", "unit": "1", "direction": "maximise", "range": [0, 10]},
        "protocol": {"name": "test/1", "robot": "simulated"},
        "budget": {"experiments": 50},
    }
)
LOWER_IS_BETTER = SPEC.model_copy(
    update={"objective": SPEC.objective.model_copy(update={"direction": "minimise"})}
)
CLAIM = Effect(factor="base", level_a="a", level_b="b", delta=1.0)
PREDICTED = Prediction(error=1.0, trained_through=1)


def hypothesis(number: int = 1, claim: Effect | Prediction = CLAIM, weight: float = 1.0) -> Hypothesis:
    """Return a claim with delta (or error) 1 and cap 2, registered in cycle 2."""
    return Hypothesis(
        id=f"hyp_test0001_{number:02d}",
        campaign_id="cmp_test0001",
        number=number,
        proposed=ProposedClaim(claim=claim, statement="a beats b.", probability=0.5),
        alpha=0.05,
        weight=weight,
        delta=1.0,
        cap=2.0,
        seed=number,
        registered_in=2,
    )


def arm(
    block: int, which: str, value: float | None, *, number: int = 1, cycle: int = 2, purpose: str = "test"
) -> Observation:
    """Return one run of a test; without a value it has failed."""
    index = 4 * block + {"a": 0, "b": 1, "single": 2}[which]
    return Observation.model_validate(
        {
            "cycle": cycle,
            "index": index,
            "job_id": f"job_test0001_{cycle:04d}_{index:04d}",
            "purpose": purpose,
            "candidate": Candidate(key=f"base={which}", settings={"base": which}),
            "outcome": "failed" if value is None else "measured",
            "value": value,
            "measurement_id": None if value is None else f"mea_{number:04d}_{cycle}_{index}",
            "test": TestArm(
                hypothesis_id=f"hyp_test0001_{number:02d}",
                block=block,
                arm=which,
                predicted=5.0 if which == "single" else None,
            ),
        }
    )


def pair(block: int, advantage: float, **about: int) -> list[Observation]:
    """Return both arms of a pair."""
    return [
        arm(block, "a", 5.0 + advantage, number=about.get("number", 1), cycle=about.get("cycle", 2)),
        arm(block, "b", 5.0, number=about.get("number", 1), cycle=about.get("cycle", 2)),
    ]


def history(
    observations: list[Observation],
    hypotheses: tuple[Hypothesis, ...] = (hypothesis(),),
    evidence: tuple[Evidence, ...] = (),
) -> History:
    """Return a history with some tests."""
    return History(
        campaign_id="cmp_test0001",
        cycle=9,
        observations=tuple(observations),
        hypotheses=hypotheses,
        evidence=evidence,
        experiments_left=0,
    )


def told(observations: list[Observation], spec: CampaignSpec = SPEC) -> Evidence:
    """Return the evidence of the only claim."""
    (found,) = judge(spec, history(observations))
    return found


def test_six_unanimous_pairs_support_a_claim() -> None:
    """The verdict comes with the sixth pair, its threshold, and the measurements it rests on."""
    found = told([one for block in range(6) for one in pair(block, 3.0)])
    assert (Verdict.SUPPORTED, 6, pytest.approx(20.0)) == (found.verdict, found.n, found.threshold)
    assert found.e_support >= found.threshold
    assert pytest.approx(2.0) == found.estimate
    assert 12 == len(set(found.measurements))
    assert 0 == found.projected


def test_an_advantage_has_the_sign_of_the_goal() -> None:
    """Where less is better, lower values of arm A support the claim."""
    observations = [one for block in range(6) for one in pair(block, -3.0)]
    assert Verdict.SUPPORTED == told(observations, LOWER_IS_BETTER).verdict
    assert Verdict.REFUTED == told(observations).verdict


def test_the_order_of_arrival_does_not_matter() -> None:
    """Blocks count by (cycle, block), whatever order the ledger has them in."""
    observations = [one for block in range(8) for one in pair(block, 3.0 if block < 5 else -1.0)]
    assert told(observations) == told(observations[::-1])


def test_an_unsettled_block_holds_back_those_after_it() -> None:
    """A pair that waits for its second arm lets no later pair count: nobody can wait for good news."""
    observations = [one for block in range(8) for one in pair(block, 3.0)]
    late = [one for one in observations if one.test and (one.test.block, one.test.arm) == (4, "b")]
    assert 4 == told([one for one in observations if one not in late]).n
    assert 6 == told(observations).n


def test_only_test_runs_from_registration_on_count() -> None:
    """Runs before registration, picks, and runs of other claims are no evidence."""
    early = pair(0, 3.0, cycle=1)
    picks = [arm(0, "a", 9.0, purpose="pick"), arm(0, "b", 1.0, purpose="pick")]
    others = pair(0, 3.0, number=7)
    assert 0 == told([*early, *picks, *others]).n


def test_a_failed_arm_makes_the_pair_count_against_both_verdicts() -> None:
    """The pair counts, is told as failed, and lowers both e-values."""
    known = told([one for block in range(3) for one in pair(block, 1.0)])
    lost = told(
        [*(one for block in range(3) for one in pair(block, 1.0)), arm(3, "a", 9.0), arm(3, "b", None)]
    )
    assert (4, 1, known.estimate) == (lost.n, lost.failed, lost.estimate)
    assert lost.e_support < known.e_support
    assert lost.e_refute < known.e_refute


def test_a_cancelled_arm_counts_as_a_failed_one() -> None:
    """Whoever cancels a run may have seen how the other arm went."""
    whole = pair(0, 3.0)
    cancelled = whole[1].model_copy(update={"outcome": "cancelled", "value": None})
    assert 1 == told([whole[0], cancelled]).failed


def test_predictions_count_their_capped_error() -> None:
    """Values 5.0, 5.5 and 9.0 where 5.0 was said are errors of 0, 0.5 and the cap, 2."""
    runs = [arm(block, "single", value) for block, value in enumerate((5.0, 5.5, 9.0))]
    (found,) = judge(SPEC, history(runs, (hypothesis(claim=PREDICTED),)))
    assert (3, pytest.approx(2.5 / 3)) == (found.n, found.estimate)


def test_good_predictions_are_supported_and_bad_ones_refuted() -> None:
    """Six exact ones against an error of 1 support; errors at the cap refute."""
    verdicts = [
        judge(SPEC, history([arm(b, "single", value) for b in range(9)], (hypothesis(claim=PREDICTED),)))[
            0
        ].verdict
        for value in (5.0, 9.0)
    ]
    assert [Verdict.SUPPORTED, Verdict.REFUTED] == verdicts


def test_a_verdict_never_changes() -> None:
    """Evidence that the history has as decided is returned as it is, whatever the data say now."""
    supported = told([one for block in range(6) for one in pair(block, 3.0)])
    later = [one for block in range(30) for one in pair(block, -3.0)]
    assert (supported,) == judge(SPEC, history(later, evidence=(supported,)))


def test_judging_again_with_more_data_keeps_verdicts() -> None:
    """Judged after each cycle or only at the end, the verdicts are the same."""
    claims = (hypothesis(1, weight=0.5), hypothesis(2, weight=0.5))
    observations = [
        one
        for cycle in range(2, 12)
        for number, advantage in ((1, 3.0), (2, -3.0 if cycle % 3 else 3.0))
        for one in pair(cycle - 2, advantage, number=number, cycle=cycle)
    ]
    known: tuple[Evidence, ...] = ()
    for cycle in range(2, 12):
        known = judge(SPEC, history([one for one in observations if one.cycle <= cycle], claims, known))
    assert known == judge(SPEC, history(observations, claims))


def test_a_verdict_on_one_claim_can_decide_another() -> None:
    """The second claim waited below its first threshold, 40, and is decided when that falls to 20."""
    claims = (hypothesis(1, weight=0.5), hypothesis(2, weight=0.5))
    waiting = [one for block in range(6) for one in pair(block, 3.0, number=2)]
    first = [one for block in range(7) for one in pair(block, 3.0, number=1, cycle=3)]
    alone = judge(SPEC, history(waiting, claims))
    both = judge(SPEC, history([*waiting, *first], claims))
    assert [Verdict.UNDECIDED, Verdict.UNDECIDED] == [one.verdict for one in alone]
    assert [(Verdict.SUPPORTED, 7), (Verdict.SUPPORTED, 6)] == [(one.verdict, one.n) for one in both]


@settings(max_examples=30)
@given(st.lists(st.floats(-3, 3), max_size=12))
def test_e_values_are_those_of_the_registered_rule(advantages: list[float]) -> None:
    """While undecided, the e-values are the mixture of the four bets on all pairs so far."""
    found = told([one for block, advantage in enumerate(advantages) for one in pair(block, advantage)])
    capped = np.clip(np.asarray(advantages, dtype=np.float64), -2.0, 2.0)[: found.n]
    bets = np.asarray([0.2, 0.5, 0.8, 0.95])
    support = np.prod(1.0 + bets[:, None] * capped[None, :] / 2.0, axis=1).mean()
    refute = np.prod(1.0 + bets[:, None] * (1.0 - capped[None, :]), axis=1).mean()
    assert (pytest.approx(support), pytest.approx(refute)) == (found.e_support, found.e_refute)


def test_settings_are_drawn_uniformly_whatever_was_picked(campaign: Campaign, play: Play) -> None:
    """Over 150 campaigns the contexts of a claim's third pair are spread evenly (chi-squared, 4 sd)."""
    counts = np.zeros(20)
    for seed in range(150):
        spec = campaign(design={"batch_size": 5, "seed": seed}, scientist={"claims_at_most": 2})
        first = propose(spec, History(campaign_id="cmp_test0001", cycle=1, experiments_left=50))[0]
        atlas = pool_for(spec).atlas
        stated = first.proposed.claim
        assert isinstance(stated, Effect)
        pairs = atlas.pairs(Contrast(stated.factor, stated.level_a, stated.level_b))
        assert pairs is not None
        history = play(spec, cycles=2) if seed < 3 else None
        if history is not None:
            planned = plan_search(spec, history.model_copy(update={"hypotheses": history.hypotheses[:1]}))
            drawn = next(
                run.candidate for run in planned.plan.runs if run.test is not None and run.test.arm == "a"
            )
            assert drawn.key in {one.key for one, _ in pairs}
        counts[_drawn(spec, first, pairs)] += 1
    chi_squared = float(((counts - 150 / 20) ** 2 / (150 / 20)).sum())
    assert chi_squared < 19 + 4 * (2 * 19) ** 0.5


def _drawn(spec: CampaignSpec, claim: Hypothesis, pairs: tuple[tuple[Candidate, Candidate], ...]) -> int:
    history = History(campaign_id="cmp_test0001", cycle=1, hypotheses=(claim,), experiments_left=50)
    runs: tuple[Run, ...] = plan_search(spec, history).plan.runs
    first = next(
        run
        for run in runs
        if run.purpose is Purpose.TEST and run.test and (run.test.block, run.test.arm) == (0, "a")
    )
    return [one.key for one, _ in pairs].index(first.candidate.key)


def test_picking_the_winners_does_not_bias_the_verdict(campaign: Campaign, play: Play) -> None:
    """In 60 whole campaigns with pure noise, a claim of no effect is supported in hardly any."""
    wrong = 0
    for seed in range(60):
        spec = campaign(
            design={"batch_size": 10, "seed": seed},
            claims=campaign().claims[:1],
            scientist={"claims_at_most": 1},
            budget={"experiments": 40},
        )
        rng = np.random.default_rng(seed)

        def noise(_: Run, rng: np.random.Generator = rng) -> float:
            return float(rng.normal(0.5, 0.2))

        wrong += play(spec, outcome=noise).evidence[0].verdict is Verdict.SUPPORTED
    assert wrong <= 60 * 0.05 + 3 * (60 * 0.05 * 0.95) ** 0.5
