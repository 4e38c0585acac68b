"""The real API on a real ledger: in a thread of this process, where time can be moved, at a free port."""

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager, suppress

import pytest
import uvicorn
import uvloop

from moonloop.api.app import build
from moonloop.service.access import Access
from moonloop.service.campaigns import CampaignService
from moonloop.service.exports import ExportService
from moonloop.service.laboratory import IncidentService, LaboratoryService, ReviewService
from moonloop.service.robots import JobService
from moonloop.service.services import Services
from moonloop.service.settings import Settings
from moonloop.service.thinking import Aside
from moonloop.service.upkeep import Sweeper
from moonloop.store import Ledger
from moonloop.store.artifacts import ArtifactFiles

__all__ = ["ARTIFACT_LIMIT", "BODY_LIMIT", "ON_BOTH", "free_port", "serving"]

ON_BOTH = pytest.mark.parametrize("ledger_url", ["sqlite", "postgresql"], indirect=True)
"""For tests of what the two databases might answer differently."""
BODY_LIMIT = 64 * 1024
ARTIFACT_LIMIT = 256 * 1024
"""Small, so that tests may go over them."""

_PATIENCE_S = 20.0
_GRACE_S = 1.0
"""For requests that are still under way at the end."""
_LOOK_S = 0.005


def free_port() -> int:
    """Return a port of the loopback that nothing listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class _Server(uvicorn.Server):
    """It looks every few milliseconds whether it is to end, and not every tenth of a second, twice."""

    async def main_loop(self) -> None:
        await self.on_tick(0)
        while not self.should_exit:  # noqa: ASYNC110 -- uvicorn has a flag, and sets it from another thread
            await asyncio.sleep(_LOOK_S)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for closing in (*self.servers, *(sockets or ())):
            closing.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        with suppress(TimeoutError):
            async with asyncio.timeout(_GRACE_S):
                while self.server_state.connections or self.server_state.tasks:  # noqa: ASYNC110 -- as above
                    await asyncio.sleep(_LOOK_S)
        for task in self.server_state.tasks:
            task.cancel()
        await self.lifespan.shutdown()


@contextmanager
def serving(settings: Settings, ledger: Ledger, *, upkeep: bool = False) -> Generator[str]:
    """Serve the API on an open ledger; yield its URL. `upkeep` also lets leases lapse, as a worker does."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(512)
    server = _server(settings, ledger)
    endless = [Sweeper(ledger, settings.sweep).run] if upkeep else []
    work = (server, listener, ledger, endless)
    thread = threading.Thread(target=_run, args=work, name="api", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(_PATIENCE_S)
        listener.close()
        assert not thread.is_alive(), "the API did not end"


def _server(settings: Settings, ledger: Ledger) -> _Server:
    files = ArtifactFiles(settings.artifacts, settings.artifact_limit)
    services = Services(
        settings=settings,
        ledger=ledger,
        access=Access(ledger, settings),
        jobs=JobService(ledger, files, settings),
        campaigns=CampaignService(ledger, files, Aside()),
        reviews=ReviewService(ledger),
        incidents=IncidentService(ledger),
        laboratory=LaboratoryService(ledger),
        exports=ExportService(ledger, files, settings.artifact_limit * 4),
    )
    return _Server(
        uvicorn.Config(
            build(services),
            log_level="error",
            access_log=False,
            server_header=False,
        )
    )


def _run(
    server: _Server,
    listener: socket.socket,
    ledger: Ledger,
    endless: list[Callable[[], Coroutine[None, None, None]]],
) -> None:
    async def serve() -> None:
        tasks = [asyncio.ensure_future(work()) for work in endless]
        try:
            await server.serve(sockets=[listener])
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            ledger.changes.close()  # it watches on this loop, which ends before the ledger does

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())
