"""A task or a campaign that is stopped: nothing is computed for it any more, and nothing stays reserved."""

import time
from collections.abc import AsyncGenerator

import pytest_asyncio
from temporalio.client import WorkflowHandle

from moonloop.agents.door.door import ModelDoor
from moonloop.domain.agents import Role
from moonloop.domain.lifecycles import DoneReason
from moonloop.workflows.contracts import agent_workflow
from support.lab import OpenLab
from support.tasks import ended_in_steps, task_of, tasks_of, thinking_spec, wrongs
from support.vllm import VllmServer

LONG = {"answer_tokens": 8_000, "tokens": 1_000_000, "corrections": 5}
ADVISING = (Role.PROPOSER, Role.CRITIC, Role.ADVISOR, Role.ANALYST)
"""All but the reporter, who writes of a campaign that was stopped too."""
CAMPAIGNS = 3


@pytest_asyncio.fixture
async def noisy(vllm_server: VllmServer) -> AsyncGenerator[ModelDoor]:
    """A door to the server that binds it to no form: noise never decides, so a task lasts."""
    async with ModelDoor(vllm_server.models_file(structured="none")) as opened:
        yield opened


async def test_cancelling_a_task_at_temporal_ends_its_generation(
    vllm_server: VllmServer, noisy: ModelDoor, open_a_lab: OpenLab, figures: list[str]
) -> None:
    """The task ends as stopped, the server computes nothing for it, and the campaign goes on to its end."""
    await vllm_server.until_running(0)
    async with open_a_lab(model=noisy) as lab:
        campaign = await lab.start(thinking_spec(Role.PROPOSER, limits=LONG))
        await vllm_server.until_running(1)
        task: WorkflowHandle[object, object] = lab.client.get_workflow_handle(
            agent_workflow(campaign, 1, Role.PROPOSER)
        )
        await task.cancel()
        begun = time.monotonic()
        await lab.until(campaign, lambda facts: tasks_of(facts)[0].ended_at)
        await vllm_server.until_running(0)
        took = time.monotonic() - begun
        await lab.robots(2)
        facts = await ended_in_steps(lab, campaign)
        assert [] == await wrongs(lab, [facts])

    figures.append(f"a task cancelled at Temporal: nothing computed for it after {took:.1f} s")
    stopped = task_of(facts, Role.PROPOSER, 1)
    assert stopped is not None
    assert ("stopped", "the task was cancelled") == (stopped.status, stopped.why)
    assert 12 <= facts.summary.experiments_done


async def test_stopping_campaigns_ends_their_generations(
    vllm_server: VllmServer, noisy: ModelDoor, open_a_lab: OpenLab, figures: list[str]
) -> None:
    """Three campaigns that think at once are stopped: the server computes nothing for any of them."""
    await vllm_server.until_running(0)
    async with open_a_lab(model=noisy) as lab:
        specs = [thinking_spec(*ADVISING, limits=LONG, seed=seed) for seed in range(CAMPAIGNS)]
        campaigns = [await lab.start(spec) for spec in specs]
        await vllm_server.until_running(CAMPAIGNS)
        for campaign in campaigns:
            await lab.campaigns.stop("alice", campaign, "enough")
        took = await vllm_server.until_running(0)
        ended = [await ended_in_steps(lab, campaign) for campaign in campaigns]
        assert (0, []) == (vllm_server.running(), await wrongs(lab, ended))

    figures.append(f"{CAMPAIGNS} campaigns stopped: nothing computed for them after {took:.1f} s")
    assert {DoneReason.STOPPED_BY} == {facts.summary.done_reason for facts in ended}
    assert ["stopped"] * CAMPAIGNS == [tasks_of(facts)[-1].status for facts in ended]
