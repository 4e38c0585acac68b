"""The agents' threads on the ledger: the transcript store and the purse of their tasks."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress

from sqlalchemy import Connection

from moonloop.agents.ports import Context, Thread
from moonloop.domain.agents import AgentTask, Message, Opened, Outcome, Role, ToolDone, Turn, TurnRef
from moonloop.domain.errors import MoonloopError
from moonloop.domain.facts import CampaignFacts, ModelCallFact
from moonloop.domain.history import History
from moonloop.domain.ids import thread_id
from moonloop.store import Ledger, agent_gate, histories, threads, views

__all__ = ["LedgerThreads"]

_WORKER = "worker"
_LOOK_S = 1.0
"""How often a running call looks whether it is still wanted."""
_KNOWN = 32
"""Threads whose messages are kept at hand: what was said is never changed, and only what is new is read."""


class LedgerThreads:
    """`Threads` of every campaign of a ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._said: OrderedDict[str, tuple[Message, ...]] = OrderedDict()

    async def open(self, task: AgentTask, opened: Opened, messages: Sequence[Message]) -> Opened:
        """Open a thread with its first messages, or return it as it stands."""
        return await self._ledger.write(threads.open_thread, _WORKER, task, opened, messages)

    async def read(self, ref: TurnRef) -> Thread:
        """Return the messages before a place, and the turn taken there if there is one."""
        found = await self._ledger.read(threads.read_thread, ref, self._said.get(ref.thread, ()))
        self._keep(ref.thread, found.messages)
        return Thread(*found)

    async def reserve(self, ref: TurnRef, tokens: int, money: float) -> None:
        """Reserve for one call, once."""
        await self._ledger.write(threads.reserve_turn, _WORKER, ref, tokens, money)

    async def release(self, ref: TurnRef) -> None:
        """Give a reservation back."""
        await self._ledger.write(threads.release_turn, _WORKER, ref)

    async def record_turn(
        self, ref: TurnRef, turn: Turn, messages: Sequence[Message], call: ModelCallFact
    ) -> Turn:
        """Append a turn and settle; where one was recorded before, return that."""
        return await self._ledger.write(threads.record_turn, _WORKER, ref, turn, messages, call)

    async def record_tool(self, ref: TurnRef, message: Message) -> ToolDone:
        """Append a tool's answer, once."""
        return await self._ledger.write(threads.record_tool, _WORKER, ref, message)

    async def close(self, outcome: Outcome) -> Outcome:
        """End a task, once."""
        closed = await self._ledger.write(threads.close_thread, _WORKER, outcome)
        self._said.pop(thread_id(outcome.task.campaign_id, outcome.task.cycle, outcome.task.role), None)
        return closed

    async def context(self, task: AgentTask) -> Context:
        """Return what a task may know, as of one moment; only the reporter is shown the facts as they are."""

        def known(connection: Connection) -> tuple[History, CampaignFacts | None]:
            facts = views.campaign_facts(connection, task.campaign_id) if task.role is Role.REPORTER else None
            return histories.history(connection, task.campaign_id, task.cycle), facts

        history, facts = await self._ledger.read(known)
        spec = await self._ledger.read(histories.read_spec, task.campaign_id)
        return Context(task, spec, history, facts=facts)

    async def stopped(self, task: AgentTask) -> str:
        """Wait until nothing more may be done for the task; return why."""
        ref = TurnRef(thread=thread_id(task.campaign_id, task.cycle, task.role), upto=0)

        def why(connection: Connection) -> str:
            status = threads.read_thread(connection, ref).opened.status
            over = "" if status == "open" else f"the task is over: {status}"
            return over or agent_gate.stopped_reason(connection, task.campaign_id)

        while True:
            await asyncio.sleep(
                _LOOK_S
            )  # first: who reserved for a call has just been told that it may go on
            # A look that fails is no reason to throw away what a model is saying.
            with suppress(MoonloopError):
                if found := await self._ledger.read(why):
                    return found

    def _keep(self, thread: str, messages: tuple[Message, ...]) -> None:
        if len(messages) >= len(self._said.get(thread, ())):
            self._said[thread] = messages
        self._said.move_to_end(thread)
        while len(self._said) > _KNOWN:
            self._said.popitem(last=False)
