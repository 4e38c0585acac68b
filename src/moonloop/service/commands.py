"""`moonloop worker` and `moonloop relay`: the processes that drive the loop."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Annotated

import typer

from moonloop.client.extras import needs

__all__ = ["add_to"]


def add_to(main: typer.Typer) -> None:
    """Add the commands."""
    main.command()(worker)
    main.command()(relay)


def worker(
    queues: Annotated[
        list[str] | None,
        typer.Argument(help="control, compute, models, relay; all by default.", metavar="[QUEUE]…"),
    ] = None,
) -> None:
    """Run workflows, activities, the relay and upkeep. Settings come from MOONLOOP_… variables."""
    _run(tuple(queues or ("control", "compute", "models", "relay")))


def relay() -> None:
    """Run only the relay and upkeep: outbox to Temporal, leases, deadlines, journal."""
    _run(("relay",))


def _run(queues: tuple[str, ...]) -> None:
    with needs("server", "moonloop worker"):
        from moonloop.service.settings import Settings  # noqa: PLC0415 -- the base install has no server
        from moonloop.service.wiring import run_worker  # noqa: PLC0415 -- as above
    asyncio.run(_until_signal(run_worker(Settings.from_environment(), queues)))


async def _until_signal(work: Coroutine[None, None, None]) -> None:
    task = asyncio.ensure_future(work)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        return
