"""Threads of agents: opened once, grown at the end only, closed once, whatever is repeated or comes late."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from moonloop.domain.agents import AgentTask, Message, Role, ToolDone, Turn
from moonloop.domain.canonical import digest, seal
from moonloop.domain.errors import InvalidInput, NotFound, TaskStopped
from moonloop.domain.history import Advice, NextStep
from moonloop.domain.lifecycles import DoneReason
from moonloop.store import campaigns, holds, steering, threads
from moonloop.store import tables as t
from support.campaigns import CAMPAIGN, Bench
from support.laws import check_laws
from support.thinking import Thinking, call_of, claims, findings, opened_for, turn_of

Make = Callable[..., Bench]


@pytest.fixture
def bench(with_agents: Make) -> Bench:
    """A campaign with agents, in its first cycle."""
    return with_agents(budget={"experiments": 20, "money": 100, "tokens": 100_000})


def _thread(bench: Bench) -> Any:
    (row,) = bench.all(select(t.threads))
    return row


def _closed(bench: Bench) -> None:
    bench.do(campaigns.close_cycle, CAMPAIGN, 1, seal(Advice(step=NextStep.SEARCH, sentence="Go on.")))


# Opening.


def test_whoever_opens_first_is_heard(bench: Bench, thinking: Thinking) -> None:
    """A second opening finds the thread as it is, and adds nothing."""
    again = thinking.open("Another brief.")

    assert opened_for(thinking.task) == again
    assert ["You are an agent.", "The brief."] == [one.content for one in thinking.read().messages]
    assert [thinking.id] == [row.subject for row in bench.journal("agent.opened")]


def test_a_task_that_has_ended_is_found_ended(thinking: Thinking) -> None:
    """So that nothing is done in it again."""
    thinking.close("unavailable", "no endpoint answers")

    assert "unavailable" == thinking.open().status
    assert "unavailable" == thinking.read().opened.status


def test_a_turn_finds_what_its_task_has_used(thinking: Thinking) -> None:
    """The tokens and the cost of all calls so far: the next one is measured against the limits with them."""
    assert (0, 0.0) == (thinking.read().tokens, thinking.read().cost)
    for _ in range(2):
        thinking.turn()
        thinking.tool()

    assert (240, 1.0) == (thinking.read().tokens, thinking.read().cost)


STOPPED: dict[str, tuple[Callable[[Bench], Any], str]] = {
    "stopping": (
        lambda bench: bench.do(campaigns.stop, CAMPAIGN, DoneReason.STOPPED_BY, "enough"),
        "is stopping: enough",
    ),
    "held": (lambda bench: bench.do(holds.hold, "site", "a leak"), "site is on hold by tester: a leak"),
    "out of time": (lambda bench: bench.clock.advance(7_200), "the wall clock of campaign .* ran out"),
}


@pytest.mark.parametrize("how", STOPPED)
def test_nothing_is_begun_where_nothing_may_be_done(with_agents: Make, how: str) -> None:
    """Neither a task nor a turn; and whoever waits is told the same sentence."""
    bench = with_agents(budget={"experiments": 20, "wall_clock": "2 h"})
    going, late = Thinking(bench), Thinking(bench, Role.ADVISOR)
    going.open()
    assert "" == bench.ledger.read_now(threads.stopped_reason, CAMPAIGN)
    stop, told = STOPPED[how]
    stop(bench)

    with pytest.raises(TaskStopped, match=told):
        late.open()
    with pytest.raises(TaskStopped, match=told):
        going.reserve()

    assert [going.id] == [row.id for row in bench.all(select(t.threads.c.id))]
    assert 0 == bench.count(t.spend)
    assert re.search(told, bench.ledger.read_now(threads.stopped_reason, CAMPAIGN))


def test_a_pause_stops_no_agent(bench: Bench, thinking: Thinking) -> None:
    """It queues no new job; what an agent has begun goes on to its end, and what is due is begun."""
    bench.do(steering.pause, CAMPAIGN, "lunch")

    assert "" == bench.ledger.read_now(threads.stopped_reason, CAMPAIGN)
    thinking.turn()
    thinking.tool()
    assert "decided" == thinking.decide(claims("water")).status
    advisor = Thinking(bench, Role.ADVISOR)
    assert "open" == advisor.open().status
    advisor.reserve()
    bench.ledger.read_now(check_laws)


def test_a_hold_stops_the_agents_of_a_paused_campaign(bench: Bench, thinking: Thinking) -> None:
    """As it stops those of one that runs."""
    bench.do(steering.pause, CAMPAIGN, "lunch")
    bench.do(holds.hold, "site", "a leak")

    with pytest.raises(TaskStopped, match="site is on hold by tester: a leak"):
        thinking.reserve()
    assert "a leak" in bench.ledger.read_now(threads.stopped_reason, CAMPAIGN)


def test_the_reporter_begins_when_the_campaign_is_stopping(bench: Bench) -> None:
    """Its thread open, neither that nor the wall clock is a reason to stop; a hold is."""
    _closed(bench)
    bench.do(campaigns.stop, CAMPAIGN, DoneReason.STOPPED_BY, "enough")
    reporter = Thinking(bench, Role.REPORTER)
    assert "is stopping" in bench.ledger.read_now(threads.stopped_reason, CAMPAIGN)

    reporter.open()

    assert "" == bench.ledger.read_now(threads.stopped_reason, CAMPAIGN)
    reporter.reserve()
    bench.do(holds.hold, f"campaign:{CAMPAIGN}", "a leak")
    assert "a leak" in bench.ledger.read_now(threads.stopped_reason, CAMPAIGN)


def test_only_what_the_campaign_file_asks_for_is_opened(with_agents: Make, new_bench: Make) -> None:
    """No agent where none takes part, no other role, none in a cycle that is over or not there."""
    bench = with_agents(scientist={"kind": "llm", "roles": ["critic"]})
    with pytest.raises(InvalidInput, match="asks for no proposer"):
        Thinking(bench).open()
    with pytest.raises(NotFound):
        Thinking(bench, Role.CRITIC, cycle=2).open()
    _closed(bench)
    with pytest.raises(TaskStopped, match=r"cycle 1 of campaign \w+ is closed"):
        Thinking(bench, Role.CRITIC).open()

    other = new_bench(campaign="cmp_0000000000000002")
    other.do(campaigns.next_step, other.campaign, "algorithmic")
    with pytest.raises(InvalidInput, match="asks for no proposer"):
        Thinking(other).open()
    assert 0 == bench.count(t.threads)


def test_a_thread_is_opened_as_its_task(bench: Bench) -> None:
    """With its name, and with the messages that it counts."""
    thinking = Thinking(bench)
    brief = (Message(speaker="user", content="The brief."),)
    stranger = AgentTask(campaign_id=CAMPAIGN, cycle=1, role=Role.CRITIC)
    for opened in (opened_for(thinking.task), opened_for(stranger, 1)):
        with pytest.raises(InvalidInput, match="is not this task"):
            bench.do(threads.open_thread, thinking.task, opened, brief)


# Growing.


def test_a_turn_is_recorded_once(bench: Bench, thinking: Thinking) -> None:
    """Whoever records another at the same place is handed the first, and adds and pays nothing."""
    thinking.reserve()
    first = thinking.record("The first answer.")
    second = thinking.record("Another answer.", turn_of(Role.PROPOSER, 2, tokens=999), prompt_tokens=999)

    assert first == second == thinking.read().turn
    assert "The first answer." == Thinking(bench, upto=3).read().messages[-1].content
    assert (1, 3, 120) == (bench.count(t.model_calls), bench.count(t.transcripts), bench.budget("tokens")[1])


def test_a_thread_sums_up_its_calls(bench: Bench, thinking: Thinking) -> None:
    """Turns, tokens and cost, who answered last, and whether any of it was scripted."""
    thinking.turn()
    thinking.tool()
    thinking.reserve()
    thinking.record(turn=turn_of(Role.PROPOSER, 4), scripted=True)
    row = _thread(bench)

    assert (5, 2, 200, 160, 40, 1.0) == (
        row.messages, row.turns, row.prompt_tokens, row.cached_tokens, row.completion_tokens, row.cost,
    )  # fmt: skip
    assert (True, "proposer/scripted-one@aaaaaaaa") == (row.scripted, row.proposer)


def test_a_reader_sees_what_was_before_its_place(thinking: Thinking) -> None:
    """Also when the thread has long grown beyond it: so a turn that is taken again sees the same."""
    thinking.turn()
    thinking.tool("forty-two")
    thinking.turn(kind="invalid", upto=6, why="no JSON")
    seen = Thinking(thinking.bench, upto=4).read()

    assert ["system", "user", "assistant", "tool"] == [one.speaker for one in seen.messages]
    assert seen.turn is not None
    assert ("invalid", thinking.task) == (seen.turn.kind, seen.task)
    assert "user" == thinking.read().messages[-1].speaker


def test_no_place_is_left_empty(thinking: Thinking) -> None:
    """Nothing is read, reserved or written beyond the end."""
    beyond = Thinking(thinking.bench, upto=5)
    for act in (beyond.read, beyond.reserve, beyond.record, beyond.tool):
        with pytest.raises(InvalidInput, match="2 messages"):
            act()


def test_a_tool_answers_once(bench: Bench, thinking: Thinking) -> None:
    """A second answer at its place changes nothing."""
    thinking.turn()
    late = Thinking(bench, upto=3)
    thinking.tool("the first")

    assert ToolDone(upto=4) == late.tool("the second")
    assert "the first" == thinking.read().messages[-1].content


def test_a_tools_place_holds_no_turn(bench: Bench, thinking: Thinking) -> None:
    """Whoever asks for one there is told so; and only tools answer as tools."""
    thinking.turn()
    with pytest.raises(InvalidInput, match="only a tool's answer"):
        bench.do(threads.record_tool, thinking.ref, Message(speaker="user", content="I am a tool."))
    thinking.tool()

    with pytest.raises(InvalidInput, match="not that of a turn"):
        Thinking(bench, upto=3).record()


@pytest.mark.parametrize(
    "changes",
    [
        {"prompt_tokens": -1}, {"completion_tokens": 2**31}, {"cached_tokens": 10**30}, {"cost": -0.01},
        {"latency_s": -1.0}, {"seed": 2**31},
    ],
    ids=str,
)  # fmt: skip
def test_figures_that_cannot_be_true_are_refused(
    bench: Bench, thinking: Thinking, changes: dict[str, Any]
) -> None:
    """An endpoint may say what it likes; no negative cost gives money back."""
    thinking.reserve()
    with pytest.raises(InvalidInput, match="cannot be true"):
        thinking.record(**changes)

    assert (1.0, 0.0) == bench.budget("money")


def test_a_turn_counts_its_own_messages(bench: Bench, thinking: Thinking) -> None:
    """It begins with the model's message, and ends where it says."""
    said = Message(speaker="assistant", content="Yes.")
    wrong: list[tuple[Turn, tuple[Message, ...]]] = [
        (turn_of(Role.PROPOSER, 2, upto=4), (said,)),
        (turn_of(Role.PROPOSER, 2), (Message(speaker="user", content="Yes."),)),
        (turn_of(Role.PROPOSER, 2, upto=2), ()),
    ]
    for turn, messages in wrong:
        with pytest.raises(InvalidInput, match="counts its own"):
            bench.do(threads.record_turn, thinking.ref, turn, messages, call_of())


