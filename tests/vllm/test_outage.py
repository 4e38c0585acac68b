"""A server that stops answering, and comes back."""

import asyncio
import time

import pytest

from moonloop.agents.door.circuits import CircuitState, Pauses
from moonloop.agents.door.door import ModelDoor
from moonloop.domain.errors import ModelUnavailable
from support.prompts import prompt
from support.vllm import VllmServer

QUICK = Pauses(failures=2, first=1.0, longest=1.0)


async def test_a_server_that_hangs_is_left_alone_and_asked_again_when_it_is_back(
    vllm_server: VllmServer, figures: list[str]
) -> None:
    """Calls to a server that does nothing end in time, then at once; when it goes on, so do the answers."""
    async with ModelDoor(vllm_server.models_file(timeout=5.0), pauses=QUICK) as door:
        with vllm_server.held():
            for _ in range(QUICK.failures):
                with pytest.raises(ModelUnavailable, match="did not answer within 5 s"):
                    await door.complete(prompt("say"))
            assert {"vllm": CircuitState.OPEN} == door.circuits()
            with pytest.raises(ModelUnavailable, match="left alone"):
                await door.complete(prompt("say"))
        begun = time.monotonic()
        answered = await asyncio.wait_for(_until_answered(door), 60)
    figures.append(f"answers again {time.monotonic() - begun:.1f} s after a server that hung goes on")
    assert "stop" == answered


async def _until_answered(door: ModelDoor) -> str:
    while True:
        try:
            return (await door.complete(prompt("say"))).finish
        except ModelUnavailable:
            await asyncio.sleep(0.2)
