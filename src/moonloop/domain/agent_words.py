"""Agents and their tasks in words, the same at the terminal and in the report."""

from moonloop.domain.agents import AgentStatus
from moonloop.domain.facts import AgentFact

__all__ = ["SCRIPTED", "ended", "model_of", "outcome", "prompt_of"]

SCRIPTED = "scripted, no model"
"""Stands wherever something shows that a scripted endpoint answered."""

_OUTCOMES: dict[AgentStatus, str] = {
    "open": "is at work",
    "decided": "has decided",
    "unusable": "gave no answer that can be used",
    "exhausted": "came to the end of what it may take",
    "unavailable": "had no endpoint that answers",
    "stopped": "was stopped",
    "failed": "failed",
}


def outcome(status: AgentStatus) -> str:
    """Say how a task stands; the role is the subject."""
    return _OUTCOMES[status]


def ended(fact: AgentFact) -> str:
    """Say how a task stands, and why where nothing was decided."""
    why = fact.why.strip().rstrip(".")
    return outcome(fact.status) + (f": {why}" if why else "")


def model_of(proposer: str) -> str:
    """Return the model in a proposer's name (`proposer_name`); empty where there is none."""
    return proposer.partition("/")[2].rpartition("@")[0]


def prompt_of(proposer: str) -> str:
    """Return the version of the prompt in a proposer's name; empty where there is none."""
    return proposer.rpartition("@")[2] if model_of(proposer) else ""