def test_words_of_an_endpoint_fit_their_columns(bench: Bench, thinking: Thinking) -> None:
    """In one line, bounded, with no sign that a database refuses or a terminal obeys."""
    thinking.reserve()
    thinking.record(finish="stop\x00\x1b[2J" + "x" * 500, model="m\u202e" * 300, endpoint="e" * 300)
    (row,) = bench.all(select(t.model_calls))

    assert (40, 200, 200) == (len(row.finish), len(row.model), len(row.endpoint))
    assert row.finish.startswith("stop  [2Jxxx")
    assert "\u202e" not in row.model


def test_a_campaign_that_is_stopped_keeps_what_was_said(bench: Bench, thinking: Thinking) -> None:
    """The call was made: its messages and its cost are recorded; the next one is refused."""
    thinking.reserve()
    bench.do(campaigns.stop, CAMPAIGN, DoneReason.STOPPED_BY, "enough")
    thinking.record()

    assert (0.0, 120.0) == bench.budget("tokens")
    with pytest.raises(TaskStopped, match="is stopping"):
        Thinking(bench, upto=3).reserve()


def test_a_thread_that_is_not_there_is_named(bench: Bench) -> None:
    """By reader and writers alike."""
    thinking = Thinking(bench)
    acts = (thinking.read, thinking.reserve, thinking.release, thinking.record, thinking.tool)
    for act in (*acts, lambda: thinking.close("failed")):
        with pytest.raises(NotFound) as caught:
            act()
        assert thinking.id == caught.value.id


