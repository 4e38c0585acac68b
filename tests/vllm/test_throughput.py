"""Turns and tokens per second, printed for whoever compares machines; promised is only that all answer."""

import asyncio
import time

import pytest

from moonloop.agents.door.door import ModelDoor
from support.prompts import answer_of, prompt
from support.vllm import VllmServer

CALLS = 32


@pytest.mark.parametrize("at_once", [1, 8])
async def test_every_call_is_answered_however_many_come_at_once(
    at_once: int, vllm_server: VllmServer, figures: list[str]
) -> None:
    """Thirty-two calls of one form, one by one and eight at once, are all answered whole."""
    calls = [prompt(f"say {number}", schema=answer_of(2), seed=number) for number in range(CALLS)]
    async with ModelDoor(vllm_server.models_file(at_once=at_once)) as door:
        await door.complete(calls[0])
        begun = time.monotonic()
        answers = await asyncio.gather(*(door.complete(call) for call in calls))
        took = time.monotonic() - begun
    tokens = sum(answer.usage.completion_tokens for answer in answers)
    speed = f"{CALLS / took:.1f} turns/s, {tokens / took:.0f} answer tokens/s"
    figures.append(f"{vllm_server.device}, {at_once} at once: {speed}")
    assert {"stop"} == {answer.finish for answer in answers}
