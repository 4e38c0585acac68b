"""One agent's task as a workflow: the graph inside, its calls as activities, its outcome in the ledger."""

import asyncio
from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    TimeoutType,
    is_cancelled_exception,
)
from temporalio.exceptions import TimeoutError as OutOfTime

with workflow.unsafe.imports_passed_through():
    from pydantic import BaseModel

    from moonloop.agents.graphs.task import ended_by, run_task
    from moonloop.domain.agents import AgentTask, Opened, Outcome, ToolAsk, ToolDone, Turn, TurnAsk
    from moonloop.workflows import contracts
    from moonloop.workflows.contracts import AgentArgs
    from moonloop.workflows.waiting import control, model_call

__all__ = ["AgentWorkflow"]

Result = TypeVar("Result", bound=BaseModel)


@workflow.defn(name=contracts.AGENT_WORKFLOW, failure_exception_types=[Exception])
class AgentWorkflow:
    """Never fails for what a model or a tool does: whatever happens, the task ends with an outcome."""

    def __init__(self) -> None:
        self._args = AgentArgs.model_construct()

    @workflow.run
    async def run(self, args: AgentArgs) -> Outcome:
        """Open the task, do it, close it; an outcome says how it ended."""
        self._args = args
        try:
            opened = await control(contracts.OPEN_TASK, args.task, Opened, args)
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            return ended_by(args.task, *_told(error))
        if opened.status != "open":
            return Outcome(task=args.task, status=opened.status)
        try:
            outcome = await self._within_time(opened)
        except asyncio.CancelledError:
            stopped = ended_by(args.task, "task-stopped", "the task was cancelled")
            await asyncio.shield(control(contracts.CLOSE_TASK, stopped, Outcome, args))
            raise
        return await control(contracts.CLOSE_TASK, outcome, Outcome, args)

    async def _within_time(self, opened: Opened) -> Outcome:
        task, limit = self._args.task, opened.limits.wall_clock
        doing = asyncio.ensure_future(self._do(task, opened))
        try:
            await workflow.wait([doing], timeout=limit)
        except asyncio.CancelledError:
            doing.cancel()
            raise
        if doing.done():
            return await doing
        # What is cancelled is waited for: its last call may just have come to something that is paid.
        doing.cancel()
        await workflow.wait([doing])
        return ended_by(task, "time", f"no decision in {limit:g} s")

    async def _do(self, task: AgentTask, opened: Opened) -> Outcome:
        try:
            return await run_task(self, task, opened)
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            return ended_by(task, *_told(error))

    async def llm_turn(self, ask: TurnAsk) -> Turn:
        """Call the model once, as an activity."""
        return await self._call(contracts.LLM_TURN, ask, Turn)

    async def tool_call(self, ask: ToolAsk) -> ToolDone:
        """Use one tool, as an activity."""
        return await self._call(contracts.TOOL_CALL, ask, ToolDone)

    async def _call(self, name: str, ask: BaseModel, result: type[Result]) -> Result:
        return await model_call(name, ask, result, self._args)


def _told(error: ActivityError) -> tuple[str, str]:
    """Return the slug and the sentence of what an activity said was wrong."""
    cause = error.cause
    if isinstance(cause, ApplicationError):
        return cause.type or "unforeseen", cause.message
    if isinstance(cause, OutOfTime) and cause.type is TimeoutType.SCHEDULE_TO_START:
        why = "no worker took the call in time: none runs (`moonloop worker models`), or all are busy"
        return "model-unavailable", why
    return "unforeseen", str(cause or error)
