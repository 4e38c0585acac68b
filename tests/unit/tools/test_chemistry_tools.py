"""What the chemistry tools answer."""

import pytest

from moonloop.domain.errors import InvalidInput, ToolRefused
from moonloop.tools.asking import Snapshot
from moonloop.tools.asking.arguments import Describe, Draw, Enumerate, Similarity, Substructure
from moonloop.tools.chemistry import answers, parse_smiles
from moonloop.tools.chemistry.accessibility import synthetic_accessibility
from moonloop.tools.chemistry.enumeration import enumerate_molecules
from support.seen import history_of, molecule_spec, observed, setting_spec

_QUINONE = "O=C1C=CC(=O)C=C1"


def test_a_molecule_is_described_with_canonical_smiles_and_descriptors() -> None:
    """A valid SMILES gets its canonical form, formula, descriptors and accessibility."""
    (found,) = answers.describe(Describe(smiles=["C1=CC(=O)C=CC1=O"]), Snapshot()).molecules
    assert (True, _QUINONE, "C6H4O2") == (found.valid, found.canonical, found.formula)
    assert found.descriptors is not None
    assert 108.1 == pytest.approx(found.descriptors["molecular_weight"], abs=0.05)


def test_an_invalid_smiles_is_an_answer() -> None:
    """That a SMILES is none is what was asked, and no error."""
    (found,) = answers.describe(Describe(smiles=["C(("]), Snapshot()).molecules
    assert not found.valid
    assert found.why


def test_what_is_harder_to_make_scores_higher() -> None:
    """The accessibility score puts benzene, aspirin and morphine in the order of any chemist."""
    morphine = "CN1CC[C@]23c4c5ccc(O)c4O[C@H]2[C@@H](O)C=C[C@H]3[C@H]1C5"
    smiles = ["c1ccccc1", "CC(=O)Oc1ccccc1C(=O)O", morphine]
    scores = [synthetic_accessibility(parse_smiles(one)) for one in smiles]
    assert 1.0 <= scores[0] < scores[1] < scores[2] <= 10.0


def test_a_molecule_is_most_similar_to_itself() -> None:
    """However it is written, a molecule has similarity 1 to itself, and comes first."""
    asked = Similarity(query="C1=CC(=O)C=CC1=O", among=["CCO", _QUINONE, "CC1=CC(=O)C=CC1=O"], limit=2)
    found = answers.similarity(asked, Snapshot())
    assert (3, [_QUINONE, "CC1=CC(=O)C=CC1=O"]) == (found.compared, [one.smiles for one in found.molecules])
    assert 1.0 == found.molecules[0].tanimoto


def test_candidates_of_the_campaign_are_compared_with_what_was_measured() -> None:
    """Without a list the candidates of the campaign are compared, and measured ones say so."""
    spec = molecule_spec()
    from moonloop.tools.spaces import pool_for

    candidate = pool_for(spec).candidates[1]
    snapshot = Snapshot(spec=spec, history=history_of((observed(0, 12.5, candidate),)))
    assert candidate.smiles is not None
    first = answers.similarity(Similarity(query=candidate.smiles, limit=1), snapshot).molecules[0]
    assert (candidate.smiles, 12.5) == (first.smiles, first.value)
    assert first.measurement_id is not None


def test_a_campaign_of_settings_has_no_molecules_to_compare() -> None:
    """Candidates that are settings are no molecules, and the answer says what to give instead."""
    with pytest.raises(ToolRefused, match="give the molecules themselves"):
        answers.similarity(Similarity(query="CCO"), Snapshot(spec=setting_spec(), history=history_of()))


def test_a_substructure_is_found_where_it_sits() -> None:
    """Each match names the places of its atoms in the SMILES as it was given."""
    found = answers.substructure(Substructure(smarts="C=O", smiles=[_QUINONE, "CCO"]), Snapshot())
    assert (2, 1) == (found.searched, found.matching)
    assert [((1, 0), (4, 5)), ()] == [one.atoms for one in found.molecules]


def test_a_smarts_that_is_none_is_refused() -> None:
    """A SMARTS that cannot be read is to be changed."""
    with pytest.raises(InvalidInput):
        answers.substructure(Substructure(smarts="[C", smiles=["CCO"]), Snapshot())


def test_enumeration_gives_each_molecule_once() -> None:
    """Symmetric combinations are one molecule, and the answer says that all were tried."""
    asked = Enumerate(scaffold="c1([*:1])ccc([*:2])cc1", substituents=["[*]C", "[*]O"])
    found = answers.enumerated(asked, Snapshot())
    assert (4, 3, True) == (found.combinations, len(found.molecules), found.complete)


def test_enumeration_is_capped() -> None:
    """However many combinations there are, only so many are put together."""
    groups = ["[*]C", "[*]O", "[*]N", "[*]F", "[*]Cl", "[*]Br"]
    found = enumerate_molecules("[*:1]c1c([*:2])c([*:3])c([*:4])c([*:5])c1[*:6]", groups, 10)
    assert (10, 6**6) == (len(found.molecules), found.combinations)
    assert found.tried < 100


@pytest.mark.parametrize(
    ("scaffold", "why"),
    [
        ("CCO", "has no attachment point"),
        ("[*]C", "on one single bond"),
        ("C([*:1])([*:1])C", "a number of its own"),
        ("C[*:1]C", "on one single bond"),
    ],
)
def test_a_scaffold_needs_numbered_attachment_points(scaffold: str, why: str) -> None:
    """A scaffold without distinct numbered points on single bonds is to be changed."""
    with pytest.raises(InvalidInput, match=why):
        enumerate_molecules(scaffold, ["[*]C"], 10)


def test_a_drawing_is_svg() -> None:
    """A molecule is drawn as SVG."""
    assert "<svg" in answers.draw(Draw(smiles="CCO"), Snapshot()).svg
