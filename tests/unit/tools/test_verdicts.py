"""Verdict rules of claims, one and many: error rates by simulation, and the letter of the rule."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonloop.domain.claims import Effect, Hypothesis, Prediction, ProposedClaim, Verdict
from moonloop.tools.arrays import FloatArray
from moonloop.tools.inference import (
    Counted,
    counted_effect,
    counted_error,
    e_values,
    evidence,
    projected,
    standings,
    threshold,
)

ALPHA = 0.05
EFFECT = Effect(factor="base", level_a="a", level_b="b", delta=1.0)
PREDICTION = Prediction(error=1.0, trained_through=2)


def hypothesis(number: int = 1, weight: float = 1.0, claim: Effect | Prediction = EFFECT) -> Hypothesis:
    """Return a claim with delta (or error) 1 and cap 2."""
    return Hypothesis(
        id=f"hyp_test0000_{number:02d}",
        campaign_id="cmp_test0000",
        number=number,
        proposed=ProposedClaim(claim=claim, statement="A beats B.", probability=0.5),
        alpha=ALPHA,
        weight=weight,
        delta=1.0,
        cap=2.0,
        seed=1,
        registered_in=1,
    )


def effects(values: list[float]) -> list[Counted]:
    """Return what pairs with these advantages count."""
    return [counted_effect(value, 2.0) for value in values]


def decided(claim: Hypothesis, values: list[Counted]) -> Verdict:
    """Return the verdict after a stream of blocks of one claim."""
    return standings([claim], [(claim.id, value) for value in values])[claim.id].verdict


LAWS: dict[str, Callable[[np.random.Generator], FloatArray]] = {
    "coin": lambda rng: rng.choice([-2.0, 2.0], 25),
    "skewed": lambda rng: np.where(rng.random(25) < 0.1, -1.8, 0.2),
    "skewed the other way": lambda rng: np.where(rng.random(25) < 0.1, 1.8, -0.2),
    "normal, uncapped": lambda rng: rng.normal(0.0, 5.0, 25),
}
"""Advantages whose capped mean is 0, in units of delta."""


@pytest.mark.parametrize("law", LAWS, ids=str)
def test_an_effect_of_zero_is_seldom_supported(law: str) -> None:
    """On the boundary of the null, with a look after every pair: at most alpha wrong (plus 3 sd)."""
    rng = np.random.default_rng(11)
    claim = hypothesis()
    wrong = sum(decided(claim, effects(LAWS[law](rng).tolist())) is Verdict.SUPPORTED for _ in range(1000))
    assert wrong / 1000 <= ALPHA + 3 * (ALPHA * (1 - ALPHA) / 1000) ** 0.5


def test_an_effect_of_delta_is_seldom_refuted() -> None:
    """Where the capped mean is exactly delta, refuting it is the error: at most alpha (plus 3 sd)."""
    rng = np.random.default_rng(12)
    claim = hypothesis()
    draws = (np.where(rng.random(25) < 0.75, 2.0, -2.0).tolist() for _ in range(1000))
    wrong = sum(decided(claim, effects(values)) is Verdict.REFUTED for values in draws)
    assert wrong / 1000 <= ALPHA + 3 * (ALPHA * (1 - ALPHA) / 1000) ** 0.5


def test_a_prediction_as_bad_as_claimed_is_seldom_supported() -> None:
    """Where the capped mean error is the claimed one, supporting is the error: at most alpha (plus 3 sd)."""
    rng = np.random.default_rng(13)
    claim = hypothesis(claim=PREDICTION)
    draws = (rng.choice([0.0, 2.0], 25).tolist() for _ in range(1000))
    wrong = sum(
        decided(claim, [counted_error(error, 2.0) for error in errors]) is Verdict.SUPPORTED
        for errors in draws
    )
    assert wrong / 1000 <= ALPHA + 3 * (ALPHA * (1 - ALPHA) / 1000) ** 0.5


def test_a_prediction_at_three_quarters_is_seldom_refuted() -> None:
    """Where the capped mean error is 0.75 of the claimed one, refuting is the error: at most alpha."""
    rng = np.random.default_rng(14)
    claim = hypothesis(claim=PREDICTION)
    draws = (np.where(rng.random(25) < 0.375, 2.0, 0.0).tolist() for _ in range(1000))
    wrong = sum(
        decided(claim, [counted_error(error, 2.0) for error in errors]) is Verdict.REFUTED for errors in draws
    )
    assert wrong / 1000 <= ALPHA + 3 * (ALPHA * (1 - ALPHA) / 1000) ** 0.5


def test_the_share_of_wrong_verdicts_over_many_claims_stays_below_alpha() -> None:
    """Five claims on their boundaries, in turn, decided as soon as may be: mean share wrong below alpha."""
    rng = np.random.default_rng(15)
    claims = [hypothesis(number, 0.2) for number in range(1, 6)]
    shares: list[float] = []
    for _ in range(1000):
        stream = [
            (claim.id, counted_effect(float(value), 2.0))
            for values in rng.choice([-2.0, 2.0], (15, 5))
            for claim, value in zip(claims, values, strict=True)
        ]
        verdicts = [standing.verdict for standing in standings(claims, stream).values()]
        made = [verdict for verdict in verdicts if verdict is not Verdict.UNDECIDED]
        # An advantage of mean 0 is truly below delta: refuting is right, supporting wrong.
        shares.append(made.count(Verdict.SUPPORTED) / len(made) if made else 0.0)
    assert float(np.mean(shares)) <= ALPHA


def test_a_true_effect_is_found() -> None:
    """An advantage of 2 delta in every context is supported after 6 pairs, a disadvantage refuted after 3."""
    assert [decided(hypothesis(), effects([2.0] * n)) for n in (5, 6)] == [
        Verdict.UNDECIDED,
        Verdict.SUPPORTED,
    ]
    assert [decided(hypothesis(), effects([-2.0] * n)) for n in (2, 3)] == [
        Verdict.UNDECIDED,
        Verdict.REFUTED,
    ]


@given(advantage=st.one_of(st.none(), st.floats(-10, 10)))
def test_a_pair_counts_at_most_the_cap(advantage: float | None) -> None:
    """Known advantages are clipped; a failed pair could be anything between the caps."""
    counted = counted_effect(advantage, 2.0)
    assert -2.0 <= counted.low <= counted.high <= 2.0
    assert (advantage is None) == counted.failed
    if advantage is not None:
        assert max(-2.0, min(2.0, advantage)) == counted.low


@pytest.mark.parametrize("claim", [EFFECT, PREDICTION], ids=["effect", "prediction"])
@given(values=st.lists(st.floats(0, 2), min_size=1, max_size=8), place=st.integers(0, 7))
def test_a_failed_run_never_helps_a_verdict(
    claim: Effect | Prediction, values: list[float], place: int
) -> None:
    """Whatever the run would have given, its failure leaves both e-values at most as large."""
    place %= len(values)
    made = [counted_effect(v, 2.0) if claim is EFFECT else counted_error(v, 2.0) for v in values]
    failed = [*made[:place], counted_effect(None, 2.0) if claim is EFFECT else counted_error(None, 2.0)]
    failed += made[place + 1 :]
    known, lost = e_values(hypothesis(claim=claim), made), e_values(hypothesis(claim=claim), failed)
    assert lost.support <= known.support * (1 + 1e-12)
    assert lost.refute <= known.refute * (1 + 1e-12)


def test_both_ends_count_a_failed_pair_against_themselves() -> None:
    """A failed pair is -c for supporting and +c for refuting."""
    lost = e_values(hypothesis(), [counted_effect(None, 2.0)])
    assert e_values(hypothesis(), effects([-2.0])).support == lost.support
    assert e_values(hypothesis(), effects([2.0])).refute == lost.refute


def test_the_threshold_falls_with_every_verdict() -> None:
    """1 / (alpha w (V + 1)): 40 for half of alpha 0.05, then 20."""
    assert [threshold(hypothesis(weight=0.5), verdicts) for verdicts in (0, 1)] == [
        pytest.approx(40.0),
        pytest.approx(20.0),
    ]


def test_a_verdict_lets_others_be_looked_at_again() -> None:
    """A claim that waits between two thresholds is decided when another one's verdict lowers its own."""
    first, second = hypothesis(1, 0.5), hypothesis(2, 0.5)
    waits = [(second.id, each) for each in effects([2.0] * 6)]
    alone = standings([first, second], waits)[second.id]
    assert (alone.verdict, alone.threshold) == (Verdict.UNDECIDED, pytest.approx(40.0))
    both = standings([first, second], [*waits, *((first.id, each) for each in effects([2.0] * 7))])
    assert [(Verdict.SUPPORTED, 7), (Verdict.SUPPORTED, 6)] == [
        (both[claim.id].verdict, both[claim.id].n) for claim in (first, second)
    ]
    assert pytest.approx(20.0) == both[second.id].threshold


