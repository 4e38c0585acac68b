"""One turn and one use of a tool, over the ports: the same under Temporal and under plain asyncio."""

import asyncio
import re
from collections import OrderedDict
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from moonloop.agents.allowance import answer_allowed, require_money
from moonloop.agents.ports import Bench, Completion, Context, Model, Prompted, Thread, Threads, ToolSpec
from moonloop.agents.roles import KITS, RoleKit, versions
from moonloop.domain.agents import (
    AgentTask,
    Message,
    Opened,
    Outcome,
    Sampling,
    ToolAsk,
    ToolDone,
    ToolRequest,
    Turn,
    TurnAsk,
    TurnRef,
    proposer_name,
)
from moonloop.domain.canonical import canonical_json, derive_seed
from moonloop.domain.errors import AnswerRefused, TaskStopped
from moonloop.domain.facts import ModelCallFact
from moonloop.domain.ids import thread_id
from moonloop.domain.proposals import Decision

__all__ = ["Turner"]

_LITERATURE = ("literature_search", "literature_read")
_PASSAGE = re.compile(r'"id": ?"(lit_[0-9a-f]{8}_\d+)"')
"""How an answer of these tools names a passage; within a passage's own text quotes are escaped."""
_BYTES_PER_TOKEN = 2
"""A cautious guess for what is reserved; what was really used is what is settled."""
_FRAME = 32
"""Bytes that a chat template puts around a message, and more."""
_TOOLS_AT_ONCE = 8
"""Requests in one answer that are heard; more are dropped from it."""
_DECISION_BYTES = 8_000
"""The graph carries the decision in its state, which stays below 10 KB."""
_KNOWN = 32
"""Tasks whose context is kept at hand."""
_ANSWER = 60_000
"""Characters of an answer that are kept; max_tokens bounds it long before, unless the endpoint lies."""


