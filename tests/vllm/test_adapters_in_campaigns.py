"""Agents that are adapters of one base, in a campaign."""

import asyncio
from collections.abc import Generator

import pytest

from moonloop.agents.door.door import ModelDoor
from moonloop.agents.serving.loading import load_adapter, unload_adapter
from moonloop.domain.agents import Role
from moonloop.domain.facts import CampaignFacts
from support.lab import Lab, OpenLab
from support.playing import doubles
from support.scripted import MODEL as SCRIPTED
from support.scripted import running_scripted
from support.tasks import calls_of, task_of, thinking_spec
from support.vllm import LOADED_LATER, MODEL, VllmServer

ROLES = {
    "proposer": ["scripted"],
    "critic": [{"endpoint": "vllm", "model": "critic-adapter"}],
    "analyst": [{"endpoint": "vllm", "model": LOADED_LATER}, "vllm"],
}
SHORT = {"answer_tokens": 120}
BATCH = 7


@pytest.fixture
def loaded(vllm_server: VllmServer) -> Generator[None]:
    """Whatever is loaded in a test is unloaded at its end."""
    yield
    unload_adapter(vllm_server.models_file().endpoints["vllm"], LOADED_LATER)


@pytest.mark.usefixtures("loaded")
async def test_roles_are_answered_by_their_adapters_and_one_loaded_meanwhile_serves_the_next_cycle(
    vllm_server: VllmServer, open_a_lab: OpenLab
) -> None:
    """The ledger names the adapter of each call; until the analyst's is loaded, the base is asked instead."""
    async with (
        running_scripted(doubles()) as scripted,
        ModelDoor(
            vllm_server.models_file(ROLES, beside={"scripted": {"base_url": scripted.url, "model": SCRIPTED}})
        ) as door,
        open_a_lab(model=door) as lab,
    ):
        roles = (Role.PROPOSER, Role.CRITIC, Role.ADVISOR, Role.ANALYST)
        campaign = await lab.start(thinking_spec(*roles, limits=SHORT, batch=BATCH))
        hands = await lab.hands()
        for _ in range(BATCH):
            await hands.finish(await hands.start())
        await lab.until(campaign, lambda facts: _has_ended(facts, Role.ANALYST, 1))
        adapter = str(vllm_server.adapters[LOADED_LATER])
        endpoint = vllm_server.models_file().endpoints["vllm"]
        await asyncio.to_thread(load_adapter, endpoint, LOADED_LATER, adapter)
        lab.run(hands.work())
        facts = await lab.until(campaign, lambda facts: _has_ended(facts, Role.ANALYST, 2))

        asked = [
            (Role.PROPOSER, 1),
            (Role.CRITIC, 1),
            (Role.ADVISOR, 1),
            (Role.ANALYST, 1),
            (Role.ANALYST, 2),
        ]
        models = [await _models(lab, facts, role, cycle) for role, cycle in asked]
    assert [{SCRIPTED}, {"critic-adapter"}, {MODEL}, {MODEL}, {LOADED_LATER}] == models


def _has_ended(facts: CampaignFacts, role: Role, cycle: int) -> bool:
    task = task_of(facts, role, cycle)
    return task is not None and task.status != "open"


async def _models(lab: Lab, facts: CampaignFacts, role: Role, cycle: int) -> set[str]:
    """Return the models that the ledger says answered in a task; the task is named after the same."""
    task = task_of(facts, role, cycle)
    assert task is not None
    models = {call.model for call in await calls_of(lab, [task])}
    assert task.proposer.rpartition("@")[0] in {f"{role}/{model}" for model in models}
    return models