# Closing.


def test_a_decision_is_kept_with_its_hash(bench: Bench, thinking: Thinking) -> None:
    """The task is decided, by who decided; the journal has the hashes of decision and transcript."""
    decision = claims("water")
    outcome = thinking.decide(decision)
    row = _thread(bench)
    (entry,) = bench.journal("agent.closed")
    hashes = bench.all(select(t.transcripts.c.sha256).order_by(t.transcripts.c.position))

    assert ("decided", decision, 1) == (outcome.status, outcome.decision, outcome.turns)
    assert (decision.encode(), digest(decision.encode())) == (row.decision, row.sha256)
    assert ("open", "decided", row.sha256) == (entry.before, entry.after, entry.facts["decision"])
    assert digest("".join(one.sha256 for one in hashes).encode()) == entry.facts["transcript"]
    assert (1, 120, 0.5) == tuple(entry.facts[name] for name in ("turns", "tokens", "cost"))


def test_a_task_ends_once(bench: Bench, thinking: Thinking) -> None:
    """However it is closed again, it ended as it did."""
    first = thinking.close("exhausted", "no decision in 12 turns")
    second = thinking.close("failed", "another reason")

    assert first == second
    assert ("exhausted", "no decision in 12 turns") == (second.status, second.why)
    assert 1 == len(bench.journal("agent.closed"))


