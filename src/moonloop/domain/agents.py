"""Agents: the roles, their limits, and the values that pass between a task, its turns and its tools."""

import hashlib
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from moonloop.domain.ids import CampaignId, Principal, Sha256, ThreadId
from moonloop.domain.units import Duration
from moonloop.domain.values import Reply, Value

__all__ = [
    "AgentLimits",
    "AgentStatus",
    "AgentTask",
    "Lean",
    "Message",
    "Opened",
    "Outcome",
    "Role",
    "Sampling",
    "ToolAsk",
    "ToolDone",
    "ToolRequest",
    "Turn",
    "TurnAsk",
    "TurnRef",
    "Usage",
    "Versions",
    "proposer_name",
]

_PRINCIPAL = 80


class Role(StrEnum):
    """What an agent is asked to do."""

    PROPOSER = "proposer"
    """States claims, with mechanism, probability and evidence."""
    CRITIC = "critic"
    """Judges the proposer's claims: testable, new, not refuted; compares them in pairs."""
    ADVISOR = "advisor"
    """Tells the designer what it expects of levels, and suggests candidates."""
    ANALYST = "analyst"
    """Reads what was measured; its findings name their measurements."""
    REPORTER = "reporter"
    """Writes the narrative of the report; code prints every figure in it."""


class AgentLimits(Value):
    """What one task of one agent may take; whichever is reached first ends it."""

    turns: Annotated[int, Field(ge=1, le=60)] = 12
    """Calls of the model."""
    tokens: Annotated[int, Field(ge=1)] = 60_000
    """Prompts and answers together. An answer is cut down to what is left, and below 256 there is no call."""
    wall_clock: Duration = 600.0
    """From the first call to the last."""
    money: Annotated[float, Field(ge=0)] | None = None
    """In the currency of the budget; a call that may go over it is not made."""
    answer_tokens: Annotated[int, Field(ge=16, le=32_768)] = 2_000
    """The longest single answer."""
    corrections: Annotated[int, Field(ge=0, le=5)] = 2
    """How often an answer that cannot be used is sent back with the reason."""


class Sampling(Value):
    """How the model is asked to draw its answer."""

    temperature: Annotated[float, Field(ge=0, le=2)] = 0.7
    seed: Annotated[int, Field(ge=0, lt=2**31)]
    max_tokens: Annotated[int, Field(ge=1)]


class Versions(Value):
    """Which words, form and tools a task is done with."""

    prompt_sha256: Sha256
    schema_sha256: Sha256
    tools_sha256: Sha256


class TurnRef(Value):
    """A place in a thread: the messages before `upto` are there, the next one goes to `upto`."""

    thread: ThreadId
    upto: Annotated[int, Field(ge=0)]


class ToolRequest(Value):
    """A tool that the model asks for; the arguments are as it wrote them, unparsed."""

    id: Annotated[str, Field(min_length=1, max_length=100)]
    name: Annotated[str, Field(max_length=100)]
    arguments: Annotated[str, Field(max_length=16_000)]


class Message(Value):
    """One message of a thread."""

    speaker: Literal["system", "user", "assistant", "tool"]
    content: str = ""
    tool_requests: tuple[ToolRequest, ...] = ()
    """Of an assistant."""
    tool_request_id: str = ""
    """Of a tool's answer: the request that it answers."""


class Usage(Value):
    """What one call used."""

    prompt_tokens: Annotated[int, Field(ge=0)] = 0
    cached_tokens: Annotated[int, Field(ge=0)] = 0
    """Prompt tokens that the server had computed before."""
    completion_tokens: Annotated[int, Field(ge=0)] = 0

    @property
    def tokens(self) -> int:
        """Prompt and answer together."""
        return self.prompt_tokens + self.completion_tokens


class AgentTask(Value):
    """One task: a role in a cycle of a campaign."""

    campaign_id: CampaignId
    cycle: Annotated[int, Field(ge=1)]
    role: Role


class Lean(Reply):
    """A value that is written without what stands at its default: a workflow's history keeps every one."""

    @model_serializer(mode="wrap")
    def _lean(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields = type(self).model_fields
        written: dict[str, Any] = write(self)
        return {
            name: value
            for name, value in written.items()
            if name not in fields or getattr(self, name) != fields[name].default
        }


class TurnAsk(Lean):
    """One call of the model."""

    ref: TurnRef
    tools: bool = True
    """Whether tools may still be asked for; not in the last turns, where a decision is due."""
    corrections_left: Annotated[int, Field(ge=0)] = 0
    """An answer that cannot be used is sent back while this is above 0; then it ends the task."""


class Turn(Lean):
    """What one call came to. The messages are in the transcript; this is all that the graph carries."""

    kind: Literal["tools", "decision", "invalid", "unusable"]
    """`tools`: asked for; `decision`: made; `invalid`: sent back; `unusable`: sent back often enough."""
    upto: int
    """Messages in the thread now."""
    asked_at: int = 0
    """Place of the message that asks for the tools."""
    tools: int = 0
    """How many it asks for."""
    decision: str = ""
    """Canonical JSON of the typed decision, at most 8,000 bytes."""
    why: str = ""
    """What was wrong with the answer."""
    proposer: Principal = "-"
    """The role with the model and the prompt version that answered."""
    tokens: int = 0
    cost: float = 0.0


class ToolAsk(Lean):
    """One use of a tool; the answer goes to `ref`."""

    ref: TurnRef
    asked_at: Annotated[int, Field(ge=0)]
    index: Annotated[int, Field(ge=0)]
    """Which of the requests of the message at `asked_at`."""


class ToolDone(Reply):
    """A tool has answered; the answer is in the transcript."""

    upto: int


AgentStatus = Literal["open", "decided", "unusable", "exhausted", "unavailable", "stopped", "failed"]
"""`unusable`: no valid answer; `exhausted`: a limit or the budget; `unavailable`: no endpoint answered."""


class Opened(Reply):
    """A task ready to be done, or done before."""

    ref: TurnRef
    limits: AgentLimits
    sampling: Sampling
    versions: Versions
    tools: bool = True
    status: AgentStatus | Literal["idle"] = "open"
    """`idle`: there is nothing to do. Anything but open or idle: the task is over."""


class Outcome(Reply):
    """How a task ended."""

    task: AgentTask
    status: AgentStatus | Literal["idle"]
    why: str = ""
    """One sentence, where nothing was decided."""
    decision: str = ""
    """Canonical JSON of the typed decision."""
    proposer: Principal = "-"
    turns: int = 0


def proposer_name(role: Role, model: str, prompt_sha256: str) -> str:
    """Return the name that an agent's record goes by: another model or prompt is another proposer."""
    version = f"@{prompt_sha256[:8]}"
    name, room = f"{role}/{model}", _PRINCIPAL - len(version)
    if len(name) > room:
        # Names that differ only where they are cut are still two.
        name = f"{name[: room - 9]}~{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return name + version
