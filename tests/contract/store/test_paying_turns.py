"""Tokens and money of agents: reserved before a call, settled once with what was used, given back else."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from moonloop.domain.agents import Role
from moonloop.domain.errors import BudgetSpent, InvalidInput
from moonloop.store import budgets, deadlines
from moonloop.store import tables as t
from support.campaigns import CAMPAIGN, Bench
from support.laws import check_laws
from support.thinking import AGENTS, Thinking, turn_of

Make = Callable[..., Bench]


@pytest.fixture
def bench(with_agents: Make) -> Bench:
    """A campaign with agents, in its first cycle, that may use 3,000 tokens and 5 of money."""
    return with_agents(budget={"experiments": 20, "money": 5, "tokens": 3_000})


def _entries(bench: Bench) -> list[tuple[Any, ...]]:
    query = select(t.spend.c.job_id, t.spend.c.line, t.spend.c.kind, t.spend.c.amount).order_by(t.spend.c.id)
    return [tuple(row) for row in bench.all(query)]


def test_a_call_is_paid_for_with_what_it_used(bench: Bench, thinking: Thinking) -> None:
    """However much had been reserved; the key is the turn's place."""
    thinking.reserve(1_000, 2.0)
    assert [(1_000.0, 0.0), (2.0, 0.0)] == [bench.budget(line) for line in ("tokens", "money")]
    thinking.record(cost=0.25)

    key = f"{thinking.id}/2"
    assert [(0.0, 120.0), (0.0, 0.25)] == [bench.budget(line) for line in ("tokens", "money")]
    assert [
        (key, "tokens", "reserve", 1_000), (key, "money", "reserve", 2), (key, "money", "settle", 0.25),
        (key, "tokens", "settle", 120),
    ] == _entries(bench)  # fmt: skip


def test_a_reservation_that_stands_is_kept(bench: Bench, thinking: Thinking) -> None:
    """A retry finds it, whatever it asks for itself."""
    for tokens in (1_000, 2_000, 500):
        thinking.reserve(tokens, 0.0)

    assert (1_000.0, 0.0) == bench.budget("tokens")
    assert 1 == bench.count(t.spend)


def test_what_came_to_nothing_is_given_back(bench: Bench, thinking: Thinking) -> None:
    """Once; and the next attempt reserves anew, under a key of its own."""
    thinking.reserve(3_000)
    for _ in range(2):
        thinking.release()
    assert (0.0, 0.0) == bench.budget("tokens")
    thinking.reserve(3_000)
    thinking.record()

    assert (0.0, 120.0) == bench.budget("tokens")
    assert {f"{thinking.id}/2", f"{thinking.id}/2/1"} == {key for key, *_ in _entries(bench)}
    bench.ledger.read_now(check_laws)


def test_a_call_is_paid_for_though_its_reservation_was_given_back(bench: Bench, thinking: Thinking) -> None:
    """As when one process gave up while another's call went on."""
    thinking.reserve()
    thinking.release()
    thinking.record()

    assert [(0.0, 120.0), (0.0, 0.5)] == [bench.budget(line) for line in ("tokens", "money")]
    bench.ledger.read_now(check_laws)


def test_a_turn_that_was_taken_reserves_nothing_more(bench: Bench, thinking: Thinking) -> None:
    """Nor is what it cost given back by whoever comes late."""
    thinking.reserve()
    thinking.record()
    thinking.reserve()
    thinking.release()

    assert [(0.0, 120.0), (0.0, 0.5)] == [bench.budget(line) for line in ("tokens", "money")]


def test_a_call_that_costs_nothing_touches_no_money(bench: Bench, thinking: Thinking) -> None:
    """An endpoint of one's own has no price."""
    thinking.reserve(1_000, 0.0)
    thinking.record(cost=0.0)

    assert {"tokens"} == {line for _, line, *_ in _entries(bench)}