class Turner:
    """Opens tasks, takes turns, uses tools, closes tasks; what is done twice is done once."""

    def __init__(self, threads: Threads, model: Model, bench: Bench) -> None:
        self._threads = threads
        self._model = model
        self._bench = bench
        self._contexts: OrderedDict[AgentTask, Context] = OrderedDict()

    async def open(self, task: AgentTask) -> Opened:
        """Open a task with its prompt and its brief, or find it as it stands."""
        context = await self._context(task, fresh=True)
        kit = KITS[task.role]
        tools = self._bench.tools(task.role, context)
        rules = context.spec.scientist
        opened = Opened(
            ref=TurnRef(thread=thread_id(task.campaign_id, task.cycle, task.role), upto=2),
            limits=rules.limits,
            sampling=Sampling(
                seed=derive_seed(context.spec.design.seed, task.campaign_id, task.cycle, task.role) % 2**31,
                max_tokens=rules.limits.answer_tokens,
            ),
            versions=versions(task.role, tools),
            tools=bool(tools),
        )
        if not kit.is_due(context):
            return opened.model_copy(update={"status": "idle"})
        brief = await asyncio.to_thread(kit.brief, context)
        first = (Message(speaker="system", content=kit.prompt.text), Message(speaker="user", content=brief))
        return await self._threads.open(task, opened, first)

    async def llm_turn(self, ask: TurnAsk) -> Turn:
        """Call the model once; a turn that was taken before is returned and costs nothing.

        Raises:
            BudgetSpent: when the tokens or money of the task or its campaign have no room for the call.
            ModelUnavailable: when no endpoint answers.
            TaskStopped: when the campaign is stopping or held, or the task is over.
        """
        thread = await self._threads.read(ask.ref)
        if thread.turn is not None:
            return thread.turn
        _require_open(thread)
        context = await self._context(thread.task)
        prompted = await self._reserved(ask.ref, thread, self._prompted(ask, thread, context))
        try:
            completion = await self._unless_stopped(thread.task, self._model.complete(prompted))
        except BaseException:
            # Also when cancelled: nothing came of the call. A process that dies here leaves the reservation
            # to the retry, which finds it, or to the closing of the task.
            await asyncio.shield(self._threads.release(ask.ref))
            raise
        # From here on the call is paid for: a cancellation does not keep it from being recorded.
        return await asyncio.shield(self._recorded(ask, thread, context, prompted, completion))

    async def _recorded(
        self, ask: TurnAsk, thread: Thread, context: Context, prompted: Prompted, completion: Completion
    ) -> Turn:
        turn, messages = await asyncio.to_thread(_judged, ask, thread, context, completion)
        return await self._threads.record_turn(
            ask.ref, turn, messages, _call_fact(thread, prompted, completion)
        )

    async def tool_call(self, ask: ToolAsk) -> ToolDone:
        """Use one of the tools that a message asks for, and append the answer."""
        thread = await self._threads.read(ask.ref)
        _require_open(thread)
        request = thread.messages[ask.asked_at].tool_requests[ask.index]
        context = await self._context(thread.task)
        answer = await self._unless_stopped(thread.task, self._bench.use(request, context))
        message = Message(speaker="tool", content=_storable(answer), tool_request_id=request.id)
        return await self._threads.record_tool(ask.ref, message)

    async def close(self, outcome: Outcome) -> Outcome:
        """End a task."""
        self._contexts.pop(outcome.task, None)
        return await self._threads.close(outcome)

    async def _context(self, task: AgentTask, *, fresh: bool = False) -> Context:
        known = None if fresh else self._contexts.get(task)
        if known is None:
            known = await self._threads.context(task)
            self._contexts[task] = known
            while len(self._contexts) > _KNOWN:
                self._contexts.popitem(last=False)
        return known

    def _prompted(self, ask: TurnAsk, thread: Thread, context: Context) -> Prompted:
        kit = KITS[thread.task.role]
        return Prompted(
            role=thread.task.role,
            session=ask.ref.thread,
            messages=thread.messages,
            tools=self._bench.tools(thread.task.role, context),
            # An answer that was sent back is to be mended, in the form that the endpoint is bound to.
            use_tools=ask.tools and not _was_sent_back(thread),
            schema=kit.schema,
            schema_name=kit.schema_name,
            sampling=thread.opened.sampling.model_copy(
                update={"seed": derive_seed(thread.opened.sampling.seed, ask.ref.upto) % 2**31}
            ),
        )

    async def _reserved(self, ref: TurnRef, thread: Thread, prompted: Prompted) -> Prompted:
        prompt = _tokens_of(prompted.messages, prompted.tools)
        answer = answer_allowed(thread, prompt)
        most = self._model.most_costly(prompted.role, prompt, answer)
        require_money(thread, most)
        await self._threads.reserve(ref, prompt + answer, most)
        return replace(prompted, sampling=prompted.sampling.model_copy(update={"max_tokens": answer}))

    async def _unless_stopped(self, task: AgentTask, work: Coroutine[Any, Any, Any]) -> Any:
        """Return what the work comes to; when the campaign may do nothing new, let go of it at once."""
        doing = asyncio.ensure_future(work)
        stopping = asyncio.ensure_future(self._threads.stopped(task))
        try:
            await asyncio.wait((doing, stopping), return_when=asyncio.FIRST_COMPLETED)
            if not doing.done():
                raise TaskStopped(why=await stopping)
            return await doing
        finally:
            for each in (doing, stopping):
                each.cancel()
            for each in (doing, stopping):
                with suppress(asyncio.CancelledError, Exception):
                    await each


def _require_open(thread: Thread) -> None:
    if thread.opened.status != "open":
        raise TaskStopped(why=f"the task is over: {thread.opened.status}")


def _was_sent_back(thread: Thread) -> bool:
    """Say whether the last message corrects an answer: after the brief, only corrections are the user's."""
    return len(thread.messages) > 2 and thread.messages[-1].speaker == "user"


def _tokens_of(messages: Sequence[Message], tools: Sequence[ToolSpec]) -> int:
    said = [text for one in messages for text in (one.content, *(ask.arguments for ask in one.tool_requests))]
    size = sum(len(text.encode()) + _FRAME for text in said)
    size += sum(len(tool.description) + len(str(tool.schema)) for tool in tools)
    return size // _BYTES_PER_TOKEN + 1


