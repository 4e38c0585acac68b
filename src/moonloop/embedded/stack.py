"""The embedded stack: Temporal, API and worker, supervised, on the loopback only."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client

from moonloop.domain.errors import SetupProblem
from moonloop.embedded.processes import ProcessState, Program, Supervisor, answers_at
from moonloop.embedded.temporal import TemporalServer, find_server, free_port
from moonloop.service.settings import Settings
from moonloop.workflows.contracts import COMPUTE_QUEUE, CONTROL_QUEUE

__all__ = ["Stack", "running"]


@dataclass(frozen=True, slots=True)
class Stack:
    """A running stack."""

    settings: Settings
    supervisor: Supervisor

    async def add(self, name: str, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        """Start another `moonloop` command, such as a robot, and keep it running."""
        await self.supervisor.start(_program(self.settings, name, *arguments, environment=environment))

    async def add_program(self, name: str, module: str, *arguments: str, answers: str) -> None:
        """Start another program of Moonloop's by its module, and keep it running; it is up at this URL."""
        command = (sys.executable, "-m", module, *arguments)
        program = replace(_program(self.settings, name), command=command, ready=answers_at(answers))
        await self.supervisor.start(program)

    async def end(self, *names: str) -> None:
        """Stop some of the processes at the same time, each with what it has begun, while the others run."""
        await self.supervisor.stop(*names)

    def states(self) -> tuple[ProcessState, ...]:
        """Return how each process is."""
        return self.supervisor.states()


def _program(
    settings: Settings,
    name: str,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    **more: object,
) -> Program:
    own = {"MOONLOOP_HOME": str(settings.home), "MOONLOOP_URL": settings.url, "PYTHONUNBUFFERED": "1"}
    return Program(
        name=name,
        command=(sys.executable, "-m", "moonloop", "-v", *arguments),
        log=settings.home / "logs" / f"{name}.log",
        environment=own | settings.to_environment() | dict(environment or {}),
        **more,  # type: ignore[arg-type]
    )


@asynccontextmanager
async def running(settings: Settings, say: Callable[[str], None]) -> AsyncGenerator[Stack]:
    """Run the stack for as long as the block lasts; what dies is started again.

    Raises `SetupProblem` when a part cannot be started: it names the part and the way out.
    """
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    _require_free(settings)
    program = await asyncio.to_thread(find_server, say=say)
    temporal = TemporalServer(
        program=program,
        database=settings.home / "temporal.db",
        log=settings.home / "logs" / "temporal.log",
        port=free_port(settings.port),
    )
    settings = settings.model_copy(update={"temporal_address": temporal.address})
    async with Supervisor(say=say) as supervisor:
        say("Starting Temporal, the API and the worker.")
        api = _program(settings, "api", "serve", ready=answers_at(f"{settings.url}/v1/health"))
        await asyncio.gather(supervisor.start(temporal.supervised()), supervisor.start(api))
        await supervisor.start(_program(settings, "worker", "worker", ready=_polls(temporal)))
        noted = settings.home / "server.url"
        noted.write_text(settings.url)
        try:
            yield Stack(settings, supervisor)
        finally:
            noted.unlink(missing_ok=True)
            say("Stopping.")


def _require_free(settings: Settings) -> None:
    import socket  # noqa: PLC0415 -- only needed here

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise SetupProblem(
                problem=f"Port {settings.port} of {settings.host} is taken: {error.strerror}.",
                remedy="Is a stack running already? Otherwise set MOONLOOP_PORT or give --port.",
            ) from error


def _polls(temporal: TemporalServer):  # noqa: ANN202 -- a readiness probe
    """Return a probe: workers poll both queues."""
    client: Client | None = None

    async def probe() -> bool:
        nonlocal client
        client = client or await temporal.connect()
        queues = (
            (CONTROL_QUEUE, TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW),
            (COMPUTE_QUEUE, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY),
        )
        for queue, kind in queues:
            request = DescribeTaskQueueRequest(
                namespace=temporal.namespace, task_queue=TaskQueue(name=queue), task_queue_type=kind
            )
            if not (await client.workflow_service.describe_task_queue(request)).pollers:
                return False
        return True

    return probe
