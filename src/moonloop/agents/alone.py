"""An agent's task under plain asyncio: no Temporal, no ledger; for tests and for trying things out."""

import asyncio
from collections.abc import Sequence

from moonloop.agents.graphs.task import ended_by, run_task
from moonloop.agents.ports import Bench, Context, Model, Thread
from moonloop.agents.turning import Turner
from moonloop.domain.agents import AgentTask, Message, Opened, Outcome, ToolDone, Turn, TurnRef
from moonloop.domain.errors import BudgetSpent, MoonloopError
from moonloop.domain.facts import ModelCallFact

__all__ = ["Notebook", "run_alone"]


class Notebook:
    """One thread and its purse in memory: `Threads` for a single task."""

    def __init__(self, context: Context, tokens: int | None = None) -> None:
        self._context = context
        self._tokens = tokens
        self._turns: dict[int, Turn] = {}
        self._outcome: Outcome | None = None
        self._opened: Opened | None = None
        self.messages: list[Message] = []
        self.calls: list[ModelCallFact] = []

    async def open(self, task: AgentTask, opened: Opened, messages: Sequence[Message]) -> Opened:  # noqa: ARG002 -- there is one task
        """Open the thread, once."""
        if self._opened is None:
            self._opened = opened
            self.messages = list(messages)
        return self._opened

    async def read(self, ref: TurnRef) -> Thread:
        """Return the messages before a place."""
        assert self._opened is not None
        status = "open" if self._outcome is None else self._outcome.status
        opened = self._opened.model_copy(update={"status": status})
        return Thread(
            messages=tuple(self.messages[: ref.upto]),
            turn=self._turns.get(ref.upto),
            opened=opened,
            task=self._context.task,
            tokens=self._used,
            cost=sum(call.cost for call in self.calls),
        )

    @property
    def _used(self) -> int:
        return sum(call.prompt_tokens + call.completion_tokens for call in self.calls)

    async def reserve(self, ref: TurnRef, tokens: int, money: float) -> None:  # noqa: ARG002 -- money is not kept here
        """Refuse what the tokens do not allow."""
        if self._tokens is not None and self._used + tokens > self._tokens:
            raise BudgetSpent(line="tokens", asked=tokens, spent=self._used, reserved=0, limit=self._tokens)

    async def release(self, ref: TurnRef) -> None:
        """Nothing was set aside."""

    async def record_turn(
        self, ref: TurnRef, turn: Turn, messages: Sequence[Message], call: ModelCallFact
    ) -> Turn:
        """Append a turn, once."""
        if ref.upto not in self._turns:
            self._turns[ref.upto] = turn
            self.messages += messages
            self.calls.append(call)
        return self._turns[ref.upto]

    async def record_tool(self, ref: TurnRef, message: Message) -> ToolDone:
        """Append a tool's answer, once."""
        if len(self.messages) == ref.upto:
            self.messages.append(message)
        return ToolDone(upto=ref.upto + 1)

    async def close(self, outcome: Outcome) -> Outcome:
        """End the task, once."""
        self._outcome = self._outcome or outcome
        return self._outcome

    async def context(self, task: AgentTask) -> Context:  # noqa: ARG002 -- there is one task
        """Return what the task may know."""
        return self._context

    async def stopped(self, task: AgentTask) -> str:  # noqa: ARG002 -- there is one task
        """Nobody stops this one."""
        await asyncio.Event().wait()
        raise AssertionError("unreachable")


async def run_alone(
    context: Context, model: Model, bench: Bench, notebook: Notebook | None = None
) -> Outcome:
    """Do one task from opening to closing; the notebook keeps what was said and what it took."""
    turner = Turner(notebook or Notebook(context), model, bench)
    opened = await turner.open(context.task)
    try:
        async with asyncio.timeout(opened.limits.wall_clock):
            outcome = await run_task(turner, context.task, opened)
    except TimeoutError:
        outcome = ended_by(context.task, "time", f"no decision in {opened.limits.wall_clock:g} s")
    except MoonloopError as error:
        outcome = ended_by(context.task, error.slug, str(error))
    return outcome if outcome.status == "idle" else await turner.close(outcome)
