"""R-group spaces: counted before they are built, each molecule once, matched pairs uniform."""

from collections import Counter
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moonloop.domain.errors import SpaceImpossible
from moonloop.domain.space import Candidate, RGroupSpace, Scaffold, Substituent
from moonloop.tools.spaces import Contrast
from moonloop.tools.spaces.assignments import all_assignments, count_assignments, count_fixed
from moonloop.tools.spaces.library import Library

SCAFFOLDS = {
    "p-benzoquinone": "O=C1C([*:2])=C([*:3])C(=O)C([*:5])=C1[*:6]",
    "o-benzoquinone": "O=C1C(=O)C([*:3])=C([*:4])C([*:5])=C1[*:6]",
    "naphthoquinone": "O=C1C([*:2])=C([*:3])C(=O)c2c([*:5])ccc([*:8])c21",
}
GROUPS = {"H": "[*][H]", "CH3": "[*]C", "Cl": "[*]Cl", "CN": "[*]C#N"}
SWAP = Contrast("substituent", "CN", "Cl")
HOP = Contrast("scaffold", "o-benzoquinone", "p-benzoquinone")


def space(
    most: int = 2, scaffolds: dict[str, str] = SCAFFOLDS, groups: dict[str, str] = GROUPS
) -> RGroupSpace:
    """Return a small quinone space."""
    return RGroupSpace(
        scaffolds=tuple(Scaffold(name=name, smiles=smiles) for name, smiles in scaffolds.items()),
        substituents=tuple(Substituent(name=name, smiles=smiles) for name, smiles in groups.items()),
        max_substituted=most,
    )


def listed(library: Library) -> tuple[Candidate, ...]:
    """Return all molecules of a library."""
    found = library.listed(100_000)
    assert found is not None
    return found


@pytest.mark.parametrize("most", [1, 2, 3, 4])
def test_the_count_needs_no_building(most: int) -> None:
    """Burnside's lemma gives the number of distinct molecules that enumeration finds."""
    library = Library(space(most))
    assert library.size() == len(listed(library))


def test_every_setting_is_one_of_the_listed_molecules() -> None:
    """Nothing is lost to symmetry: building every setting, one by one, gives the same set of molecules."""
    built = {
        Library(space()).candidate(setting).key
        for library in [Library(space())]
        for setting in library.all_settings()
    }
    assert {candidate.key for candidate in listed(Library(space()))} == built


def test_no_molecule_is_listed_twice_and_none_has_too_many_substituents() -> None:
    """Keys are canonical SMILES, distinct, within max_substituted."""
    found = listed(Library(space()))
    assert len(found) == len({candidate.key for candidate in found})
    assert all(candidate.key == candidate.smiles for candidate in found)
    substituted = [sum(v != "H" for k, v in c.settings.items() if k != "scaffold") for c in found]
    assert max(substituted) == 2


def test_a_space_above_the_limit_is_not_listed() -> None:
    """A million molecules are not built because somebody asked for them."""
    assert Library(space(4)).listed(100) is None


@given(places=st.integers(1, 5), most=st.integers(1, 5), others=st.integers(1, 3))
def test_assignments_are_as_many_as_counted(places: int, most: int, others: int) -> None:
    """The formula and the enumeration agree, and no assignment comes twice."""
    made = list(all_assignments(places, most, others))
    assert count_assignments(places, most, others) == len(made) == len(set(made))


@given(permutation=st.permutations(range(4)), most=st.integers(1, 4), others=st.integers(1, 3))
def test_fixed_assignments_are_as_many_as_counted(permutation: list[int], most: int, others: int) -> None:
    """What a permutation leaves as it is, is counted by its cycles."""
    made = [a for a in all_assignments(4, most, others) if tuple(a[p] for p in permutation) == a]
    assert count_fixed(permutation, most, others) == len(made)


def test_a_pair_differs_in_one_substituent_alone() -> None:
    """Scaffold, locant and the rest are the same in both arms."""
    pairs = Library(space()).pairs(SWAP, 10_000)
    assert pairs
    for one, other in pairs:
        differing = [locant for locant, level in one.settings.items() if other.settings[locant] != level]
        assert len(differing) == 1
        assert (one.settings[differing[0]], other.settings[differing[0]]) == ("CN", "Cl")


def test_a_scaffold_pair_has_the_same_substituents_at_the_same_locants() -> None:
    """What sits somewhere in one arm sits at the same locant of the other."""
    pairs = Library(space()).pairs(HOP, 10_000)
    assert pairs
    for one, other in pairs:
        groups = [
            {(k, v) for k, v in arm.settings.items() if k != "scaffold" and v != "H"} for arm in (one, other)
        ]
        assert groups[0] == groups[1]
        assert (one.settings["scaffold"], other.settings["scaffold"]) == ("o-benzoquinone", "p-benzoquinone")


