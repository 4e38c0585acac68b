"""What an agent's task needs of the outside: its thread, its purse, what it may know, a model and tools."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from moonloop.domain.agents import (
    AgentTask,
    Message,
    Opened,
    Outcome,
    Role,
    Sampling,
    ToolDone,
    ToolRequest,
    Turn,
    TurnRef,
    Usage,
)
from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.facts import CampaignFacts, ModelCallFact
from moonloop.domain.history import History

__all__ = ["Bench", "Completion", "Context", "Model", "Prompted", "Thread", "Threads", "ToolSpec"]


@dataclass(frozen=True, slots=True)
class Context:
    """All that a task may know: the scientist's view of the campaign, and for the reporter its facts."""

    task: AgentTask
    spec: CampaignSpec
    history: History
    """With the proposals that other agents have made in this cycle."""
    facts: CampaignFacts | None = None
    """For the reporter only."""


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as a model is shown it."""

    name: str
    description: str
    schema: Mapping[str, Any]
    """JSON Schema of the arguments: strict, bounded, no additional properties."""


@dataclass(frozen=True, slots=True)
class Prompted:
    """What one call of a model is made of; the prefix (messages, tools) grows only at its end."""

    role: Role
    session: str
    """One per thread, for routers with affinity."""
    messages: Sequence[Message]
    tools: Sequence[ToolSpec]
    use_tools: bool
    """Whether they may be asked for now. If not they are sent all the same, for the prefix, as not to be
    chosen, and the answer is bound to the schema."""
    schema: Mapping[str, Any]
    schema_name: str
    sampling: Sampling


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model answered: text or requests for tools, and what that took."""

    text: str
    tool_requests: tuple[ToolRequest, ...]
    finish: str
    """As the endpoint put it; `length` and refusals are failures whatever the text looks like."""
    refusal: str
    usage: Usage
    endpoint: str
    model: str
    cost: float
    latency_s: float
    scripted: bool = False


@dataclass(frozen=True, slots=True)
class Thread:
    """A thread as a turn finds it."""

    messages: tuple[Message, ...]
    """Those before the turn's place."""
    turn: Turn | None
    """What the turn came to, when it was taken before."""
    opened: Opened
    """With the task's status: when it is anything but open, nothing may be called any more."""
    task: AgentTask
    tokens: int
    """That all of its calls have used, prompts and answers together."""
    cost: float
    """Of all of its calls."""


class Threads(Protocol):
    """The transcripts and the purse. Each call holds whole or not at all, and is idempotent at its key."""

    async def open(self, task: AgentTask, opened: Opened, messages: Sequence[Message]) -> Opened:
        """Open a thread with its first messages; one that is there stays as it is, and is returned."""
        ...

    async def read(self, ref: TurnRef) -> Thread:
        """Return the messages before a place, and the turn taken there if there is one."""
        ...

    async def reserve(self, ref: TurnRef, tokens: int, money: float) -> None:
        """Reserve for one call, once; raise `BudgetSpent` when a line has no room."""
        ...

    async def release(self, ref: TurnRef) -> None:
        """Give a reservation back: the call did not come to anything that is paid for."""
        ...

    async def record_turn(
        self, ref: TurnRef, turn: Turn, messages: Sequence[Message], call: ModelCallFact
    ) -> Turn:
        """Append a turn's messages at its place and settle; where one was recorded before, return that."""
        ...

    async def record_tool(self, ref: TurnRef, message: Message) -> ToolDone:
        """Append a tool's answer at its place, once."""
        ...

    async def close(self, outcome: Outcome) -> Outcome:
        """End a task; a task that has ended stays as it was, and its outcome is returned."""
        ...

    async def context(self, task: AgentTask) -> Context:
        """Return what the task may know."""
        ...

    async def stopped(self, task: AgentTask) -> str:
        """Wait until nothing more may be done for the task; return why."""
        ...


class Model(Protocol):
    """The door to the models."""

    async def complete(self, prompted: Prompted) -> Completion:
        """Call the first endpoint of the role that answers; cancelled, it lets go of the connection.

        Raises:
            ModelUnavailable: when no endpoint of the role answers.
            ModelRefused: when the request itself is refused.
        """
        ...

    def most_costly(self, role: Role, prompt_tokens: int, answer_tokens: int) -> float:
        """Return the most that a call may cost over the role's endpoints, in the currency of the budgets."""
        ...


class Bench(Protocol):
    """The tools."""

    def tools(self, role: Role, context: Context) -> Sequence[ToolSpec]:
        """Return the tools that a role may use in a campaign, in a fixed order."""
        ...

    async def use(self, request: ToolRequest, context: Context) -> str:
        """Use a tool; what goes wrong comes back as text that says what to change, or that it is no use."""
        ...
