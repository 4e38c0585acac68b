"""The whole system in processes of its own, to be killed: Temporal, API, worker, relay and a robot."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client

from moonloop.agents.door.file import load_models
from moonloop.client.http import Connection
from moonloop.domain.errors import MoonloopError
from moonloop.embedded.processes import Backoff, Phase, ProcessState, Program, Supervisor, answers_at
from moonloop.embedded.temporal import TemporalServer, find_server, free_port
from moonloop.service.settings import Settings
from moonloop.workflows.contracts import COMPUTE_QUEUE, CONTROL_QUEUE
from support.invariants import look
from support.tables import write_table
from support.warm import WarmSupervisor

__all__ = ["PATIENCE_S", "PROCESSES", "OpenSite", "Person", "Site", "leftover", "open_site"]

Answer = TypeVar("Answer")

PROCESSES = ("temporal", "api", "worker", "relay", "robot")

QUICK: Mapping[str, Any] = {
    "lease": 1.5,
    "beat": 0.5,
    "claim_wait": 2.0,
    "presence": 0.3,
    "sweep": 0.1,
    "reread": 1.0,
    "silence": 2.0,
    "check": 0.5,
    "lead": 0.6,
}
"""Settings under which whatever is killed is missed within a few seconds."""

PATIENCE_S = 300.0
_NOTHING = type(None)
_DYING_S = 20.0
"""Children of what was killed are killed too, which on a busy machine takes effect a moment later."""


class Person:
    """Somebody at the API, who asks again for as long as it is away."""

    def __init__(self, url: str, token: str) -> None:
        self._server = Connection(url, token)
        self._threads = ThreadPoolExecutor(8, "person")

    async def get(self, path: str, model: type[Answer], **query: Any) -> Answer:
        """Read something."""
        return await self._persistently(lambda: self._server.get(path, model, **query))

    async def post(self, path: str, body: Any = None, model: type[Any] = _NOTHING) -> Any:
        """Do something; what is done here may be asked for twice."""
        return await self._persistently(lambda: self._server.post(path, body, model, wait_s=60))

    async def claim(self, body: Any, model: type[Answer]) -> Answer | None:
        """Ask for a job."""
        return await self._persistently(lambda: self._server.post_or_none("/v1/jobs/claim", body, model))

    async def _persistently(self, call: Callable[[], Answer]) -> Answer:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    return await loop.run_in_executor(self._threads, call)
                except MoonloopError as error:
                    if error.status < 500:
                        raise
                    await asyncio.sleep(0.05)
        raise AssertionError("unreachable")

    def close(self) -> None:
        """Hang up."""
        self._server.close()
        self._threads.shutdown(wait=False, cancel_futures=True)


@dataclass
class Site:
    """The running system."""

    settings: Settings
    supervisor: Supervisor
    """Runs Temporal, and whatever is not started warm."""
    starter: Supervisor | WarmSupervisor
    """Runs the rest."""
    temporal: TemporalServer
    robots: tuple[str, ...]
    owner: Person = field(init=False)
    kills: list[str] = field(default_factory=list[str])
    """Who was killed, in order."""
    _forgets: bool = False

    @property
    def ledger(self) -> Path:
        """The ledger's file."""
        return self.settings.home / "ledger.db"

    @property
    def names(self) -> tuple[str, ...]:
        """The processes."""
        return (*PROCESSES[:-1], *self.robots)

    def states(self) -> Sequence[ProcessState]:
        """Return the state of every process."""
        others = () if self.starter is self.supervisor else self.starter.states()
        return (*self.supervisor.states(), *others)

    def _state(self, name: str) -> ProcessState | None:
        return next((state for state in self.states() if state.name == name), None)

    def pid(self, name: str) -> int | None:
        """Return the id of a process that does its work; None while it does not."""
        state = self._state(name)
        return state.pid if state is not None and state.phase is Phase.READY else None

    def starting(self, name: str) -> int | None:
        """Return the id of a process whether or not it does its work yet."""
        state = self._state(name)
        return state.pid if state is not None else None

    def kill(self, name: str) -> bool:
        """Kill a process with SIGKILL, and its children with it. False when it was not up."""
        pid = self.pid(name)
        if pid is None:
            return False
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
            self.kills.append(name)
            return True
        return False

    async def lose_temporal(self) -> None:
        """Kill Temporal and delete its database; return when it is back, knowing nothing."""
        self._forgets = True
        self.kill("temporal")
        async with asyncio.timeout(PATIENCE_S):
            while self._forgets or self.pid("temporal") is None:  # noqa: ASYNC110  nothing tells of it
                await asyncio.sleep(0.02)

    def temporal_program(self) -> Program:
        """Return Temporal as a program that finds no database when it was told to forget."""
        program = self.temporal.supervised()
        prepare = program.before
        assert prepare is not None

        async def prepared() -> None:
            if self._forgets:
                for file in self.temporal.database.parent.glob(f"{self.temporal.database.name}*"):
                    if not file.name.endswith(".lock"):
                        file.unlink()
                self._forgets = False
            await prepare()

        return replace(program, before=prepared)

    async def all_up(self) -> None:
        """Wait until every process does its work."""
        async with asyncio.timeout(PATIENCE_S):
            while any(self.pid(name) is None for name in self.names):  # noqa: ASYNC110  nothing tells of it
                await asyncio.sleep(0.05)

    async def serve_models(self, log: Path, delay_s: float) -> None:
        """Start a scripted endpoint that notes every request in a file before it answers."""
        port = urlsplit(load_models(self.settings.models_file).endpoints["only"].base_url).port
        arguments = (str(Path(__file__).with_name("endpoint.py")), str(port), str(log), str(delay_s))
        await self.supervisor.start(
            Program(
                name="endpoint",
                command=(sys.executable, *arguments),
                log=self.settings.home / "logs" / "endpoint.log",
                environment={"MOONLOOP_HOME": str(self.settings.home), "PYTHONUNBUFFERED": "1"},
                ready=answers_at(f"http://127.0.0.1:{port}/health"),
                stop_within=3.0,
            )
        )

    async def enrol_robot(self, name: str, *options: str) -> None:
        """Start a robot that answers from the table."""
        issued = await self.owner.post("/v1/robots/codes", {"kind": "simulated"}, dict[str, str])
        table = write_table(self.settings.home / f"{name}.csv")
        arguments = ("robot", "run", "table", "--name", name, "-o", f"csv={table}", "-o", "value=yield")
        more = [part for option in ("unit=%", *options) for part in ("-o", option)]
        await self.starter.start(
            _program(
                self.settings,
                name,
                *arguments,
                *more,
                environment={"MOONLOOP_CODE": issued["code"]},
                ready=self._says(name, "for work"),
            )
        )

    def _says(self, name: str, words: str) -> Callable[[], Awaitable[bool]]:
        async def probe() -> bool:
            state = self._state(name)
            return state is not None and any(words in line for line in state.last_lines)

        return probe


