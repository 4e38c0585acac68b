"""What the designer's tools answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.errors import ToolRefused
from moonloop.domain.history import Observation
from moonloop.domain.ids import MeasurementId
from moonloop.domain.values import Value
from moonloop.tools.asking.arguments import Best, Predict
from moonloop.tools.asking.offer import Snapshot
from moonloop.tools.design import Position, improvements, position_after
from moonloop.tools.predicting.naming import found_in

__all__ = ["best", "predict"]

_NAMED = 4


Runs = list[tuple[Observation, float]]


@dataclass(frozen=True, slots=True)
class _Standpoint:
    """What the answers are made of."""

    spec: CampaignSpec
    position: Position
    runs: Mapping[str, Runs]
    """The measured runs of the search, by the candidate's key."""


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
    here = _standpoint(snapshot)
    wanted = [found_in(here.spec, here.position.pool, one) for one in asked.candidates]
    wider = here.position.extended(wanted)
    return Predictions(
        unit=here.spec.objective.unit,
        better=here.spec.objective.direction,
        predictions=_all(here, wider, wider.pool.rows(wanted).tolist()),
    )


def best(asked: Best, snapshot: Snapshot) -> Ranked:
    """List the best measured candidates, and the most promising open ones."""
    here = _standpoint(snapshot)
    measured, promising = _measured(here)[: asked.limit], _promising(here)[: asked.limit]
    return Ranked(
        unit=here.spec.objective.unit,
        better=here.spec.objective.direction,
        measured=_all(here, here.position, measured),
        promising=_all(here, here.position, promising),
    )


def _standpoint(snapshot: Snapshot) -> _Standpoint:
    if snapshot.spec is None or snapshot.history is None:
        raise ToolRefused(tool="designer", why="no campaign is open here")
    runs: dict[str, Runs] = {}
    for seen, value in snapshot.history.measured:
        runs.setdefault(seen.candidate.key, []).append((seen, value))
    return _Standpoint(snapshot.spec, position_after(snapshot.spec, snapshot.history), runs)


def _measured(here: _Standpoint) -> list[int]:
    """Return the places of the measured candidates within the constraints, the best first."""
    surrogate, pool = here.position.surrogate, here.position.pool
    if surrogate is None:
        return []
    known: list[int] = surrogate.places[pool.feasible[surrogate.places]].tolist()
    sign = here.spec.objective.sign
    return sorted(known, key=lambda place: -sign * _mean_of(here, pool.candidates[place].key))


def _promising(here: _Standpoint) -> list[int]:
    """Return the places of the open candidates, the largest expected improvement first."""
    surrogate, places = here.position.surrogate, here.position.open
    if surrogate is None or not len(places):
        return []
    gain = improvements(surrogate, places, here.position.pool.feasible, here.spec.objective.sign)
    return places[np.argsort(-gain, kind="stable")].tolist()


def _all(here: _Standpoint, position: Position, places: list[int]) -> tuple[Predicted, ...]:
    pool = position.pool
    return tuple(
        _predicted(here, pool.candidates[place].key, mean, sd, within=bool(pool.feasible[place]))
        for place, (mean, sd) in zip(places, _told(position, places), strict=True)
    )


def _told(position: Position, places: list[int]) -> list[tuple[float | None, float | None]]:
    if position.surrogate is None or not places:
        return [(None, None)] * len(places)
    means, sds = position.surrogate.predict(np.asarray(places, dtype=np.int64))
    return [(_short(float(mean)), _short(float(sd))) for mean, sd in zip(means, sds, strict=True)]


def _predicted(
    here: _Standpoint, key: str, mean: float | None, sd: float | None, *, within: bool
) -> Predicted:
    runs = here.runs.get(key, [])
    return Predicted(
        candidate=key,
        mean=mean,
        sd=sd,
        within_constraints=within,
        measured=_short(_mean_of(here, key)) if runs else None,
        measurements=tuple(one.measurement_id for one, _ in runs if one.measurement_id)[:_NAMED],
    )


def _mean_of(here: _Standpoint, key: str) -> float:
    return fmean(value for _, value in here.runs[key])


def _short(value: float) -> float:
    return float(f"{value:.6g}")
