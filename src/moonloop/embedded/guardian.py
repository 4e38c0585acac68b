"""Kill whole process groups when the supervisor is gone, however it went.

Run by path with `python -I -S guardian.py`, in a session of its own so that a terminal's Ctrl-C passes it by.
It reads lines from the supervisor on standard input, `+PGID` to guard a group and `-PGID` to forget it; the
end of input is the end of the supervisor. It reaches what the tether cannot: the processes that a child
started itself, and systems without `prctl`.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Iterable


def main(lines: Iterable[str]) -> None:
    """Follow the supervisor's lines to their end, then kill every group that is still guarded."""
    guarded: set[int] = set()
    for line in lines:
        group = int(line[1:])
        (guarded.add if line[0] == "+" else guarded.discard)(group)
    for group in guarded:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main(iter(sys.stdin.readline, ""))