def _program(
    settings: Settings,
    name: str,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    ready: Callable[[], Awaitable[bool]] | None = None,
) -> Program:
    own = {"MOONLOOP_HOME": str(settings.home), "MOONLOOP_URL": settings.url, "PYTHONUNBUFFERED": "1"}
    return Program(
        name=name,
        command=(sys.executable, "-m", "moonloop", *arguments),
        log=settings.home / "logs" / f"{name}.log",
        environment=own | settings.to_environment() | dict(environment or {}),
        ready=ready,
        stop_within=3.0,
    )


OpenSite = Callable[..., AbstractAsyncContextManager[Site]]
"""Opens the system, with changes to how."""


@asynccontextmanager
async def open_site(
    home: Path,
    *,
    robots: tuple[str, ...] = ("robot",),
    delay: float = 0.1,
    warm: bool = False,
    **changes: Any,
) -> AsyncGenerator[Site]:
    """Run the system, each part in a process of its own; what dies is started again at once.

    `warm` processes are forked from one that has loaded everything, others begin from nothing.
    """
    settings = Settings.model_validate({"home": home, "port": free_port(), **QUICK, **changes})
    home.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240  before anything runs that it could block
    temporal = TemporalServer(
        program=find_server(),
        database=home / "temporal.db",
        log=home / "logs" / "temporal.log",
        port=free_port(),
    )
    settings = settings.model_copy(update={"temporal_address": temporal.address})
    backoff = Backoff(first=0.02, cap=0.3)
    async with AsyncExitStack() as stack:
        supervisor = await stack.enter_async_context(Supervisor(backoff=backoff))
        forks = WarmSupervisor(settings.to_environment(), backoff)
        starter = await stack.enter_async_context(forks) if warm else supervisor
        api = _program(settings, "api", "serve", ready=answers_at(f"{settings.url}/v1/health"))
        site = Site(settings, supervisor, starter, temporal, robots)
        await asyncio.gather(supervisor.start(site.temporal_program()), starter.start(api))
        site.owner = owner = Person(settings.url, settings.owner_token.read_text().strip())
        worker = _program(settings, "worker", "worker", "control", "compute", "models", ready=_polls(site))
        relay = _program(settings, "relay", "relay", ready=_leads(site))
        starts = [starter.start(worker), starter.start(relay)]
        starts += [site.enrol_robot(name, f"delay={delay}") for name in robots]
        await asyncio.gather(*starts)
        try:
            yield site
        finally:
            owner.close()


def _polls(site: Site) -> Callable[[], Awaitable[bool]]:
    """Return a probe: this very worker polls both queues; Temporal remembers dead ones for a while."""
    clients: list[Client] = []

    async def probe() -> bool:
        if not clients:
            clients.append(await site.temporal.connect())
        begins = f"{site.starting('worker')}@"
        queues = (
            (CONTROL_QUEUE, TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW),
            (COMPUTE_QUEUE, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY),
        )
        for queue, kind in queues:
            request = DescribeTaskQueueRequest(
                namespace="default", task_queue=TaskQueue(name=queue), task_queue_type=kind
            )
            found = await clients[0].workflow_service.describe_task_queue(request)
            if not any(poller.identity.startswith(begins) for poller in found.pollers):
                return False
        return True

    return probe


def _leads(site: Site) -> Callable[[], Awaitable[bool]]:
    """Return a probe: the relay's own process leads; one that was killed leads on until its time is over."""

    async def probe() -> bool:
        begins = f"relay-{site.starting('relay')}-"
        return any(
            row["holder"].startswith(begins) for row in look(site.ledger)("SELECT holder FROM leaders")
        )

    return probe


def leftover(home: Path) -> list[int]:
    """Return the processes started for a home folder that live on; one that is dying is waited for."""
    deadline = time.monotonic() + _DYING_S
    while (found := _living(home)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def _living(home: Path) -> list[int]:
    mark = f"MOONLOOP_HOME={home}".encode()
    found: list[int] = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            with suppress(OSError):
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
    return found
