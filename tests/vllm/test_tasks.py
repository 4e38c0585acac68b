"""Whole campaigns with agents who answer noise: each task comes to an end that one can live with."""

import time
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from moonloop.agents.door.door import ModelDoor
from moonloop.domain.agents import Role
from moonloop.domain.budgets import Line
from moonloop.domain.facts import AgentFact
from moonloop.domain.lifecycles import DoneReason
from support.lab import OpenLab
from support.playing import doubles
from support.scripted import MODEL as SCRIPTED
from support.scripted import running_scripted
from support.tasks import calls_of, ended_in_steps, tasks_of, thinking_spec, wrongs
from support.vllm import VllmServer

CAMPAIGNS = 2
AT_LEAST = 10
"""Tasks, over all campaigns of a site."""
SHORT = {"answer_tokens": 200}
COUNTED = ("vllm:prompt_tokens_total", "vllm:generation_tokens_total")


@pytest.mark.parametrize("claims_by", ["vllm", "scripted"])
async def test_every_task_of_every_role_ends_in_a_decision_or_a_sentence(
    claims_by: str, vllm_server: VllmServer, open_a_lab: OpenLab, figures: list[str]
) -> None:
    """Campaigns end well, decisions are their role's, tokens are those that vLLM counted, books balance.

    The critic has work only where the proposer's claims can be tested, and noise never makes one: hence a
    second site, where a scripted endpoint proposes.
    """
    await vllm_server.until_running(0)
    before, begun = _counted(vllm_server), time.monotonic()
    async with _door(vllm_server, claims_by) as door, open_a_lab(model=door) as lab:
        await lab.robots(2)
        campaigns = [await lab.start(thinking_spec(limits=SHORT, seed=seed)) for seed in range(CAMPAIGNS)]
        ended = [await ended_in_steps(lab, campaign) for campaign in campaigns]
        took = time.monotonic() - begun
        tasks = [task for facts in ended for task in tasks_of(facts)]
        calls = await calls_of(lab, tasks)
        assert [] == await wrongs(lab, ended)
    counted = [after - start for after, start in zip(_counted(vllm_server), before, strict=True)]

    figures.append(f"{claims_by} proposes: {_told(tasks)} in {took:.0f} s")
    assert len(tasks) >= AT_LEAST
    assert set(Role) - ({Role.CRITIC} if claims_by == "vllm" else set()) == {task.role for task in tasks}
    assert [] == [fault for task in tasks for fault in _faults(task)]
    assert {DoneReason.GOAL_MET, DoneReason.BUDGET_SPENT, DoneReason.NO_CANDIDATES} >= {
        facts.summary.done_reason for facts in ended
    }
    ours = [call for call in calls if call.endpoint == "vllm"]
    assert counted == [sum(call.prompt_tokens for call in ours), sum(call.completion_tokens for call in ours)]
    spent = sum(line.spent for facts in ended for line in facts.budgets if line.line == Line.TOKENS)
    assert spent == sum(call.prompt_tokens + call.completion_tokens for call in calls)


@asynccontextmanager
async def _door(server: VllmServer, claims_by: str) -> AsyncGenerator[ModelDoor]:
    """Open a door behind which vLLM serves every role but perhaps the proposer."""
    async with running_scripted(doubles()) as scripted:
        beside = {"scripted": {"base_url": scripted.url, "model": SCRIPTED}}
        async with ModelDoor(server.models_file({"proposer": [claims_by]}, beside=beside)) as door:
            yield door


def _counted(server: VllmServer) -> list[float]:
    figures = server.metrics()
    return [figures[name] for name in COUNTED]


def _faults(task: AgentFact) -> list[str]:
    """Return what is wrong with the end of a task: it has its role's decision, or a sentence why not."""
    clean = task.status in ("unusable", "exhausted") and task.decision is None and task.why.strip()
    decided = task.status == "decided" and task.decision is not None and task.decision.kind == task.role
    found = [] if clean or decided else [f"{task.thread} ended {task.status}: {task.why!r}"]
    if not task.turns or task.scripted != (f"/{SCRIPTED}@" in task.proposer):
        found.append(f"{task.thread} had {task.turns} turns by {task.proposer}")
    return found


def _told(tasks: list[AgentFact]) -> str:
    ends = Counter(f"{task.role} {task.status}" for task in tasks)
    return f"{len(tasks)} tasks ({', '.join(f'{count} {end}' for end, count in sorted(ends.items()))})"
