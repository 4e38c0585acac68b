"""The campaign file: one value; what cannot be run is refused before anything is, and says where."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from moonloop.domain.campaigns import CampaignSpec, Objective, ReviewPolicy, ReviewRules
from moonloop.domain.canonical import seal, unseal
from moonloop.domain.claims import ClaimKind, available_kinds
from moonloop.domain.robots import RobotKind

FILE: dict[str, Any] = {
    "moonloop": 1,
    "name": "A small search",
    "space": {
        "kind": "factors",
        "factors": [
            {"kind": "categorical", "name": "solvent", "levels": ["water", "ethanol"]},
            {"kind": "discrete", "name": "temperature", "unit": "Cel", "levels": [20, 40, 60]},
        ],
    },
    "objective": {"name": "yield", "unit": "%", "direction": "maximise", "range": [0, 100]},
    "protocol": {"name": "table.lookup/1", "robot": "simulated"},
    "budget": {"experiments": 20},
}
EFFECT: dict[str, Any] = {"kind": "effect", "factor": "solvent", "level_a": "water", "level_b": "ethanol"}
R_GROUPS: dict[str, Any] = {
    "kind": "r_groups",
    "scaffolds": [{"name": "core", "smiles": "C[*:1]"}],
    "substituents": [{"name": "H", "smiles": "[H][*]"}, {"name": "CH3", "smiles": "C[*]"}],
    "max_substituted": 1,
}


def _with(path: str, value: Any) -> dict[str, Any]:
    """Return the file with one place changed."""
    first, _, rest = path.partition(".")
    if not rest:
        return {**FILE, first: value}
    return {**FILE, first: {**FILE.get(first, {}), rest: value}}


def _claim(**changes: Any) -> list[dict[str, Any]]:
    return [{"claim": {**EFFECT, **changes}, "statement": "Water is better.", "probability": 0.7}]


def _by(proposer: str) -> list[dict[str, Any]]:
    return [{**_claim()[0], "proposer": proposer}]


_PREDICTION = [
    {
        "claim": {"kind": "prediction", "error": 1e-320, "trained_through": 1},
        "statement": "It is foreseen.",
        "probability": 0.7,
    }
]


def test_a_file_is_read_sealed_and_read_again() -> None:
    """With its defaults, to the same value and the same hash."""
    spec = CampaignSpec.model_validate(FILE)
    sealed = seal(spec)

    assert unseal(sealed.body, sealed.sha256, CampaignSpec) == spec
    assert seal(unseal(sealed.body, sealed.sha256, CampaignSpec)) == sealed


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("moonloop", 2, "moonloop"),
        ("name", "", "name"),
        ("colour", "red", "colour"),
        ("institute", "No Blanks", "institute"),
        ("space", {"kind": "factors", "factors": []}, "space"),
        ("objective.unit", "percent", "objective/unit"),
        ("objective.range", [1, 1], "the range must rise"),
        ("objective.range", [2, 1], "the range must rise"),
        ("objective.range", [0, float("inf")], "objective/range"),
        ("objective.direction", "up", "objective/direction"),
        ("protocol.name", "Table Lookup", "protocol/name"),
        ("protocol.name", "table.lookup", "protocol/name"),
        ("protocol.robot", "imaginary", "protocol/robot"),
        ("protocol.timeout", "0 s", "protocol/timeout"),
        ("protocol.limits", {"temperature_Cel": {"low": 2, "high": 1}}, "low is above high"),
        ("protocol.cost", {"money": -1}, "protocol/cost/money"),
        ("protocol.cost", {"reagents": {"ethanol": {"value": 1, "unit": "spoon"}}}, "protocol/cost/reagents"),
        ("budget", {}, "budget/experiments"),
        ("budget.experiments", 0, "budget/experiments"),
        ("budget.wall_clock", "-1 h", "budget/wall_clock"),
        ("design", {"batch_size": 0}, "design/batch_size"),
        ("design", {"seed": 2**53}, "design/seed"),
        ("scientist", {"alpha": 1}, "scientist/alpha"),
        ("scientist", {"kind": "oracle"}, "scientist/kind"),
        ("stop", {"improvement_below": 0}, "stop/improvement_below"),
        ("confirmation", {"runs": []}, "confirmation/runs"),
        ("confirmation", {"top": 0, "runs": []}, "confirmation/top"),
        ("references", [{"name": "known", "value": 1, "citation": ""}], "references/0/citation"),
        (
            "constraints",
            [{"kind": "substructure", "name": "acid", "smarts": "C(=O)O"}],
            "use space.constraints",
        ),
        (
            "constraints",
            [{"kind": "descriptor", "name": "size", "descriptor": "tpsa"}],
            "at_least, at_most or both",
        ),
        ("on_lost", {"rerun": -1}, "on_lost/rerun"),
        ("claims", _claim(factor="mood"), "claims[0].claim.factor: mood is none of solvent, temperature"),
        (
            "claims",
            _claim(level_a="mud"),
            "claims[0].claim.level_a: 'mud' is no level of solvent: water, ethanol",
        ),
        ("claims", _claim(level_b="water"), "level_a and level_b are the same level"),
        ("claims", _claim(delta=100), "claims[0].claim.delta: it is as wide as the objective's range"),
        ("claims", _claim(delta=0), "claims/0/claim/effect/delta"),
        ("claims", _claim(delta=1e-5), "claims[0].claim.delta: it is less than a millionth"),
        ("claims", _PREDICTION, "claims[0].claim.error: it is less than a millionth"),
        ("claims", [{**_claim()[0], "probability": 1.1}], "claims/0/probability"),
        ("claims", _claim() * 4, "claims: 4 are given, scientist.claims_at_most is 3"),
    ],
)
def test_what_cannot_be_run_is_refused_where_it_is_wrong(path: str, value: Any, told: str) -> None:
    """The field is named, or the sentence names it."""
    with pytest.raises(ValidationError) as caught:
        CampaignSpec.model_validate(_with(path, value))

    places = [f"{'/'.join(map(str, error['loc']))} {error['msg']}" for error in caught.value.errors()]
    assert any(told in place for place in places), places


@pytest.mark.parametrize("proposer", ["Ada", "a chemist", "the algorithm's friend"])
def test_a_claim_of_a_file_is_that_of_whom_it_names(proposer: str) -> None:
    """Or of the file, where it names nobody."""
    claims = _claim() + _by(proposer)

    spec = CampaignSpec.model_validate({**FILE, "claims": claims})

    assert ["campaign file", proposer] == [one.proposer for one in spec.claims]


def test_a_borrowed_name_is_told_and_does_not_make_a_stored_file_unreadable() -> None:
    """A file reads as it stands; what is wrong with its names is for those who take it in."""
    claims = _claim() + _by("algorithmic") + _by("critic/m@0a")

    spec = CampaignSpec.model_validate({**FILE, "claims": claims})

    found = spec.borrowed_names()
    assert [1, 2] == list(found)
    assert found[1].startswith("algorithmic is what the algorithmic scientist is called")
    assert found[2].startswith("critic/m@0a is what an agent is called")
    assert {} == CampaignSpec.model_validate({**FILE, "claims": _claim()}).borrowed_names()


def test_an_agent_may_choose_no_effect_below_a_hundredth_of_the_range() -> None:
    """A file's claim may be finer: a person answers for it."""
    spec = CampaignSpec.model_validate({**FILE, "claims": _claim(delta=0.9)})
    (fine,) = spec.claims
    notable = fine.model_copy(update={"claim": fine.claim.model_copy(update={"delta": 1.0})})

    assert "less than a hundredth" in spec.fault_in(fine)
    assert "" == spec.fault_in(notable)


