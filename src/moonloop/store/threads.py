"""Threads of agents: opened, read, grown turn by turn, closed. Each act holds whole or not at all."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from pydantic import TypeAdapter
from sqlalchemy import Connection, Row, bindparam, select, update

from moonloop.domain import ids
from moonloop.domain.agents import AgentTask, Message, Opened, Outcome, Role, Turn, TurnRef
from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.canonical import digest, seal, unseal
from moonloop.domain.errors import InvalidInput, NotFound, TaskStopped
from moonloop.domain.proposals import Decision
from moonloop.store.agent_gate import require_going, roles_of, stopped_reason
from moonloop.store.tables import campaigns, cycles, model_calls, threads, transcripts
from moonloop.store.transaction import Level, Tx
from moonloop.store.turns import (
    append,
    give_back,
    in_one_line,
    record_tool,
    record_turn,
    release_turn,
    reserve_turn,
)

__all__ = [
    "Place",
    "close_thread",
    "end_open",
    "open_thread",
    "read_thread",
    "record_tool",
    "record_turn",
    "release_turn",
    "reserve_turn",
    "stopped_reason",
]
# What a task does, from its first act to its last, is found here.

_WHY_AT_MOST = 600
_DECISION: TypeAdapter[Decision] = TypeAdapter(Decision)

_STORED = select(threads).where(threads.c.id == bindparam("thread"))
_OPEN = select(threads.c.id).where(threads.c.campaign_id == bindparam("campaign"), threads.c.status == "open")
_TURN = select(model_calls.c.turn, model_calls.c.sha256).where(
    model_calls.c.thread_id == bindparam("thread"), model_calls.c.position == bindparam("at")
)
_LAST_TURN = (
    select(model_calls.c.turn, model_calls.c.sha256)
    .where(model_calls.c.thread_id == bindparam("thread"))
    .order_by(model_calls.c.position.desc())
    .limit(1)
)
_BETWEEN = (
    select(transcripts.c.body, transcripts.c.sha256)
    .where(
        transcripts.c.thread_id == bindparam("thread"),
        transcripts.c.position >= bindparam("first"),
        transcripts.c.position < bindparam("upto"),
    )
    .order_by(transcripts.c.position)
)
_HASHES = (
    select(transcripts.c.sha256)
    .where(transcripts.c.thread_id == bindparam("thread"))
    .order_by(transcripts.c.position)
)


# Opening.


def open_thread(tx: Tx, task: AgentTask, opened: Opened, messages: Sequence[Message]) -> Opened:
    """Open a task's thread with its first messages; one that is there stays as it is, and is returned.

    Raises `TaskStopped` when nothing new may be done in the campaign, and `InvalidInput` for a task that the
    campaign file does not ask for.
    """
    thread = ids.thread_id(task.campaign_id, task.cycle, task.role)
    stored = tx.one(_STORED, thread=thread)
    if stored is not None:
        return _as_opened(stored)
    if (opened.ref.thread, opened.ref.upto, opened.status) != (thread, len(messages), "open"):
        raise InvalidInput(where=thread, why="what is to be opened is not this task with these messages")
    of = tx.one(select(campaigns).where(campaigns.c.id == task.campaign_id))
    if of is None:
        raise NotFound(kind="campaign", id=task.campaign_id)
    campaign = require_going(tx, of.institute, of.mission, of.id, task.role)
    _check_task(tx, task, campaign)
    body = seal(opened)
    tx.add(
        threads,
        id=thread,
        campaign_id=task.campaign_id,
        cycle=task.cycle,
        role=task.role,
        status="open",
        opened=body.body,
        messages=len(messages),
        opened_at=tx.now(),
    )
    append(tx, thread, 0, messages)
    tx.journal("agent.opened", thread, task.campaign_id, after="open", facts={"opened": body.sha256})
    return opened


def _check_task(tx: Tx, task: AgentTask, campaign: Row[Any]) -> None:
    cycle = tx.one(
        select(cycles).where(cycles.c.campaign_id == task.campaign_id, cycles.c.number == task.cycle)
    )
    if cycle is None:
        raise NotFound(kind="cycle", id=f"{task.campaign_id}/{task.cycle}")
    concludes = task.role is Role.REPORTER
    if cycle.closed_at is not None and not concludes:
        raise TaskStopped(why=f"cycle {task.cycle} of campaign {task.campaign_id} is closed")
    spec = unseal(campaign.spec, campaign.spec_sha256, CampaignSpec)
    if task.role not in roles_of(spec, "conclude" if concludes else cycle.purpose):
        raise InvalidInput(where="task", why=f"the campaign file asks for no {task.role} in this step")


def _as_opened(row: Row[Any]) -> Opened:
    return Opened.model_validate_json(row.opened).model_copy(update={"status": row.status})


class Place(NamedTuple):
    """A thread as a turn finds it."""

    messages: tuple[Message, ...]
    """Those before the turn's place."""
    turn: Turn | None
    """What was taken there, if anything was."""
    opened: Opened
    """With the task's status now."""
    task: AgentTask
    tokens: int
    """That all of its calls have used."""
    cost: float


