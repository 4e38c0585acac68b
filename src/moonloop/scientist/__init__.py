"""The algorithmic scientist: proposes claims, designs batches, judges, advises. No model, no I/O."""

from moonloop.scientist.advise import advise
from moonloop.scientist.batch import PlannedBatch
from moonloop.scientist.judge import judge
from moonloop.scientist.plan import plan_confirmation, plan_search
from moonloop.scientist.propose import propose
from moonloop.scientist.winners import Check, Confirmed, Winner, confirmed, winners
from moonloop.tools.spaces import SpaceSummary
from moonloop.tools.spaces import summarise as survey

__all__ = [
    "Check",
    "Confirmed",
    "PlannedBatch",
    "SpaceSummary",
    "Winner",
    "advise",
    "confirmed",
    "judge",
    "plan_confirmation",
    "plan_search",
    "propose",
    "survey",
    "winners",
]
