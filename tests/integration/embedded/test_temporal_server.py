"""The Temporal server under supervision, on the real program."""

import os
import signal
import socket
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.client import Client, WorkflowExecutionStatus

from moonloop.domain.errors import SetupProblem
from moonloop.embedded.processes import Backoff, Phase, Supervisor
from moonloop.embedded.temporal import TemporalServer, free_port

Eventually = Callable[[Callable[[], object]], Awaitable[None]]


@pytest.fixture
def server(temporal_program: Path, tmp_path: Path) -> TemporalServer:
    """A server of the test's own, in a folder with characters that SQLite and shells dislike."""
    folder = tmp_path / "a ?%20 folder"
    return TemporalServer(
        program=temporal_program, database=folder / "temporal.db", log=folder / "logs" / "temporal.log"
    )


async def _start(client: Client, workflow: str) -> None:
    await client.start_workflow("AnyWorkflow", id=workflow, task_queue="nobody")


async def _status(client: Client, workflow: str) -> WorkflowExecutionStatus | None:
    return (await client.get_workflow_handle(workflow).describe()).status


async def test_workflows_survive_a_restart_of_the_server(server: TemporalServer) -> None:
    """The same database file brings the same workflows back, under another port too."""
    async with server.running() as client:
        await _start(client, "campaign/1")

    async with replace(server, port=free_port()).running() as client:
        assert WorkflowExecutionStatus.RUNNING == await _status(client, "campaign/1")


async def test_a_killed_server_comes_back_with_its_workflows(
    server: TemporalServer, eventually: Eventually
) -> None:
    """After kill -9 the supervisor starts it again on the same port, and nothing that it took is lost."""
    async with Supervisor(backoff=Backoff(first=0.01)) as supervisor:
        await supervisor.start(server.supervised())
        client = await server.connect()
        await _start(client, "campaign/1")
        pid = supervisor.states()[0].pid
        assert pid is not None

        os.kill(pid, signal.SIGKILL)
        await eventually(lambda: supervisor.states()[0].restarts)
        await eventually(lambda: supervisor.states()[0].phase is Phase.READY)

        assert WorkflowExecutionStatus.RUNNING == await _status(client, "campaign/1")


async def test_search_attributes_are_there_before_the_first_workflow(server: TemporalServer) -> None:
    """A workflow may carry them from the first on, and a second start of the server accepts them again."""
    server = replace(server, search_attributes={"MoonloopCampaign": "Keyword"})
    async with server.running():
        pass

    async with server.running() as client:
        described = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=server.namespace)
        )

    assert "MoonloopCampaign" in described.custom_attributes


async def test_a_busy_port_is_named(server: TemporalServer) -> None:
    """A port that another program holds is named; nobody else's server is taken for ours."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        with pytest.raises(
            SetupProblem, match=rf"Port {port} of 127\.0\.0\.1 is taken.*or choose another port"
        ):
            await _run(replace(server, port=port, port_freed_within=0.1))


async def test_two_servers_never_share_a_database(server: TemporalServer) -> None:
    """A second stack on the same folder is refused while the first runs."""
    async with server.running():
        rival = replace(server, port=free_port(), log=server.log.with_name("rival.log"))
        program = replace(rival.supervised(), lock_within=0.1)
        async with Supervisor() as supervisor:
            with pytest.raises(SetupProblem, match=r"temporal\.db\.lock is held by another process"):
                await supervisor.start(program)


async def test_a_server_that_cannot_start_is_reported_in_its_own_words(server: TemporalServer) -> None:
    """The end of the server's log says what the matter is."""
    server = replace(server, search_attributes={"Wrong": "NoSuchType"})

    with pytest.raises(
        SetupProblem, match=r"(?s)temporal ended with exit code 1 .*NoSuchType.*temporal\.log"
    ):
        await _run(server)


async def test_a_database_that_was_never_finished_is_set_aside(server: TemporalServer) -> None:
    """A server killed while it made its tables for the first time starts the next time."""
    server.database.parent.mkdir()
    server.database.touch()

    await _run(server)

    assert server.database.with_name("temporal.db.unfinished").exists()


async def _run(server: TemporalServer) -> None:
    async with server.running():
        pass
