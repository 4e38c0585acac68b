"""A task's own limits, on the ledger: what it has used is read with its thread; no call goes over them."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from moonloop.agents.bench.workbench import InlineBench
from moonloop.agents.graphs.task import ended_by, run_task
from moonloop.agents.turning import Turner
from moonloop.domain.agents import AgentTask, Outcome, Role
from moonloop.domain.errors import BudgetSpent
from moonloop.service.threads import LedgerThreads
from moonloop.store import campaigns
from moonloop.store import tables as t
from support.campaigns import CAMPAIGN, Bench
from support.greedy import Greedy
from support.laws import check_laws

Make = Callable[..., Bench]
TASK = AgentTask(campaign_id=CAMPAIGN, cycle=1, role=Role.PROPOSER)


@pytest.mark.parametrize(
    ("limits", "line"),
    [({"tokens": 12_000}, "tokens of the task"), ({"money": 5.0}, "money of the task")],
)
async def test_no_call_goes_over_the_limits_of_its_task(
    new_bench: Make, limits: dict[str, Any], line: str
) -> None:
    """Its campaign could pay for more; the last call is refused before anything is reserved for it."""
    budget = {"experiments": 20, "tokens": 1_000_000, "money": 1_000}
    bench = new_bench(scientist={"kind": "llm", "limits": {**limits, "turns": 60}}, budget=budget)
    bench.do(campaigns.next_step, CAMPAIGN, "algorithmic")
    greedy = Greedy(price=0.001)
    turner = Turner(LedgerThreads(bench.ledger), greedy, InlineBench())
    outcome = await _done(turner)

    (row,) = bench.all(select(t.threads))
    used, paid = row.prompt_tokens + row.completion_tokens, row.cost
    assert ("exhausted", len(greedy.answers)) == (row.status, row.turns)
    assert f"line {line} does not allow" in outcome.why
    assert limits.get("tokens", used) >= used > 0
    assert limits.get("money", paid) >= paid > 0
    assert [(0.0, used), (0.0, pytest.approx(paid))] == [bench.budget(each) for each in ("tokens", "money")]
    assert [] == list(bench.journal("refused"))
    bench.ledger.read_now(check_laws)


async def _done(turner: Turner) -> Outcome:
    opened = await turner.open(TASK)
    try:
        outcome = await run_task(turner, TASK, opened)
    except BudgetSpent as error:
        outcome = ended_by(TASK, error.slug, str(error))
    return await turner.close(outcome)
