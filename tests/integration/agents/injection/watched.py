"""A program that uses the tools on every attack, and tells what its own process was made to do."""

import asyncio
import json
import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from moonloop.agents.bench.workbench import InlineBench
from moonloop.domain.agents import Role, ToolRequest
from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.errors import MoonloopError
from moonloop.tools import answering
from moonloop.tools.asking import TOOLS, Snapshot
from moonloop.tools.literature import build_index, index_key
from support.attacks import Attack, Planted, load, looking, planted

_CHANGING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_ACTS = (
    "ctypes.dlopen", "os.exec", "os.fork", "os.link", "os.mkdir", "os.posix_spawn", "os.remove", "os.rename",
    "os.rmdir", "os.symlink", "os.system", "os.truncate", "pty.spawn", "socket.bind", "socket.connect",
    "socket.getaddrinfo", "socket.sendto", "subprocess.Popen", "urllib.Request", "webbrowser.open",
)  # fmt: skip


class Watch:
    """Notes what the process does while it is on."""

    def __init__(self) -> None:
        self.on = False
        self.acts: list[str] = []
        sys.addaudithook(self._note)

    def _note(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.on:
            return
        if event in _ACTS:
            self.acts.append(event)
        elif event == "open" and isinstance(arguments[2], int) and arguments[2] & _CHANGING:
            self.acts.append(f"open for writing: {arguments[0]}")
        elif event == "sqlite3.connect" and not _only_read(str(arguments[0])):
            self.acts.append(f"database: {arguments[0]}")


def _only_read(database: str) -> bool:
    return database == ":memory:" or (database.startswith("file:") and "mode=ro" in database)


class Built:
    """The index of an attack's documents, built before anybody watches."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    async def index_of(self, spec: CampaignSpec) -> Path | None:  # noqa: ARG002 -- there is one
        """Return its path."""
        return self._path


def built(where: Planted, folder: Path) -> Built:
    """Build the index of an attack's documents."""
    documents = [(one, where.documents[one.sha256]) for one in where.spec.documents]
    if not documents:
        return Built(None)
    return Built(build_index(documents, folder / f"{index_key(where.spec.documents)}.sqlite"))


async def _attacked(attack: Attack, folder: Path, watch: Watch) -> dict[str, Any]:
    try:
        where = planted(attack)
    except ValueError:
        return {"id": attack.id, "refused": True, "answers": [], "acts": []}
    bench = InlineBench(built(where, folder))
    requests = (*looking(), *attack.calls)
    await warmed(bench, where)
    watch.acts, watch.on = [], True
    answers = [
        [request.name, await bench.use(request, where.context(role))] for role in Role for request in requests
    ]
    watch.on = False
    return {"id": attack.id, "refused": False, "answers": answers, "acts": watch.acts}


async def warmed(bench: InlineBench, where: Planted) -> None:
    """Let the libraries load: what they do then is theirs."""
    for name, tool in TOOLS.items():
        try:
            answering.answer(name, "{}", Snapshot())
        except MoonloopError:
            assert tool.name == name
    await bench.use(ToolRequest(id="warm", name="designer_best", arguments="{}"), where.context(Role.ADVISOR))
    await bench.use(
        ToolRequest(id="warm", name="chemistry_describe", arguments='{"smiles":["CCO"]}'),
        where.context(Role.ADVISOR),
    )


def prove(watch: Watch, path: Path) -> None:
    """Write a file under the watch's eyes: one that sees nothing would prove nothing."""
    watch.on = True
    path.write_text("seen")
    watch.on = False
    assert watch.acts, "the watch is blind"


def try_all(trying: Callable[[Attack, Path, Watch], Coroutine[Any, Any, dict[str, Any]]]) -> None:
    """Try every attack that ends by itself, with its indexes in the folder that is named; tell of each."""
    watch = Watch()
    folder = Path(sys.argv[1])
    prove(watch, folder / "proof")
    for attack in load():
        if not attack.needs_bounds:
            sys.stdout.write(json.dumps(asyncio.run(trying(attack, folder, watch))) + "\n")


if __name__ == "__main__":
    try_all(_attacked)
