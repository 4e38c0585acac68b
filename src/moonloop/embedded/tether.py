"""Tie this process's life to its parent's, take a lock if asked, then become the program that is named.

Run by path with `python -I -S tether.py PARENT_PID LOCK_FILE PATIENCE PROGRAM ARGUMENT...`: an empty
LOCK_FILE means none, PATIENCE is how many seconds to wait for it.
Nothing but the standard library is imported, so that it costs some 20 ms. It is a program of its own because
`prctl` between fork and exec (`preexec_fn`) may deadlock in a process with threads, as a Temporal client is.
"""

import ctypes
import fcntl
import os
import signal
import sys
import time
from typing import NoReturn

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main(arguments: list[str]) -> NoReturn:
    """Become the program; exit with 127 if it cannot be run, 75 (EX_TEMPFAIL) if its lock is held."""
    parent, lock, patience, *command = arguments
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != int(parent):
        sys.exit(0)  # the parent died before the tie was made
    if lock and not _locked(lock, float(patience)):
        sys.exit(
            _failure(f"{lock} is held by another process: is Moonloop already running on this folder?", 75)
        )
    try:
        os.execvp(command[0], command)  # noqa: S606  no shell is the point
    except OSError as error:
        sys.exit(_failure(f"{command[0]} cannot be run: {error.strerror}", 127))


def _locked(path: str, patience: float) -> bool:
    # The descriptor is inherited by the program and never closed: the lock ends when the program does.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    os.set_inheritable(descriptor, True)
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        else:
            return True


def _failure(sentence: str, code: int) -> int:
    sys.stderr.write(sentence + "\n")
    return code


if __name__ == "__main__":
    main(sys.argv[1:])
