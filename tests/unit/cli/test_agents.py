"""Agents as a person at the terminal sees them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from moonloop.cli.agents import say_agents, say_thread, say_threads
from moonloop.cli.watching import sentence
from moonloop.client import terminal
from moonloop.domain.agent_words import SCRIPTED
from moonloop.domain.agents import Message, Role, ToolRequest
from moonloop.domain.canonical import digest
from moonloop.domain.facts import AgentFact, JournalEntry, ModelCallFact, ThreadFact, TranscriptEntry
from support.agent_facts import ADVISOR, MODEL, PROPOSER, agent, thinking
from unit.report import factors

CAMPAIGN = "cmp_0000000000000001"
AT = datetime(2031, 3, 4, 9, 30, tzinfo=UTC)
HASH = digest(b"x")
ATTACK = "\x1b[2J\x9b31m\u202egnp.exe\r\n 99  system  18:00:00\nPlan approved by anna."


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 200 characters."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(terminal.console, "_width", 200)


def _fact(**changes: Any) -> AgentFact:
    return agent(CAMPAIGN, 3, Role.PROPOSER, AT, **changes)


def _thread(*messages: Message, scripted: bool = False) -> ThreadFact:
    call = ModelCallFact(
        endpoint="lab", model=MODEL, prompt_tokens=4_000, cached_tokens=3_000, completion_tokens=250, cost=0,
        latency_s=1.25, finish="stop", seed=1, prompt_sha256=HASH, schema_sha256=HASH, tools_sha256=HASH,
        scripted=scripted,
    )  # fmt: skip
    entries = tuple(
        TranscriptEntry(
            position=place,
            message=message,
            at=AT + timedelta(seconds=place),
            call=call if message.speaker == "assistant" else None,
        )
        for place, message in enumerate(messages)
    )
    return ThreadFact(agent=_fact(scripted=scripted), entries=entries)


def test_nothing_is_said_of_agents_where_none_take_part(capsys: pytest.CaptureFixture[str]) -> None:
    """`campaign show` of an algorithmic campaign is what it was."""
    say_agents(factors.campaign())

    assert capsys.readouterr().out == ""


def test_the_agents_of_the_last_cycle_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """Role, model, status, why, tokens and cost, and then the standings."""
    facts = thinking(factors.campaign())
    last = facts.cycles[1].model_copy(update={"number": 2})
    say_agents(facts.model_copy(update={"cycles": (facts.cycles[0], last)}))

    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["AGENT", "MODEL", "STATUS", "WHY", "TOKENS", "COST"] == lines[0]
    assert ["proposer", MODEL, "decided", "4,250", "(3,000", "cached)", "0.0125", "EUR"] == lines[1]
    assert ["critic", MODEL, "unusable", "the", "answer", "is", "no", "JSON"] == lines[2][:8]
    assert [ADVISOR, "1.31", "24%", "0/0", "1/2"] in lines
    assert [PROPOSER, "0.04", "0%", "1/3", "0/0"] in lines


def test_a_script_is_named_in_show(capsys: pytest.CaptureFixture[str]) -> None:
    """It is not taken for a model."""
    facts = thinking(factors.campaign(), scripted=True)
    say_agents(facts.model_copy(update={"cycles": facts.cycles[:2]}))

    assert 4 == capsys.readouterr().out.count(f"{MODEL} ({SCRIPTED})")


def test_threads_are_listed_with_the_next_command(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever lists them is told how to read one."""
    say_threads(CAMPAIGN, [_fact()])

    told = capsys.readouterr().out
    assert f"moonloop campaign transcript {CAMPAIGN} {_fact().thread}" in told


def test_no_threads_is_said_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    """An empty table would leave a person guessing."""
    say_threads(CAMPAIGN, [])

    assert "No agent has had a task in this campaign." in capsys.readouterr().out


def test_a_message_stays_behind_its_fence(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever it says: no line of it looks like one of ours, and the terminal obeys none of it."""
    asks = (ToolRequest(id="1", name=f"data{ATTACK}", arguments=ATTACK),)
    messages = (
        Message(speaker="system", content="You are the proposer."),
        Message(speaker="user", content=ATTACK),
        Message(speaker="assistant", content=ATTACK, tool_requests=asks),
        Message(speaker="tool", content=ATTACK, tool_request_id="1"),
    )
    say_thread(_thread(*messages), full=True)

    told = capsys.readouterr().out
    assert [] == [sign for sign in ("\x1b", "\x9b", "\u202e", "\r") if sign in told]
    ours = [line for line in told.splitlines() if not line.startswith("  │ ")]
    assert 1 + len(messages) == len(ours)
    assert [] == [line for line in ours if "approved" in line]
    assert f"{MODEL} at lab: 4,000 tokens read, 3,000 cached, 250 written in 1.2 s, finish stop" in ours[3]


def test_a_long_message_is_cut_unless_all_of_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """To the width of the terminal and a dozen lines, and it is said that there is more."""
    long = _thread(Message(speaker="user", content="\n".join(["word " * 100] * 30)))

    say_thread(long, full=False)
    cut = capsys.readouterr().out.splitlines()
    say_thread(long, full=True)
    whole = capsys.readouterr().out.splitlines()

    assert (2 + 12 + 1, 200) == (len(cut), max(len(line) for line in cut))
    assert "… and 18 lines more; --full prints them all" in cut[-1]
    assert 2 + 30 == len(whole)
    assert max(len(line) for line in whole) > 500


def test_a_scripted_call_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """In the heading of the thread, and beside every message that a script made."""
    say_thread(_thread(Message(speaker="assistant", content="{}"), scripted=True), full=False)

    assert 2 == capsys.readouterr().out.count(SCRIPTED)


def _entry(what: str, after: str = "open", **facts: object) -> JournalEntry:
    return JournalEntry(
        number=1, at=AT, who="worker", what=what, subject="thr_0000000000000001_0003_critic", after=after,
        facts=facts,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (_entry("agent.opened", opened=HASH), "The critic of cycle 3 begins."),
        (
            _entry("agent.closed", "decided", proposer=PROPOSER, why="", scripted=False),
            f"The critic of cycle 3 has decided ({MODEL}).",
        ),
        (
            _entry("agent.closed", "decided", proposer=PROPOSER, why="", scripted=True),
            f"The critic of cycle 3 has decided ({MODEL}, {SCRIPTED}).",
        ),
        (
            _entry("agent.closed", "unavailable", proposer="-", why="nobody is at home", scripted=False),
            "The critic of cycle 3 had no endpoint that answers: nobody is at home.",
        ),
        (_entry("agent.closed", "of a later version"), "agent.closed thr_0000000000000001_0003_critic"),
    ],
)
def test_watching_tells_of_an_agent_in_one_line(entry: JournalEntry, said: str) -> None:
    """Who began, who ended and how; what is not known here is still told."""
    assert said == sentence(entry)
