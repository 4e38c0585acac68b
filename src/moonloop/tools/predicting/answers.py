"""What the designer's tools answer."""

from statistics import fmean

import numpy as np

from moonloop.domain.ids import MeasurementId
from moonloop.domain.values import Value
from moonloop.tools.arrays import FloatArray, IntArray
from moonloop.tools.asking.arguments import Best, Predict
from moonloop.tools.asking.offer import Snapshot
from moonloop.tools.design import Surrogate, improvements
from moonloop.tools.predicting.naming import found_in
from moonloop.tools.predicting.standing import Standpoint, standpoint

__all__ = ["best", "predict"]

_NAMED = 4


class Predicted(Value):
    """One candidate and what the surrogate expects of it, in the objective's unit."""

    candidate: str
    """Its key."""
    mean: float | None
    """Absent until a first value has been measured in the campaign."""
    sd: float | None
    within_constraints: bool
    measured: float | None = None
    """Mean of its measured values, where it was run."""
    measurements: tuple[MeasurementId, ...] = ()


class Predictions(Value):
    """The candidates that were asked for, in their order."""

    unit: str
    better: str
    predictions: tuple[Predicted, ...]


class Ranked(Value):
    """The best that is known, and the most promising that is not."""

    unit: str
    better: str
    measured: tuple[Predicted, ...]
    promising: tuple[Predicted, ...]
    """Not run yet; largest expected improvement first."""


def predict(asked: Predict, snapshot: Snapshot) -> Predictions:
    """Predict candidates; raise `InvalidInput` for one that is not in the space."""
    here = standpoint(snapshot)
    wanted = [found_in(here.spec, here.pool, one) for one in asked.candidates]
    pool = here.pool.extended(wanted)
    places = pool.rows(wanted)
    told = (
        _told(here.surrogate, pool.features.matrix[places])
        if here.surrogate
        else [(None, None)] * len(wanted)
    )
    return Predictions(
        unit=here.spec.objective.unit,
        better=here.spec.objective.direction,
        predictions=tuple(
            _predicted(here, candidate.key, mean, sd, within=bool(pool.feasible[place]))
            for candidate, (mean, sd), place in zip(wanted, told, places, strict=True)
        ),
    )


def best(asked: Best, snapshot: Snapshot) -> Ranked:
    """List the best measured candidates, and the most promising open ones."""
    here = standpoint(snapshot)
    sign = here.spec.objective.sign
    surrogate = here.surrogate
    measured: IntArray = surrogate.places if surrogate else np.asarray([], dtype=np.int64)
    measured = measured[here.feasible[measured]]
    order = sorted(measured.tolist(), key=lambda place: -sign * _mean_of(here, place))[: asked.limit]
    open_places = here.open
    if surrogate is not None and len(open_places):
        gain = improvements(surrogate, open_places, here.feasible, sign)
        promising = [int(open_places[rank]) for rank in np.argsort(-gain, kind="stable")[: asked.limit]]
    else:
        promising = []
    return Ranked(
        unit=here.spec.objective.unit,
        better=here.spec.objective.direction,
        measured=_all(here, order),
        promising=_all(here, promising),
    )


def _all(here: Standpoint, places: list[int]) -> tuple[Predicted, ...]:
    if here.surrogate is None or not places:
        return ()
    told = _told(here.surrogate, here.pool.features.matrix[np.asarray(places, dtype=np.int64)])
    return tuple(
        _predicted(here, here.pool.candidates[place].key, mean, sd, within=True)
        for place, (mean, sd) in zip(places, told, strict=True)
    )


def _told(surrogate: Surrogate, rows: FloatArray) -> list[tuple[float | None, float | None]]:
    means, sds = surrogate.predict_features(rows)
    return [(_short(float(mean)), _short(float(sd))) for mean, sd in zip(means, sds, strict=True)]


def _predicted(
    here: Standpoint, key: str, mean: float | None, sd: float | None, *, within: bool
) -> Predicted:
    of_it = [one for one in here.seen if one.candidate.key == key]
    values = [one.value for one in of_it if one.value is not None]
    return Predicted(
        candidate=key,
        mean=mean,
        sd=sd,
        within_constraints=within,
        measured=_short(fmean(values)) if values else None,
        measurements=tuple(one.measurement_id for one in of_it if one.measurement_id)[:_NAMED],
    )


def _mean_of(here: Standpoint, place: int) -> float:
    key = here.pool.candidates[place].key
    return fmean(one.value for one in here.seen if one.candidate.key == key and one.value is not None)


def _short(value: float) -> float:
    return float(f"{value:.6g}")
