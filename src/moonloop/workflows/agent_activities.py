"""The activities of agents' tasks: opening and closing on the ledger, and the calls that wait for a model."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Protocol

from temporalio import activity
from temporalio.exceptions import ApplicationError

from moonloop.domain.agents import AgentTask, Opened, Outcome, ToolAsk, ToolDone, Turn, TurnAsk
from moonloop.domain.errors import ModelUnavailable
from moonloop.workflows import contracts
from moonloop.workflows.activities import beating, guarded

__all__ = ["AgentTurns", "ModelActivities", "TaskActivities"]

_TRIES = 3
"""Attempts at a turn that no endpoint answers, before the task is given up and the campaign goes on."""
_BEAT_S = 1.0
"""A cancellation comes with the answer to a beat."""
_AGAIN = timedelta(seconds=2)
_LONGEST = timedelta(seconds=30)


class AgentTurns(Protocol):
    """What does the tasks: the same under plain asyncio."""

    async def open(self, task: AgentTask) -> Opened:
        """Open a task, or find it as it stands."""
        ...

    async def llm_turn(self, ask: TurnAsk) -> Turn:
        """Call the model once."""
        ...

    async def tool_call(self, ask: ToolAsk) -> ToolDone:
        """Use one tool."""
        ...

    async def close(self, outcome: Outcome) -> Outcome:
        """End a task."""
        ...


class TaskActivities:
    """The beginning and the end of a task, on the control queue: they need no model."""

    def __init__(self, turns: AgentTurns) -> None:
        self._turns = turns

    @activity.defn(name=contracts.OPEN_TASK)
    @guarded
    async def open_task(self, task: AgentTask) -> Opened:
        """Open a task, or find it as it stands."""
        return await self._turns.open(task)

    @activity.defn(name=contracts.CLOSE_TASK)
    @guarded
    async def close_task(self, outcome: Outcome) -> Outcome:
        """End a task, once."""
        return await self._turns.close(outcome)

    def all(self) -> Sequence[Callable[..., Any]]:
        """Return the activities, for a worker."""
        return [self.open_task, self.close_task]


class ModelActivities:
    """The calls of a task; they beat, and when they are cancelled the running generation stops."""

    def __init__(self, turns: AgentTurns) -> None:
        self._turns = turns

    @activity.defn(name=contracts.LLM_TURN)
    @guarded
    async def llm_turn(self, ask: TurnAsk) -> Turn:
        """Call the model once; a turn that was taken before costs nothing."""
        async with beating(_BEAT_S):
            try:
                return await self._turns.llm_turn(ask)
            except ModelUnavailable as error:
                raise _unavailable(error) from error

    @activity.defn(name=contracts.TOOL_CALL)
    @guarded
    async def tool_call(self, ask: ToolAsk) -> ToolDone:
        """Use one tool."""
        async with beating(_BEAT_S):
            return await self._turns.tool_call(ask)

    def all(self) -> Sequence[Callable[..., Any]]:
        """Return the activities, for a worker."""
        return [self.llm_turn, self.tool_call]


def _unavailable(error: ModelUnavailable) -> ApplicationError:
    """Ask again a few times, when the endpoint asks for it; then give up, for the campaign waits."""
    asked = timedelta(seconds=error.retry_after_s) if error.retry_after_s else _AGAIN
    return ApplicationError(
        str(error),
        type=error.slug,
        non_retryable=activity.info().attempt >= _TRIES or asked > _LONGEST,
        next_retry_delay=asked,
    )
