"""The graph of a task: it calls, counts and stops, whatever the calls come to."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonloop.agents.graphs.task import ended_by, run_task
from moonloop.domain.agents import (
    AgentLimits,
    AgentTask,
    Opened,
    Outcome,
    Role,
    Sampling,
    ToolAsk,
    ToolDone,
    Turn,
    TurnAsk,
    TurnRef,
    Versions,
)

TASK = AgentTask(campaign_id="cmp_0000000000000001", cycle=1, role=Role.PROPOSER)
THREAD = "thr_0000000000000001_0001_proposer"
SHA = "0" * 64


def _opened(**limits: float) -> Opened:
    return Opened(
        ref=TurnRef(thread=THREAD, upto=2),
        limits=AgentLimits.model_validate(limits),
        sampling=Sampling(seed=1, max_tokens=100),
        versions=Versions(prompt_sha256=SHA, schema_sha256=SHA, tools_sha256=SHA),
    )


class _Said:
    """Calls that come to what was written down; the last one for ever."""

    def __init__(self, *kinds: str, tools: int = 1, tokens: int = 10, cost: float = 0.0) -> None:
        self._kinds = kinds
        self._tools = tools
        self._tokens = tokens
        self._cost = cost
        self.asked: list[TurnAsk] = []
        self.used: list[ToolAsk] = []

    async def llm_turn(self, ask: TurnAsk) -> Turn:
        """Come to the next kind."""
        kind = self._kinds[min(len(self.asked), len(self._kinds) - 1)]
        self.asked.append(ask)
        return Turn.model_validate(
            {
                "kind": kind,
                "upto": ask.ref.upto + (2 if kind == "invalid" else 1),
                "asked_at": ask.ref.upto,
                "tools": self._tools if kind == "tools" else 0,
                "decision": '{"kind":"proposer"}' if kind == "decision" else "",
                "why": "it is wrong" if kind in ("invalid", "unusable") else "",
                "proposer": "proposer/m@00000000",
                "tokens": self._tokens,
                "cost": self._cost,
            }
        )

    async def tool_call(self, ask: ToolAsk) -> ToolDone:
        """Answer."""
        self.used.append(ask)
        return ToolDone(upto=ask.ref.upto + 1)


async def test_a_decision_ends_the_task() -> None:
    """One turn, one decision, whose maker is named."""
    said = _Said("decision")
    outcome = await run_task(said, TASK, _opened())

    assert (
        Outcome(
            task=TASK,
            status="decided",
            decision='{"kind":"proposer"}',
            proposer="proposer/m@00000000",
            turns=1,
        )
        == outcome
    )


async def test_every_tool_that_is_asked_for_answers_at_a_place_of_its_own() -> None:
    """The answers follow the request one by one, and the next turn comes after all of them."""
    said = _Said("tools", "decision", tools=3)
    await run_task(said, TASK, _opened())

    assert [(2, 0, 3), (2, 1, 4), (2, 2, 5)] == [(ask.asked_at, ask.index, ask.ref.upto) for ask in said.used]
    assert [2, 6] == [ask.ref.upto for ask in said.asked]


async def test_an_answer_is_sent_back_only_so_often() -> None:
    """The last turn of a task knows that no correction is left."""
    said = _Said("invalid", "invalid", "unusable")
    outcome = await run_task(said, TASK, _opened(corrections=2))

    assert ("unusable", "it is wrong") == (outcome.status, outcome.why)
    assert [2, 1, 0] == [ask.corrections_left for ask in said.asked]


@pytest.mark.parametrize(
    ("limits", "said", "why"),
    [
        ({"turns": 5}, _Said("tools"), "no decision in 5 turns"),
        ({"tokens": 25}, _Said("tools"), "no decision within 25 tokens"),
        ({"money": 0.5}, _Said("tools", cost=0.2), "no decision for 0.5"),
    ],
)
async def test_a_limit_ends_the_task(limits: dict[str, float], said: _Said, why: str) -> None:
    """Turns, tokens and money: whichever comes first, and the outcome says which."""
    outcome = await run_task(said, TASK, _opened(**limits))

    assert ("exhausted", why) == (outcome.status, outcome.why)


async def test_no_tool_may_be_asked_for_in_the_last_turns() -> None:
    """There is always room for a decision and one correction of it."""
    said = _Said("tools")
    await run_task(said, TASK, _opened(turns=5))

    assert [True, True, True, False, False] == [ask.tools for ask in said.asked]


@pytest.mark.parametrize("status", ["decided", "stopped", "idle"])
async def test_a_task_that_is_over_calls_nothing(status: str) -> None:
    """Begun again after a crash, a task that has ended stays ended."""
    said = _Said("decision")
    outcome = await run_task(said, TASK, _opened().model_copy(update={"status": status}))

    assert status == outcome.status
    assert [] == said.asked


@given(
    kinds=st.lists(st.sampled_from(["tools", "invalid"]), min_size=60, max_size=60), turns=st.integers(1, 60)
)
async def test_no_model_can_keep_a_task_going(kinds: Sequence[str], turns: int) -> None:
    """Whatever it answers, the turns are bounded, and what the graph carries stays below 10 KB."""
    said = _Said(*kinds, tools=2)
    outcome = await run_task(said, TASK, _opened(turns=turns, corrections=5, tokens=10**9))

    assert turns == len(said.asked) == outcome.turns
    assert len(json.dumps(outcome.model_dump(mode="json"))) < 10_000


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ("budget-spent", "exhausted"),
        ("model-unavailable", "unavailable"),
        ("task-stopped", "stopped"),
        ("time", "exhausted"),
        ("unforeseen", "failed"),
    ],
)
def test_an_error_of_a_call_has_an_outcome(error: str, status: str) -> None:
    """None of them is the campaign's end."""
    assert status == ended_by(TASK, error, "why").status
