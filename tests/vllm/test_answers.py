"""What comes back through the door from a model that answers noise: a valid form, or a clean failure."""

import asyncio
import json
from typing import Any, cast

import jsonschema
import openai
import pytest

from moonloop.agents.door.door import ModelDoor
from moonloop.agents.roles.kit import KITS
from moonloop.domain.agents import Message, Role
from moonloop.domain.errors import ModelRefused
from support.prompts import LOOK_UP, prompt
from support.vllm import MODEL, VllmServer

SEEDS = range(6)
LONGEST = 3_000
DATA = "base=K2CO3, yield 0.61; "


@pytest.mark.parametrize("role", Role)
async def test_every_answer_has_the_form_of_its_role_or_was_cut_at_its_limit(
    role: Role, door: ModelDoor, figures: list[str]
) -> None:
    """With the role's words and schema each answer is valid JSON of that form, or reached max_tokens."""
    kit = KITS[role]
    words = Message(speaker="system", content=kit.prompt.text)
    valid = 0
    for seed in SEEDS:
        asked = prompt(words, "Decide.", role=role, schema=kit.schema, seed=seed, max_tokens=LONGEST)
        answered = await door.complete(asked)
        if answered.finish == "length":
            assert LONGEST == answered.usage.completion_tokens
        else:
            jsonschema.validate(json.loads(answered.text), dict(kit.schema))
            valid += 1
        assert (True, ()) == (answered.usage.prompt_tokens > 0, answered.tool_requests)
    figures.append(f"{role}: {valid} of {len(SEEDS)} answers valid, the others cut at {LONGEST} tokens")
    assert valid > 0


async def test_the_same_seed_gives_the_same_answer(door: ModelDoor) -> None:
    """Model, prompt and seed decide an answer; another seed gives another."""
    first, again, other = [(await door.complete(prompt("say", seed=seed))).text for seed in (1, 1, 2)]
    assert first == again
    assert first != other


async def test_tools_that_are_offered_end_in_text_or_in_requests(door: ModelDoor) -> None:
    """Noise where a request for a tool might stand is text or a request, never an error."""
    for seed in SEEDS:
        asked = prompt("say", tools=[LOOK_UP], use_tools=True, seed=seed, max_tokens=200)
        answered = await door.complete(asked)
        assert answered.finish in {"stop", "length", "tool_calls"}
        assert all(LOOK_UP.name == request.name for request in answered.tool_requests)


async def test_tools_that_may_not_be_used_leave_the_form_in_force(door: ModelDoor) -> None:
    """With the tools shown for the prefix's sake but not to be used, the answer has its form."""
    answered = await door.complete(prompt("say", tools=[LOOK_UP], use_tools=False, seed=3, max_tokens=1_000))
    assert ("stop", ()) == (answered.finish, answered.tool_requests)
    assert ["why"] == list(json.loads(answered.text))


def test_a_tool_that_is_demanded_is_asked_for_with_arguments_of_its_form(vllm_server: VllmServer) -> None:
    """A tool that the client names has arguments that are JSON of its form; the finish reason lies."""
    function = {"name": LOOK_UP.name, "description": LOOK_UP.description, "parameters": dict(LOOK_UP.schema)}
    with openai.OpenAI(base_url=vllm_server.base_url, api_key=vllm_server.key_file.read_text()) as client:
        create: Any = client.chat.completions.create
        choice: Any = create(
            model=MODEL,
            messages=[{"role": "user", "content": "say"}],
            max_tokens=600,
            seed=0,
            tools=[{"type": "function", "function": {**function, "strict": True}}],
            tool_choice={"type": "function", "function": {"name": LOOK_UP.name}},
        ).choices[0]
    (call,) = cast("list[Any]", choice.message.tool_calls)
    assert (LOOK_UP.name, "stop") == (call.function.name, choice.finish_reason)
    jsonschema.validate(json.loads(call.function.arguments), dict(LOOK_UP.schema))


async def test_a_whole_thread_with_tool_calls_is_taken(door: ModelDoor) -> None:
    """Requests of an assistant and the answers of tools, as the transcript has them, are a valid prompt."""
    request = {"id": "call_1", "name": LOOK_UP.name, "arguments": '{"sql":"select 1"}'}
    thread = (
        Message(speaker="system", content="You look things up."),
        Message(speaker="user", content="What was measured?"),
        Message.model_validate({"speaker": "assistant", "tool_requests": [request]}),
        Message(speaker="tool", content="<data>1</data>", tool_request_id="call_1"),
    )
    answered = await door.complete(prompt(*thread, tools=[LOOK_UP], seed=5, max_tokens=1_000))
    assert "stop" == answered.finish


async def test_long_prompts_with_seeds_are_answered_also_several_at_once(door: ModelDoor) -> None:
    """Prompts that outgrow one step of the engine do not end it, which on a CPU a chunk with a seed would."""
    calls = [prompt(f"run {number}: {DATA * 500}", seed=number, max_tokens=100) for number in range(4)]
    answers = await asyncio.gather(*(door.complete(call) for call in calls))
    assert all(answer.usage.prompt_tokens > 4_096 for answer in answers)
    assert {"stop", "length"} >= {answer.finish for answer in answers}


async def test_a_prompt_that_is_too_long_is_refused_and_says_so(door: ModelDoor) -> None:
    """More than the model can hold is refused at once, as the request's own fault."""
    with pytest.raises(ModelRefused, match=r"context length|longer than"):
        await door.complete(prompt("measured " * 40_000))
