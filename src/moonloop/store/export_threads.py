"""What the threads of a campaign from elsewhere must be: whole, at their end, and paid for as they say."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter

from moonloop.domain import ids
from moonloop.domain.agents import Message, Opened, Turn
from moonloop.domain.budgets import Line
from moonloop.domain.errors import ExportInvalid
from moonloop.domain.facts import ModelCallFact
from moonloop.domain.proposals import Decision

__all__ = ["check"]

Row = Mapping[str, Any]
Rows = Mapping[str, Sequence[Row]]
"""Rows by table, as the columns hold them."""

_DECISION: TypeAdapter[Decision] = TypeAdapter(Decision)
_CLOSE = 1e-9
"""Relative: costs are summed in one order or another."""


def check(rows: Rows) -> None:
    """Refuse threads with gaps, sums that are not those of their calls, and calls that were not paid for.

    Raises `ExportInvalid`, or `ValueError` for a body of another shape.
    """
    said = _by_thread(rows["transcripts"])
    called = _by_thread(rows["model_calls"])
    for row in rows["threads"]:
        messages, calls = said[row["id"]], called[row["id"]]
        _check_thread(row, messages)
        turns = [_check_call(call, messages) for call in calls]
        _check_sums(row, calls)
        _check_end(row, turns)
    _check_spending(rows)


def _by_thread(rows: Sequence[Row]) -> Mapping[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row["position"]):
        found[row["thread_id"]].append(row)
    return found


def _refuse(thread: str, why: str) -> ExportInvalid:
    return ExportInvalid(why=f"the thread {thread} {why}")


def _check_thread(row: Row, messages: Sequence[Row]) -> None:
    if row["id"] != ids.thread_id(row["campaign_id"], row["cycle"], row["role"]):
        raise ExportInvalid(why="a thread does not bear the name that its task gives it")
    if [message["position"] for message in messages] != list(range(row["messages"])):
        raise _refuse(row["id"], "has gaps, or not as many messages as it says")
    opened = Opened.model_validate_json(row["opened"])
    if opened.ref.thread != row["id"] or opened.ref.upto > row["messages"]:
        raise _refuse(row["id"], "was opened as another")


def _check_call(call: Row, messages: Sequence[Row]) -> Turn:
    thread: str = call["thread_id"]
    place: int = call["position"]
    turn = Turn.model_validate_json(call["turn"])
    ModelCallFact.model_validate(dict(call))
    if not 0 <= place < turn.upto <= len(messages):
        raise _refuse(thread, "has a model call whose messages are not there")
    if Message.model_validate_json(messages[place]["body"]).speaker != "assistant":
        raise _refuse(thread, "has a model call that made no message")
    return turn


def _check_sums(row: Row, calls: Sequence[Row]) -> None:
    sums = {
        name: sum(call[name] for call in calls)
        for name in ("prompt_tokens", "cached_tokens", "completion_tokens")
    }
    told = {name: row[name] for name in sums}
    if (row["turns"], told, row["scripted"]) != (len(calls), sums, any(call["scripted"] for call in calls)):
        raise _refuse(row["id"], "has other sums than its model calls")
    if not _same(row["cost"], sum(call["cost"] for call in calls)):
        raise _refuse(row["id"], "has another cost than its model calls")


def _same(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=_CLOSE, abs_tol=_CLOSE)


def _check_end(row: Row, turns: Sequence[Turn]) -> None:
    if row["status"] == "open" or row["ended_at"] is None:
        raise _refuse(row["id"], "is open, in a campaign that is done")
    if (row["status"] == "decided") != (row["decision"] is not None):
        raise _refuse(row["id"], "has a decision and is not decided, or the reverse")
    if row["proposer"] != (turns[-1].proposer if turns else "-"):
        raise _refuse(row["id"], "is of another than who answered last")
    if row["decision"] is None:
        return
    last = turns[-1] if turns else None
    if last is None or last.kind != "decision" or last.decision.encode() != row["decision"]:
        raise _refuse(row["id"], "has a decision that is not that of its last turn")
    if _DECISION.validate_json(row["decision"]).kind != row["role"]:
        raise _refuse(row["id"], f"has a decision that is not one of a {row['role']}")


def _check_spending(rows: Rows) -> None:
    """Each call is settled once with what it used; what else was reserved for turns was given back."""
    jobs = {row["job_id"] for row in rows["specs"]}
    lines = {row["line"] for row in rows["budgets"]}
    of_turns = [row for row in rows["spend"] if row["job_id"] not in jobs]
    settled: dict[tuple[str, str], float] = defaultdict(float)
    closings: dict[tuple[str, str], list[str]] = defaultdict(list)
    places = {f"{row['thread_id']}/{row['position']}" for row in rows["transcripts"]}
    ends = {f"{row['id']}/{row['messages']}" for row in rows["threads"]}
    for row in of_turns:
        place = "/".join(row["job_id"].split("/")[:2])
        if place not in places | ends:
            raise ExportInvalid(why="a row of spend has a job_id that is not of this campaign")
        closings[row["job_id"], row["line"]].append(row["kind"])
        if row["kind"] == "settle":
            settled[place, row["line"]] += row["amount"]
    if any(sum(kind != "reserve" for kind in kinds) != 1 for kinds in closings.values()):
        raise ExportInvalid(why="what was reserved for a turn was not settled or given back just once")
    for call in rows["model_calls"]:
        place = f"{call['thread_id']}/{call['position']}"
        used = {
            Line.TOKENS.value: call["prompt_tokens"] + call["completion_tokens"],
            Line.MONEY.value: call["cost"],
        }
        for line, amount in used.items():
            if line in lines and not _same(settled.pop((place, line), 0.0), amount):
                raise ExportInvalid(why=f"the call at {place} was not paid for with what it used")
    if any(amount for amount in settled.values()):
        raise ExportInvalid(why="something was spent on a turn that has no model call")
