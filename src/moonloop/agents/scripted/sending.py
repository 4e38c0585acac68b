"""Putting responses on the wire, whole or as a fault wants them, and noticing that nobody listens."""

import asyncio
import socket
import struct
from collections.abc import Iterator

from moonloop.agents.scripted.faults import Fault
from moonloop.agents.scripted.http import Reply, head_of

__all__ = ["hung_up", "reset", "send"]


async def send(writer: asyncio.StreamWriter, reply: Reply, fault: Fault | None) -> bool:
    """Send a response; return whether the connection goes on."""
    kind = fault.kind if fault else ""
    if kind == "hang":
        await asyncio.Event().wait()
    if fault and kind == "delay":
        await asyncio.sleep(fault.seconds)
    if fault and kind == "noise":
        writer.write(fault.body.encode())
        await writer.drain()
        return False
    writer.write(head_of(reply))
    sent = 0
    for part in _framed(reply):
        if fault and kind == "cut" and sent + len(part) > fault.after:
            writer.write(part[: fault.after - sent])
            await writer.drain()
            return False
        await _write(writer, part, fault.seconds if fault and kind == "trickle" else 0.0)
        sent += len(part)
    return True


async def hung_up(handling: "asyncio.Future[bool]", reader: asyncio.StreamReader) -> tuple[bool, bytes]:
    """Wait for a request to be handled; return whether the client went first, and what it sent meanwhile.

    What is under way for a client that has gone is ended at once, as real servers end a generation.
    """
    listening = asyncio.ensure_future(reader.read(1))
    try:
        await asyncio.wait((handling, listening), return_when=asyncio.FIRST_COMPLETED)
        if not handling.done() and (listening.exception() is not None or not listening.result()):
            return True, b""
        await asyncio.wait((handling,))
        heard = listening.done() and listening.exception() is None
        return False, listening.result() if heard else b""
    finally:
        for each in (handling, listening):
            each.cancel()
        await asyncio.wait((handling, listening))


def reset(writer: asyncio.StreamWriter) -> bool:
    """End a connection so that the client is told that it was reset."""
    plug = writer.get_extra_info("socket")
    plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    return False


async def _write(writer: asyncio.StreamWriter, part: bytes, seconds: float) -> None:
    step = 1 if seconds else max(1, len(part))
    for start in range(0, len(part), step):
        writer.write(part[start : start + step])
        await writer.drain()
        if seconds:
            await asyncio.sleep(seconds)


def _framed(reply: Reply) -> Iterator[bytes]:
    if reply.parts is None:
        yield reply.body
        return
    for part in reply.parts:
        yield b"%x\r\n%b\r\n" % (len(part), part)
    yield b"0\r\n\r\n"
