"""The designer's view."""

import pytest

from moonloop.domain.errors import InvalidInput
from moonloop.domain.plans import Purpose
from moonloop.tools.asking import Snapshot
from moonloop.tools.asking.arguments import Asked, Best, Level, Predict
from moonloop.tools.design import fit_surrogate
from moonloop.tools.predicting import best, predict
from moonloop.tools.spaces import pool_for
from support.seen import history_of, molecule_spec, observed, setting_spec

_SNAPSHOT = Snapshot(spec=setting_spec(), history=history_of())


def setting_asked(solvent: str, temperature: str) -> Asked:
    """Return a candidate by its settings."""
    levels = [Level(factor="solvent", level=solvent), Level(factor="temperature", level=temperature)]
    return Asked(settings=levels)


def test_a_prediction_is_the_surrogates() -> None:
    """What is predicted is what a surrogate expects that is fitted to the measured runs of the search."""
    confirmed = observed(99, 1.0, pool_for(setting_spec()).candidates[0], purpose=Purpose.CONFIRMATION)
    history = history_of((*history_of().observations, confirmed))
    snapshot = Snapshot(spec=setting_spec(), history=history)
    (found,) = predict(Predict(candidates=[setting_asked("dmf", "40.0")]), snapshot).predictions
    pool = pool_for(setting_spec())
    values = [
        (pool.index[one.candidate.key], one.value)
        for one in history_of().observations
        if one.value is not None
    ]
    surrogate = fit_surrogate(pool.features, values, setting_spec().objective.width)
    assert surrogate is not None
    means, sds = surrogate.predict(slice(None))
    place = pool.index[found.candidate]
    assert (means[place], sds[place]) == pytest.approx((found.mean, found.sd), rel=1e-5)
    assert found.measured is None


def test_what_was_measured_is_said_beside_the_prediction() -> None:
    """A candidate that was run comes with its value and the measurement's id."""
    (found,) = predict(Predict(candidates=[setting_asked("water", "20")]), _SNAPSHOT).predictions
    assert (20.0, ("mea_0000000000000001_0001_0000_01_0",)) == (found.measured, found.measurements)


def test_without_data_there_is_no_prediction() -> None:
    """Before the first value there is nothing to predict from, and no number is made up."""
    empty = Snapshot(spec=setting_spec(), history=history_of(()))
    (found,) = predict(Predict(candidates=[setting_asked("water", "20")]), empty).predictions
    assert (None, None) == (found.mean, found.sd)
    assert () == best(Best(), empty).promising


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (Asked(), "give smiles, or a level for every factor"),
        (Asked(smiles="CCO"), "CCO is not in the space"),
        (setting_asked("benzene", "20"), "'benzene' is no level of it: water, ethanol, dmf"),
        (setting_asked("water", "25"), "'25' is no level of it: 20, 40, 60, 80"),
        (Asked(settings=[Level(factor="solvent", level="water")]), "one level for each of solvent, temper"),
        (
            Asked(settings=[Level(factor="solvent", level="water"), Level(factor="solvent", level="dmf")]),
            "a factor is given twice",
        ),
    ],
)
def test_what_is_not_in_the_space_is_not_predicted(asked: Asked, why: str) -> None:
    """A candidate that is none is to be named otherwise."""
    with pytest.raises(InvalidInput, match=why):
        predict(Predict(candidates=[asked]), _SNAPSHOT)


def test_a_molecule_is_named_by_structure_or_by_settings() -> None:
    """SMILES in any form, or scaffold and substituents, name the same candidate."""
    spec = molecule_spec()
    snapshot = Snapshot(spec=spec, history=history_of(()))
    by_settings = Asked(
        settings=[Level(factor="scaffold", level="1,4-benzoquinone"), Level(factor="2", level="CH3")]
    )
    asked = Predict(candidates=[Asked(smiles="C1=CC(=O)C(C)=CC1=O"), by_settings])
    first, second = predict(asked, snapshot).predictions
    assert first.candidate == second.candidate == "CC1=CC(=O)C=CC1=O"


def test_constraints_are_said() -> None:
    """A candidate outside the goal's limits is predicted, and said to be outside."""
    snapshot = Snapshot(spec=molecule_spec(), history=history_of(()))
    found = predict(Predict(candidates=[Asked(smiles="O=C1C=C(Cl)C(=O)C=C1Cl")]), snapshot).predictions[0]
    assert not found.within_constraints


@pytest.mark.parametrize(
    ("levels", "why"),
    [
        ([("scaffold", "quinone")], "it must be one of 1,4-benzoquinone"),
        ([("scaffold", "1,4-benzoquinone"), ("7", "OH")], "7 is no position of 1,4-benzoquinone: 2, 3, 5, 6"),
        ([("scaffold", "1,4-benzoquinone"), ("2", "NO2")], "NO2 is none of H, CH3, OH, Cl"),
        ([("scaffold", "1,4-benzoquinone"), ("2", "OH"), ("3", "OH"), ("5", "OH")], "at most 2 positions"),
    ],
)
def test_a_molecule_that_cannot_be_is_refused(levels: list[tuple[str, str]], why: str) -> None:
    """An unknown scaffold, position or group, or too many groups: each says what there is."""
    asked = Asked(settings=[Level(factor=factor, level=level) for factor, level in levels])
    with pytest.raises(InvalidInput, match=why):
        predict(Predict(candidates=[asked]), Snapshot(spec=molecule_spec(), history=history_of(())))


def test_the_best_are_ranked_by_what_is_better() -> None:
    """Measured candidates come in the order of the objective; promising ones were not run."""
    found = best(Best(limit=3), _SNAPSHOT)
    values = [one.measured for one in found.measured]
    assert sorted((value for value in values if value is not None), reverse=True) == values
    assert all(one.measured is None for one in found.promising)
    down = setting_spec(objective={"name": "yield", "unit": "%", "direction": "minimise", "range": [0, 100]})
    lowest = best(Best(limit=1), Snapshot(spec=down, history=history_of())).measured[0]
    assert 10.4 == pytest.approx(lowest.measured)


def test_a_failed_run_is_not_promising_again() -> None:
    """What was run is not suggested, whatever came of it."""
    spec = setting_spec()
    candidates = pool_for(spec).candidates
    runs = tuple(observed(place, None if place else 5.0, one) for place, one in enumerate(candidates[:6]))
    found = best(Best(limit=20), Snapshot(spec=spec, history=history_of(runs)))
    assert not {one.candidate for one in found.promising} & {one.key for one in candidates[:6]}
