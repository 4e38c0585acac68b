"""One turn taken by several processes, cut short anywhere: one call is kept, one is paid for.

A process reads the thread, reserves, calls the model, and records or gives back. It may be killed between
any two of these, and its successor begins again from the start; and one that was taken for dead may go on.
"""

from collections.abc import Callable, Generator
from contextlib import suppress
from itertools import permutations
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, update

from moonloop.domain.agents import Message, Outcome, Role, Turn
from moonloop.domain.errors import BudgetSpent, InvalidInput, TaskStopped
from moonloop.domain.lifecycles import DoneReason
from moonloop.store import Ledger, Tx, campaigns, holds, steering, threads
from moonloop.store import tables as t
from support.campaigns import CAMPAIGN, Bench
from support.interleaving import Contest
from support.laws import check_laws
from support.thinking import Thinking, call_of, opened_for, turn_of

Make = Callable[..., Bench]


@pytest.fixture
def bench(with_agents: Make) -> Bench:
    """A campaign with agents, in its first cycle."""
    return with_agents(budget={"experiments": 20, "money": 100, "tokens": 100_000})


class _Endpoint:
    """Answers every call otherwise, at another price."""

    def __init__(self) -> None:
        self.calls = 0

    def answer(self) -> int:
        """Return the number of this call."""
        self.calls += 1
        return self.calls


def _process(thinking: Thinking, endpoint: _Endpoint, *, fails: bool) -> Generator[None, None, Turn]:
    """Take the turn; where it yields, the process may be killed or overtaken."""
    taken = thinking.read().turn
    yield
    if taken is not None:
        return taken
    thinking.reserve(1_000, 10.0)
    yield
    number = endpoint.answer()
    yield
    if fails:
        thinking.release()
        yield
        return (yield from _process(thinking, endpoint, fails=False))
    turn = turn_of(Role.PROPOSER, 2, tokens=number, cost=number / 8)
    taken = thinking.record(
        f"answer {number}", turn, prompt_tokens=number, completion_tokens=0, cost=number / 8
    )
    yield
    return taken


def _run(process: Generator[None, None, Turn]) -> Turn:
    while True:
        try:
            next(process)
        except StopIteration as ended:
            return ended.value


def _forget(tx: Tx) -> None:
    for table in (t.model_calls, t.transcripts, t.threads, t.spend):
        tx.run(delete(table))
    tx.run(update(t.budgets).values(reserved=0.0, spent=0.0))


moves = st.lists(st.tuples(st.integers(0, 1), st.sampled_from(["step"] * 4 + ["kill"])), max_size=24)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves, st.tuples(st.booleans(), st.booleans()))
def test_a_turn_is_taken_and_paid_once(
    bench: Bench, moves: list[tuple[int, str]], fails: tuple[bool, bool]
) -> None:
    """Whatever two processes do to the same turn, in whatever order, and wherever they are killed."""
    bench.do(_forget)
    thinking, endpoint = Thinking(bench), _Endpoint()
    thinking.open()
    running = [_process(thinking, endpoint, fails=fail) for fail in fails]
    told: list[Turn] = []
    for number, move in moves:
        goes_on = False
        if move == "step":
            try:
                next(running[number])
                goes_on = True
            except StopIteration as ended:
                told.append(ended.value)
        if not goes_on:  # its successor asks again
            running[number] = _process(thinking, endpoint, fails=False)
    told += [_run(process) for process in running]

    (call,) = bench.all(select(t.model_calls))
    used = call.prompt_tokens
    assert {used} == {turn.tokens for turn in told}
    settled = bench.all(select(t.spend).where(t.spend.c.kind == "settle").order_by(t.spend.c.line))
    assert [used / 8, float(used)] == [row.amount for row in settled]
    assert [(0.0, float(used)), (0.0, used / 8)] == [bench.budget(line) for line in ("tokens", "money")]
    assert f"answer {used}" == Thinking(bench, upto=3).read().messages[-1].content
    assert 3 == bench.count(t.transcripts)
    bench.ledger.read_now(check_laws)


@pytest.mark.parametrize("steps", range(6))
@pytest.mark.parametrize("fails", [False, True], ids=["answers", "fails"])
def test_wherever_it_is_killed_a_closed_task_owes_nothing(
    bench: Bench, thinking: Thinking, steps: int, fails: bool
) -> None:
    """Nothing stays reserved, and what is spent is what the calls that are kept have used."""
    process = _process(thinking, _Endpoint(), fails=fails)
    for _ in range(steps):
        next(process, None)
    thinking.close("failed", "the worker died")

    used = [row.prompt_tokens for row in bench.all(select(t.model_calls.c.prompt_tokens))]
    assert (0.0, float(sum(used))) == bench.budget("tokens")
    assert len(used) <= 1
    bench.ledger.read_now(check_laws)


ORDERS = list(permutations(["reserve", "record", "tool", "close"]))


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_acts_in_any_order_leave_the_ledger_whole(
    bench: Bench, thinking: Thinking, order: tuple[str, ...]
) -> None:
    """Those that come too late or too early are refused or change nothing."""
    acts: dict[str, Callable[[], Any]] = {
        "reserve": thinking.reserve,
        "record": thinking.record,
        "tool": lambda: Thinking(bench).tool(),
        "close": lambda: thinking.close("exhausted", "enough"),
    }
    for name in order:
        with suppress(TaskStopped, InvalidInput):
            acts[name]()
    positions = bench.all(select(t.transcripts.c.position).order_by(t.transcripts.c.position))
    row = bench.all(select(t.threads))[0]

    assert list(range(row.messages)) == [one.position for one in positions]
    assert bench.count(t.model_calls) == row.turns
    assert 0.0 == bench.budget("tokens")[0]
    bench.ledger.read_now(check_laws)