@pytest.mark.parametrize(("tokens", "money", "line"), [(3_001, 1.0, "tokens"), (100, 5.5, "money")])
def test_a_line_without_room_is_named(
    bench: Bench, thinking: Thinking, tokens: int, money: float, line: str
) -> None:
    """Nothing is reserved, on no line, and the refusal is in the journal."""
    with pytest.raises(BudgetSpent) as caught:
        thinking.reserve(tokens, money)

    assert line == caught.value.line
    assert [] == _entries(bench)
    assert [(0.0, 0.0), (0.0, 0.0)] == [bench.budget(line) for line in ("tokens", "money")]
    assert ["budget-spent"] == bench.refusals(thinking.id)


@pytest.mark.parametrize(("tokens", "money"), [(-1, 0.0), (10, -0.5), (10, float("inf")), (10, float("nan"))])
def test_no_reservation_makes_room(bench: Bench, thinking: Thinking, tokens: int, money: float) -> None:
    """What is less than nothing, or no number, is refused."""
    with pytest.raises(InvalidInput, match="cannot be reserved"):
        thinking.reserve(tokens, money)

    assert [] == _entries(bench)


def test_agents_share_the_campaigns_lines(bench: Bench, thinking: Thinking) -> None:
    """What one has reserved, another cannot; what it gives back, it can."""
    other = Thinking(bench, Role.ADVISOR)
    other.open()
    thinking.reserve(2_500)
    with pytest.raises(BudgetSpent, match="tokens does not allow 1000 more: 0 spent and 2500 reserved"):
        other.reserve(1_000)
    thinking.close("unavailable", "no endpoint answers")

    other.reserve(1_000)

    assert (1_000.0, 0.0) == bench.budget("tokens")


def test_closing_gives_back_what_stands(bench: Bench, thinking: Thinking) -> None:
    """As after a process that died in mid-call; what was settled stays."""
    thinking.turn()
    thinking.reserve()
    thinking.close("failed", "the worker died")

    assert [(0.0, 120.0), (0.0, 0.5)] == [bench.budget(line) for line in ("tokens", "money")]
    bench.ledger.read_now(check_laws)


def test_tokens_that_are_spent_stop_agents_and_no_robot(bench: Bench, thinking: Thinking) -> None:
    """A model that used more than it said costs no experiment: the line is overdrawn, the work goes on."""
    thinking.reserve(3_000)
    thinking.record(turn=turn_of(Role.PROPOSER, 2), prompt_tokens=5_000)
    bench.queued(1)

    assert [] == bench.ledger.read_now(deadlines.due)
    assert not bench.do(deadlines.stop_spent, CAMPAIGN)
    robot = bench.robot()
    assert "succeeded" == bench.finish(robot, bench.running(robot))
    with pytest.raises(BudgetSpent):
        Thinking(bench, upto=3).reserve(1)


def test_money_is_one_line_for_robots_and_models(new_bench: Make) -> None:
    """What a plan has reserved is not there for a call."""
    protocol = {"name": "table.lookup/1", "robot": "simulated", "cost": {"money": 2}}
    bench = new_bench(protocol=protocol, scientist=AGENTS, budget={"experiments": 20, "money": 5})
    bench.plan(size=2)
    analyst = Thinking(bench, Role.ANALYST)
    analyst.open()

    with pytest.raises(BudgetSpent, match="money"):
        analyst.reserve(10, 1.5)
    analyst.reserve(10, 0.5)


def test_a_larger_limit_lets_agents_go_on(bench: Bench, thinking: Thinking) -> None:
    """A person may change the tokens of a campaign as any other line."""
    bench.do(budgets.change_limit, CAMPAIGN, "tokens", 10)
    with pytest.raises(BudgetSpent):
        thinking.reserve(11)
    bench.do(budgets.change_limit, CAMPAIGN, "tokens", 11)

    thinking.reserve(11)


def test_without_a_limit_the_tokens_are_counted(with_agents: Make) -> None:
    """So that what models take shows in every campaign that has agents."""
    bench = with_agents()
    thinking = Thinking(bench)
    thinking.open()
    thinking.reserve(10**9, 10.0**9)
    thinking.record()

    assert (0.0, 120.0) == bench.budget("tokens")
