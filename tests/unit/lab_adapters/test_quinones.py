"""Hydroquinones are made from quinones by structure, and what is no quinone is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("rdkit")

from moonloop.lab_adapters.xtb.chemistry_errors import Unsuitable
from moonloop.lab_adapters.xtb.molecules import Molecule
from moonloop.lab_adapters.xtb.quinones import couple

SCAFFOLDS = {
    "1,4-benzoquinone": ("O=C1C({0})=C({1})C(=O)C=C1", "Oc1c({0})c({1})c(O)cc1"),
    "1,2-benzoquinone": ("O=C1C(=O)C({0})=C({1})C=C1", "Oc1c(O)c({0})c({1})cc1"),
    "1,4-naphthoquinone, quinone ring": ("O=C1C({0})=C({1})C(=O)c2ccccc12", "Oc1c({0})c({1})c(O)c2ccccc12"),
    "1,4-naphthoquinone, other ring": ("O=C1C=CC(=O)c2c({0})ccc({1})c12", "Oc1ccc(O)c2c({0})ccc({1})c12"),
    "1,2-naphthoquinone": ("O=C1C(=O)C({0})=C({1})c2ccccc12", "Oc1c(O)c({0})c({1})c2ccccc12"),
    "9,10-anthraquinone": ("O=C1c2ccccc2C(=O)c2c({0})c({1})ccc12", "Oc1c2ccccc2c(O)c2c({0})c({1})ccc12"),
}
"""Quinone and hydroquinone, with two places for substituents."""

SUBSTITUENTS = {
    "H": "[H]",
    "CH3": "C",
    "OH": "O",
    "OCH3": "OC",
    "NH2": "N",
    "N(CH3)2": "N(C)C",
    "F": "F",
    "Cl": "Cl",
    "CN": "C#N",
    "CF3": "C(F)(F)F",
    "NO2": "[N+](=O)[O-]",
    "COOCH3": "C(=O)OC",
    "SO3H": "S(=O)(=O)O",
}


@pytest.mark.parametrize("group", SUBSTITUENTS.values(), ids=SUBSTITUENTS)
@pytest.mark.parametrize("scaffold", SCAFFOLDS.values(), ids=SCAFFOLDS)
def test_each_scaffold_with_each_substituent_becomes_its_diol(scaffold: tuple[str, str], group: str) -> None:
    """The hydroquinone is the one that a chemist would draw, whatever group sits on the ring."""
    quinone, diol = (each.format(group, "[H]") for each in scaffold)
    assert Molecule.from_smiles(diol).smiles == couple(quinone, "none").hydroquinone.smiles


@given(
    scaffold=st.sampled_from(sorted(SCAFFOLDS)),
    groups=st.tuples(*[st.sampled_from(sorted(SUBSTITUENTS))] * 2),
    solvent=st.sampled_from(["water", "none"]),
)
def test_reduction_adds_two_hydrogens_and_nothing_else(
    scaffold: str, groups: tuple[str, str], solvent: str
) -> None:
    """Both species have the same heavy atoms and the same charge: minus one for each acid in water."""
    made = couple(SCAFFOLDS[scaffold][0].format(*(SUBSTITUENTS[group] for group in groups)), solvent)
    assert made.hydroquinone.hydrogens == made.quinone.hydrogens + 2
    assert made.hydroquinone.atomic_numbers.tolist() == made.quinone.atomic_numbers.tolist()
    expected = -groups.count("SO3H") if solvent == "water" else 0
    assert [made.quinone.charge, made.hydroquinone.charge] == [expected, expected]


@pytest.mark.parametrize(
    ("smiles", "charge"),
    [
        ("OS(=O)(=O)c1ccc2C(=O)c3ccc(S(=O)(=O)O)cc3C(=O)c2c1", -2),
        ("[O-]S(=O)(=O)C1=CC(=O)C=CC1=O", -1),
        ("NS(=O)(=O)C1=CC(=O)C=CC1=O", 0),
        ("CS(=O)(=O)C1=CC(=O)C=CC1=O", 0),
        ("COS(=O)(=O)C1=CC(=O)C=CC1=O", 0),
        ("OC(=O)C1=CC(=O)C=CC1=O", 0),
        ("OC1=CC(=O)C=CC1=O", 0),
    ],
    ids=["two acids", "written as ion", "amide", "sulfone", "ester", "carboxylic acid", "phenol"],
)
def test_only_sulfonic_acids_are_ionised_in_water(smiles: str, charge: int) -> None:
    """The charge follows from the structure, not from how the SMILES is written."""
    assert charge == couple(smiles, "water").quinone.charge


def test_a_sulfonate_is_neutral_in_the_gas_phase() -> None:
    """Acid and anion are the same substance: the solvent decides which of them is computed."""
    acid, anion = "OS(=O)(=O)C1=CC(=O)C=CC1=O", "[O-]S(=O)(=O)C1=CC(=O)C=CC1=O"
    assert couple(acid, "none").quinone.smiles == couple(anion, "none").quinone.smiles
    assert couple(acid, "water").hydroquinone.smiles == couple(anion, "water").hydroquinone.smiles


@pytest.mark.parametrize(
    ("smiles", "reason"),
    [
        ("not a molecule", "not a valid SMILES"),
        ("CCO", "not a quinone"),
        ("c1ccccc1", "not a quinone"),
        ("O=C1CCC(=O)CC1", "would not become aromatic"),
        ("O=C1C=CC(=O)CC1", "would not become aromatic"),
        ("O=C1C=CCC(=O)C1", "not a quinone"),
        ("O=C1C=CC(=N)C=C1", "not a quinone"),
        ("O=C1C=NC(=O)C=C1", "not a quinone"),
        ("O=C1C=CC2=CC(=O)C=CC2=C1", "not a quinone"),
        ("O=C1C=CC(C=C1)=C1C=CC(=O)C=C1", "not a quinone"),
        ("O=C1C(=O)C(=O)C(=O)C(=O)C1=O", "not a quinone"),
        ("O=C1C=CC(=O)c2c1C(=O)C=CC2=O", "more than one quinone ring"),
        ("[Na+].[O-]S(=O)(=O)C1=CC(=O)C=CC1=O", "salt"),
        ("[CH2]C1=CC(=O)C=CC1=O", "radical"),
    ],
)
def test_what_is_no_quinone_is_refused_with_a_sentence(smiles: str, reason: str) -> None:
    """The sentence says what is wrong with the molecule."""
    with pytest.raises(Unsuitable, match=reason):
        couple(smiles, "water")
