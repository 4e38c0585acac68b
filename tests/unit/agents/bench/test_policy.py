"""The policies: each refuses what it is there for, whatever a model says."""

import json
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonloop.agents.bench.calls import Call, Use
from moonloop.agents.bench.policy import fenced, stacked, told
from moonloop.agents.bench.sight import sight_of
from moonloop.domain.errors import InvalidInput, ToolRefused
from moonloop.tools.asking import TOOLS, Policy, Snapshot

_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_TOOL = TOOLS["chemistry_describe"]


def call(policy: Policy | None = None, arguments: str = "{}") -> Call:
    """Return a use of a tool under a policy."""
    tool = replace(_TOOL, policy=policy or Policy())
    return Call(tool, arguments, sight_of(Snapshot()), "cmp_0000000000000001 1 proposer")


def answering(value: object, seen: list[str] | None = None) -> Use:
    """Return a queue that answers with a value."""

    async def use(given_call: Call) -> str:
        if seen is not None:
            seen.append(given_call.arguments)
        return json.dumps(value)

    return use


def failing(error: Exception) -> Use:
    """Return a queue that fails."""

    async def use(given_call: Call) -> str:  # noqa: ARG001 -- it fails whatever is asked
        raise error

    return use


@pytest.mark.parametrize(
    ("policy", "why"),
    [
        (Policy(read_only=False), "agents may only look"),
        (Policy(needs_approval=True), "a person must approve it"),
        (Policy(cost=2.0), "more than this task may spend"),
        (Policy(queue="network"), "nothing here may ask the network"),
    ],
)
async def test_a_policy_refuses_before_the_tool_is_asked(policy: Policy, why: str) -> None:
    """What a declaration forbids is refused as useless to ask again, and nothing is run."""
    seen: list[str] = []
    answer = await told(stacked(answering(1, seen), None, 1.0))(call(policy))
    assert why in answer
    assert "It is of no use to ask again" in answer
    assert [] == seen


async def test_a_task_may_spend_up_to_its_limit() -> None:
    """Uses that cost are counted together, and the one too many is refused."""
    use = stacked(answering(1), None, 3.0)
    paid_for = Policy(cost=1.5, idempotent=False)
    assert ["1", "1"] == [await use(call(paid_for)), await use(call(paid_for))]
    with pytest.raises(ToolRefused, match="more than this task may spend"):
        await use(call(paid_for))


async def test_the_same_question_is_answered_from_memory() -> None:
    """An idempotent tool runs once for the same question about the same data; another runs each time."""
    seen: list[str] = []
    use = stacked(answering(1, seen), None, 0.0)
    for _ in range(3):
        await use(call(arguments="a"))
    assert ["a"] == seen
    for _ in range(2):
        await use(call(Policy(idempotent=False), "b"))
    assert ["a", "b", "b"] == seen


async def test_what_is_to_be_changed_and_what_is_in_vain_are_told_apart() -> None:
    """A wrong argument invites another try; a refusal and a fault do not."""
    change = await told(failing(InvalidInput(where="smiles", why="it is empty")))(call())
    refusal = await told(failing(ToolRefused(tool="x", why="there is no campaign")))(call())
    fault = await told(failing(RuntimeError("secret detail")))(call())
    assert "Ask again with this changed" in change
    assert "it is empty" in change
    assert "of no use to ask again" in refusal
    assert "of no use to ask again" in fault
    assert "secret detail" not in fault


def test_a_long_answer_is_cut_and_says_so() -> None:
    """An answer never exceeds its limit by more than the words that say so."""
    text = fenced("data_query", json.dumps({"rows": ["x" * 20_000]}), 8_000)
    assert len(text) < 8_200
    assert "more characters are left out" in text


@given(st.text(max_size=400))
def test_nothing_in_an_answer_closes_its_fence(text: str) -> None:
    """Whatever a tool returns, there is one fence, ours, and every character between can be seen."""
    said = fenced("data_query", json.dumps({"text": text}), 300)
    lines = said.splitlines()
    assert ('<data name="data_query">', "</data>") == (lines[0], lines[2])
    assert 2 == said.count("<")
    assert not [c for c in said if c != "\n" and unicodedata.category(c) in _UNSEEN]