@pytest.mark.parametrize("kind", sorted(set(ClaimKind) - {ClaimKind(kind) for kind in available_kinds()}))
def test_a_claim_without_a_verdict_rule_is_refused_with_those_that_have_one(kind: str) -> None:
    """The language of claims is larger than what code can decide yet; nothing is taken on trust."""
    claim = {"claim": {"kind": kind, "factor": "solvent"}, "statement": "So it is.", "probability": 0.5}
    sentence = f'A claim of kind "{kind}" has no verdict rule yet; available are: effect, prediction.'

    with pytest.raises(ValidationError) as caught:
        CampaignSpec.model_validate({**FILE, "claims": [claim]})

    (error,) = caught.value.errors()
    assert error["loc"] == ("claims", 0, "claim")
    assert sentence in error["msg"]


@pytest.mark.parametrize("kind", ["physical", "computational", "simulated"])
def test_the_policy_earned_is_not_available_yet(kind: str) -> None:
    """It is refused with those that are."""
    with pytest.raises(
        ValidationError, match="the policy earned is not available yet; use one of: every_cycle"
    ):
        CampaignSpec.model_validate({**FILE, "reviews": {kind: "earned"}})


@pytest.mark.parametrize("policy", ["first_cycle", "none"])
def test_physical_work_is_reviewed_by_a_person_every_cycle(policy: str) -> None:
    """No file can say otherwise."""
    with pytest.raises(ValidationError, match="physical work is reviewed by a person every cycle"):
        CampaignSpec.model_validate({**FILE, "reviews": {"physical": policy}})