def test_all_matched_pairs_are_listed() -> None:
    """The list is what a plain search over all pairs of settings finds."""
    library = Library(space())
    settings_ = [library.candidate(setting) for setting in library.all_settings()]
    by_settings = {tuple(sorted(c.settings.items())): c for c in settings_}
    expected = {
        (one.key, by_settings[swapped].key)
        for one in settings_
        for locant, level in one.settings.items()
        if level == "CN" and (swapped := tuple(sorted({**one.settings, locant: "Cl"}.items()))) in by_settings
    }
    pairs = library.pairs(SWAP, 10_000)
    assert pairs is not None
    assert expected == {(one.key, other.key) for one, other in pairs}


@pytest.mark.parametrize("contrast", [SWAP, HOP, Contrast("substituent", "CH3", "H")], ids=str)
def test_pairs_drawn_without_a_list_are_uniform(contrast: Contrast) -> None:
    """Drawing by rejection gives every distinct pair of molecules the same chance (chi-squared, 5 sd)."""
    library = Library(space())
    pairs = library.pairs(contrast, 10_000)
    assert pairs
    rng = np.random.default_rng(7)
    drawn = Counter(
        (one.key, other.key)
        for one, other in (library.draw_pair(contrast, rng) for _ in range(40 * len(pairs)))
    )
    assert {(one.key, other.key) for one, other in pairs} == set(drawn)
    chi_squared = sum((count - 40) ** 2 / 40 for count in drawn.values())
    assert chi_squared < len(pairs) + 5 * (2 * len(pairs)) ** 0.5


def test_molecules_drawn_without_a_list_are_uniform() -> None:
    """A symmetric molecule, which has fewer settings, is drawn as often as any other (chi-squared, 5 sd)."""
    library = Library(space())
    size = library.size()
    rng = np.random.default_rng(3)
    drawn = Counter(library.draw(rng).key for _ in range(40 * size))
    assert size == len(drawn)
    assert sum((count - 40) ** 2 / 40 for count in drawn.values()) < size + 5 * (2 * size) ** 0.5


@settings(max_examples=20)
@given(st.integers(0, 2**32))
def test_neighbours_are_one_step_away_both_ways(seed: int) -> None:
    """Whoever is my neighbour has me for a neighbour, and nobody is one's own."""
    library = Library(space())
    here = library.draw(np.random.default_rng(seed))
    there = library.neighbours(here)
    assert here.key not in {neighbour.key for neighbour in there}
    assert all(here.key in {back.key for back in library.neighbours(each)} for each in there[:3])


def test_the_same_seed_gives_the_same_sample() -> None:
    """A random subset of a large space is a function of the seed."""
    samples = [
        [c.key for c in Library(space(4)).sample(30, np.random.default_rng(seed))] for seed in (1, 1, 2)
    ]
    assert samples[0] == samples[1]
    assert samples[0] != samples[2]
    assert len(set(samples[0])) == 30


@pytest.mark.parametrize(
    ("scaffolds", "groups", "told"),
    [
        ({"broken": "O=C1C([*:2])"}, GROUPS, "broken"),
        ({"double": "C=[*:1]"}, GROUPS, "double"),
        (SCAFFOLDS, {**GROUPS, "odd": "[*]C(C"}, "odd"),
        (SCAFFOLDS, {**GROUPS, "oxo": "[*]=O"}, "oxo"),
    ],
)
def test_a_bad_structure_is_named(scaffolds: dict[str, str], groups: dict[str, str], told: str) -> None:
    """The error says which scaffold or substituent cannot be used."""
    with pytest.raises(SpaceImpossible, match=told):
        Library(space(2, scaffolds, groups))


def test_a_contrast_without_pairs_says_so() -> None:
    """Scaffolds that share no locant have only the bare pair; unknown substituents have none."""
    with pytest.raises(SpaceImpossible, match="no substituent"):
        Library(space()).pairs(Contrast("substituent", "CN", "Br"), 10_000)


def test_every_two_levels_are_a_contrast() -> None:
    """3 scaffolds and 4 substituents make 3 and 6 comparisons."""
    counts = Counter(contrast.factor for contrast in Library(space()).contrasts())
    assert dict(counts) == {"scaffold": 3, "substituent": 6}


def test_composition_counts_substituents_whatever_the_locant() -> None:
    """Every molecule has its scaffold's number and as many groups as places."""
    library = Library(space())
    for candidate, _ in product(listed(library)[:20], range(1)):
        scaffold, counts = library.composition(candidate)
        assert sum(counts) == 4
        assert candidate.settings["scaffold"] == list(SCAFFOLDS)[scaffold]
