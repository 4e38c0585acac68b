"""The measured runs of the search, and the levels that they are at."""

from moonloop.domain.errors import InvalidInput, ToolRefused
from moonloop.domain.history import Observation
from moonloop.domain.space import RGroupSpace, level_text
from moonloop.domain.values import Scalar
from moonloop.tools.asking.offer import Snapshot

__all__ = ["EXPLORATORY", "at_level", "factor_names", "measured_runs", "number_of"]

EXPLORATORY = (
    "Exploratory: the runs were not drawn for this question and the data were looked at before it was "
    "asked, so this is no verdict. Only a registered claim is tested."
)


def measured_runs(snapshot: Snapshot) -> list[tuple[Observation, float]]:
    """Return the measured runs of the search with their values, in the order of planning."""
    if snapshot.history is None:
        raise ToolRefused(tool="statistics", why="no campaign is open here")
    return list(snapshot.history.measured)


def factor_names(snapshot: Snapshot) -> list[str]:
    """Return the names that a factor may go by here."""
    space = snapshot.spec.space if snapshot.spec else None
    if space is None:
        raise ToolRefused(tool="statistics", why="no campaign is open here")
    if isinstance(space, RGroupSpace):
        locants = {position for scaffold in space.scaffolds for position in scaffold.positions}
        return ["scaffold", "substituent", *sorted(locants, key=int)]
    return [factor.name for factor in space.factors]


def at_level(seen: Observation, factor: str, level: str, snapshot: Snapshot) -> bool:
    """Say whether a run is at a level; for `substituent`, whether its molecule has the group anywhere."""
    known = factor_names(snapshot)
    if factor not in known:
        raise InvalidInput(where="factor", why=f"{factor!r} is none of {', '.join(known)}")
    settings = seen.candidate.settings
    whole = isinstance(snapshot.spec.space, RGroupSpace) if snapshot.spec else False
    if whole and factor == "substituent":
        return level in {level_text(group) for name, group in settings.items() if name != "scaffold"}
    return factor in settings and level_text(settings[factor]) == _tidy(level)


def number_of(level: Scalar | None) -> float | None:
    """Return a numeric level as a number."""
    return float(level) if isinstance(level, (int, float)) and not isinstance(level, bool) else None


def _tidy(level: str) -> str:
    # "20.0" and "20" are the same level of a numeric factor.
    try:
        return level_text(float(level))
    except ValueError:
        return level
