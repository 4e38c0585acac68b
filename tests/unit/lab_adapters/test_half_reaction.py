"""The reaction energy: reproducible, charged as it should be, and in the order that chemists know."""

import pytest

pytest.importorskip("tblite")

from moonloop.lab_adapters.xtb import half_reaction as module
from moonloop.lab_adapters.xtb.chemistry_errors import NotConverged, Unsuitable
from moonloop.lab_adapters.xtb.half_reaction import Reporter, half_reaction
from moonloop.lab_adapters.xtb.messages import Answer
from moonloop.lab_adapters.xtb.molecules import Array
from moonloop.lab_adapters.xtb.optimiser import Minimum
from moonloop.lab_adapters.xtb.request import Request

BENZOQUINONE = "O=C1C=CC(=O)C=C1"
SILENT = Reporter(progress=lambda _step, _fraction: None, log=lambda _text: None)


def computed(smiles: str, *, seed: int = 1, **parameters: str | int | bool) -> Answer:
    """Compute a quinone in silence."""
    asked = Request.model_validate({"smiles": smiles, "seed": seed, "conformers": 2, **parameters})
    return half_reaction(asked, max_atoms=60, reporter=SILENT)


def test_equal_requests_give_equal_answers() -> None:
    """The seed decides everything that is random: energies and structures are the same to the last digit."""
    assert computed("COC1=CC(=O)C=CC1=O") == computed("COC1=CC(=O)C=CC1=O")


@pytest.mark.parametrize("method", ["GFN2-xTB", "GFN1-xTB"])
@pytest.mark.parametrize("solvent", ["water", "none"])
def test_chlorine_raises_and_methyl_lowers_the_potential(method: str, solvent: str) -> None:
    """Every protocol puts chloro-, plain and methylbenzoquinone in the order of their electron demand."""
    found = [
        computed(smiles, method=method, solvent=solvent).half_reaction
        for smiles in ("ClC1=CC(=O)C=CC1=O", BENZOQUINONE, "CC1=CC(=O)C=CC1=O")
    ]
    assert sorted(found, reverse=True) == found


def test_relaxation_lowers_both_species() -> None:
    """The relaxed energy lies below every single point, and says how many steps it took."""
    answer = computed(BENZOQUINONE, optimise=True)
    for species in (answer.quinone, answer.hydroquinone):
        assert species.energy < species.levels[0].energy
        assert species.steps > 0


def test_a_sulfonic_acid_is_an_ion_in_water_only() -> None:
    """The answer states the charge that both species were computed with."""
    acid = "OS(=O)(=O)C1=CC(=O)C=CC1=O"
    assert [computed(acid, solvent=solvent).charge for solvent in ("water", "none")] == [-1, 0]


def test_the_structures_are_files_of_the_lowest_conformer() -> None:
    """Each species comes as XYZ with every atom and as an entry of an SD file with its bonds."""
    answer = computed(BENZOQUINONE)
    assert [species.xyz.splitlines()[0] for species in (answer.quinone, answer.hydroquinone)] == ["12", "14"]
    assert answer.hydroquinone.sdf.endswith("M  END\n$$$$\n")


def test_a_molecule_too_large_for_the_robot_is_refused() -> None:
    """The limit is on the atoms of the hydroquinone, hydrogen included."""
    with pytest.raises(Unsuitable, match="68 atoms; this robot takes 60"):
        computed("CCCCCCCCCCCCCCCCCC" + "C1=CC(=O)C=CC1=O")


def test_an_element_without_a_force_field_is_refused() -> None:
    """What MMFF94 cannot place is refused before anything is computed."""
    with pytest.raises(Unsuitable, match="MMFF94"):
        computed("[SeH]C1=CC(=O)C=CC1=O")


def test_a_rearranged_molecule_gives_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """A relaxation that ends in another molecule is a failure, however low its energy."""

    def scattered(_point: object, start: Array, **_rest: object) -> Minimum:
        return Minimum(start * 2.0, -99.0, 1)

    monkeypatch.setattr(module, "minimum", scattered)
    with pytest.raises(NotConverged, match="rearranged"):
        computed(BENZOQUINONE, optimise=True)