def _judged(
    ask: TurnAsk, thread: Thread, context: Context, completion: Completion
) -> tuple[Turn, tuple[Message, ...]]:
    """Return what an answer comes to, and the messages that it adds to the thread."""
    kit, at = KITS[thread.task.role], ask.ref.upto
    turn = Turn(
        kind="decision",
        upto=at + 1,
        asked_at=at,
        proposer=proposer_name(thread.task.role, completion.model, thread.opened.versions.prompt_sha256),
        tokens=completion.usage.tokens,
        cost=completion.cost,
    )
    said = Message(speaker="assistant", content=_storable(completion.text) or "(nothing)")
    tools_allowed = ask.tools and not _was_sent_back(thread)
    if completion.tool_requests and tools_allowed and completion.finish != "length":
        heard = tuple(_heard(request) for request in completion.tool_requests[:_TOOLS_AT_ONCE])
        asking = Message(speaker="assistant", content=_storable(completion.text), tool_requests=heard)
        return turn.model_copy(update={"kind": "tools", "tools": len(heard)}), (asking,)
    try:
        decision = _decision(kit, completion, context, thread, last=ask.corrections_left <= 0)
    except AnswerRefused as error:
        why = str(error.why)[:1_000]
        if ask.corrections_left <= 0:
            return turn.model_copy(update={"kind": "unusable", "why": why}), (said,)
        back = Message(speaker="user", content=f"{error} Give only the JSON of your decision.")
        return turn.model_copy(update={"kind": "invalid", "why": why, "upto": at + 2}), (said, back)
    return turn.model_copy(update={"decision": decision}), (said,)


def _decision(kit: RoleKit, completion: Completion, context: Context, thread: Thread, *, last: bool) -> str:
    if completion.refusal:
        raise AnswerRefused(why=f"it refuses ({completion.refusal[:200]})")
    if completion.finish == "length":
        raise AnswerRefused(why="it was cut off at the longest answer allowed, so be shorter")
    if completion.tool_requests:
        raise AnswerRefused(why="no tool may be asked for now")
    found: Decision = kit.read(completion.text, context, last=last, quoted=_quoted(thread))
    body = canonical_json(found.model_dump(mode="json", exclude_none=True))
    if len(body) > _DECISION_BYTES:
        raise AnswerRefused(why=f"the decision takes {len(body)} bytes, {_DECISION_BYTES} are allowed")
    return body.decode()


def _quoted(thread: Thread) -> frozenset[str]:
    """Return the passages that the literature has shown in this thread: only these can be evidence."""
    asked = {
        request.id
        for message in thread.messages
        for request in message.tool_requests
        if request.name in _LITERATURE
    }
    shown = [one.content for one in thread.messages if one.tool_request_id in asked]
    return frozenset(found for text in shown for found in _PASSAGE.findall(text))


def _heard(request: ToolRequest) -> ToolRequest:
    return request.model_copy(update={"arguments": _storable(request.arguments)})


def _storable(text: str) -> str:
    """Return text that every database and encoding can hold, bounded."""
    return text[:_ANSWER].encode("utf-8", "replace").decode().replace("\x00", "�")


def _call_fact(thread: Thread, prompted: Prompted, completion: Completion) -> ModelCallFact:
    return ModelCallFact(
        endpoint=completion.endpoint,
        model=completion.model,
        prompt_tokens=completion.usage.prompt_tokens,
        cached_tokens=completion.usage.cached_tokens,
        completion_tokens=completion.usage.completion_tokens,
        cost=completion.cost,
        latency_s=completion.latency_s,
        finish=completion.finish[:40],
        seed=prompted.sampling.seed,
        prompt_sha256=thread.opened.versions.prompt_sha256,
        schema_sha256=thread.opened.versions.schema_sha256,
        tools_sha256=thread.opened.versions.tools_sha256,
        scripted=completion.scripted,
    )
