"""Strengths from comparisons by pairs."""

from itertools import combinations
from math import isfinite

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonloop.domain.errors import InvalidInput
from moonloop.domain.proposals import Comparison
from moonloop.tools.inference.ranking import bradley_terry

PRIOR_SD = 1.5


@st.composite
def tournaments(draw: st.DrawFn) -> tuple[int, list[Comparison]]:
    """Return a number of items and any comparisons among them."""
    n = draw(st.integers(2, 6))
    pairs = st.permutations(range(n)).map(lambda order: Comparison(better=order[0], worse=order[1]))
    return n, draw(st.lists(pairs, max_size=24))


def test_without_comparisons_nothing_is_known() -> None:
    """All strengths are equal, as uncertain as before anything was compared."""
    ranking = bradley_terry(3, ())
    assert (0.0, 0.0, 0.0) == ranking.strengths
    assert ranking.sds == pytest.approx((PRIOR_SD,) * 3)


def test_nothing_can_be_ranked() -> None:
    """No items have no strengths."""
    assert ((), ()) == (bradley_terry(0, ()).strengths, bradley_terry(0, ()).sds)


@given(tournaments())
def test_the_strengths_always_exist_and_are_about_zero(tournament: tuple[int, list[Comparison]]) -> None:
    """However one-sided the comparisons are: finite, summing to zero, no less certain than the prior."""
    n, comparisons = tournament
    ranking = bradley_terry(n, comparisons)
    assert all(isfinite(strength) for strength in ranking.strengths)
    assert sum(ranking.strengths) == pytest.approx(0.0, abs=1e-6)
    assert all(0.0 < sd <= PRIOR_SD + 1e-9 for sd in ranking.sds)


@given(tournaments())
def test_the_strengths_are_where_the_posterior_is_flat(tournament: tuple[int, list[Comparison]]) -> None:
    """The slope of the log-posterior, written out sum by sum, is zero at the strengths."""
    n, comparisons = tournament
    s = bradley_terry(n, comparisons).strengths
    slope = [-strength / PRIOR_SD**2 for strength in s]
    for compared in comparisons:
        surprise = 1.0 / (1.0 + np.exp(s[compared.better] - s[compared.worse]))
        slope[compared.better] += surprise
        slope[compared.worse] -= surprise
    assert slope == pytest.approx([0.0] * n, abs=1e-6)


@given(tournaments())
def test_names_do_not_matter(tournament: tuple[int, list[Comparison]]) -> None:
    """Items renumbered back to front have the same strengths back to front."""
    n, comparisons = tournament
    turned = [Comparison(better=n - 1 - one.better, worse=n - 1 - one.worse) for one in comparisons]
    ranking, mirrored = bradley_terry(n, comparisons), bradley_terry(n, turned)
    assert ranking.strengths == pytest.approx(mirrored.strengths[::-1], abs=1e-8)


@given(tournaments())
def test_one_more_win_never_lowers_the_winner(tournament: tuple[int, list[Comparison]]) -> None:
    """Preferring 0 to 1 once more raises 0 and lowers 1."""
    n, comparisons = tournament
    before = bradley_terry(n, comparisons).strengths
    after = bradley_terry(n, [*comparisons, Comparison(better=0, worse=1)]).strengths
    assert after[0] > before[0]
    assert after[1] < before[1]


def test_known_strengths_are_found_again() -> None:
    """Over 20 draws of 200 comparisons a pair, two standard errors hold the truth about 19 times in 20."""
    truth = np.asarray([0.8, 0.1, -0.2, -0.7])
    held = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        comparisons: list[Comparison] = []
        for one, other in combinations(range(4), 2):
            chance = 1.0 / (1.0 + np.exp(truth[other] - truth[one]))
            for won in rng.random(200) < chance:
                pair = (one, other) if won else (other, one)
                comparisons.append(Comparison(better=pair[0], worse=pair[1]))
        ranking = bradley_terry(4, comparisons)
        errors = np.abs(np.asarray(ranking.strengths) - truth) / np.asarray(ranking.sds)
        held += int((errors < 2.0).sum())
    assert held >= 70


@pytest.mark.parametrize("pair", [(1, 1), (0, 3), (7, 0)])
def test_no_pair_is_refused(pair: tuple[int, int]) -> None:
    """A comparison with itself, or with an item that does not exist, is an error that names it."""
    with pytest.raises(InvalidInput, match=f"{pair[0]} with {pair[1]} is no pair of 3 items"):
        bradley_terry(3, [Comparison(better=pair[0], worse=pair[1])])