def test_nothing_goes_into_a_thread_that_has_ended(bench: Bench, thinking: Thinking) -> None:
    """What a process that was taken for dead brings late is refused, with the reason."""
    thinking.turn()
    thinking.close("stopped", "the campaign is stopping")
    for act in (thinking.reserve, thinking.record, thinking.tool):
        with pytest.raises(TaskStopped, match="it has ended, stopped: the campaign is stopping"):
            act()
    thinking.release()

    assert Thinking(bench).record() == Thinking(bench).read().turn
    assert (0.0, 120.0) == bench.budget("tokens")


def test_only_its_last_turn_decides(thinking: Thinking) -> None:
    """Nothing else that is handed in is taken for a decision, nor the decision of another role."""
    with pytest.raises(InvalidInput, match="not that of its last turn"):
        thinking.close("decided", decision=claims("water"))
    thinking.turn(kind="decision", decision=findings(), tools=0)
    with pytest.raises(InvalidInput, match="not that of its last turn"):
        thinking.close("decided", decision=claims("water"))
    with pytest.raises(InvalidInput, match="not one of a proposer"):
        thinking.close("decided", decision=findings())
    for status in ("open", "idle"):
        with pytest.raises(InvalidInput, match=f"does not end {status}"):
            thinking.close(status)

    assert "open" == thinking.read().opened.status


def test_a_reason_is_one_line(bench: Bench, thinking: Thinking) -> None:
    """Whatever a model or a tool put into it."""
    outcome = thinking.close("failed", "it said\n\x00\x1b]0;x\x07" + "y" * 1_000)

    assert (600, True) == (len(outcome.why), outcome.why.startswith("it said   ]0;x y"))
    assert outcome.why == _thread(bench).why


def test_a_campaign_that_is_done_leaves_no_task_open(bench: Bench, thinking: Thinking) -> None:
    """Nor anything reserved; and what it had decided stays."""
    Thinking(bench, Role.ANALYST).open()
    thinking.reserve()
    _closed(bench)
    bench.do(campaigns.stop, CAMPAIGN, DoneReason.STOPPED_BY, "enough")

    assert bench.do(campaigns.conclude, CAMPAIGN)

    assert {("stopped", "the campaign is done")} == {
        (row.status, row.why) for row in bench.all(select(t.threads))
    }
    assert (0.0, 0.0) == bench.budget("tokens")
    bench.ledger.read_now(check_laws)


def test_the_threads_of_two_campaigns_are_apart(with_agents: Make, thinking: Thinking) -> None:
    """What one reserves and says, the other does not see."""
    other = with_agents(campaign="cmp_0000000000000002")
    second = Thinking(other)
    second.open("The other brief.")
    thinking.turn()

    assert ["You are an agent.", "The other brief."] == [one.content for one in second.read().messages]
    assert (0.0, 0.0) == other.budget("tokens")
    assert "failed" == second.close("failed", "no").status
    assert "open" == thinking.read().opened.status
