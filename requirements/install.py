"""Bring .venv to what a lock file says: `python3.11 requirements/install.py setup|run|dev` in the checkout.

Needs nothing but Python 3.11 or newer. What is up to date is left alone, and a set-up that was interrupted is
begun anew. Two at once take turns.
"""
# ruff: noqa: INP001, T201, S603  a program of its own, which tells people what it does and runs our interpreter

import fcntl
import hashlib
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

_VENV = Path(".venv")
_PYTHON = _VENV / "bin" / "python"
_UNFINISHED = _VENV / "unfinished"
_SOUND = "import pip, sys; sys.exit(sys.version_info < (3, 11))"


def main(what: str) -> int:
    """Install and return 0, or say what failed and return its exit code."""
    try:
        with _alone():
            if not _up_to_date(what):
                _install(what)
    except subprocess.CalledProcessError as error:
        failed = " ".join(map(str, error.cmd))
        print(f"Setting up failed: {failed}. Mend what is said above, then run make again.", file=sys.stderr)
        return error.returncode
    except KeyboardInterrupt:
        return 130
    return 0


@contextmanager
def _alone() -> Generator[None]:
    # The lock is on the checkout's folder; an installer that outlives this process keeps it to its end.
    folder = os.open(".", os.O_RDONLY)
    os.set_inheritable(folder, True)
    fcntl.flock(folder, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(folder)


def _up_to_date(what: str) -> bool:
    stamp = _stamp(what)
    return (
        _PYTHON.exists() and not _UNFINISHED.exists() and stamp.exists() and stamp.read_text() == _state(what)
    )


def _stamp(what: str) -> Path:
    return _VENV / f"{what}.installed"


def _state(what: str) -> str:
    """Return a digest of all that the installation depends on: the folder too, which it refers to."""
    digest = hashlib.sha256(str(Path.cwd()).encode())
    for file in ("requirements/setup.lock", f"requirements/{what}.lock", "pyproject.toml"):
        digest.update(Path(file).read_bytes())
    return digest.hexdigest()


def _install(what: str) -> None:
    if _UNFINISHED.exists() or not _sound():
        _make_venv()
    _UNFINISHED.touch()
    print("Installing the installers (requirements/setup.lock).", flush=True)
    _run("pip", "install", "--quiet", "--require-hashes", "--requirement", "requirements/setup.lock")
    if what != "setup":
        print(f"Installing what Moonloop needs (requirements/{what}.lock).", flush=True)
        uv = ("uv", "pip", "install", "--quiet", "--python", str(_PYTHON))
        _run(*uv, "--require-hashes", "--requirement", f"requirements/{what}.lock")
        _run(*uv, "--no-deps", "--no-build-isolation", "--editable", ".")
    _stamp(what).write_text(_state(what))
    _UNFINISHED.unlink()


def _sound() -> bool:
    if not _PYTHON.exists():
        return False
    return subprocess.run([_PYTHON, "-c", _SOUND], check=False, capture_output=True).returncode == 0


def _make_venv() -> None:
    print(f"Making .venv with Python {sys.version.split()[0]}.", flush=True)
    try:
        subprocess.run([sys.executable, "-m", "venv", "--clear", _VENV], check=True, close_fds=False)
    except subprocess.CalledProcessError:
        print(
            "This Python makes no virtual environments. On Debian: apt install python3-venv", file=sys.stderr
        )
        raise


def _run(*arguments: str) -> None:
    subprocess.run([_PYTHON, "-m", *arguments], check=True, close_fds=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
