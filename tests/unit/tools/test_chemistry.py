"""The chemistry door: strict parsing, canonical names, descriptors, limits, assembly."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonloop.domain.errors import InvalidInput
from moonloop.domain.limits import DescriptorLimit, SubstructureLimit
from moonloop.tools.chemistry import (
    DESCRIPTOR_NAMES,
    assemble,
    canonical_smiles,
    check_scaffold,
    check_substituent,
    constraint_value,
    count_matches,
    descriptor_vector,
    environment_counts,
    esol_log_s,
    parse_smarts,
    parse_smiles,
    satisfies,
    symmetries,
)

BENZOQUINONE = "O=C1C([*:2])=C([*:3])C(=O)C([*:5])=C1[*:6]"
ANTHRAQUINONE = "O=C1c2c([*:1])c([*:2])ccc2C(=O)c2c([*:5])c([*:6])ccc21"
FREE_CH = "[C;H1;R;$(C=C)]"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "empty"),
        ("CCO ethanol", "U+0020"),
        (" CCO", "U+0020"),
        ("CCO\n", "U+000A"),
        ("CC\u200bO", "U+200B"),
        ("\u0421\u0421O", "U+0421"),
        ("C1CC", "not valid"),
        ("CN(C)(C)(C)C", "not valid"),
        ("*C", "attachment"),
        ("[#0]C", "attachment"),
        ("[*:1]C", "attachment"),
        ("C" * 2001, "2001 characters"),
    ],
)
def test_text_that_is_not_exactly_one_molecule_is_refused(text: str, told: str) -> None:
    """What RDKit would read leniently, or as something else than was meant, is an error that says why."""
    with pytest.raises(InvalidInput, match="SMILES") as caught:
        parse_smiles(text)
    assert told in str(caught.value)


def test_rdkit_writes_nothing_to_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    """A bad SMILES is told by an exception alone."""
    with pytest.raises(InvalidInput):
        parse_smiles("C1CC")
    assert tuple(capfd.readouterr()) == ("", "")


def test_attachment_points_are_allowed_where_they_are_meant() -> None:
    """A scaffold may be parsed with its attachment points."""
    points = [a for a in parse_smiles(BENZOQUINONE, attachments=True).GetAtoms() if a.GetAtomicNum() == 0]
    assert len(points) == 4


@pytest.mark.parametrize(
    "text",
    ["OCC", "C(O)C", "[CH3][CH2][OH]", "[H]OC([H])([H])C"],
    ids=["o", "branch", "brackets", "hydrogens"],
)
def test_one_molecule_has_one_canonical_smiles(text: str) -> None:
    """However a molecule is written, its name is the same."""
    assert canonical_smiles(text) == "CCO"


@given(
    st.lists(
        st.sampled_from(["C", "O", "N", "C(C)", "C(=O)", "c1ccccc1", "[C@H](F)"]), min_size=1, max_size=6
    )
)
def test_canonical_smiles_names_itself(parts: list[str]) -> None:
    """The canonical SMILES of a canonical SMILES is the same text."""
    once = canonical_smiles("C" + "".join(parts))
    assert once == canonical_smiles(once)


def test_a_bad_smarts_is_refused() -> None:
    """A pattern that cannot be read is an error, not a pattern that matches nothing."""
    with pytest.raises(InvalidInput, match="SMARTS"):
        parse_smarts("[C;H1")


@pytest.mark.parametrize(
    ("smiles", "free"),
    [
        ("O=C1C=CC(=O)C=C1", 4),
        ("O=C1C(=O)C=CC=C1", 4),
        ("O=C1C=CC(=O)c2ccccc21", 2),
        ("O=C1C(=O)C=Cc2ccccc21", 2),
        ("O=C1c2ccccc2C(=O)c2ccccc21", 0),
        ("O=C1C(C)=C(C)C(=O)C(C)=C1", 1),
    ],
)
def test_the_pattern_of_the_examples_counts_free_quinone_positions(smiles: str, free: int) -> None:
    """Aromatic C-H and carbonyl carbons are not counted as bare positions of the quinone ring."""
    assert free == count_matches(parse_smiles(smiles), FREE_CH)


@pytest.mark.parametrize(
    ("smiles", "log_p", "weight", "rotatable", "aromatic"),
    [
        ("c1ccccc1", 1.6866, 78.114, 0, 1.0),
        ("CCO", -0.0014, 46.069, 0, 0.0),
        ("CCOCC", 1.0428, 74.123, 2, 0.0),
    ],
    ids=["benzene", "ethanol", "diethyl ether"],
)
def test_esol_is_delaneys_sum(
    smiles: str, log_p: float, weight: float, rotatable: int, aromatic: float
) -> None:
    """The estimate is the published sum of log P, weight, rotatable bonds and aromatic share."""
    by_hand = 0.16 - 0.63 * log_p - 0.0062 * weight + 0.066 * rotatable - 0.74 * aromatic
    assert pytest.approx(by_hand, abs=1e-3) == esol_log_s(parse_smiles(smiles))


def test_descriptors_are_finite_numbers_with_names() -> None:
    """An organic molecule has a value for every descriptor."""
    vector = descriptor_vector("O=C1C=CC(=O)C(OC)=C1")
    assert (len(DESCRIPTOR_NAMES),) == vector.shape
    assert pytest.approx(vector[DESCRIPTOR_NAMES.index("MolWt")], abs=0.01) == 138.12
    assert bool(np.isfinite(vector).all())


def test_environments_tell_positional_isomers_apart() -> None:
    """2,5- and 2,6-dimethylbenzoquinone have the same atoms, but not the same environments."""
    one, other = (environment_counts(smiles) for smiles in ("CC1=CC(=O)C(C)=CC1=O", "CC1=CC(=O)C=C(C)C1=O"))
    assert one.sum() > 0
    assert bool((one != other).any())


def test_a_substructure_limit_counts_and_compares() -> None:
    """Two nitro groups are two, and one is allowed by at_most 1."""
    limit = SubstructureLimit(name="nitro", smarts="[N+](=O)[O-]", at_most=1)
    two = constraint_value(limit, "O=[N+]([O-])c1ccc([N+](=O)[O-])cc1")
    assert two == 2.0
    assert [satisfies(limit, value) for value in (0.0, 1.0, two)] == [True, True, False]


@given(value=st.floats(-20, 20), low=st.floats(-10, 10), width=st.floats(0, 10))
def test_a_descriptor_limit_includes_its_bounds(value: float, low: float, width: float) -> None:
    """A value is within a limit exactly when it is between the bounds, or on one."""
    limit = DescriptorLimit(name="x", descriptor="log_p", at_least=low, at_most=low + width)
    assert (low <= value <= low + width) == satisfies(limit, value)


def test_assembly_puts_each_substituent_at_its_locant() -> None:
    """2-cyano-5-sulfobenzoquinone comes out as itself, with hydrogens where nothing else was put."""
    made = assemble(BENZOQUINONE, {"2": "[*]C#N", "3": "[*][H]", "5": "[*]S(=O)(=O)O", "6": "[*][H]"})
    assert canonical_smiles("O=C1C(C#N)=CC(=O)C(S(=O)(=O)O)=C1") == made


def test_an_impossible_molecule_is_an_error_with_its_name() -> None:
    """A substituent that breaks a valence is told, not swallowed."""
    with pytest.raises(InvalidInput):
        assemble("FC(F)(F)[*:1]", {"1": "[*]S(F)(F)(F)(F)(F)F"})


@pytest.mark.parametrize(
    ("scaffold", "count"),
    [(BENZOQUINONE, 4), (ANTHRAQUINONE, 2), ("O=C1C(=O)C([*:3])=C([*:4])c2cc([*:6])ccc21", 1)],
)
def test_symmetries_are_those_of_the_molecule(scaffold: str, count: int) -> None:
    """p-benzoquinone keeps its place in four ways, 1,2,5,6-anthraquinone in two, o-naphthoquinone in one."""
    found = symmetries(scaffold)
    assert count == len(found)
    assert tuple(range(scaffold.count("*"))) in found


@given(st.permutations(["[*]C", "[*]O", "[*]F", "[*][H]"]), st.sampled_from(symmetries(BENZOQUINONE)))
def test_a_symmetric_assignment_is_the_same_molecule(groups: list[str], symmetry: tuple[int, ...]) -> None:
    """Substituents moved along a symmetry of the scaffold give the same canonical SMILES."""
    locants = ("2", "3", "5", "6")
    moved = [groups[place] for place in symmetry]
    one, other = (assemble(BENZOQUINONE, dict(zip(locants, which, strict=True))) for which in (groups, moved))
    assert one == other


@pytest.mark.parametrize("smiles", ["C=[*:1]", "C*", "C[*:1]C"])
def test_a_scaffold_needs_labelled_points_on_single_bonds(smiles: str) -> None:
    """An attachment point that no substituent could take is refused."""
    with pytest.raises(InvalidInput, match="scaffold"):
        check_scaffold(smiles)


@pytest.mark.parametrize("smiles", ["C", "C(*)*", "[*]=O"])
def test_a_substituent_needs_one_point_on_a_single_bond(smiles: str) -> None:
    """Anything but exactly one attachment point is refused."""
    with pytest.raises(InvalidInput, match="substituent"):
        check_substituent(smiles)
