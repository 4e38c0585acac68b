"""Candidates by what a model writes of them."""

import pytest

from moonloop.agents.roles.candidates import resolve_candidate
from moonloop.domain.errors import AnswerRefused, InvalidInput
from moonloop.domain.history import History
from moonloop.domain.space import Candidate
from moonloop.tools.spaces import pool_for
from support.campaigns import make_spec
from unit.agents.roles import scenes

SCAFFOLD = ("scaffold", "1,4-benzoquinone")


def quinone(*settings: tuple[str, str], smiles: str = "") -> Candidate:
    """Return the quinone that is meant."""
    context = scenes.quinones()
    return resolve_candidate(context.spec, context.history, settings, smiles)


def test_a_molecule_is_found_by_its_smiles_however_written() -> None:
    """The canonical SMILES is its key, and the settings are the space's own."""
    found = quinone(smiles="O=C1C(C#N)=CC(=O)C(C#N)=C1")
    assert (scenes.TWO_NITRILES, scenes.TWO_NITRILES) == (found.key, found.smiles)
    assert "1,4-benzoquinone" == found.settings["scaffold"]


def test_a_molecule_is_found_by_its_parts() -> None:
    """Positions that are not named are left unsubstituted; symmetric settings are the same molecule."""
    assert scenes.TWO_NITRILES == quinone(SCAFFOLD, ("2", "CN"), ("5", "CN")).key
    assert scenes.TWO_NITRILES == quinone(SCAFFOLD, ("3", "CN"), ("6", "CN")).key


@pytest.mark.parametrize(
    ("settings", "smiles", "why"),
    [
        ((), "N#CC1=CC(=O)C=CC1=O", "was run before"),
        ((SCAFFOLD, ("5", "CN")), "", "was run before"),
        ((), "c1ccccc1", "not in the space"),
        ((), "O=C1C=CC(=O)C=C1", "free quinone C-H"),
        ((), "O=C1C([N+](=O)[O-])=CC(=O)C(C#N)=C1", "nitro groups"),
        ((), "not a molecule", "SMILES"),
        ((), "", "smiles"),
        ((SCAFFOLD, ("2", "CN")), "N#CC1=CC(=O)C=CC1=O", "leave the other empty"),
        ((SCAFFOLD, ("9", "CN")), "", "no position"),
        ((SCAFFOLD, ("2", "CN"), ("3", "CN"), ("5", "CN")), "", "at most 2 positions"),
        ((SCAFFOLD, ("2", "Br")), "", "Br"),
        ((("scaffold", "porphyrin"),), "", "scaffold"),
    ],
)
def test_what_may_not_be_run_is_refused(settings: tuple[tuple[str, str], ...], smiles: str, why: str) -> None:
    """Run before, outside the space, outside the goal's constraints, or not to be understood."""
    with pytest.raises((AnswerRefused, InvalidInput)) as refused:
        quinone(*settings, smiles=smiles)
    assert why in str(refused.value)


def test_settings_that_the_space_leaves_out_are_refused() -> None:
    """An exclusion of the space holds for suggestions too."""
    factors = make_spec().space.model_dump(mode="json")
    rule = {"kind": "exclude", "settings": {"solvent": "ethanol", "temperature": 60}}
    spec = make_spec(space={**factors, "constraints": [rule]})
    history = History(campaign_id=scenes.CAMPAIGN, cycle=1, experiments_left=5)
    found = resolve_candidate(spec, history, [("temperature", "40"), ("solvent", "ethanol")], "")
    assert "solvent=ethanol; temperature=40" == found.key
    with pytest.raises(InvalidInput, match="is not in the space"):
        resolve_candidate(spec, history, [("solvent", "ethanol"), ("temperature", "60")], "")


def test_a_space_too_large_to_list_is_searched_by_its_steps() -> None:
    """Settings outside the pool are taken when they are in the space, and refused when they are left out."""
    names = ("a", "b", "c", "d")
    steps = [
        {"kind": "continuous", "name": name, "unit": "mL", "low": 0, "high": 20, "step": 1} for name in names
    ]
    limit = {"kind": "linear", "weights": dict.fromkeys(names, 1), "at_most": 40}
    spec = make_spec(
        space={"kind": "factors", "factors": steps, "constraints": [limit]}, design={"pool_limit": 50}
    )
    history = History(campaign_id=scenes.CAMPAIGN, cycle=1, experiments_left=5)
    pool = pool_for(spec)
    for level in range(9):
        found = resolve_candidate(spec, history, [(name, str(level)) for name in names], "")
        assert dict.fromkeys(names, float(level)) == dict(found.settings)
    assert not pool.complete
    with pytest.raises(AnswerRefused, match="is left out of the space"):
        resolve_candidate(spec, history, [(name, "11") for name in names], "")
