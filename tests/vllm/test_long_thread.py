"""A task of twenty turns in a campaign: its prompts are hardly computed twice, and the ledger knows."""

import json
from dataclasses import replace

from moonloop.agents.door.door import ModelDoor
from moonloop.agents.ports import Completion, Prompted
from moonloop.domain.agents import Role, ToolRequest
from support.lab import OpenLab
from support.tasks import calls_of, task_of, thinking_spec
from support.vllm import VllmServer

TURNS = 20
LIMITS = {"turns": TURNS, "tokens": 1_000_000, "answer_tokens": 80}


class Curious:
    """The real server's answer to every prompt, with its noise exchanged for a question to a tool.

    A random model never asks for a tool, and so never takes many turns; what its server computes does not
    depend on what is made of its words. Where no tool may be asked for it makes noise, and at last decides.
    """

    def __init__(self, door: ModelDoor) -> None:
        self._door = door
        self._asked = 0

    async def complete(self, prompted: Prompted) -> Completion:
        """Ask the server, and ask for a tool."""
        answered = await self._door.complete(prompted)
        self._asked += 1
        if self._asked == TURNS:
            return replace(answered, text='{"claims": []}', finish="stop")
        if not prompted.use_tools:
            return replace(answered, text="Noise.")
        return replace(answered, text="", tool_requests=(self._question(),), finish="tool_calls")

    def most_costly(self, role: Role, prompt_tokens: int, answer_tokens: int) -> float:
        """Return what the door says."""
        return self._door.most_costly(role, prompt_tokens, answer_tokens)

    def _question(self) -> ToolRequest:
        asked = json.dumps({"sql": f"SELECT {self._asked} AS turn, * FROM factors"})
        return ToolRequest(id=f"call_{self._asked}", name="data_query", arguments=asked)


async def test_over_twenty_turns_of_a_task_more_than_four_fifths_of_the_prompts_were_cached(
    vllm_server: VllmServer, door: ModelDoor, open_a_lab: OpenLab, figures: list[str]
) -> None:
    """The thread goes to the server as it grew; the ledger's cached tokens are the server's own hits."""
    await vllm_server.until_running(0)
    before = vllm_server.metrics()
    async with open_a_lab(model=Curious(door)) as lab:
        campaign = await lab.start(thinking_spec(Role.PROPOSER, limits=LIMITS))
        facts = await lab.until(campaign, lambda facts: facts.cycles and facts.cycles[0].plan)
        task = task_of(facts, Role.PROPOSER, 1)
        assert task is not None
        calls = await calls_of(lab, [task])
    after = vllm_server.metrics()
    queries, hits = (
        after[name] - before[name]
        for name in ("vllm:prefix_cache_queries_total", "vllm:prefix_cache_hits_total")
    )

    share = task.cached_tokens / task.prompt_tokens
    figures.append(f"a task of {task.turns} turns, {task.prompt_tokens} prompt tokens: {share:.1%} cached")
    assert ("decided", TURNS, "") == (task.status, task.turns, task.why)
    assert share > 0.8
    assert (queries, hits) == (task.prompt_tokens, task.cached_tokens)
    assert hits == sum(call.cached_tokens for call in calls)