def test_what_a_claim_once_had_does_not_count() -> None:
    """Evidence that rose and fell is judged where it is now when another verdict lowers the threshold."""
    first, second = hypothesis(1, 0.5), hypothesis(2, 0.5)
    rose_and_fell = [(second.id, each) for each in effects([2.0] * 6 + [-2.0] * 2)]
    both = standings([first, second], [*rose_and_fell, *((first.id, each) for each in effects([2.0] * 7))])
    assert both[second.id].verdict is Verdict.UNDECIDED


def test_blocks_after_the_verdict_change_nothing() -> None:
    """A decided claim keeps its number of blocks and its verdict, whatever comes later."""
    claim = hypothesis()
    found = standings([claim], [(claim.id, each) for each in effects([2.0] * 6 + [-2.0] * 20)])[claim.id]
    assert (Verdict.SUPPORTED, 6) == (found.verdict, found.n)


@pytest.mark.parametrize(
    ("e_value", "n", "needed"), [(1.0, 5, None), (0.2, 5, None), (4.0, 0, None), (4.0, 4, 5), (25.0, 3, 0)]
)
def test_the_projected_need_extends_the_present_pace(e_value: float, n: int, needed: int | None) -> None:
    """log(20/4) / (log(4)/4) = 4.6, so 5 more; none where the evidence does not grow."""
    assert needed == projected(e_value, 20.0, n)


def test_evidence_tells_what_was_counted() -> None:
    """Mean of the known values, number of failed ones, an interval that holds the mean."""
    counted = [*effects([1.0, 0.5, 1.5]), counted_effect(None, 2.0)]
    told = evidence(
        hypothesis(), counted, ("mea_0001", "mea_0002"), verdict=Verdict.UNDECIDED, threshold=20.0
    )
    assert (4, 1, pytest.approx(1.0)) == (told.n, told.failed, told.estimate)
    assert told.low is not None
    assert told.high is not None
    assert -2.0 <= told.low < 1.0 < told.high <= 2.0
    assert told.measurements == ("mea_0001", "mea_0002")


def test_evidence_of_nothing_has_no_estimate() -> None:
    """Before the first block both e-values are 1 and nothing else is said."""
    told = evidence(hypothesis(), [], (), verdict=Verdict.UNDECIDED, threshold=20.0)
    assert (1.0, 1.0, 0, None, None, None) == (
        told.e_support,
        told.e_refute,
        told.n,
        told.estimate,
        told.low,
        told.projected,
    )
