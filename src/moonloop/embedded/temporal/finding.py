"""Find the Temporal server that this machine is to use; fetch or build it where there is none."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from moonloop.domain.errors import SetupProblem
from moonloop.embedded.temporal.building import VERSION, Say, build_with_go
from moonloop.embedded.temporal.downloading import download_with_sdk

__all__ = ["Maker", "Search", "find_server", "server_version"]

Maker = Callable[[Path, Say], Path]
"""Puts a server into an empty folder and returns its path, or raises SetupProblem."""

_INSTALL = (
    "Or install Temporal's own command line (https://docs.temporal.io/cli) and put it on PATH, "
    "or set MOONLOOP_TEMPORAL to where it is."
)
_VERSION_LINE = re.compile(r"temporal version \S+ \(Server ([^,)\s]+)")
_ANSWERS_WITHIN_S = 60.0  # a cold disk and 200 MB


@dataclass(frozen=True, kw_only=True)
class Search:
    """Where to look for the server, in this order, and who makes one in the end.

    Attributes:
        chosen: a path that somebody insists on; empty for none.
        path: the folders of PATH.
        cache: the folder in which Moonloop keeps servers, one folder for each version.
        makers: tried in turn when nothing is found.
    """

    chosen: str
    path: str
    cache: Path
    makers: tuple[Maker, ...] = (download_with_sdk, build_with_go)

    @classmethod
    def by(cls, environment: Mapping[str, str]) -> "Search":
        """Return the search that environment variables ask for: MOONLOOP_TEMPORAL, PATH, XDG_CACHE_HOME."""
        caches = environment.get("XDG_CACHE_HOME") or str(
            Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache")
        )
        return cls(
            chosen=environment.get("MOONLOOP_TEMPORAL", ""),
            path=environment.get("PATH", os.defpath),
            cache=Path(caches) / "moonloop" / "temporal",
        )


def find_server(*, say: Say | None = None, search: Search | None = None) -> Path:
    """Return the path of a Temporal server that runs on this machine.

    It is the chosen one if there is a choice, or else the `temporal` on PATH, or the one in the cache, or is
    put there by the first maker that can. Several processes may ask at once: one makes it, the others wait.
    This blocks, for minutes at worst: call it from a thread (`asyncio.to_thread`) where an event loop runs.

    Raises:
        SetupProblem: there is none and none can be made, or the chosen one does not run.
    """
    tell = say or _silently
    where = search or Search.by(os.environ)
    if where.chosen:
        return _chosen(Path(where.chosen))
    return _on_path(where.path, tell) or _in_cache(where.cache) or _made(where, tell)


def server_version(program: Path) -> str | None:
    """Return the version of the Temporal server in a program; None if it is none or does not run."""
    try:
        answer = subprocess.run(  # noqa: S603  to ask it is the point
            [program, "--version"],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=_ANSWERS_WITHIN_S,
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return None
    found = _VERSION_LINE.match(answer.stdout)
    return found[1] if found else None


def _chosen(program: Path) -> Path:
    if server_version(program) is not None:
        return program.absolute()
    if not program.is_file():
        why = "there is no such file"
    elif not os.access(program, os.X_OK):
        why = "it may not be executed"
    else:
        why = "it is not a Temporal command line that runs on this machine"
    raise SetupProblem(
        problem=f"MOONLOOP_TEMPORAL names {program}, but {why}.",
        remedy="Set it to the `temporal` program, or unset it to have one found or built.",
    )


def _on_path(path: str, say: Say) -> Path | None:
    found = shutil.which("temporal", path=path)
    if found is None:
        return None
    if server_version(Path(found)) is None:
        say(f"Passing over {found}: it is not a Temporal server that runs on this machine.")
        return None
    return Path(found).absolute()


def _in_cache(cache: Path) -> Path | None:
    program = cache / VERSION / "temporal"
    return program if server_version(program) is not None else None


def _made(search: Search, say: Say) -> Path:
    shelf = search.cache / VERSION
    try:
        with _alone_at(shelf, say):
            return _in_cache(search.cache) or _put_on(shelf, search.makers, say)
    except OSError as error:
        raise SetupProblem(
            problem=f"The Temporal server cannot be put into {shelf}: {error.strerror or error}.",
            remedy=f"Make room there, or set XDG_CACHE_HOME to a folder that can be written. {_INSTALL}",
        ) from error


@contextmanager
def _alone_at(shelf: Path, say: Say) -> Generator[None]:
    shelf.mkdir(parents=True, exist_ok=True)
    with (shelf / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another process is preparing the Temporal server; waiting for it.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        for left_by_the_killed in shelf.glob("making-*"):
            shutil.rmtree(left_by_the_killed, ignore_errors=True)
        yield


def _put_on(shelf: Path, makers: tuple[Maker, ...], say: Say) -> Path:
    problems: list[SetupProblem] = []
    for make in makers:
        with tempfile.TemporaryDirectory(prefix="making-", dir=shelf) as folder:
            try:
                program = make(Path(folder), say)
            except SetupProblem as problem:
                say(problem.problem)
                problems.append(problem)
                continue
            program.chmod(0o755)
            if (version := server_version(program)) is None:
                problems.append(SetupProblem(problem=f"{make.__name__} made no server that runs.", remedy=""))
                continue
            _settle(program)
            place = program.replace(shelf / "temporal")
            say(f"The Temporal server {version} is ready in {place}.")
            return place
    raise SetupProblem(
        problem=" ".join(problem.problem for problem in problems),
        remedy=f"{problems[-1].remedy} {_INSTALL}",
    )


def _settle(program: Path) -> None:
    """Have the bytes on the disk before the name, so that a power cut leaves no half of a server under it."""
    with program.open("rb") as file:
        os.fsync(file.fileno())


def _silently(_sentence: str) -> None:
    pass
