"""Decisions on plans, hazard outcomes, and the words in which they are told."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from moonloop.domain.ids import DecisionId, Sha256
from moonloop.domain.values import Value

__all__ = ["POLICY_VERSION", "DeciderKind", "DecisionVerdict", "HazardOutcome", "NewDecision", "Resolution"]

POLICY_VERSION = "1"
"""Version of the rules by which a policy decides; part of each decision it takes."""


class HazardOutcome(StrEnum):
    """What the screen said of a plan."""

    NOT_APPLICABLE = "not_applicable"
    """Nothing physical is in the plan."""
    UNKNOWN = "unknown"
    """Not screened: only a person may approve."""


class DecisionVerdict(StrEnum):
    """What was said of a plan."""

    APPROVE = "approve"
    REJECT = "reject"
    REVOKE = "revoke"


class DeciderKind(StrEnum):
    """What kind of decider it was."""

    PERSON = "person"
    POLICY = "policy"
    UNATTENDED = "unattended"
    """An identity that stands in for a person where none is present; named in every decision."""


class Resolution(StrEnum):
    """How an incident about a lost job was settled."""

    RERUN = "rerun"
    ADOPT = "adopt"
    FAIL = "fail"


class NewDecision(Value):
    """A decision as asked for; the id is the client's, so that a resend is one decision."""

    id: DecisionId
    verdict: DecisionVerdict
    plan_sha256: Sha256
    """The hash of the plan that was shown."""
    comment: Annotated[str, Field(max_length=4000)] = ""