@given(
    st.sets(st.sampled_from(RobotKind), min_size=1),
    st.sampled_from(ReviewPolicy),
    st.sampled_from(ReviewPolicy),
)
def test_the_strictest_policy_of_the_kinds_decides(
    kinds: set[RobotKind], computational: ReviewPolicy, simulated: ReviewPolicy
) -> None:
    """A plan of several kinds goes by the one that asks a person most often."""
    rules = ReviewRules(computational=computational, simulated=simulated)
    strictness = [ReviewPolicy.EVERY_CYCLE, ReviewPolicy.FIRST_CYCLE, ReviewPolicy.NONE]
    by_kind = {
        RobotKind.PHYSICAL: ReviewPolicy.EVERY_CYCLE,
        RobotKind.COMPUTATIONAL: computational,
        RobotKind.SIMULATED: simulated,
    }

    chosen = rules.policy_for(frozenset(kinds))

    assert chosen in {by_kind[kind] for kind in kinds}
    assert all(strictness.index(chosen) <= strictness.index(by_kind[kind]) for kind in kinds)


def test_physical_work_is_not_rerun_without_a_person() -> None:
    """`on_lost` is for computations and simulations."""
    physical = {**FILE, "protocol": {"name": "table.lookup/1", "robot": "physical"}}
    with pytest.raises(ValidationError, match=r"on_lost\.rerun: only computational and simulated work"):
        CampaignSpec.model_validate({**physical, "on_lost": {"rerun": 1}})

    assert CampaignSpec.model_validate({**FILE, "on_lost": {"rerun": 1}}).on_lost.rerun == 1


def test_a_reference_in_a_space_of_molecules_has_a_smiles() -> None:
    """Otherwise nobody could make it."""
    known = {"name": "known", "value": 1, "citation": "a paper"}
    with pytest.raises(ValidationError, match=r"references\[0\]\.smiles"):
        CampaignSpec.model_validate({**FILE, "space": R_GROUPS, "references": [known]})


@pytest.mark.parametrize(
    ("claim", "good"),
    [
        ({"factor": "substituent", "level_a": "CH3", "level_b": "H"}, True),
        ({"factor": "scaffold", "level_a": "core", "level_b": "H"}, False),
        ({"factor": "1", "level_a": "CH3", "level_b": "H"}, False),
    ],
)
def test_claims_about_molecules_name_scaffolds_or_substituents(claim: dict[str, Any], *, good: bool) -> None:
    """The factors of a space of molecules, as claims speak of them."""
    given_file = {**FILE, "space": R_GROUPS, "claims": _claim(**claim)}
    if good:
        assert CampaignSpec.model_validate(given_file).claims[0].proposer == "campaign file"
    else:
        with pytest.raises(ValidationError, match=r"claims\[0\]\.claim\."):
            CampaignSpec.model_validate(given_file)


def test_a_prediction_claims_less_than_the_whole_range() -> None:
    """An error as wide as the range is no claim."""
    prediction = {"kind": "prediction", "error": 100, "trained_through": 0}
    claim = {"claim": prediction, "statement": "It will be near.", "probability": 0.5}
    with pytest.raises(ValidationError, match=r"claims\[0\]\.claim\.error"):
        CampaignSpec.model_validate({**FILE, "claims": [claim]})


def test_confirmation_and_reference_runs_have_lines_of_their_own() -> None:
    """Just as many as the file asks for, unless the budget says otherwise."""
    run = {"label": "slow", "protocol": {"name": "slow/1", "robot": "simulated"}, "tolerance": 1}
    known = {"name": "known", "value": 1, "citation": "a paper"}
    asked = {**FILE, "confirmation": {"top": 3, "runs": [run, run]}, "references": [known]}
    fewer = {**asked, "budget": {"experiments": 20, "confirmation": 4, "reference": 0}}

    assert [
        (spec.confirmation_runs, spec.reference_runs)
        for spec in (CampaignSpec.model_validate(one) for one in (FILE, asked, fewer))
    ] == [(0, 0), (6, 1), (4, 0)]


@given(st.floats(-1e3, 1e3), st.floats(1e-3, 1e3), st.sampled_from(["maximise", "minimise"]))
def test_an_objective_knows_its_sign_and_width(low: float, width: float, direction: str) -> None:
    """More is better or less is; effects are measured against the declared range."""
    objective = Objective.model_validate(
        {"name": "yield", "unit": "%", "direction": direction, "range": [low, low + width]}
    )

    assert objective.width == pytest.approx(width, rel=1e-6)
    assert objective.sign == (1 if direction == "maximise" else -1)
