"""Turns of agents: paid for before the call, and written with what they used, once.

A thread grows only at its end, and a place in it is written once: whoever comes second, after a crash or
beside a process that was taken for dead, finds what is there and changes nothing. So a turn is recorded once
and paid for once, whatever was killed between reading, reserving, calling the model and recording:

- before the reservation there is nothing to undo;
- a reservation that stands is kept, under a key made of the place, and the call is made again;
- message, call, settlement and sums are written in one transaction, or none of them;
- what is reserved for a turn that never came is given back when the thread is closed.
"""

import math
import unicodedata
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, bindparam, select, update

from moonloop.domain.agents import Message, ToolDone, Turn, TurnRef
from moonloop.domain.budgets import Line
from moonloop.domain.canonical import seal, unseal
from moonloop.domain.errors import BudgetSpent, InvalidInput, NotFound, TaskStopped
from moonloop.domain.facts import ModelCallFact
from moonloop.store import budgets
from moonloop.store.agent_gate import require_going
from moonloop.store.tables import campaigns, model_calls, spend, threads, transcripts
from moonloop.store.transaction import Level, Tx

__all__ = [
    "append",
    "give_back",
    "in_one_line",
    "record_tool",
    "record_turn",
    "release_turn",
    "reserve_turn",
    "turn_key",
]

_LARGEST = 2**31
"""Counts from an endpoint are kept as 32-bit integers; a larger one is no count."""

_THREAD = (
    select(threads.c.campaign_id, threads.c.role, campaigns.c.institute, campaigns.c.mission)
    .join(campaigns, campaigns.c.id == threads.c.campaign_id)
    .where(threads.c.id == bindparam("thread"))
)
_TURN = select(model_calls.c.turn, model_calls.c.sha256).where(
    model_calls.c.thread_id == bindparam("thread"), model_calls.c.position == bindparam("at")
)
_RESERVED = select(spend.c.id).where(spend.c.job_id == bindparam("key")).limit(1)
_GROW = (
    update(threads)
    .where(threads.c.id == bindparam("thread"), threads.c.messages == bindparam("upto"))
    .values(messages=threads.c.messages + bindparam("more"))
)
_ADD_TURN = (
    update(threads)
    .where(threads.c.id == bindparam("thread"), threads.c.messages == bindparam("upto"))
    .values(
        messages=threads.c.messages + bindparam("more"),
        turns=threads.c.turns + 1,
        prompt_tokens=threads.c.prompt_tokens + bindparam("prompt"),
        cached_tokens=threads.c.cached_tokens + bindparam("cached"),
        completion_tokens=threads.c.completion_tokens + bindparam("completion"),
        cost=threads.c.cost + bindparam("paid"),
        proposer=bindparam("by"),
        scripted=bindparam("by_script"),
    )
)


# Paying.


def turn_key(thread: str, upto: int, released: int = 0) -> str:
    """Return what a turn's reservation goes by; after so many were given back in its thread, a new one."""
    return f"{thread}/{upto}" + (f"/{released}" if released else "")


def reserve_turn(tx: Tx, ref: TurnRef, tokens: int, money: float) -> None:
    """Reserve for one call of a model; a reservation that stands is kept, and a turn once taken needs none.

    Raises `TaskStopped` when nothing new may be done in the campaign or the thread is closed, and
    `BudgetSpent` naming the line that has no room.
    """
    if tokens < 0 or not 0 <= money < math.inf:
        raise InvalidInput(where=ref.thread, why=f"{tokens} tokens for {money} cannot be reserved")
    of = tx.one(_THREAD, thread=ref.thread)
    if of is None:
        raise NotFound(kind="thread", id=ref.thread)
    require_going(tx, of.institute, of.mission, of.campaign_id, of.role)
    row = tx.lock_one(Level.THREAD, ref.thread, write=True)
    if row.messages > ref.upto:
        return
    _require_open(row)
    _require_end(row, ref)
    key = turn_key(row.id, ref.upto, row.released)
    if tx.one(_RESERVED, key=key) is not None:
        return
    asked = {Line.TOKENS.value: float(tokens)} | ({Line.MONEY.value: money} if money else {})
    try:
        budgets.reserve(tx, row.campaign_id, {key: asked})
    except BudgetSpent as error:
        raise tx.refuse(error, row.id, row.campaign_id) from None


def release_turn(tx: Tx, ref: TurnRef) -> None:
    """Give back what is reserved for a turn that came to nothing; repeated, it changes nothing."""
    row = tx.lock_one(Level.THREAD, ref.thread, write=True)
    if row.messages == ref.upto:
        give_back(tx, row)


def give_back(tx: Tx, row: Row[Any]) -> None:
    """Give back what is reserved at the end of a locked thread; no other place can have a reservation."""
    key = turn_key(row.id, row.messages, row.released)
    if row.status != "open" or tx.one(_RESERVED, key=key) is None:
        return
    tx.lock(Level.BUDGET, row.campaign_id, write=True)
    budgets.release(tx, row.campaign_id, key)
    tx.run(update(threads).where(threads.c.id == row.id).values(released=row.released + 1))


