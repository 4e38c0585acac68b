"""The processes in which tools run: confined, ended, replaced."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest

from moonloop.agents.bench.calls import Call
from moonloop.agents.bench.processes import Processes
from moonloop.agents.bench.shelf import Shelf
from moonloop.agents.bench.sight import sight_of
from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.errors import InvalidInput, ToolRefused
from moonloop.tools.asking import TOOLS, Policy, Snapshot
from support.attacks import Planted, load, planted
from support.seen import history_of, setting_spec

_ENDLESS = next(attack for attack in load() if attack.bomb).calls[0]
_COUNT = '{"sql": "SELECT count(*) AS n FROM runs"}'


@pytest.fixture
async def processes() -> AsyncGenerator[Processes]:
    """Return one process at a time."""
    made = Processes(1)
    yield made
    await made.close()


def call(name: str, arguments: str, seconds: float = 60.0) -> Call:
    """Return a use of a tool on a small campaign."""
    tool = replace(TOOLS[name], policy=Policy(seconds=seconds))
    return Call(tool, arguments, sight_of(Snapshot(spec=setting_spec(), history=history_of())), "a task")


def alive(process: int) -> bool:
    """Say whether a process is there."""
    return Path(f"/proc/{process}").exists() if sys.platform == "linux" else _signals(process)


def _signals(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def ids_of(processes: Processes) -> list[int]:
    """Return the ids of the processes that wait."""
    return [one._process.pid for one in processes._idle]  # pyright: ignore[reportPrivateUsage] -- no other way to know


async def test_a_process_answers_one_call_after_another(processes: Processes) -> None:
    """Errors that have a meaning come back as themselves, and the process is used again."""
    assert '{"columns": ["n"], "rows": [[8]]}' == await processes(call("data_query", _COUNT))
    (first,) = ids_of(processes)
    with pytest.raises(InvalidInput, match="not authorized"):
        await processes(call("data_query", '{"sql": "DELETE FROM runs"}'))
    assert [first] == ids_of(processes)


async def test_what_takes_too_long_is_ended_and_replaced(processes: Processes) -> None:
    """A question that does not end is killed on time, and the next one is answered by a fresh process."""
    await processes(call("data_query", _COUNT))
    (first,) = ids_of(processes)
    with pytest.raises(ToolRefused, match="took longer than 1 s"):
        await processes(call(_ENDLESS.name, _ENDLESS.arguments, seconds=1.0))
    assert not alive(first)
    assert "[[8]]" in await processes(call("data_query", _COUNT))


async def test_a_call_that_nobody_waits_for_is_ended(processes: Processes) -> None:
    """Cancelled, a call ends its process: its answer could only reach the wrong one."""
    await processes(call("data_query", _COUNT))
    (first,) = ids_of(processes)
    asking = asyncio.create_task(processes(call(_ENDLESS.name, _ENDLESS.arguments)))
    while ids_of(processes):  # noqa: ASYNC110 -- what is waited for tells nobody
        await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert not alive(first)


async def test_a_process_that_died_is_replaced_without_a_word(processes: Processes) -> None:
    """A process that was killed while it waited is not noticed by the one who asks next."""
    await processes(call("data_query", _COUNT))
    (first,) = ids_of(processes)
    os.kill(first, 9)
    assert "[[8]]" in await processes(call("data_query", _COUNT))


async def test_a_bomb_of_a_paper_is_a_paper_without_text(processes: Processes, tmp_path: Path) -> None:
    """A PDF that unfolds to hundreds of megabytes is an unreadable one, and the campaign goes on."""
    where = planted(next(one for one in load() if one.made == "pdf_bomb"))
    path = await _indexed(where, tmp_path, processes)
    snapshot = Snapshot(spec=where.spec, history=where.history, library=str(path))
    tool = TOOLS["literature_search"]
    answer = await processes(Call(tool, '{"query": "quinone"}', sight_of(snapshot), "a task"))
    assert '"passages": []' in answer
    assert "cannot be read" in answer


async def _indexed(where: Planted, folder: Path, processes: Processes) -> Path:
    async def fetch(sha256: str) -> bytes:
        return where.documents[sha256]

    path = await Shelf(folder, fetch, processes).index_of(where.spec)
    assert path is not None
    return path


async def test_an_index_is_made_once_for_all_who_ask(processes: Processes, tmp_path: Path) -> None:
    """Tasks that begin together fetch each document once, and share the index."""
    where = planted(next(one for one in load() if one.id == "paper-bidi"))
    fetched: list[str] = []

    async def fetch(sha256: str) -> bytes:
        fetched.append(sha256)
        return where.documents[sha256]

    shelf = Shelf(tmp_path, fetch, processes)
    paths = await asyncio.gather(*(shelf.index_of(where.spec) for _ in range(3)))
    assert 1 == len(set(paths)) == len(fetched)
    assert await shelf.index_of(_without_documents()) is None


def _without_documents() -> CampaignSpec:
    return setting_spec()


_ACTS = {
    "a socket": "import socket; socket.socket()",
    "a name": "import socket; socket.getaddrinfo('localhost', 80)",
    "a program": "import subprocess; subprocess.run(['true'])",
    "a shell": "import os; os.system('true')",
    "a fork": "import os; os.fork()",
    "a file": "open('owned', 'w')",
    "a folder": "import os; os.mkdir('owned')",
    "a removal": "import os; os.remove('bait')",
    "a secret": "open('bait').read()",
    "a link to a secret": "open('link').read()",
    "another's environment": "import os; open(f'/proc/{os.getppid()}/environ').read()",
    "a database": "import sqlite3; sqlite3.connect('owned.db')",
    "an index that is not ours": "import sqlite3; sqlite3.connect('file:bait?mode=ro', uri=True)",
}


def confined(act: str, place: Path) -> subprocess.CompletedProcess[str]:
    """Do something in a process that has confined itself."""
    program = (
        "from moonloop.agents.bench.confinement import confine\n"
        f"kept = confine(2 << 30, lambda: None)\n{act}\n"
    )
    return subprocess.run(
        [sys.executable, "-c", program], cwd=place, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("act", _ACTS.values(), ids=_ACTS.keys())
def test_a_confined_process_cannot(act: str, tmp_path: Path) -> None:
    """No socket, no program, no change of a file, no reading of what is not ours to read."""
    (tmp_path / "bait").write_text("secret")
    (tmp_path / "link").symlink_to(tmp_path / "bait")
    run = confined(act, tmp_path)
    assert 1 == run.returncode
    assert "PermissionError" in run.stderr
    assert {"bait", "link"} == {path.name for path in tmp_path.iterdir()}


def test_memory_is_bounded(tmp_path: Path) -> None:
    """What asks for more memory than there is for it fails."""
    run = confined("bytearray(3 << 30)", tmp_path)
    assert "MemoryError" in run.stderr


_UNDERNEATH = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
address = bytes([2, 0, 0, 80, 127, 0, 0, 1]) + bytes(8)
made = libc.socket(2, 1, 0)
assert libc.connect(made, address, 16) != 0
assert kept != "kernel" or ctypes.get_errno() == 101, ctypes.get_errno()  # the network is unreachable
file = libc.open(b"owned", 0o101, 0o600)
assert file < 0 or libc.write(file, b"x", 1) != 1
print(kept)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="user namespaces are Linux's")
def test_the_kernel_holds_where_python_is_gone_round(tmp_path: Path) -> None:
    """C code finds no network where the kernel can keep it away, and can write no byte to a file."""
    ignoring = "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    run = confined(ignoring + _UNDERNEATH, tmp_path)
    assert 0 == run.returncode, run.stderr
    assert run.stdout.strip() in ("kernel", "python")
    assert not [path for path in tmp_path.iterdir() if path.stat().st_size]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems tell nobody")
async def test_no_secret_of_ours_is_in_the_environment_of_a_tool(
    monkeypatch: pytest.MonkeyPatch, processes: Processes
) -> None:
    """The environment of a tool's process is made anew: nothing of ours is inherited."""
    monkeypatch.setenv("MOONLOOP_TOKEN", "canary-1234")
    await processes(call("data_query", _COUNT))
    (first,) = ids_of(processes)
    environment = _environment_of(first)
    assert b"canary-1234" not in environment
    assert b"PATH" in environment


def _environment_of(process: int) -> bytes:
    return Path(f"/proc/{process}/environ").read_bytes()
