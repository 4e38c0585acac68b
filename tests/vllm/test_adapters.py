"""Adapters by role: specialised models on one base, and the base itself untouched."""

import openai
import pytest

from moonloop.agents.door.door import ModelDoor
from moonloop.agents.serving.loading import load_adapter, unload_adapter
from moonloop.domain.agents import Role
from moonloop.domain.errors import ModelUnavailable
from support.prompts import prompt
from support.vllm import LOADED_LATER, MODEL, VllmServer


def by_role(server: VllmServer) -> ModelDoor:
    """Return a door at which the critic and the reporter have adapters."""
    return ModelDoor(
        server.models_file(
            {
                "critic": [{"endpoint": "vllm", "model": "critic-adapter"}],
                "reporter": [{"endpoint": "vllm", "model": LOADED_LATER}],
            }
        )
    )


async def said(door: ModelDoor, role: Role) -> tuple[str, str]:
    """Return the model that answered a role, and what: the likeliest words, so that only weights matter."""
    completion = await door.complete(prompt("say", role=role, temperature=0.0))
    return completion.model, completion.text


async def test_a_role_is_answered_by_its_adapter_and_the_others_by_the_base(vllm_server: VllmServer) -> None:
    """The critic's adapter answers otherwise than the base, as often as they are asked in turn."""
    async with by_role(vllm_server) as door:
        turns = [await said(door, role) for role in (Role.PROPOSER, Role.CRITIC) * 2]
    assert [MODEL, "critic-adapter"] * 2 == [model for model, _ in turns]
    assert turns[:2] == turns[2:]
    assert turns[0][1] != turns[1][1]


async def test_the_base_stays_itself_with_every_adapter_loaded(vllm_server: VllmServer) -> None:
    """With as many adapters as there is room for, base, first and last adapter give an answer each."""
    endpoint = vllm_server.models_file().endpoints["vllm"]
    async with by_role(vllm_server) as door:
        before = await said(door, Role.PROPOSER)
        load_adapter(endpoint, LOADED_LATER, str(vllm_server.adapters[LOADED_LATER]))
        try:
            answers = [await said(door, role) for role in (Role.REPORTER, Role.CRITIC, Role.PROPOSER)]
        finally:
            unload_adapter(endpoint, LOADED_LATER)
    assert before == answers[-1]
    assert 3 == len({text for _, text in answers})


async def test_an_adapter_that_is_not_loaded_answers_nothing(vllm_server: VllmServer) -> None:
    """A role whose adapter is missing is unavailable, by name; no other model answers in its place."""
    async with by_role(vllm_server) as door:
        with pytest.raises(ModelUnavailable, match=LOADED_LATER):
            await said(door, Role.REPORTER)


def test_the_protocol_lists_base_and_adapters(vllm_server: VllmServer) -> None:
    """The OpenAI client sees the same names."""
    with openai.OpenAI(base_url=vllm_server.base_url, api_key=vllm_server.key_file.read_text()) as client:
        assert {MODEL, "critic-adapter"} == {model.id for model in client.models.list()}
