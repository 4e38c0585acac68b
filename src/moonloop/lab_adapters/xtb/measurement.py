"""From a calculation to the number that is reported, with what its uncertainty is made of."""

import math
from collections.abc import Sequence

from moonloop.domain.results import Quality, ReportedMeasurement
from moonloop.lab_adapters.xtb.calibration import Line
from moonloop.lab_adapters.xtb.messages import EV_PER_HARTREE, Answer, Level
from moonloop.lab_adapters.xtb.request import QUANTITY, UNIT

__all__ = ["measurement", "search_variance"]


def measurement(answer: Answer, line: Line) -> ReportedMeasurement:
    """Return the reduction potential with its standard uncertainty, in V against SHE at pH 0."""
    x = answer.half_reaction
    variance = search_variance(answer.quinone.levels) + search_variance(answer.hydroquinone.levels)
    spread = abs(line.slope) * 0.5 * EV_PER_HARTREE * math.sqrt(variance)
    error = line.error(x)
    return ReportedMeasurement(
        name=QUANTITY,
        value=line.potential(x),
        unit=UNIT,
        uncertainty=math.hypot(spread, error),
        parts={
            "conformer_spread": spread,
            "calibration_error": error,
            "half_reaction": x,
            "beyond_calibration": line.beyond(x),
        },
        # A search that does not find its own minimum again is not a measurement to build on.
        quality=Quality.SUSPECT if spread > error else Quality.GOOD,
    )


def search_variance(levels: Sequence[Level]) -> float:
    """Return the variance, in square Hartree, of the lowest energy that another search like this would find.

    The bootstrap of the minimum, in closed form: of n starts drawn again from those made, the lowest is the
    k-th or higher with probability ((n - k + 1) / n) ** n. Conformers that no start found are not in it.
    Efron and Tibshirani, An Introduction to the Bootstrap (1993), section 7.4.
    """
    starts = sum(level.found for level in levels)
    weights: list[float] = []
    above = starts
    for level in levels:
        weights.append((above / starts) ** starts - ((above - level.found) / starts) ** starts)
        above -= level.found
    lowest = levels[0].energy
    rises = [level.energy - lowest for level in levels]
    mean = sum(weight * rise for weight, rise in zip(weights, rises, strict=True))
    return sum(weight * (rise - mean) ** 2 for weight, rise in zip(weights, rises, strict=True))