# Going on.


def record_turn(tx: Tx, ref: TurnRef, turn: Turn, messages: Sequence[Message], call: ModelCallFact) -> Turn:
    """Append a turn's messages at its place and pay for it; where one was recorded before, return that.

    Pays also where the reservation was given back meanwhile, for the call has been made; and in a campaign
    that has just been stopped. Raises `TaskStopped` when the thread is closed.
    """
    row = tx.lock_one(Level.THREAD, ref.thread, write=True)
    if row.messages > ref.upto:
        return _turn_at(tx, ref)
    _require_open(row)
    _require_end(row, ref)
    _check_turn(ref, turn, messages, call)
    tx.lock(Level.BUDGET, row.campaign_id, write=True)
    used = {
        Line.TOKENS.value: float(call.prompt_tokens + call.completion_tokens),
        Line.MONEY.value: call.cost,
    }
    budgets.settle(tx, row.campaign_id, turn_key(row.id, ref.upto, row.released), used)
    append(tx, row.id, ref.upto, messages)
    _add_call(tx, ref, turn, call)
    grown = {
        "thread": row.id,
        "upto": ref.upto,
        "more": len(messages),
        "prompt": call.prompt_tokens,
        "cached": call.cached_tokens,
        "completion": call.completion_tokens,
        "paid": call.cost,
        "by": turn.proposer,
        "by_script": bool(row.scripted or call.scripted),
    }
    tx.connection.execute(_ADD_TURN, grown)
    return turn


def _add_call(tx: Tx, ref: TurnRef, turn: Turn, call: ModelCallFact) -> None:
    body = seal(turn)
    told = call.model_dump() | {
        "endpoint": in_one_line(call.endpoint, 200),
        "model": in_one_line(call.model, 200),
        "finish": in_one_line(call.finish, 40),
    }
    place = {"thread_id": ref.thread, "position": ref.upto}
    tx.add(model_calls, **place, turn=body.body, sha256=body.sha256, at=tx.now(), **told)


def _turn_at(tx: Tx, ref: TurnRef) -> Turn:
    stored = tx.one(_TURN, thread=ref.thread, at=ref.upto)
    if stored is None:
        raise InvalidInput(where=ref.thread, why=f"the message at {ref.upto} is not that of a turn")
    return unseal(stored.turn, stored.sha256, Turn)


def _check_turn(ref: TurnRef, turn: Turn, messages: Sequence[Message], call: ModelCallFact) -> None:
    if not messages or messages[0].speaker != "assistant" or turn.upto != ref.upto + len(messages):
        raise InvalidInput(where=ref.thread, why="a turn begins with the model's message and counts its own")
    counts = (call.prompt_tokens, call.cached_tokens, call.completion_tokens, call.seed)
    if not all(0 <= count < _LARGEST for count in counts) or min(call.cost, call.latency_s) < 0:
        raise InvalidInput(where=ref.thread, why="the figures of the model call cannot be true")


def record_tool(tx: Tx, ref: TurnRef, message: Message) -> ToolDone:
    """Append a tool's answer at its place; where a message is already, it stays."""
    row = tx.lock_one(Level.THREAD, ref.thread, write=True)
    if row.messages > ref.upto:
        return ToolDone(upto=ref.upto + 1)
    _require_open(row)
    _require_end(row, ref)
    if message.speaker != "tool":
        raise InvalidInput(where=ref.thread, why="only a tool's answer is recorded as one")
    give_back(tx, row)  # no turn can be taken at this place any more
    append(tx, row.id, ref.upto, [message])
    tx.connection.execute(_GROW, {"thread": row.id, "upto": ref.upto, "more": 1})
    return ToolDone(upto=ref.upto + 1)


def _require_open(row: Row[Any]) -> None:
    if row.status != "open":
        raise TaskStopped(why=f"it has ended, {row.status}" + (f": {row.why}" if row.why else ""))


def _require_end(row: Row[Any], ref: TurnRef) -> None:
    if row.messages != ref.upto:
        raise InvalidInput(where=row.id, why=f"it has {row.messages} messages, none can go to {ref.upto}")


def append(tx: Tx, thread: str, first: int, messages: Sequence[Message]) -> None:
    """Write messages from a place on."""
    rows = [
        {"thread_id": thread, "position": first + place, "body": body.body, "sha256": body.sha256}
        for place, body in enumerate(seal(message) for message in messages)
    ]
    tx.add_all(transcripts, [row | {"at": tx.now()} for row in rows])


def in_one_line(text: str, at_most: int) -> str:
    """Return words from elsewhere as one line that a column takes and a terminal does not obey."""
    shown = "".join(
        " " if unicodedata.category(sign).startswith(("C", "Zl", "Zp")) else sign for sign in text
    )
    return shown if len(shown) <= at_most else shown[: at_most - 1] + "…"
