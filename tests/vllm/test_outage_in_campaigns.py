"""A server that is out for one cycle of a campaign."""

import time
from collections.abc import Callable

from moonloop.agents.door.circuits import CircuitState, Pauses
from moonloop.agents.door.door import ModelDoor
from moonloop.domain.agents import Role
from moonloop.domain.facts import CampaignFacts, CycleFact
from support.lab import Hands, OpenLab
from support.tasks import ended_in_steps, thinking_spec, wrongs
from support.vllm import VllmServer

ONCE = Pauses(failures=1, first=120.0)
"""One failure, and the endpoint is left alone for longer than a task waits."""
SHORT = {"answer_tokens": 200}
BATCH, CYCLES = 4, 3


class MovedClock:
    """Time that a test can move on."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        """Return the time in seconds."""
        return time.monotonic() + self.ahead


async def test_a_campaign_goes_on_without_its_agents_while_the_server_is_out(
    vllm_server: VllmServer, open_a_lab: OpenLab, figures: list[str]
) -> None:
    """The cycle of the outage is the algorithm's and says so; the one after it has its agents again."""
    clock = MovedClock()
    site = vllm_server.models_file(timeout=8.0)
    async with ModelDoor(site, pauses=ONCE, clock=clock) as door, open_a_lab(model=door) as lab:
        campaign = await lab.start(thinking_spec(Role.PROPOSER, Role.ADVISOR, limits=SHORT, batch=BATCH))
        hands = await lab.hands()
        await lab.until(campaign, _planned(1))
        with vllm_server.held():
            begun = time.monotonic()
            await _batch(hands)
            await lab.until(campaign, _planned(2))
            took = time.monotonic() - begun
            assert {"vllm": CircuitState.OPEN} == door.circuits()
        clock.ahead += ONCE.first
        await _batch(hands)
        await lab.until(campaign, _planned(3))
        lab.run(hands.work())
        facts = await ended_in_steps(lab, campaign)
        assert [] == await wrongs(lab, [facts])

    figures.append(f"a cycle without the server: its plan {took:.1f} s after the last one was begun")
    first, out, after = facts.cycles[:CYCLES]
    assert {"unavailable"} == {task.status for task in out.agents}
    assert out.proposer.startswith("algorithmic; no agent answered: ")
    assert "vllm did not answer within 8 s" in out.proposer
    assert [True, True] == [_was_answered(first), _was_answered(after)]
    assert not any("did not answer" in cycle.proposer for cycle in (first, after))
    assert 12 <= facts.summary.experiments_done


def _planned(cycle: int) -> Callable[[CampaignFacts], bool]:
    return lambda facts: len(facts.cycles) >= cycle and facts.cycles[cycle - 1].plan is not None


def _was_answered(cycle: CycleFact) -> bool:
    """Say whether a model has answered every agent that had a task."""
    return bool(cycle.agents) and all(
        task.turns > 0 and task.status in ("decided", "unusable", "exhausted") for task in cycle.agents
    )


async def _batch(hands: Hands) -> None:
    for _ in range(BATCH):
        await hands.finish(await hands.start())
