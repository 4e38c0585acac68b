"""Plain factors and tables: constraints, matched pairs, sampling, neighbours."""

from collections import Counter
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moonloop.domain.errors import SpaceImpossible
from moonloop.domain.space import (
    Candidate,
    CandidateTable,
    CategoricalFactor,
    ContinuousFactor,
    DiscreteFactor,
    Exclusion,
    FactorSpace,
    LinearLimit,
)
from moonloop.tools.spaces import Contrast
from moonloop.tools.spaces.grid import Grid

SOLVENT = CategoricalFactor(name="solvent", levels=("water", "ethanol", "toluene"))
TEMPERATURE = DiscreteFactor(name="temperature", unit="Cel", levels=(20, 40, 60, 80))
PRESSURE = ContinuousFactor(name="pressure", unit="bar", low=1.0, high=3.0, step=0.5)


def factors(*constraints: Exclusion | LinearLimit) -> Grid:
    """Return a grid of three factors."""
    return Grid(FactorSpace(factors=(SOLVENT, TEMPERATURE, PRESSURE), constraints=constraints))


def mixture(parts: int, levels: int) -> Grid:
    """Return mixtures whose fractions sum to one."""
    fractions = tuple(round(step / (levels - 1), 6) for step in range(levels))
    names = tuple(f"x{number}" for number in range(parts))
    return Grid(
        FactorSpace(
            factors=tuple(DiscreteFactor(name=name, unit="1", levels=fractions) for name in names),
            constraints=(LinearLimit(weights=dict.fromkeys(names, 1.0), at_least=1.0, at_most=1.0),),
        )
    )


def listed(grid: Grid) -> tuple[Candidate, ...]:
    """Return all settings of a grid."""
    found = grid.listed(1_000_000)
    assert found is not None
    return found


HOT_ETHANOL = Exclusion(settings={"solvent": "ethanol", "temperature": 80})
MILD = LinearLimit(weights={"temperature": 1.0, "pressure": 20.0}, at_most=100.0)


def test_all_combinations_are_listed_in_the_order_of_the_levels() -> None:
    """Without constraints the space is the whole product."""
    expected = list(product(SOLVENT.levels, TEMPERATURE.levels, PRESSURE.levels))
    assert expected == [tuple(candidate.settings.values()) for candidate in listed(factors())]


def test_constraints_take_away_exactly_what_they_forbid() -> None:
    """The listed settings are the combinations that a plain check lets pass."""
    expected = {
        (solvent, temperature, pressure)
        for solvent, temperature, pressure in product(SOLVENT.levels, TEMPERATURE.levels, PRESSURE.levels)
        if not (solvent == "ethanol" and temperature == 80) and temperature + 20 * pressure <= 100
    }
    grid = factors(HOT_ETHANOL, MILD)
    assert expected == {tuple(candidate.settings.values()) for candidate in listed(grid)}
    assert len(expected) == grid.size()


def test_fractions_that_sum_to_one_survive_rounding() -> None:
    """A mixture of 6 parts in tenths has C(15, 5) = 3,003 members; none is lost to 0.1 + 0.2."""
    assert mixture(6, 11).size() == 3003


def test_a_large_mixture_is_sampled_without_its_product() -> None:
    """Ten parts in twentieths have 21^10 combinations; a sample comes at once and obeys the sum."""
    grid = mixture(10, 21)
    assert grid.listed(20_000) is None
    sample = grid.sample(500, np.random.default_rng(1))
    assert len({candidate.key for candidate in sample}) == 500
    assert all(sum(map(float, candidate.settings.values())) == pytest.approx(1.0) for candidate in sample)


def test_pairs_have_all_other_factors_equal_and_both_arms_valid() -> None:
    """The listed pairs are those that a plain search finds."""
    grid = factors(HOT_ETHANOL, MILD)
    valid = {tuple(candidate.settings.values()) for candidate in listed(grid)}
    expected = {
        (("ethanol", temperature, pressure), ("water", temperature, pressure))
        for _, temperature, pressure in valid
        if {("ethanol", temperature, pressure), ("water", temperature, pressure)} <= valid
    }
    pairs = grid.pairs(Contrast("solvent", "ethanol", "water"), 1000)
    assert pairs is not None
    assert expected == {(tuple(a.settings.values()), tuple(b.settings.values())) for a, b in pairs}


