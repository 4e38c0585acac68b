"""A tool as it is offered: a name, a sentence, typed arguments, and the policy that it is held to."""

from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel, ConfigDict

from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.history import History
from moonloop.domain.values import Value

__all__ = ["Arguments", "Policy", "Snapshot", "Tool"]

Needs = Literal["nothing", "campaign", "molecules", "documents", "network"]


class Arguments(BaseModel):
    """What a caller gives: checked strictly, since a model wrote it."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


class Snapshot(Value):
    """What a tool may look at: a campaign as it stands, and the index of its documents."""

    spec: CampaignSpec | None = None
    history: History | None = None
    library: str | None = None
    """Path of the index, which is opened for reading only."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What the bench holds a tool to."""

    read_only: bool = True
    cost: float = 0.0
    """Of one use, in the currency of the budgets."""
    needs_approval: bool = False
    queue: Literal["processes", "network"] = "processes"
    """Where it runs: in a process without a network, or, for what asks the world, beside the bench."""
    idempotent: bool = True
    """Whether the same question has the same answer, so that it may be begun again and remembered."""
    seconds: float = 30.0
    """After which its process is ended."""
    characters: int = 8_000
    """The longest answer."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool: `moonloop.tools.answering` has the function that answers."""

    name: str
    description: str
    arguments: type[Arguments]
    needs: Needs = "nothing"
    """What there has to be for the tool to be offered."""
    policy: Policy = field(default_factory=Policy)
