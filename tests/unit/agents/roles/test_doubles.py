"""The scripted doubles play every role sensibly, from the brief alone."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from moonloop.agents.ports import Context
from moonloop.agents.roles import KITS
from moonloop.agents.roles.doubles import answer
from moonloop.domain.agents import AgentTask, Role
from moonloop.domain.history import History
from moonloop.domain.proposals import Critique, DesignAdvice, Hypotheses, Narrative
from support.campaigns import make_spec
from unit.agents.roles import scenes
from unit.agents.roles.test_lies import messages

TABLE = {
    "kind": "table",
    "factors": [
        {"kind": "categorical", "name": "ligand", "levels": ["L1", "L2", "L3"]},
        {"kind": "discrete", "name": "load", "unit": "%", "levels": [1, 2.5]},
    ],
    "rows": [["L1", 1], ["L2", 2.5], ["L3", 1]],
}
MIXTURE = {
    "kind": "factors",
    "factors": [
        {"kind": "continuous", "name": name, "unit": "mL", "low": 0, "high": 10, "step": 0.5}
        for name in ("acid", "base")
    ],
    "constraints": [{"kind": "linear", "weights": {"acid": 1, "base": 1}, "at_most": 12}],
}


def fresh(role: Role, **changes: Any) -> Context:
    """Return a campaign of which nothing has been measured."""
    spec = make_spec(**changes)
    history = History(campaign_id=scenes.CAMPAIGN, cycle=1, experiments_left=20)
    return Context(AgentTask(campaign_id=scenes.CAMPAIGN, cycle=1, role=role), spec, history)


SCENES: dict[str, Callable[[Role], Context]] = {
    "factors": scenes.factors,
    "factors without data": lambda role: scenes.factors(role, fresh=True),
    "quinones": scenes.quinones,
    "table": lambda role: fresh(role, space=TABLE),
    "mixture": lambda role: fresh(role, space=MIXTURE),
}


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("role", [Role.PROPOSER, Role.ADVISOR])
def test_a_double_says_something_that_is_accepted(role: Role, scene: str) -> None:
    """On spaces of every kind, with data and without: not one item of its answer is refused."""
    context = SCENES[scene](role)
    read = KITS[role].read(answer(role, messages(context), ()).text, context, last=False)
    assert (
        read.claims if isinstance(read, Hypotheses) else isinstance(read, DesignAdvice) and read.suggestions
    )


def test_the_proposer_believes_the_data() -> None:
    """It claims the largest difference of means that no claim is about, with its measurements."""
    context = scenes.factors()
    read = KITS[Role.PROPOSER].read(answer("proposer", messages(context), ()).text, context, last=False)
    assert isinstance(read, Hypotheses)
    (proposed,) = read.claims
    assert ("temperature", 60.0, 20.0) == (
        getattr(proposed.claim, "factor", ""),
        getattr(proposed.claim, "level_a", 0),
        getattr(proposed.claim, "level_b", 0),
    )
    assert {scenes.measurement(2), scenes.measurement(3)} == set(proposed.evidence)


def test_the_critic_judges_each_claim() -> None:
    """And prefers the one whose outcome is less certain."""
    context = scenes.factors(Role.CRITIC)
    read = KITS[Role.CRITIC].read(answer("critic", messages(context), ()).text, context, last=False)
    assert isinstance(read, Critique)
    assert [0, 1] == [objection.claim for objection in read.objections]
    assert 1 == len(read.comparisons)


def test_the_reporter_says_that_it_is_scripted() -> None:
    """First of all; and every figure of its narrative resolves."""
    context = scenes.reporting()
    read = KITS[Role.REPORTER].read(answer("reporter", messages(context), ()).text, context, last=False)
    assert isinstance(read, Narrative)
    assert "A scripted endpoint wrote this text; no model did." == read.sentences[0].text
    assert any("{best.value}" in sentence.text for sentence in read.sentences)


def test_a_tool_is_asked_once_where_there_is_one() -> None:
    """First a question, then, when the tool has answered, the decision."""
    context = scenes.factors()
    tools: list[dict[str, Any]] = [{"type": "function", "function": {"name": "data_query", "parameters": {}}}]
    asked = answer("", messages(context), tools)
    ((name, arguments),) = asked.tool_calls
    assert ("data_query", ["sql"]) == (name, list(json.loads(arguments)))
    thread = [*messages(context), {"role": "assistant"}, {"role": "tool", "content": "4 rows"}]
    assert () == answer("", thread, tools).tool_calls


def test_a_double_mends_what_is_sent_back() -> None:
    """It leaves out what was wrong, keeps the rest, and asks for no tool."""
    context = scenes.quinones()
    before = KITS[Role.ADVISOR].read(answer("advisor", messages(context), ()).text, context, last=False)
    fault = {"role": "user", "content": "The answer cannot be used: suggestions[0]: it was run before."}
    thread = [*messages(context), {"role": "assistant", "content": "x"}, fault]
    said = answer("advisor", thread, [{"type": "function", "function": {"name": "data_query"}}])
    after = KITS[Role.ADVISOR].read(said.text, context, last=False)
    assert isinstance(before, DesignAdvice)
    assert isinstance(after, DesignAdvice)
    assert before.suggestions[1:] == after.suggestions
