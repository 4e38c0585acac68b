"""The API process: uvicorn on the application, until a signal."""

import asyncio
import socket
import sys
from collections.abc import Callable

import uvicorn

from moonloop.api.app import build
from moonloop.domain.errors import SetupProblem
from moonloop.service.settings import Settings
from moonloop.service.wiring import open_services

__all__ = ["run"]

_BACKLOG = 512


def run(settings: Settings) -> None:
    """Serve until a signal; a port that is taken is an error that says so."""
    listener = _listen(settings)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(settings, listener))
    finally:
        listener.close()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    if sys.platform == "win32":
        return asyncio.new_event_loop
    import uvloop  # noqa: PLC0415 -- not made for Windows

    return uvloop.new_event_loop


def _listen(settings: Settings) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise SetupProblem(
            problem=f"{settings.host}:{settings.port} cannot be listened at: {error.strerror}.",
            remedy="Give another --port, or end what holds this one.",
        ) from error
    listener.listen(_BACKLOG)
    return listener


async def _serve(settings: Settings, listener: socket.socket) -> None:
    async with open_services(settings) as services:
        config = uvicorn.Config(
            build(services),
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=2,
            server_header=False,
        )
        await uvicorn.Server(config).serve(sockets=[listener])
