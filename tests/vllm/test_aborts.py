"""A call that nobody waits for any more is computed no further."""

import asyncio
import contextlib

import pytest

from moonloop.agents.door.door import ModelDoor
from moonloop.domain.errors import ModelUnavailable
from support.prompts import answer_of, prompt
from support.vllm import VllmServer

TOKENS = 30_000
LONG = prompt("say", schema=answer_of(2_000), max_tokens=TOKENS)
"""Takes a minute and more on two cores, alone."""


async def test_a_cancelled_call_ends_on_the_server(
    vllm_server: VllmServer, door: ModelDoor, figures: list[str]
) -> None:
    """Cancelling four calls through the door has the server compute none within seconds."""
    await vllm_server.until_running(0)
    before = vllm_server.generated()
    calls = [asyncio.create_task(door.complete(LONG)) for _ in range(4)]
    await vllm_server.until_running(4, calls)
    for call in calls:
        call.cancel()
    took = await vllm_server.until_running(0)
    assert 0 < vllm_server.generated() - before < TOKENS
    figures.append(f"4 cancelled calls: none computed any more after {took:.1f} s")
    for call in calls:
        with pytest.raises(asyncio.CancelledError):
            await call


async def test_a_call_that_takes_too_long_ends_on_the_server(vllm_server: VllmServer) -> None:
    """The door's own time limit lets go of the connection too, and the server stops computing."""
    await vllm_server.until_running(0)
    before = vllm_server.generated()
    async with ModelDoor(vllm_server.models_file(timeout=3.0)) as door:
        with pytest.raises(ModelUnavailable, match="did not answer within 3 s"):
            await door.complete(LONG)
    await vllm_server.until_running(0)
    assert vllm_server.generated() - before < TOKENS


async def test_the_server_answers_others_after_aborts(vllm_server: VllmServer, door: ModelDoor) -> None:
    """An abort takes nothing from those who ask next."""
    call = asyncio.create_task(door.complete(LONG))
    await vllm_server.until_running(1, [call])
    call.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await call
    assert "stop" == (await door.complete(prompt("say"))).finish
