"""Levels by what a model writes of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonloop.agents.roles.levels import resolve_level
from moonloop.domain.errors import AnswerRefused
from moonloop.domain.space import ContinuousFactor, DiscreteFactor, FactorSpace, level_text
from unit.agents.roles import scenes


@given(
    st.lists(st.floats(-1e6, 1e6, allow_nan=False), min_size=2, max_size=8, unique=True).filter(
        lambda levels: len({f"{level:.9g}" for level in levels}) == len(levels)
    )
)
def test_a_level_is_found_by_what_is_shown_of_it(levels: list[float]) -> None:
    """The space's own number comes back, not the one that was written."""
    factor = DiscreteFactor(name="dose", unit="mg", levels=tuple(levels))
    space = FactorSpace(factors=(factor,))
    assert levels == [resolve_level(space, "dose", level_text(level)) for level in factor.levels]


@pytest.mark.parametrize("written", ["70", "70.0", "7e1", " 70 ", "+70"])
def test_a_number_may_be_written_in_several_ways(written: str) -> None:
    """It is the number that counts."""
    factor = ContinuousFactor(name="heat", unit="Cel", low=60, high=80, step=2.5)
    assert 70.0 == resolve_level(FactorSpace(factors=(factor,)), "heat", written)


@pytest.mark.parametrize("written", ["71", "nan", "inf", "7_0", "0x46", "70 Cel", "", "seventy", "1e999"])
def test_no_level_is_refused_with_the_levels(written: str) -> None:
    """What is between the steps or no plain number at all is no level."""
    factor = ContinuousFactor(name="heat", unit="Cel", low=60, high=80, step=2.5)
    with pytest.raises(AnswerRefused, match=r"is no level of heat: 60, 62\.5, 65"):
        resolve_level(FactorSpace(factors=(factor,)), "heat", written)


def test_molecules_have_two_factors() -> None:
    """Scaffolds, and substituents at any one position."""
    space = scenes.quinones().spec.space
    assert "N(CH3)2" == resolve_level(space, "substituent", "N(CH3)2")
    assert "1,2-benzoquinone" == resolve_level(space, "scaffold", "1,2-benzoquinone")
    with pytest.raises(AnswerRefused, match="there are: scaffold, substituent"):
        resolve_level(space, "2", "CN")
