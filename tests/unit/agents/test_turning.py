"""What a task makes of answers, under plain asyncio: the same code as under Temporal."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from moonloop.agents.alone import Notebook, run_alone
from moonloop.agents.bench.workbench import InlineBench
from moonloop.agents.ports import Completion, Prompted
from moonloop.agents.roles.doubles import answer
from moonloop.domain.agents import AgentLimits, Role, ToolRequest, Usage, proposer_name
from moonloop.domain.errors import ModelUnavailable
from support.greedy import Greedy
from support.seen import context_of, setting_spec

ASKS = ToolRequest(id="call_1", name="data_query", arguments='{"sql": "SELECT \'lit_deadbeef_7\' AS id"}')


class Says:
    """A model that says what was written down, then plays its role."""

    def __init__(self, *said: str | ToolRequest | Exception, finish: str = "stop", cost: float = 0.0) -> None:
        self._said = list(said)
        self._finish = finish
        self._cost = cost
        self.prompted: list[Prompted] = []

    async def complete(self, prompted: Prompted) -> Completion:
        """Answer."""
        self.prompted.append(prompted)
        next_one = self._said.pop(0) if self._said else _played(prompted)
        if isinstance(next_one, Exception):
            raise next_one
        asked = (next_one,) if isinstance(next_one, ToolRequest) else ()
        return Completion(
            text=next_one if isinstance(next_one, str) else "",
            tool_requests=asked,
            finish=self._finish,
            refusal="",
            usage=Usage(prompt_tokens=10, completion_tokens=5),
            endpoint="here",
            model="scripted-one",
            cost=self._cost,
            latency_s=0.0,
            scripted=True,
        )

    def most_costly(self, role: Role, prompt_tokens: int, answer_tokens: int) -> float:  # noqa: ARG002 -- a fixed one
        """Return the cost of a call."""
        return self._cost


def _played(prompted: Prompted) -> str:
    wire: list[dict[str, Any]] = [
        {"role": one.speaker, "content": one.content} for one in prompted.messages[:2]
    ]
    return answer(prompted.schema_name, wire, ()).text


def _context(role: Role = Role.PROPOSER, **limits: Any):  # noqa: ANN202 -- what `context_of` returns
    rules = {"kind": "llm", "limits": AgentLimits.model_validate(limits)}
    return context_of(role, setting_spec(scientist=rules))


async def test_what_cannot_be_used_is_sent_back_and_mended() -> None:
    """The correction quotes the fault; the schema binds the next answer, and the prefix stays as it was."""
    said = Says("I think that water is good.")
    notebook = Notebook(_context())
    outcome = await run_alone(_context(), said, InlineBench(), notebook)

    assert ("decided", 2) == (outcome.status, outcome.turns)
    assert ["system", "user", "assistant", "user", "assistant"] == [one.speaker for one in notebook.messages]
    first, second = said.prompted
    assert (True, False) == (first.use_tools, second.use_tools)
    assert list(first.messages) == list(second.messages)[: len(first.messages)]
    assert list(first.tools) == list(second.tools)


async def test_an_answer_that_was_cut_off_is_no_answer() -> None:
    """However whole it looks: `length` means that it is not."""
    outcome = await run_alone(_context(corrections=1), Says(finish="length"), InlineBench())

    assert ("unusable", 2) == (outcome.status, outcome.turns)
    assert "cut off" in outcome.why


async def test_a_passage_that_no_literature_has_shown_is_no_evidence() -> None:
    """An id that another tool's answer was made to contain cannot be cited."""
    claim = (
        '{"claims": [{"kind": "effect", "factor": "solvent", "level_a": "water", "level_b": "ethanol", '
        '"delta": 0, "statement": "Water is better.", "mechanism": "", "probability": 0.7, '
        '"evidence": ["lit_deadbeef_7"]}]}'
    )
    notebook = Notebook(_context())
    outcome = await run_alone(_context(corrections=1), Says(ASKS, claim), InlineBench(), notebook)

    assert "lit_deadbeef_7" in notebook.messages[3].content
    assert "lit_deadbeef_7" in notebook.messages[5].content, "it was not sent back"
    assert "lit_deadbeef_7" not in outcome.decision


async def test_no_endpoint_means_no_decision() -> None:
    """The task ends as unavailable, with the door's sentence."""
    error = ModelUnavailable(role="proposer", why="gpu cannot be reached")
    outcome = await run_alone(_context(), Says(error), InlineBench())

    assert ("unavailable", str(error)) == (outcome.status, outcome.why)