# At the same moment, on two connections.


def _record(thinking: Thinking, number: int) -> tuple[Any, ...]:
    turn = turn_of(Role.PROPOSER, 2, tokens=number)
    said = (Message(speaker="assistant", content=f"answer {number}"),)
    return threads.record_turn, thinking.ref, turn, said, call_of(prompt_tokens=number, completion_tokens=0)


def test_two_records_at_once_keep_the_first(bench: Bench, rival: Ledger, thinking: Thinking) -> None:
    """The second waits, and is handed what the first wrote."""
    thinking.reserve()
    with Contest(bench.ledger, rival) as contest:
        first = contest.hold("one", *_record(thinking, 11))
        second = contest.rival("two", *_record(thinking, 22))
        contest.let_go()

    assert (11, 11) == (first.result().tokens, second.result().tokens)
    assert (0.0, 11.0) == bench.budget("tokens")


def test_two_reservations_at_once_are_one(bench: Bench, rival: Ledger, thinking: Thinking) -> None:
    """The second finds that of the first."""
    with Contest(bench.ledger, rival) as contest:
        contest.hold("one", threads.reserve_turn, thinking.ref, 1_000, 1.0)
        second = contest.rival("two", threads.reserve_turn, thinking.ref, 2_000, 2.0)
        contest.let_go()
        second.result()

    assert (1_000.0, 0.0) == bench.budget("tokens")


def test_two_openings_at_once_are_one(bench: Bench, rival: Ledger) -> None:
    """Both are handed the same task."""
    thinking = Thinking(bench)
    messages = [Message(speaker="user", content=text) for text in ("one", "two")]
    acts = [
        (threads.open_thread, thinking.task, opened_for(thinking.task), (messages[0], message))
        for message in messages
    ]
    with Contest(bench.ledger, rival) as contest:
        first = contest.hold("one", *acts[0])
        second = contest.rival("two", *acts[1])
        contest.let_go()

    assert first.result() == second.result()
    assert ["one", "one"] == [message.content for message in thinking.read().messages]


def _closing(thinking: Thinking) -> tuple[Any, ...]:
    return threads.close_thread, Outcome(task=thinking.task, status="stopped", why="enough")


def test_a_record_that_waited_for_the_close_is_refused(
    bench: Bench, rival: Ledger, thinking: Thinking
) -> None:
    """The reservation was given back; nothing is appended, nothing paid."""
    thinking.reserve()
    with Contest(bench.ledger, rival) as contest:
        contest.hold("one", *_closing(thinking))
        late = contest.rival("two", *_record(thinking, 11))
        contest.let_go()
        with pytest.raises(TaskStopped, match="it has ended, stopped: enough"):
            late.result()

    assert (0.0, 0.0) == bench.budget("tokens")
    assert 2 == bench.count(t.transcripts)


def test_a_close_that_waited_for_the_record_finds_it(bench: Bench, rival: Ledger, thinking: Thinking) -> None:
    """The turn is there and paid for; nothing else is reserved."""
    thinking.reserve()
    with Contest(bench.ledger, rival) as contest:
        contest.hold("one", *_record(thinking, 11))
        closed = contest.rival("two", *_closing(thinking))
        contest.let_go()

    assert 1 == closed.result().turns
    assert (0.0, 11.0) == bench.budget("tokens")


OBSTACLES: dict[str, tuple[Any, ...]] = {
    "stop": (campaigns.stop, CAMPAIGN, DoneReason.STOPPED_BY, "enough"),
    "hold of the site": (holds.hold, "site", "a leak"),
    "hold of the mission": (holds.hold, "mission:default/default", "a leak"),
    "hold of the campaign": (holds.hold, f"campaign:{CAMPAIGN}", "a leak"),
}


@pytest.mark.parametrize("obstacle", OBSTACLES)
def test_a_turn_that_waited_for_it_is_not_begun(
    bench: Bench, rival: Ledger, thinking: Thinking, obstacle: str
) -> None:
    """What stops a campaign was first: the reservation that had begun meanwhile finds it."""
    with Contest(bench.ledger, rival) as contest:
        contest.hold("carol", *OBSTACLES[obstacle])
        turn = contest.rival("worker", threads.reserve_turn, thinking.ref, 1_000, 1.0)
        contest.let_go()
        with pytest.raises(TaskStopped):
            turn.result()

    assert 0 == bench.count(t.spend)


def test_a_turn_that_waited_for_a_pause_is_begun(bench: Bench, rival: Ledger, thinking: Thinking) -> None:
    """A pause stops no agent."""
    with Contest(bench.ledger, rival) as contest:
        contest.hold("carol", steering.pause, CAMPAIGN, "lunch")
        turn = contest.rival("worker", threads.reserve_turn, thinking.ref, 1_000, 1.0)
        contest.let_go()
        turn.result()

    assert (1_000.0, 0.0) == bench.budget("tokens")


def test_two_agents_cannot_both_have_the_last_tokens(with_agents: Make, rival: Ledger) -> None:
    """The second waits for the first, and finds no room."""
    bench = with_agents(budget={"experiments": 20, "tokens": 1_500})
    both = [Thinking(bench), Thinking(bench, Role.ADVISOR)]
    for thinking in both:
        thinking.open()
    with Contest(bench.ledger, rival) as contest:
        contest.hold("one", threads.reserve_turn, both[0].ref, 1_000, 0.0)
        second = contest.rival("two", threads.reserve_turn, both[1].ref, 1_000, 0.0)
        contest.let_go()
        with pytest.raises(BudgetSpent, match="tokens does not allow 1000 more"):
            second.result()

    assert (1_000.0, 0.0) == bench.budget("tokens")