def test_pairs_drawn_without_a_list_are_uniform() -> None:
    """Every context that is valid with either level has the same chance (chi-squared, 5 sd)."""
    grid = factors(HOT_ETHANOL, MILD)
    contrast = Contrast("temperature", 20, 40)
    pairs = grid.pairs(contrast, 1000)
    assert pairs
    rng = np.random.default_rng(5)
    drawn = Counter(
        (a.key, b.key) for a, b in (grid.draw_pair(contrast, rng) for _ in range(40 * len(pairs)))
    )
    assert {(a.key, b.key) for a, b in pairs} == set(drawn)
    chi_squared = sum((count - 40) ** 2 / 40 for count in drawn.values())
    assert chi_squared < len(pairs) + 5 * (2 * len(pairs)) ** 0.5


def test_a_mixture_has_no_matched_pair() -> None:
    """Where fractions sum to one, none can change alone: there is no pair, listed or drawn."""
    contrast = Contrast("x0", 0.0, 0.5)
    assert mixture(3, 11).pairs(contrast, 1000) == ()
    with pytest.raises(SpaceImpossible, match="no matched pair"):
        mixture(3, 11).draw_pair(contrast, np.random.default_rng(0))


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32))
def test_neighbours_of_a_mixture_keep_the_sum(seed: int) -> None:
    """A step goes from one part to another, and every neighbour is valid."""
    grid = mixture(4, 11)
    here = grid.sample(1, np.random.default_rng(seed))[0]
    there = grid.neighbours(here)
    assert there
    assert here.key not in {neighbour.key for neighbour in there}
    assert all(sum(map(float, each.settings.values())) == pytest.approx(1.0) for each in there)


def test_a_table_is_its_rows() -> None:
    """Only the rows that are there are candidates, samples, pairs and neighbours."""
    rows = (("water", 20.0), ("water", 40.0), ("ethanol", 20.0), ("toluene", 80.0))
    grid = Grid(CandidateTable(factors=(SOLVENT, TEMPERATURE), rows=rows))
    assert rows == tuple(tuple(candidate.settings.values()) for candidate in listed(grid))
    pairs = grid.pairs(Contrast("solvent", "ethanol", "water"), 1)
    assert pairs is not None
    assert [(rows[2], rows[0])] == [
        (tuple(a.settings.values()), tuple(b.settings.values())) for a, b in pairs
    ]
    near = {tuple(c.settings.values()) for c in grid.neighbours(listed(grid)[0])}
    assert {rows[1], rows[2]} == near


def test_a_table_of_one_substance_is_one_of_molecules() -> None:
    """Goal constraints can see the molecule of a row when one factor has a SMILES for every level."""
    factor = CategoricalFactor(name="dye", levels=("a", "b"), substances={"a": "OCC", "b": "CO"})
    grid = Grid(CandidateTable(factors=(factor, TEMPERATURE), rows=(("a", 20.0), ("b", 40.0))))
    assert [candidate.smiles for candidate in listed(grid)] == ["OCC", "CO"]


def test_keys_tell_levels_without_a_needless_fraction() -> None:
    """The name of a setting reads as a person would write it."""
    assert listed(factors())[0].key == "solvent=water; temperature=20; pressure=1"


@pytest.mark.parametrize(
    ("constraint", "told"),
    [
        (Exclusion(settings={"solvent": "acetone"}), "acetone"),
        (Exclusion(settings={"temperature": 50}), "50"),
        (LinearLimit(weights={"solvent": 1.0}, at_most=1.0), "solvent"),
    ],
)
def test_a_constraint_on_what_is_not_there_is_named(constraint: Exclusion | LinearLimit, told: str) -> None:
    """A misspelt level must not become a constraint that never bites."""
    with pytest.raises(SpaceImpossible, match=told):
        factors(constraint)


def test_a_level_within_rounding_of_a_step_is_that_step() -> None:
    """A continuous setting read back from elsewhere is still found."""
    candidate = Candidate(key="x", settings={"solvent": "water", "temperature": 20, "pressure": 1.5 + 1e-9})
    assert factors().numbers((candidate,)).tolist() == [[0, 0, 1]]


def test_contrasts_of_a_numeric_factor_are_few() -> None:
    """Of many numbers the lowest, the middle and the highest are compared."""
    grid = Grid(FactorSpace(factors=(DiscreteFactor(name="x", unit="1", levels=tuple(range(11))),)))
    assert [(c.level_a, c.level_b) for c in grid.contrasts()] == [(0, 5), (0, 10), (5, 10)]