@pytest.mark.parametrize("tokens", range(9_000, 30_000, 1_500))
async def test_no_call_goes_over_the_tokens_of_its_task(tokens: int) -> None:
    """It is refused before it is made; the last answers are shortened to what is left, not below 256."""
    greedy, notebook = Greedy(), Notebook(_context(tokens=tokens))
    outcome = await run_alone(_context(tokens=tokens, turns=60), greedy, InlineBench(), notebook)

    assert "exhausted" == outcome.status
    assert "line tokens of the task does not allow" in outcome.why
    assert tokens >= sum(call.prompt_tokens + call.completion_tokens for call in notebook.calls)
    assert all(256 <= answer <= 2_000 for answer in greedy.answers)


async def test_what_a_task_has_left_shortens_its_answers() -> None:
    """So that a decision may still be made with the last of it."""
    last: list[int] = []
    for tokens in range(26_000, 30_000, 500):
        greedy = Greedy()
        await run_alone(_context(tokens=tokens, turns=60), greedy, InlineBench())
        assert {2_000} == set(greedy.answers[:-1])
        last.append(greedy.answers[-1])

    assert 256 <= min(last) < 2_000 == max(last)


async def test_a_prompt_without_room_for_an_answer_is_not_sent() -> None:
    """Not even the first."""
    greedy = Greedy()
    outcome = await run_alone(_context(tokens=300), greedy, InlineBench())

    assert ("exhausted", []) == (outcome.status, greedy.answers)
    assert "0 spent and 0 reserved of 300" in outcome.why


async def test_a_short_answer_needs_no_more_room_than_its_own_length() -> None:
    """Where the longest answer is below 256 tokens, every call has the whole of it."""
    greedy = Greedy()
    await run_alone(_context(tokens=30_000, turns=60, answer_tokens=100), greedy, InlineBench())

    assert {100} == set(greedy.answers)


@pytest.mark.parametrize(("money", "calls"), [(0.0, 0), (0.4, 0), (0.5, 1), (0.9, 1), (1.5, 3)])
async def test_no_call_goes_over_the_money_of_its_task(money: float, calls: int) -> None:
    """A task that may cost nothing makes no call that costs something."""
    notebook = Notebook(_context(money=money))
    outcome = await run_alone(_context(money=money), Says(*[ASKS] * 9, cost=0.5), InlineBench(), notebook)

    assert ("exhausted", calls) == (outcome.status, len(notebook.calls))


async def test_a_call_that_costs_nothing_needs_no_money() -> None:
    """As of a model of one's own, for which no price is named."""
    outcome = await run_alone(_context(money=0.0), Says(), InlineBench())

    assert "decided" == outcome.status


async def test_a_task_without_money_for_a_call_says_so() -> None:
    """With the task's line, what the call could cost and what is spent."""
    outcome = await run_alone(_context(money=0.9), Says(*[ASKS] * 9, cost=0.5), InlineBench())

    assert "money of the task does not allow 0.5 more: 0.5 spent and 0 reserved of 0.9" in outcome.why


async def test_a_task_is_out_of_time_after_its_wall_clock() -> None:
    """The model is let go of."""

    class Slow(Says):
        async def complete(self, prompted: Prompted) -> Completion:
            await asyncio.Event().wait()
            return await super().complete(prompted)

    outcome = await run_alone(_context(wall_clock=0.05), Slow(), InlineBench())

    assert ("exhausted", "no decision in 0.05 s") == (outcome.status, outcome.why)


async def test_what_agents_do_is_told_to_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tracing services of the libraries below stay off, whatever the environment asks for."""
    from langsmith import utils as untyped

    utils: Any = untyped
    seen: list[bool] = []

    class Looking(Says):
        async def complete(self, prompted: Prompted) -> Completion:
            seen.append(bool(utils.tracing_is_enabled()))
            return await super().complete(prompted)

    for name in ("LANGSMITH_TRACING", "LANGCHAIN_TRACING_V2"):
        monkeypatch.setenv(name, "true")
    utils.get_env_var.cache_clear()
    await run_alone(_context(), Looking(), InlineBench())
    monkeypatch.undo()
    utils.get_env_var.cache_clear()

    assert [False] == seen


def _names(*models: str) -> Sequence[str]:
    return [proposer_name(Role.PROPOSER, model, "0" * 64) for model in models]


def test_models_with_long_names_are_still_two_proposers() -> None:
    """A name is cut to what a principal may be; what was cut off still tells them apart."""
    one, other = _names("a" * 100 + "-first", "a" * 100 + "-second")

    assert one != other
    assert 80 >= len(one)
    assert "proposer/short@00000000" == _names("short")[0]
