"""Exploratory statistics, and the evidence of claims."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from moonloop.domain.errors import InvalidInput
from moonloop.tools.asking import Snapshot
from moonloop.tools.asking.arguments import Compare, EvidenceOf, Fit
from moonloop.tools.statistics import compare, evidence, fit
from support.seen import claimed, history_of, molecule_spec, observed, setting, setting_spec

_SNAPSHOT = Snapshot(spec=setting_spec(), history=history_of())


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.floats(0, 100), min_size=2, max_size=12), st.lists(st.floats(0, 100), min_size=2, max_size=12)
)
def test_a_comparison_is_welchs(first: list[float], second: list[float]) -> None:
    """Difference, interval and p are those of Welch's test."""
    levels = [("water", value) for value in first] + [("ethanol", value) for value in second]
    runs = [
        observed(place, value, setting(solvent=level, temperature=20.0))
        for place, (level, value) in enumerate(levels)
    ]
    found = compare(
        Compare(factor="solvent", level_a="water", level_b="ethanol"),
        Snapshot(spec=setting_spec(), history=history_of(tuple(runs))),
    )
    assert (len(first), len(second)) == (found.a.n, found.b.n)
    if min(np.std(first), np.std(second)) < 1e-3:
        return  # scipy warns of what cannot be computed precisely
    expected = stats.ttest_ind(first, second, equal_var=False)
    interval = expected.confidence_interval(0.95)
    assert (interval.low, interval.high) == pytest.approx((found.low, found.high), rel=1e-4, abs=1e-4)
    assert expected.pvalue == pytest.approx(found.p, rel=0.02, abs=1e-6)


def test_a_comparison_says_that_it_is_no_verdict() -> None:
    """Every answer says in words that it is exploratory."""
    found = compare(Compare(factor="solvent", level_a="water", level_b="ethanol"), _SNAPSHOT)
    assert "no verdict" in found.note
    assert 9.6 == pytest.approx(found.difference)


@pytest.mark.parametrize(
    ("factor", "a", "b", "why"),
    [
        ("solvant", "water", "ethanol", "'solvant' is none of solvent, temperature"),
        ("solvent", "water", "dmf", "0 measured runs are at 'dmf'"),
        ("solvent", "water", "water", "the same level as level_a"),
    ],
)
def test_a_comparison_that_cannot_be_made_says_why(factor: str, a: str, b: str, why: str) -> None:
    """An unknown factor, a level without runs, the same level twice: each is to be changed."""
    with pytest.raises(InvalidInput, match=why):
        compare(Compare(factor=factor, level_a=a, level_b=b), _SNAPSHOT)


def test_a_numeric_level_may_be_written_as_people_do() -> None:
    """20 and 20.0 are the same temperature."""
    found = compare(Compare(factor="temperature", level_a="80.0", level_b="20"), _SNAPSHOT)
    assert (2, 2) == (found.a.n, found.b.n)


def test_substituents_are_compared_at_any_position() -> None:
    """A molecule belongs to a group by what it carries anywhere; one that carries both belongs to neither."""
    from moonloop.tools.spaces import pool_for

    spec = molecule_spec()
    chosen = pool_for(spec).candidates
    runs = tuple(observed(place, float(place), candidate) for place, candidate in enumerate(chosen))
    found = compare(
        Compare(factor="substituent", level_a="CH3", level_b="OH"),
        Snapshot(spec=spec, history=history_of(runs)),
    )
    groups = [set(candidate.settings.values()) for candidate in chosen]
    assert sum("CH3" in group and "OH" not in group for group in groups) == found.a.n


def test_a_line_is_found_again() -> None:
    """Points on a line give its slope and height, with intervals around them."""
    found = fit(Fit(factor="temperature", degree=1, where_factor="solvent", where_level="water"), _SNAPSHOT)
    height, slope = found.coefficients
    assert (4, 50.0) == (found.n, found.centre)
    assert (0.505, 35.15) == pytest.approx((slope.estimate, height.estimate))
    assert slope.low <= slope.estimate <= slope.high


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (Fit(factor="solvent"), "no measured run has a number for 'solvent'"),
        (Fit(factor="pressure"), "'pressure' is none of solvent, temperature"),
        (
            Fit(factor="temperature", degree=3, where_factor="solvent", where_level="water"),
            "4 runs at 4 levels are too few for a polynomial of degree 3",
        ),
    ],
)
def test_a_fit_that_the_data_do_not_carry_is_refused(asked: Fit, why: str) -> None:
    """No numbers, no such factor, too few runs for the degree: each says what is wrong."""
    with pytest.raises(InvalidInput, match=why):
        fit(asked, _SNAPSHOT)


def test_evidence_is_that_of_the_ledger() -> None:
    """A claim comes with its verdict, e-values and interval; one without evidence is untested."""
    one, found = claimed()
    told = evidence(
        EvidenceOf(),
        Snapshot(spec=setting_spec(), history=history_of(hypotheses=(one,), evidence=(found,))),
    )
    (claim,) = told.claims
    assert ("undecided", 3.0, 0.4, 4) == (claim.verdict, claim.e_support, claim.e_refute, claim.n)
    untested = evidence(EvidenceOf(), Snapshot(spec=setting_spec(), history=history_of(hypotheses=(one,))))
    assert "untested" == untested.claims[0].verdict


def test_a_claim_that_does_not_exist_has_no_evidence() -> None:
    """An id that is none is told, with those that are."""
    with pytest.raises(InvalidInput, match="no claim here"):
        evidence(EvidenceOf(hypothesis_id="hyp_9999999999999999_01"), _SNAPSHOT)
