"""Inference: verdicts with a guaranteed error rate, whatever is looked at, however often."""

from moonloop.tools.inference.betting import FRACTIONS, e_above, e_below, lower_bound, upper_bound
from moonloop.tools.inference.claims import (
    Counted,
    EValues,
    counted_effect,
    counted_error,
    e_values,
    evidence,
    projected,
)
from moonloop.tools.inference.verdicts import Standing, standings, threshold

__all__ = [
    "FRACTIONS",
    "Counted",
    "EValues",
    "Standing",
    "counted_effect",
    "counted_error",
    "e_above",
    "e_below",
    "e_values",
    "evidence",
    "lower_bound",
    "projected",
    "standings",
    "threshold",
    "upper_bound",
]
