"""Budgets: reserved when a plan is made, checked again at start, settled or released once."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.errors import BudgetSpent, NotFound, StartRefused
from moonloop.domain.lifecycles import DoneReason
from moonloop.domain.plans import Purpose, Run
from moonloop.store import Tx, budgets, campaigns, deadlines
from moonloop.store import tables as t
from support.campaigns import CAMPAIGN, PROTOCOL, Bench, make_plan, make_spec

Make = Callable[..., Bench]


def _all_lines(bench: Bench) -> dict[str, tuple[float, float]]:
    return {row.line: (row.reserved, row.spent) for row in bench.all(select(t.budgets))}


def test_every_purpose_has_its_line() -> None:
    """Confirmation and reference runs are lines of their own; all others are experiments."""
    run = make_plan(_spec({}))[0].runs[0]
    lines = {purpose: _line(run, purpose) for purpose in Purpose}

    assert lines == {
        Purpose.TEST: "experiments",
        Purpose.EXPLORE: "experiments",
        Purpose.PICK: "experiments",
        Purpose.CONFIRMATION: "confirmation",
        Purpose.REFERENCE: "reference",
    }


def _line(run: Run, purpose: Purpose) -> str:
    (line,) = budgets.lines_of(run.model_copy(update={"purpose": purpose}))
    return str(line)


def _spec(cost: dict[str, Any], **budget: Any) -> CampaignSpec:
    protocol = {"name": PROTOCOL, "robot": "simulated", "cost": cost}
    return make_spec(protocol=protocol, budget={"experiments": 20, **budget})


@pytest.mark.parametrize(
    ("budget", "line"),
    [
        ({"money": 9}, "money"),
        ({"instrument_time": "299 s"}, "instrument_time"),
        ({"reagents": {"ethanol": {"value": 24, "unit": "mL"}}}, "reagent:ethanol"),
    ],
)
def test_any_line_may_forbid_a_plan(new_bench: Make, budget: dict[str, Any], line: str) -> None:
    """What is exceeded is named, with its figures."""
    cost = {"money": 2, "instrument_time": 60, "reagents": {"ethanol": {"value": 5, "unit": "mL"}}}
    protocol = {"name": PROTOCOL, "robot": "simulated", "cost": cost}
    bench = new_bench(protocol=protocol, budget={"experiments": 20, **budget})

    bench.queued(4)
    with pytest.raises(BudgetSpent) as caught:
        _reserve(bench, {"job_more": {"money": 2, "instrument_time": 60, "reagent:ethanol": 5}})

    assert caught.value.line == line


def _reserve(bench: Bench, by_job: dict[str, dict[str, float]]) -> None:
    bench.do(budgets.reserve, CAMPAIGN, by_job)


def test_a_plan_that_is_refused_reserves_nothing(new_bench: Make) -> None:
    """Neither on the line that forbids it nor on those before it."""
    bench = new_bench(budget={"experiments": 20, "money": 1})
    before = _all_lines(bench)
    with pytest.raises(BudgetSpent):
        _reserve(bench, {"job_a": {"experiments": 1.0, "money": 2.0}})

    assert _all_lines(bench) == before
    assert bench.count(t.spend) == 0


def test_a_limit_may_be_used_to_its_end(new_bench: Make) -> None:
    """Rounding of sums is no overspending: thirty tenths fit into three."""
    bench = new_bench(budget={"experiments": 20, "money": 3})
    for number in range(30):
        _reserve(bench, {f"job_{number}": {"money": 0.1}})

    with pytest.raises(BudgetSpent):
        _reserve(bench, {"job_more": {"money": 0.1}})


def test_rounding_is_no_overspending_of_a_large_limit_either(new_bench: Make) -> None:
    """The slack is a share of the limit, as rounding is."""
    price, runs = 100_000_000.1, 3
    bench = new_bench(budget={"experiments": 20, "money": 300_000_000.3})
    for number in range(runs):
        _reserve(bench, {f"job_{number}": {"money": price}})

    assert bench.budget("money")[0] == pytest.approx(runs * price)


def test_a_smaller_limit_stops_what_has_not_started(bench: Bench) -> None:
    """What runs goes on; what is accepted is refused at its start; a larger limit lets new work go."""
    bench.queued(2)
    running = bench.running(bench.robot("r1"))
    accepted = bench.ready(bench.robot("r2"))
    bench.do(budgets.change_limit, CAMPAIGN, "experiments", 1)

    with pytest.raises(StartRefused, match="experiments is overdrawn: 0 spent and 2 reserved of 1"):
        bench.begin("rob_000000r2", accepted)

    assert bench.finish("rob_000000r1", running) == "succeeded"
    (entry,) = bench.journal("budget.changed")
    assert entry.facts == {"from": 20.0, "to": 1}


def test_only_a_line_that_is_there_can_be_changed(bench: Bench) -> None:
    """The line is named, and nothing is written."""
    with pytest.raises(NotFound) as caught:
        bench.do(budgets.change_limit, CAMPAIGN, "coffee", 1)

    assert caught.value.id == "coffee"
    assert bench.journal("budget.changed") == []


def test_a_campaign_whose_budget_is_spent_is_stopped_by_name(bench: Bench) -> None:
    """Queued work that no budget allows does not wait for ever: the line is named."""
    bench.queued(2)
    assert bench.ledger.read_now(deadlines.due) == []
    bench.do(budgets.change_limit, CAMPAIGN, "experiments", 1)
    assert bench.ledger.read_now(deadlines.due) == [CAMPAIGN]

    assert [bench.do(deadlines.stop_spent, CAMPAIGN) for _ in range(2)] == [True, False]

    row = bench.all(select(t.campaigns))[0]
    assert (row.state, row.done_reason) == ("stopping", DoneReason.BUDGET_SPENT)
    assert row.stop_reason.startswith("the budget line experiments is overdrawn")
    assert bench.budget() == (0.0, 0.0)


def test_a_campaign_ends_when_its_wall_clock_does(new_bench: Make) -> None:
    """From its start, by the ledger's clock; paused or not."""
    bench = new_bench(budget={"experiments": 20, "wall_clock": "2 h"})
    bench.clock.advance(7_199)
    assert bench.ledger.read_now(deadlines.due) == []
    bench.clock.advance(1)
    assert bench.ledger.read_now(deadlines.due) == [CAMPAIGN]

    assert bench.do(deadlines.stop_spent, CAMPAIGN) is True
    assert bench.value(select(t.campaigns.c.stop_reason)) == "the wall clock of the budget ran out"


