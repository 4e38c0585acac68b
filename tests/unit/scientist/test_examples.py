"""The campaign files that ship: valid, with the spaces that they promise, and playable."""

import csv
from collections.abc import Callable
from math import exp, sqrt
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.history import History
from moonloop.domain.plans import Run
from moonloop.scientist import survey
from moonloop.tools.chemistry import canonical_smiles
from moonloop.tools.spaces import pool_for

EXAMPLES = Path(__file__).parents[3] / "examples"
CONSTANTS = {"H2SO4": (0.9, 0.012), "TsOH": (0.7, 0.004), "Amberlyst-15": (0.45, 0.0015)}


def load(name: str) -> CampaignSpec:
    """Read a campaign file as the command line does."""
    yaml: Any = YAML(typ="safe")
    return CampaignSpec.model_validate(yaml.load((EXAMPLES / name).read_text()))


def esterification(catalyst: str, celsius: float, hours: float, ratio: float) -> float:
    """Return the yield by the formula that simulated_ester.yaml states."""
    kelvin = celsius + 273.15

    def at(rate: float, energy: float) -> float:
        return rate * exp(-energy / 8.314 * (1 / kelvin - 1 / 353.15))

    rate, loss = at(CONSTANTS[catalyst][0], 55_000), at(CONSTANTS[catalyst][1], 95_000)
    half = 4 * (1 + ratio)
    equilibrium = (half - sqrt(half**2 - 48 * ratio)) / 6
    return round(100 * equilibrium * (1 - exp(-rate * hours)) * exp(-loss * hours), 2)


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.glob("*.yaml")))
def test_an_example_is_a_valid_campaign(name: str) -> None:
    """Every file loads, with a name, a goal and at least one claim."""
    spec = load(name)
    assert spec.goal
    assert spec.claims


def test_the_quinone_space_has_2123_molecules() -> None:
    """Of them some satisfy all limits, and both claims have hundreds of matched pairs."""
    summary = survey(load("quinone_catholyte.yaml"))
    assert (4121, 2123, 2123, True) == (summary.settings, summary.candidates, summary.pool, summary.complete)
    assert 100 < summary.feasible < min(count.leaves for count in summary.constraints)
    assert all(one.pairs is not None and one.pairs > 100 for one in summary.claims)


@pytest.mark.parametrize(
    ("scaffold", "locant", "smiles"),
    [
        ("1,4-naphthoquinone", "2", "CC1=CC(=O)c2ccccc2C1=O"),
        ("1,4-naphthoquinone", "5", "Cc1cccc2C(=O)C=CC(=O)c12"),
        ("1,2-naphthoquinone", "4", "CC1=CC(=O)C(=O)c2ccccc12"),
        ("1,2-naphthoquinone", "6", "Cc1ccc2C(=O)C(=O)C=Cc2c1"),
        ("9,10-anthraquinone", "2", "Cc1ccc2C(=O)c3ccccc3C(=O)c2c1"),
        ("1,2-benzoquinone", "4", "CC1=CC(=O)C(=O)C=C1"),
    ],
)
def test_locants_of_the_quinones_are_those_of_chemists(scaffold: str, locant: str, smiles: str) -> None:
    """A methyl group at a locant is the methylquinone that a chemist would draw."""
    pool = pool_for(load("quinone_catholyte.yaml"))
    candidate = pool.candidates[pool.index[canonical_smiles(smiles)]]
    positions = {name: level for name, level in candidate.settings.items() if name != "scaffold"}
    assert scaffold == candidate.settings["scaffold"]
    assert {locant: "CH3"} == {name: level for name, level in positions.items() if level != "H"}


def test_the_simulated_table_is_the_formula() -> None:
    """Every number of the table is the stated formula's, and the table has every setting of the space."""
    with (EXAMPLES / "simulated_ester.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        numbers = (float(row[name]) for name in ("temperature", "time", "alcohol_ratio"))
        assert esterification(row["catalyst"], *numbers) == float(row["yield"])
    assert survey(load("simulated_ester.yaml")).candidates == len(rows)


def test_the_simulated_campaign_reaches_its_target(play: Callable[..., History]) -> None:
    """Played on its formula, the campaign finds a setting that meets the target within its budget."""
    spec = load("simulated_ester.yaml")

    def outcome(run: Run) -> float:
        at = run.candidate.settings
        return esterification(
            str(at["catalyst"]), *(float(at[name]) for name in ("temperature", "time", "alcohol_ratio"))
        )

    best = max(seen.value or 0.0 for seen in play(spec, outcome=outcome).observations)
    assert spec.objective.target is not None
    assert best >= spec.objective.target
