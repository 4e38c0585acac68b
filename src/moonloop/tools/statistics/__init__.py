"""Exploratory statistics over a campaign's search runs, and the evidence of its registered claims."""

from moonloop.tools.statistics.comparing import compare
from moonloop.tools.statistics.evidence import evidence
from moonloop.tools.statistics.fitting import fit

__all__ = ["compare", "evidence", "fit"]
