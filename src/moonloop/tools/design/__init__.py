"""The designer: which runs find the goal soonest. Pure functions; the same inputs give the same batch."""

from moonloop.tools.design.batch import Incumbent, Pick, choose, improvements, incumbent
from moonloop.tools.design.contrasts import Belief, expected_error, paired_belief
from moonloop.tools.design.filling import fill, success_probability
from moonloop.tools.design.position import Position, position_after
from moonloop.tools.design.surrogate import Surrogate, fit_surrogate

__all__ = [
    "Belief",
    "Incumbent",
    "Pick",
    "Position",
    "Surrogate",
    "choose",
    "expected_error",
    "fill",
    "fit_surrogate",
    "improvements",
    "incumbent",
    "paired_belief",
    "position_after",
    "success_probability",
]