def read_thread(connection: Connection, ref: TurnRef, known: Sequence[Message] = ()) -> Place:
    """Return the messages before a place, and the turn taken there if there is one.

    Args:
        connection: to the ledger.
        ref: the thread and the place.
        known: the thread's first messages, read before: they never change and are not read again.
    """
    row: Any = connection.execute(_STORED, {"thread": ref.thread}).one_or_none()
    if row is None:
        raise NotFound(kind="thread", id=ref.thread)
    first = tuple(known[: ref.upto])
    more = connection.execute(_BETWEEN, {"thread": ref.thread, "first": len(first), "upto": ref.upto}).all()
    messages = (*first, *(unseal(message.body, message.sha256, Message) for message in more))
    if len(messages) != ref.upto:
        raise InvalidInput(where=ref.thread, why=f"it has {len(messages)} messages, not yet {ref.upto}")
    turn: Any = connection.execute(_TURN, {"thread": ref.thread, "at": ref.upto}).one_or_none()
    return Place(
        messages=messages,
        turn=unseal(turn.turn, turn.sha256, Turn) if turn is not None else None,
        opened=_as_opened(row),
        task=AgentTask(campaign_id=row.campaign_id, cycle=row.cycle, role=row.role),
        tokens=row.prompt_tokens + row.completion_tokens,
        cost=row.cost,
    )


# Closing.


def close_thread(tx: Tx, outcome: Outcome) -> Outcome:
    """End a task, once, and give back what is reserved; return how it ended.

    A decision must be that of the task's last turn, and of its role's kind: else `InvalidInput`.
    """
    task = outcome.task
    thread = ids.thread_id(task.campaign_id, task.cycle, task.role)
    row = tx.lock_one(Level.THREAD, thread, write=True)
    if row.status != "open":
        return _as_outcome(task, row)
    if outcome.status in ("open", "idle"):
        raise InvalidInput(where=thread, why=f"a task that was opened does not end {outcome.status}")
    decision = _checked_decision(tx, row, outcome) if outcome.status == "decided" else None
    why = "" if outcome.status == "decided" else in_one_line(outcome.why, _WHY_AT_MOST)
    _close(tx, row, outcome.status, why, decision)
    stored = tx.one(_STORED, thread=thread)
    assert stored is not None
    return _as_outcome(task, stored)


def end_open(tx: Tx, campaign: str, why: str) -> None:
    """Stop what tasks of a campaign are still open."""
    known = [row.id for row in tx.all(_OPEN, campaign=campaign)]
    if known:
        for row in tx.lock(Level.THREAD, *known, write=True):
            if row.status == "open":
                _close(tx, row, "stopped", why, None)


def _close(tx: Tx, row: Row[Any], status: str, why: str, decision: bytes | None) -> None:
    give_back(tx, row)
    sha256 = digest(decision) if decision is not None else None
    ended = {"status": status, "why": why, "decision": decision, "sha256": sha256, "ended_at": tx.now()}
    tx.run(update(threads).where(threads.c.id == row.id).values(**ended))
    hashes = "".join(one.sha256 for one in tx.all(_HASHES, thread=row.id))
    facts = {
        "why": why,
        "proposer": row.proposer,
        "decision": sha256,
        "transcript": digest(hashes.encode()),
        "turns": row.turns,
        "tokens": row.prompt_tokens + row.completion_tokens,
        "cost": row.cost,
        "scripted": row.scripted,
    }
    tx.journal("agent.closed", row.id, row.campaign_id, before="open", after=status, facts=facts)


def _checked_decision(tx: Tx, row: Row[Any], outcome: Outcome) -> bytes:
    stored = tx.one(_LAST_TURN, thread=row.id)
    last = unseal(stored.turn, stored.sha256, Turn) if stored is not None else None
    if last is None or last.kind != "decision" or last.decision != outcome.decision:
        raise InvalidInput(where=row.id, why="the decision is not that of its last turn")
    if _DECISION.validate_json(outcome.decision).kind != row.role:
        raise InvalidInput(where=row.id, why=f"the decision is not one of a {row.role}")
    return outcome.decision.encode()


def _as_outcome(task: AgentTask, row: Row[Any]) -> Outcome:
    return Outcome(
        task=task,
        status=row.status,
        why=row.why,
        decision=row.decision.decode() if row.decision is not None else "",
        proposer=row.proposer,
        turns=row.turns,
    )
