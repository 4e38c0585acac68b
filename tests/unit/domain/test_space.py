"""The space: what may be varied; what is impossible or malformed is refused, and says where."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from moonloop.domain.space import ContinuousFactor, Scaffold, Space, levels_by_factor

SPACE: TypeAdapter[Any] = TypeAdapter(Space)
SOLVENT = {"kind": "categorical", "name": "solvent", "levels": ["water", "ethanol"]}
HEAT = {"kind": "discrete", "name": "heat", "unit": "Cel", "levels": [20, 40]}
FLOW = {"kind": "continuous", "name": "flow", "unit": "mL/min", "low": 0.1, "high": 1.0, "step": 0.1}
QUINONE = {"name": "benzoquinone", "smiles": "O=C1C([*:2])=C([*:3])C(=O)C=C1"}
METHYL = {"name": "CH3", "smiles": "C[*]"}
HYDROGEN = {"name": "H", "smiles": "[H][*]"}


def _factors(*factors: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"kind": "factors", "factors": list(factors), **more}


def _table(*rows: list[Any]) -> dict[str, Any]:
    return {"kind": "table", "factors": [SOLVENT, HEAT], "rows": list(rows)}


def _r_groups(**changes: Any) -> dict[str, Any]:
    return {
        "kind": "r_groups",
        "scaffolds": [QUINONE],
        "substituents": [HYDROGEN, METHYL],
        "max_substituted": 2,
        **changes,
    }


@pytest.mark.parametrize(
    "space",
    [
        _factors(SOLVENT, HEAT, FLOW),
        _factors(
            HEAT, FLOW, constraints=[{"kind": "linear", "weights": {"heat": 1, "flow": 2}, "at_most": 41}]
        ),
        _factors(
            SOLVENT, HEAT, constraints=[{"kind": "exclude", "settings": {"solvent": "ethanol", "heat": 40}}]
        ),
        _table(["water", 20], ["ethanol", 40]),
        _r_groups(),
    ],
    ids=["factors", "linear limit", "exclusion", "table", "r groups"],
)
def test_a_good_space_is_read_and_written_alike(space: dict[str, Any]) -> None:
    """Read, written and read again it is the same."""
    read = SPACE.validate_python(space)

    assert SPACE.validate_json(SPACE.dump_json(read)) == read


@pytest.mark.parametrize(
    ("space", "where", "why"),
    [
        (_factors(), "factors", "at least 1 item"),
        (_factors(SOLVENT, SOLVENT), "factors", "factor given twice: solvent"),
        (_factors({**SOLVENT, "levels": ["water"]}), "levels", "at least 2 items"),
        (_factors({**SOLVENT, "levels": ["water", "water"]}), "solvent", "the levels of solvent repeat"),
        (_factors({**SOLVENT, "substances": {"mud": "O"}}), "solvent", "levels that it has not: mud"),
        (_factors({**HEAT, "levels": [20, 20.0]}), "heat", "the levels of heat repeat"),
        (_factors({**HEAT, "unit": "degrees"}), "unit", "not one of the UCUM codes"),
        (_factors({**HEAT, "levels": [20, float("nan")]}), "levels", "finite"),
        (_factors({**FLOW, "low": 1.0}), "flow", "low + step must not be above high"),
        (_factors({**FLOW, "step": 0}), "step", "greater than 0"),
        (_factors({**FLOW, "step": 2}), "flow", "low + step must not be above high"),
        (_factors({**FLOW, "kind": "fuzzy"}), "factors", "fuzzy"),
        (_factors({**FLOW, "colour": "red"}), "colour", "not permitted"),
        (
            _factors(HEAT, constraints=[{"kind": "exclude", "settings": {"mood": 1}}]),
            "factors",
            "unknown factors: mood",
        ),
        (
            _factors(HEAT, constraints=[{"kind": "linear", "weights": {"mood": 1}, "at_most": 1}]),
            "factors",
            "unknown factors: mood",
        ),
        (_table(), "rows", "at least 1 item"),
        (_table(["water"]), "table", "row 1 has 1 levels, there are 2 factors"),
        (_table(["water", 20], ["mud", 20]), "table", "row 2: 'mud' is not a level of solvent"),
        (_table(["water", 20], ["water", 20]), "table", "rows repeat"),
        (_r_groups(scaffolds=[]), "scaffolds", "at least 1 item"),
        (_r_groups(scaffolds=[QUINONE, QUINONE]), "r_groups", "scaffold given twice: benzoquinone"),
        (
            _r_groups(scaffolds=[{**QUINONE, "smiles": "O=C1C=CC(=O)C=C1"}]),
            "scaffolds",
            "no attachment point",
        ),
        (_r_groups(scaffolds=[{**QUINONE, "smiles": "[*:2]C[*:2]"}]), "scaffolds", "given twice: 2"),
        (_r_groups(substituents=[METHYL]), "r_groups", "unsubstituted: H is not among the substituents"),
        (_r_groups(substituents=[HYDROGEN, METHYL, METHYL]), "r_groups", "substituent given twice: CH3"),
        (
            _r_groups(substituents=[HYDROGEN, {**METHYL, "smiles": "C"}]),
            "substituents",
            "exactly one attachment",
        ),
        (_r_groups(substituents=[HYDROGEN, {**METHYL, "smiles": "[*]C[*]"}]), "substituents", "exactly one"),
        (_r_groups(max_substituted=0), "max_substituted", "greater than or equal to 1"),
        ({"kind": "everything"}, "", "everything"),
    ],
)
def test_an_impossible_space_is_refused_where_it_is_wrong(
    space: dict[str, Any], where: str, why: str
) -> None:
    """The place and the reason are in the error."""
    with pytest.raises(ValidationError) as caught:
        SPACE.validate_python(space)

    told = caught.value.errors()
    assert any(why in error["msg"] for error in told)
    assert any(where in "/".join(map(str, error["loc"])) or where in error["msg"] for error in told)


@given(st.integers(-50, 50), st.integers(1, 60), st.sampled_from([0.01, 0.1, 0.25, 0.5, 1.0, 7.0]))
def test_a_continuous_factor_has_every_step_and_no_more(start: int, count: int, step: float) -> None:
    """From the low end to the high one, both included where the steps meet it."""
    low = start * step
    factor = ContinuousFactor(name="flow", unit="mL/min", low=low, high=low + count * step, step=step)

    levels = factor.levels
    assert len(levels) == count + 1
    assert levels[0] == pytest.approx(low)
    assert levels[-1] == pytest.approx(low + count * step)
    assert all(b - a == pytest.approx(step) for a, b in pairwise(levels))


@given(st.lists(st.integers(1, 40), min_size=1, max_size=5, unique=True))
def test_the_locants_of_a_scaffold_are_in_the_chemists_order(locants: list[int]) -> None:
    """10 comes after 2."""
    scaffold = Scaffold(name="ring", smiles="C" + "".join(f"C([*:{locant}])" for locant in locants))

    assert scaffold.positions == tuple(str(locant) for locant in sorted(locants))


def test_claims_about_molecules_have_two_factors() -> None:
    """A claim is about scaffolds, or about substituents at any one position."""
    space = SPACE.validate_python(_r_groups())
    expected = {"scaffold": ("benzoquinone",), "substituent": ("H", "CH3")}
    assert expected == levels_by_factor(space)


def test_claims_about_settings_have_the_factors_of_the_space() -> None:
    """Names and numbers, in the order of the file."""
    found = levels_by_factor(SPACE.validate_python(_factors(SOLVENT, HEAT)))
    assert [("solvent", ("water", "ethanol")), ("heat", (20.0, 40.0))] == list(found.items())
