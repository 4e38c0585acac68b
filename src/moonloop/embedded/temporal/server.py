"""The Temporal development server as a supervised program with a database file of its own."""

import asyncio
import errno
import secrets
import socket
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError

from moonloop.domain.errors import SetupProblem
from moonloop.embedded.processes import Program, Supervisor

__all__ = ["TemporalServer", "free_port", "taken"]

_LOOPBACK = "127.0.0.1"

_PORTS: Sequence[int] = range(20_000, 32_000)
"""Below the ephemeral ones (Linux: 32768 to 60999; RFC 6335: from 49152), which outgoing connections take."""

_TRIES = 50


def free_port(*besides: int) -> int:
    """Return a TCP port on the loopback that nothing holds now, and that is none of those given.

    It is one that no outgoing connection will take before it is listened on, if such a one is to be had.
    """
    for _ in range(_TRIES):
        port = secrets.choice(_PORTS)
        if port not in besides and _bound(port):
            return port
    return _bound(0)


def _bound(port: int) -> int:
    """Return the port that could be bound, 0 if it could not; the port 0 lets the system choose."""
    with socket.socket() as listener:
        try:
            listener.bind((_LOOPBACK, port))
        except OSError:
            return 0
        return listener.getsockname()[1]


@dataclass(frozen=True, kw_only=True)
class TemporalServer:
    """A development server. The same database file brings the same workflows back.

    Attributes:
        program: the `temporal` command line, as `find_server` returns it.
        database: the SQLite file; made with its folder when it is not there.
        log: the file that the server's warnings go to.
        port: the loopback port of its gRPC service; a free one by default.
        port_freed_within: seconds that a taken port is waited for: a predecessor being killed needs a moment.
        namespace: made when it is not there.
        search_attributes: names and types (Keyword, Int, ...) to register.
    """

    program: Path
    database: Path
    log: Path
    port: int = field(default_factory=free_port)
    port_freed_within: float = 3.0
    namespace: str = "default"
    search_attributes: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def address(self) -> str:
        """Host and port, as a Temporal client wants them."""
        return f"{_LOOPBACK}:{self.port}"

    def supervised(self, name: str = "temporal") -> Program:
        """Return the program for a supervisor to run: ready when it answers for its namespace."""
        return Program(
            name=name,
            command=self._command(),
            log=self.log.absolute(),
            directory=self.database.parent,
            lock=self._beside("lock").absolute(),
            before=self._prepare,
            ready=self._answers,
        )

    async def connect(self, **options: Any) -> Client:
        """Return a client of the server's namespace; the options are those of `Client.connect`."""
        return await Client.connect(self.address, namespace=self.namespace, **options)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[Client]:
        """Run the server by itself, restarted if it dies, and give a client of it.

        Raises:
            SetupProblem: its port is taken, its database is in use, or it ended or stayed silent.
        """
        async with Supervisor() as supervisor:
            await supervisor.start(self.supervised())
            yield await self.connect()

    def _command(self) -> tuple[str, ...]:
        attributes = (f"--search-attribute={name}={kind}" for name, kind in self.search_attributes.items())
        return (
            str(self.program.absolute()),
            *("server", "start-dev", "--headless", "--ip", _LOOPBACK, "--port", str(self.port)),
            # By its bare name, from its folder: SQLite would take a ? or % in a path for syntax.
            *("--db-filename", self.database.name),
            # synchronous=off loses nothing when the server is killed; after a power cut the ledger starts the
            # workflows anew.
            *("--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=off"),
            *("--namespace", self.namespace),
            *attributes,
        )

    def _beside(self, kind: str) -> Path:
        return self.database.with_name(f"{self.database.name}.{kind}")

    async def _prepare(self) -> None:
        self.database.parent.mkdir(parents=True, exist_ok=True)
        await self._port_free()
        if self.database.exists() and not self._beside("made").exists():
            self._set_aside()

    async def _port_free(self) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.port_freed_within
        while taken(self.port):
            if loop.time() > deadline:
                raise SetupProblem(
                    problem=f"Port {self.port} of {_LOOPBACK} is taken; Temporal was to listen there.",
                    remedy="Stop the program that listens there, or choose another port.",
                    port=self.port,
                )
            await asyncio.sleep(0.05)

    def _set_aside(self) -> None:
        # The server makes its tables only where there is no file: killed at that, it would never start again.
        for suffix in ("", "-wal", "-shm"):
            file = self.database.with_name(self.database.name + suffix)
            if file.exists():
                file.replace(file.with_name(f"{file.name}.unfinished"))

    async def _answers(self) -> bool:
        try:
            client = await self.connect()
            await client.workflow_service.describe_namespace(
                DescribeNamespaceRequest(namespace=self.namespace)
            )
        except (RuntimeError, RPCError):
            return False
        self._beside("made").touch()
        return True


def taken(port: int) -> bool:
    """Say whether something listens on this port of the loopback."""
    with socket.socket() as listener:
        # As the server does: a port that only waits out its old connections is free.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((_LOOPBACK, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return True
            raise SetupProblem(
                problem=f"Port {port} of {_LOOPBACK} cannot be listened on: {error.strerror}.",
                remedy="Choose another port.",
                port=port,
            ) from error
    return False
