"""The composition root: the only place that knows which concrete parts make up a process."""

import asyncio
import logging
import os
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

from moonloop.service.access import Access
from moonloop.service.campaigns import CampaignService
from moonloop.service.exports import ExportService
from moonloop.service.laboratory import IncidentService, LaboratoryService, ReviewService
from moonloop.service.loop import Loop, Outgoing
from moonloop.service.robots import JobService
from moonloop.service.services import Services
from moonloop.service.settings import Settings
from moonloop.service.thinking import Aside, Thoughts
from moonloop.service.threads import LedgerThreads
from moonloop.service.upkeep import Sealer, Sweeper
from moonloop.store import Ledger
from moonloop.store.artifacts import ArtifactFiles

if TYPE_CHECKING:
    from moonloop.agents.bench.online import PublicIndexes
    from moonloop.agents.ports import Model
    from moonloop.agents.turning import Turner

__all__ = ["QUEUES", "open_ledger", "open_services", "run_worker"]

QUEUES = ("control", "compute", "models", "relay")
"""What a worker process may do; all of it by default."""

_log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

_PROPOSER = "algorithmic"
_RELAY_IDLE_S = 1.0


def open_ledger(settings: Settings) -> Ledger:
    """Open the ledger and bring its schema up to date."""
    ledger = Ledger(settings.database_url)
    ledger.migrate()
    return ledger


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncGenerator[Services]:
    """Build the use cases of an API process, and the owner's token."""
    ledger = open_ledger(settings)
    files = ArtifactFiles(settings.artifacts, settings.artifact_limit)
    files.sweep()
    access = Access(ledger, settings)
    await access.make_owner()
    jobs = JobService(ledger, files, settings)
    try:
        yield Services(
            settings=settings,
            ledger=ledger,
            access=access,
            jobs=jobs,
            campaigns=CampaignService(ledger, files, Aside()),
            reviews=ReviewService(ledger),
            incidents=IncidentService(ledger),
            laboratory=LaboratoryService(ledger),
            exports=ExportService(ledger, files, settings.artifact_limit * 4),
        )
    finally:
        jobs.close()
        ledger.close()


async def run_worker(settings: Settings, queues: Sequence[str] = QUEUES) -> None:
    """Run a worker until it is cancelled: workflows and activities, the relay, and upkeep."""
    from moonloop.workflows import worker  # noqa: PLC0415 -- the API process needs no Temporal
    from moonloop.workflows.activities import ComputeActivities, ControlActivities  # noqa: PLC0415
    from moonloop.workflows.agent_activities import ModelActivities, TaskActivities  # noqa: PLC0415
    from moonloop.workflows.contracts import CampaignArgs  # noqa: PLC0415
    from moonloop.workflows.relay import Relay  # noqa: PLC0415

    ledger = open_ledger(settings)
    thoughts = Thoughts(settings.thinkers)
    client = await _until_answered(lambda: worker.connect(settings.temporal_address, settings.namespace))
    files = ArtifactFiles(settings.artifacts, settings.artifact_limit)
    loop = Loop(ledger, files, thoughts, _PROPOSER)
    endless = []
    async with AsyncExitStack() as stack:
        stack.callback(ledger.close)
        stack.callback(thoughts.close)
        turner = await _turner(settings, ledger, files, stack) if {"control", "models"} & {*queues} else None
        if turner is not None and "control" in queues:
            control = worker.control_worker(client, ControlActivities(loop), TaskActivities(turner))
            await stack.enter_async_context(control)
        if turner is not None and "models" in queues:
            models = worker.models_worker(client, ModelActivities(turner), settings.model_calls)
            await stack.enter_async_context(models)
        if "compute" in queues:
            activities = ComputeActivities(loop, thoughts)
            await stack.enter_async_context(worker.compute_worker(client, activities, settings.thinkers))
        if "relay" in queues:
            outgoing = Outgoing(ledger, f"relay-{os.getpid()}-{secrets.token_hex(4)}", settings.lead)
            args = CampaignArgs(
                campaign_id="",
                reread_s=settings.reread,
                silence_s=settings.silence,
                cycles_per_run=settings.cycles_per_run,
            )
            relay = Relay(client, outgoing, args=args, idle_s=_RELAY_IDLE_S, check_every_s=settings.check)
            endless = [relay.run(), Sweeper(ledger, settings.sweep).run(), Sealer(ledger).run()]
        await asyncio.gather(*endless, asyncio.Event().wait())


async def _turner(
    settings: Settings, ledger: Ledger, files: ArtifactFiles, stack: AsyncExitStack
) -> "Turner":
    """Build what does the agents' tasks: threads on the ledger, a door to the site's models, tools."""
    from moonloop.agents.bench.processes import Processes  # noqa: PLC0415 -- the API process has no agents
    from moonloop.agents.bench.shelf import LARGEST, Shelf  # noqa: PLC0415 -- as above
    from moonloop.agents.bench.workbench import Workbench  # noqa: PLC0415 -- as above
    from moonloop.agents.turning import Turner  # noqa: PLC0415 -- as above

    processes = Processes(settings.tool_processes)
    stack.push_async_callback(processes.close)

    async def fetch(sha256: str) -> bytes:
        return await asyncio.to_thread(files.read, sha256, LARGEST)

    shelf = Shelf(settings.literature, fetch, processes)
    bench = Workbench(processes, shelf, await _public_indexes(settings, stack))
    return Turner(LedgerThreads(ledger), await _models(settings, stack), bench)


async def _public_indexes(settings: Settings, stack: AsyncExitStack) -> "PublicIndexes | None":
    if not settings.literature_contact:
        return None
    from moonloop.agents.bench.online import PublicIndexes  # noqa: PLC0415 -- only where they may be asked

    indexes = PublicIndexes(settings.literature_contact)
    stack.push_async_callback(indexes.close)
    return indexes


async def _models(settings: Settings, stack: AsyncExitStack) -> "Model":
    file = settings.models_file
    if not settings.models and not file.exists():
        from moonloop.agents.door.absent import NoModels  # noqa: PLC0415 -- the client below is heavy

        return NoModels(file)
    from moonloop.agents.door.door import ModelDoor  # noqa: PLC0415 -- as above
    from moonloop.agents.door.file import load_models  # noqa: PLC0415 -- as above

    return await stack.enter_async_context(ModelDoor(await asyncio.to_thread(load_models, file)))


async def _until_answered(connect: Callable[[], Awaitable[Answer]]) -> Answer:
    """Connect to Temporal, however long it is away: a worker that starts before it waits, and says so."""
    while True:
        try:
            return await connect()
        except RuntimeError as error:  # what temporalio raises for whatever keeps it from connecting
            _log.warning("the worker waits for Temporal: %s", error)
            await asyncio.sleep(_RELAY_IDLE_S)
