"""Processes that answer: without secrets, without a network, and ended when they take too long."""

import asyncio
import json
import logging
import struct
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from typing import Any

from moonloop.agents.bench.calls import Call
from moonloop.domain.documents import Document
from moonloop.domain.errors import ToolRefused, revive

__all__ = ["Processes"]

_log = logging.getLogger(__name__)

_HEADER = struct.Struct(">I")
_START_S = 60.0
_EXTRACT_S = 120.0
_ANSWER = 32_000_000
"""Bytes; an answer that claims to be longer is none."""
_ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
    # Small matrices: threads cost more than they bring.
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}
"""All that a tool's process knows of ours: nothing that is secret."""


class _Ended(Exception):
    """The process has ended without an answer."""


class Processes:
    """A pool of processes for one event loop; each answers one call at a time, and a dead one is replaced."""

    def __init__(self, count: int = 2, memory_mb: int = 3072) -> None:
        self._memory = memory_mb * 1024 * 1024
        self._room = asyncio.Semaphore(count)
        self._idle: list[_Answering] = []

    async def __call__(self, call: Call) -> str:
        """Use a tool within its time.

        Raises:
            MoonloopError: what the tool raised.
            ToolRefused: when it took too long, failed, or ended its process.
        """
        frame = {"name": call.tool.name, "arguments": call.arguments, "snapshot": call.sight.text}
        policy = call.tool.policy
        return await self._asked(call.tool.name, frame, policy.seconds, again=policy.idempotent)

    async def extract(self, document: Document, body: bytes) -> str:
        """Return the text of a document as the JSON of `Extracted`."""
        import base64  # noqa: PLC0415 -- once for each document

        frame = {"document": document.model_dump(mode="json"), "body": base64.b64encode(body).decode()}
        return await self._asked("literature", frame, _EXTRACT_S, again=False)

    async def close(self) -> None:
        """End the processes that are idle; those at work end with their call."""
        while self._idle:
            await self._idle.pop().end()

    async def _asked(self, tool: str, frame: dict[str, Any], seconds: float, *, again: bool) -> str:
        async with self._room:
            for tries_left in (int(again), 0):
                try:
                    return _opened(tool, await self._answered(frame, seconds))
                except TimeoutError as error:
                    why = f"it took longer than {seconds:g} s and was ended"
                    raise ToolRefused(tool=tool, why=why) from error
                except _Ended as error:
                    if not tries_left:
                        why = "its process ended without an answer, for want of memory or by a fault"
                        raise ToolRefused(tool=tool, why=why) from error
            raise AssertionError("unreachable")

    async def _answered(self, frame: dict[str, Any], seconds: float) -> dict[str, Any]:
        process = self._idle.pop() if self._idle else await _Answering.start(self._memory)
        try:
            async with asyncio.timeout(seconds):
                answer = await process.ask(frame)
        except BaseException:
            # It took too long, died, or nobody waits any more: its next answer would be to the wrong call.
            await asyncio.shield(process.end())
            raise
        self._idle.append(process)
        return answer


class _Answering:
    """One process and the frames to and from it."""

    def __init__(self, process: Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, memory: int) -> "_Answering":
        """Start a process and wait until it is confined."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-m", "moonloop.agents.bench.child", str(memory),
            stdin=PIPE, stdout=PIPE, stderr=asyncio.subprocess.DEVNULL, env=_ENVIRONMENT, cwd="/",
        )  # fmt: skip
        made = cls(process)
        try:
            async with asyncio.timeout(_START_S):
                said = await made._read()
        except BaseException:
            await asyncio.shield(made.end())
            raise
        _log.info("a process for tools has started; the network is kept away by: %s", said["network"])
        return made

    async def ask(self, frame: dict[str, Any]) -> dict[str, Any]:
        """Send a frame, return the answer."""
        stream = self._process.stdin
        assert stream is not None
        body = json.dumps(frame).encode()
        try:
            stream.write(_HEADER.pack(len(body)) + body)
            await stream.drain()
        except (ConnectionError, RuntimeError) as error:
            raise _Ended from error
        return await self._read()

    async def _read(self) -> dict[str, Any]:
        stream = self._process.stdout
        assert stream is not None
        try:
            (size,) = _HEADER.unpack(await stream.readexactly(_HEADER.size))
            if size > _ANSWER:
                raise _Ended
            return json.loads(await stream.readexactly(size))
        except (asyncio.IncompleteReadError, ConnectionError, ValueError) as error:
            raise _Ended from error

    async def end(self) -> None:
        """Kill the process and wait until it is gone."""
        with suppress(ProcessLookupError):
            self._process.kill()
        if self._process.stdin is not None:
            self._process.stdin.close()
        await self._process.wait()


def _opened(tool: str, answer: dict[str, Any]) -> str:
    if "error" in answer:
        error = answer["error"]
        raise revive(error["type"], error["facts"], error["detail"])
    if "fault" in answer:
        _log.error("the tool %s failed: %s", tool, answer["fault"])
        raise ToolRefused(tool=tool, why="it failed by a fault of its own")
    return str(answer["value"])
