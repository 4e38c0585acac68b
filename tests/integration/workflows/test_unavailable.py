"""What a turn that no endpoint answers tells Temporal: when to try again, or to give up."""

import dataclasses
from datetime import timedelta

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from moonloop.domain.agents import AgentTask, Opened, Outcome, ToolAsk, ToolDone, Turn, TurnAsk, TurnRef
from moonloop.domain.errors import ModelUnavailable
from moonloop.workflows.agent_activities import ModelActivities

ASK = TurnAsk(ref=TurnRef(thread="thr_0000000000000001_0001_proposer", upto=2))


class _Away:
    """Turns that no endpoint answers before so many seconds are over."""

    def __init__(self, wait_s: float) -> None:
        self._wait_s = wait_s

    async def llm_turn(self, ask: TurnAsk) -> Turn:  # noqa: ARG002 -- whatever is asked
        """Raise what the door raises."""
        error = ModelUnavailable(role="proposer", why="here is away")
        error.retry_after_s = self._wait_s
        raise error

    async def open(self, task: AgentTask) -> Opened:
        """Not asked for, as the rest."""
        raise NotImplementedError(task)

    async def tool_call(self, ask: ToolAsk) -> ToolDone:
        """Not asked for."""
        raise NotImplementedError(ask)

    async def close(self, outcome: Outcome) -> Outcome:
        """Not asked for."""
        raise NotImplementedError(outcome)


async def _told(wait_s: float, attempt: int) -> ApplicationError:
    environment = ActivityEnvironment()
    environment.info = dataclasses.replace(environment.info, attempt=attempt)
    with pytest.raises(ApplicationError) as caught:
        await environment.run(ModelActivities(_Away(wait_s)).llm_turn, ASK)
    assert "model-unavailable" == caught.value.type
    return caught.value


@pytest.mark.parametrize(("wait_s", "delay_s"), [(0.0, 2), (5.0, 5), (30.0, 30)])
async def test_a_turn_is_tried_again_when_an_endpoint_may_be_asked(wait_s: float, delay_s: int) -> None:
    """After two seconds, or what the endpoints ask for, as far as half a minute."""
    told = await _told(wait_s, attempt=1)

    assert (False, timedelta(seconds=delay_s)) == (told.non_retryable, told.next_retry_delay)


@pytest.mark.parametrize(("wait_s", "attempt"), [(31.0, 1), (600.0, 1), (0.0, 3), (5.0, 3)])
async def test_a_turn_is_given_up(wait_s: float, attempt: int) -> None:
    """At once when the endpoints ask for more than half a minute, and at the third attempt: others wait."""
    assert (await _told(wait_s, attempt)).non_retryable
