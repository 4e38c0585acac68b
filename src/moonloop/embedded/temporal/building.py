"""Build the pinned Temporal server with Go: about four minutes on two cores, once."""

import os
import re
import shutil
import subprocess
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from moonloop.domain.errors import SetupProblem
from moonloop.embedded.lifeline import tethered

__all__ = ["ROOM_BYTES", "VERSION", "Say", "build_with_go", "module_folder"]

VERSION = "1.8.2"
"""The release of the Temporal command line that deploy/temporal-cli/go.mod pins."""

ROOM_BYTES = 4 * 10**9
"""What a first build needs on the disk that holds Go's caches, with some to spare."""

Say = Callable[[str], None]
"""Is told in a sentence what is going on."""

_PACKAGE = "github.com/temporalio/cli/cmd/temporal"
_LINKED = f"-s -w -X github.com/temporalio/cli/internal/temporalcli.Version={VERSION}"
_USUAL_GO = "/usr/local/go/bin"  # where go.dev's own instructions put it, often without PATH knowing


def build_with_go(folder: Path, say: Say, *, environment: Mapping[str, str] | None = None) -> Path:
    """Build the server in an empty folder and return the program's path.

    Raises:
        SetupProblem: no Go or one too old, modules out of reach, a full disk, or a build that fails.
    """
    module = module_folder()
    go = _Go.found(module, os.environ if environment is None else environment)
    say(f"Fetching the sources of the Temporal server {VERSION} (Go modules; only the first time).")
    packages = go.fetch(say)
    say(f"Building it with Go: {packages} packages, about four minutes on two cores, only once.")
    program = folder / "temporal"
    go.build(program, packages, say)
    return program


def module_folder() -> Path:
    """Return the folder of go.mod: package data when installed, deploy/temporal-cli in a checkout."""
    here = Path(__file__).resolve()
    for folder in (here.parents[1] / "temporal_cli", here.parents[4] / "deploy" / "temporal-cli"):
        if (folder / "go.mod").is_file():
            return folder
    raise SetupProblem(
        problem="This installation of Moonloop lacks the recipe for building the Temporal server.",
        remedy="Install Moonloop again.",
    )


@dataclass(frozen=True)
class _Go:
    """The Go toolchain, applied to the module that pins the server."""

    program: str
    module: Path
    environment: Mapping[str, str]

    @classmethod
    def found(cls, module: Path, environment: Mapping[str, str]) -> "_Go":
        path = os.pathsep.join((environment.get("PATH", os.defpath), _USUAL_GO))
        program = shutil.which("go", path=path)
        if program is None:
            raise SetupProblem(
                problem="There is no Go on this machine to build the Temporal server with.",
                remedy=f"Install Go {_needed(module)} or newer (https://go.dev/dl/).",
            )
        # No C compiler is needed, and no workspace around the checkout has a say.
        return cls(program, module, {**environment, "CGO_ENABLED": "0", "GOWORK": "off"})

    def fetch(self, say: Say) -> int:
        """Fetch the modules and return the number of packages to compile."""
        packages = modules = 0
        with self._running("list", "-deps", "-mod=readonly", _PACKAGE) as lines:
            for line in lines:
                if line.startswith("go: downloading "):
                    modules += 1
                    if modules % 25 == 0:
                        say(f"{modules} modules fetched.")
                elif not line.startswith("go: "):
                    packages += 1
        return packages

    def build(self, program: Path, packages: int, say: Say) -> None:
        """Compile and link the program, telling of each tenth."""
        options = ("-v", "-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags", _LINKED)
        tenth = max(1, packages // 10)
        with self._running("build", *options, "-o", str(program), _PACKAGE) as lines:
            for count, _ in enumerate(lines, start=1):
                if count % tenth == 0:
                    say(f"{count} of {packages} packages compiled.")

    @contextmanager
    def _running(self, *arguments: str) -> Generator[Iterator[str]]:
        last: deque[str] = deque(maxlen=50)
        process = subprocess.Popen(  # noqa: S603  Go, as found on PATH
            tethered(self.program, *arguments),
            cwd=self.module,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        with process:
            assert process.stdout is not None
            try:
                yield _remembered(process.stdout, last)
                process.wait()
            finally:
                process.kill()
        if process.returncode != 0:
            raise _explained("\n".join(last), self)

    def version(self) -> str:
        """Return what this Go calls itself, such as `go1.26.4`."""
        answer = subprocess.run(  # noqa: S603  Go, as found on PATH
            [self.program, "env", "GOVERSION"],
            cwd="/",  # outside the module, whose demand would have another Go fetched
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return answer.stdout.strip() or "this Go"


def _remembered(lines: Iterator[str], last: "deque[str]") -> Iterator[str]:
    for line in lines:
        last.append(line.rstrip())
        yield line


def _needed(module: Path) -> str:
    """Return the Go version that the module demands."""
    found = re.search(r"^go (\S+)$", (module / "go.mod").read_text(), re.MULTILINE)
    assert found is not None
    return found[1]


_FULL = re.compile(r"no space left on device|disk quota exceeded")
_OLD = re.compile(r"requires go >=|invalid go version|toolchain not available|unsupported go version")
_TAMPERED = re.compile(r"SECURITY ERROR|checksum mismatch")
_UNREACHABLE = re.compile(
    r"dial tcp|dial udp|no such host|connection (?:refused|reset)|i/o timeout|TLS handshake|proxyconnect"
    r"|certificate|unexpected EOF|(?:40[1347]|429|50[0234]) [A-Z]|disabled by GOPROXY"
)


def _explained(output: str, go: _Go) -> SetupProblem:
    """Return the sentence for what Go said when it failed."""
    if _FULL.search(output):
        problem = "The disk is full: the Temporal server could not be built."
        remedy = (
            f"Free about {ROOM_BYTES / 1e9:g} GB where Go keeps its caches (`go env GOMODCACHE GOCACHE`)."
        )
    elif _TAMPERED.search(output):
        problem = "A Go module is not what its checksum says: the Temporal server was not built."
        remedy = "Find out what answers for the Go module proxy (`go env GOPROXY`) before going on."
    elif _UNREACHABLE.search(output):
        problem = f"The Go module proxy does not give what is needed: {_last_line(output)}."
        remedy = "Check the network, or set GOPROXY to a proxy that this machine can reach."
    elif _OLD.search(output):
        problem = f"{go.version()} is too old to build the Temporal server."
        remedy = f"Install Go {_needed(go.module)} or newer (https://go.dev/dl/)."
    else:
        problem = f"Go could not build the Temporal server: {_last_line(output)}."
        remedy = f"Run `go build -o /dev/null {_PACKAGE}` in {go.module} to see the whole of it."
    return SetupProblem(problem=problem, remedy=remedy)


def _last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1].rstrip(".") if lines else "it said nothing"