amounts = st.floats(0, 1e6, allow_nan=False).filter(lambda amount: amount == 0 or amount > 1e-6)
moves = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from(["reserve", "settle", "release"]), amounts), max_size=25
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves)
def test_nothing_is_lost_and_nothing_doubled(bench: Bench, steps: list[tuple[int, str, float]]) -> None:
    """However reservations, settlements and releases come and are repeated: each job is closed once."""
    bench.do(_forget)
    reserved: dict[int, float] = {}
    closed: dict[int, float] = {}
    for job, kind, amount in steps:
        name = f"job_{job}"
        if kind == "reserve" and job not in reserved:
            _reserve(bench, {name: {"money": amount}})
            reserved[job] = amount
        elif kind == "settle" and job in reserved:
            bench.do(budgets.settle, CAMPAIGN, name, {"money": amount})
            closed.setdefault(job, amount)
        elif kind == "release" and job in reserved:
            bench.do(budgets.release, CAMPAIGN, name)
            closed.setdefault(job, 0.0)

    still = sum(amount for job, amount in reserved.items() if job not in closed)
    assert bench.budget("money") == (
        pytest.approx(still, abs=1e-6),
        pytest.approx(sum(closed.values()), abs=1e-6),
    )


def _forget(tx: Tx) -> None:
    tx.run(t.spend.delete())
    tx.run(update(t.budgets).values(reserved=0.0, spent=0.0))


def test_the_lines_of_two_campaigns_are_apart(bench: Bench, new_bench: Make) -> None:
    """What one campaign reserves, the other does not see."""
    other = new_bench(campaign="cmp_0000000000000002")
    bench.queued(2)

    assert other.budget() == (0.0, 0.0)
    other.do(campaigns.stop, other.campaign, DoneReason.STOPPED_BY, "enough")
    assert bench.budget() == (2.0, 0.0)
