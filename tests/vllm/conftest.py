"""One real vLLM server for the tests of this folder, which run where MOONLOOP_VLLM_TESTS=1 asks for them.

`make test-vllm` does: the first time it installs vLLM in an environment of its own (6 GB), and a start takes
half a minute or more of a machine's whole attention.
"""

import os
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest
import pytest_asyncio

from moonloop.agents.door.door import ModelDoor
from support.lab_fixtures import open_a_lab, scientist, temporal
from support.vllm import VllmServer, vllm_environment, vllm_models

__all__ = ["open_a_lab", "scientist", "temporal"]  # brought here for pytest to find

FIGURES = pytest.StashKey[list[str]]()
collect_ignore_glob: list[str] = [] if os.environ.get("MOONLOOP_VLLM_TESTS") == "1" else ["test_*.py"]


@pytest.fixture(scope="session")
def vllm_home() -> Path:
    """The environment that vLLM is installed in."""
    return vllm_environment()


@pytest.fixture(scope="session")
def vllm_started(
    vllm_home: Path, pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Generator[VllmServer]:
    """The one server; its log is kept where pytest's cache is, or where its temporary files are."""
    cache = getattr(pytestconfig, "cache", None)  # without its plugin, pytest sets none
    folder = Path(cache.mkdir("vllm")) if cache else tmp_path_factory.mktemp("vllm")
    server = VllmServer(vllm_home, vllm_models(vllm_home), folder)
    server.log.unlink(missing_ok=True)
    try:
        server.start()
        tell(pytestconfig, f"{server.device}: up in {server.started_in_s:.0f} s, log {server.log}")
        yield server
        tell(pytestconfig, f"memory at the end: {server.memory_bytes() / 1e9:.1f} GB")
    finally:
        server.close()


@pytest.fixture
def vllm_server(vllm_started: VllmServer) -> VllmServer:
    """The server, up: a test before may have ended it."""
    if not vllm_started.healthy():
        vllm_started.stop()
        vllm_started.start()
    return vllm_started


@pytest_asyncio.fixture
async def door(vllm_server: VllmServer) -> AsyncGenerator[ModelDoor]:
    """The door to that server, for every role."""
    async with ModelDoor(vllm_server.models_file()) as opened:
        yield opened


@pytest.fixture
def figures(pytestconfig: pytest.Config) -> list[str]:
    """Lines that are printed when all is done: what was measured."""
    return pytestconfig.stash.setdefault(FIGURES, [])


def tell(config: pytest.Config, line: str) -> None:
    """Have a line printed when all is done."""
    config.stash.setdefault(FIGURES, list[str]()).append(line)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print what was measured."""
    lines = config.stash.get(FIGURES, list[str]())
    if lines:
        terminalreporter.section("vLLM, as measured")
        for line in lines:
            terminalreporter.write_line(line)
