"""The designer's view: what the surrogate expects, of what was asked and of what it would run."""

from moonloop.tools.predicting.answers import best, predict

__all__ = ["best", "predict"]
