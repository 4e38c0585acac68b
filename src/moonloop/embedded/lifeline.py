"""What keeps a child process from outliving the process that started it."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

__all__ = ["Guardian", "tethered"]

_TETHER = Path(__file__).with_name("tether.py")
_GUARDIAN = Path(__file__).with_name("guardian.py")


def tethered(*command: str, lock: Path | None = None, patience: float = 0.0) -> tuple[str, ...]:
    """Return the command line that runs a command so that it dies with this process.

    On Linux the kernel sees to it (PR_SET_PDEATHSIG: the signal is SIGKILL, and comes when the *thread* that
    started the command ends). Elsewhere the tether only holds the lock, and a Guardian has to do.
    """
    return (
        sys.executable,
        "-I",
        "-S",
        str(_TETHER),
        str(os.getpid()),
        str(lock or ""),
        str(patience),
        *command,
    )


class Guardian:
    """A small process that kills the guarded process groups when this one has gone, even by SIGKILL."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603  our own file, run by our own interpreter
            [sys.executable, "-I", "-S", str(_GUARDIAN)],
            stdin=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
        )

    def guard(self, group: int) -> None:
        """Kill this process group when the supervisor ends."""
        self._tell(f"+{group}\n")

    def forget(self, group: int) -> None:
        """Leave this process group alone: it has ended, and its number may be given away again."""
        self._tell(f"-{group}\n")

    def close(self) -> None:
        """End the guardian, and with it every group that is still guarded."""
        with contextlib.suppress(BrokenPipeError):
            self._process.communicate()

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # killed by someone: the tethers still hold
            self._process.stdin.write(line.encode())
