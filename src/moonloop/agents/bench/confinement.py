"""What a process of the tools takes from itself before it answers anything.

The kernel holds: memory is bounded, no file can grow, no core is left, the parent's end is its own, and
where it can (Linux with user namespaces) there is no network at all. Python holds besides, by an audit hook
that nothing can take off: no socket, no program, no change of a file, no reading outside the installation
and the index. C code that a hook does not see is why the kernel's part comes first.
"""

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from moonloop.tools.literature.indexing import uri_of

__all__ = ["confine"]

_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000
_PARENT_DEATH_SIGNAL, _NO_NEW_PRIVILEGES = 1, 38
_CHANGING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_FORBIDDEN = (
    "ftplib.",
    "http.client.",
    "imaplib.",
    "os.chmod",
    "os.chown",
    "os.exec",
    "os.fork",
    "os.kill",
    "os.link",
    "os.mkdir",
    "os.posix_spawn",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.spawn",
    "os.symlink",
    "os.system",
    "os.truncate",
    "os.utime",
    "poplib.",
    "pty.spawn",
    "shutil.",
    "signal.pthread_kill",
    "smtplib.",
    "socket.",
    "ssl.",
    "subprocess.",
    "syslog.",
    "tempfile.",
    "urllib.",
    "webbrowser.",
)
"""Beginnings of the names of audit events: https://docs.python.org/3/library/audit_events.html."""
_READABLE = (
    "/usr/",
    "/lib/",
    "/lib64/",
    "/dev/",
    "/etc/ld.so.cache",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/sys/devices/",
)
"""Besides the installation; not /proc, which has the environment of others."""


def confine(memory_bytes: int, library: Callable[[], str | None]) -> str:
    """Confine this process for good; return `kernel` or `python`, whichever keeps the network away.

    Args:
        memory_bytes: Of address space.
        library: Returns the path of the index that may be opened now.
    """
    for limit, most in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 128),
    ):
        resource.setrlimit(limit, (most, most))
    network = _leave_the_network()
    sys.addaudithook(_hook(library))
    return network


def _leave_the_network() -> str:
    if not sys.platform.startswith("linux"):
        return "python"
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    return "kernel" if libc.unshare(_NEW_USER | _NEW_NETWORK) == 0 else "python"


def _hook(library: Callable[[], str | None]) -> Callable[[str, tuple[Any, ...]], None]:
    roots = tuple({f"{Path(path).resolve()}/" for path in (sys.prefix, sys.base_prefix, _package())})

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event.startswith(_FORBIDDEN):
            raise PermissionError(f"a tool may not do this: {event}")
        if event == "open":
            _check_open(arguments, roots)
        elif event == "sqlite3.connect":
            _check_database(str(arguments[0]), library())

    return hook


def _check_open(arguments: tuple[Any, ...], roots: tuple[str, ...]) -> None:
    path, _, flags = arguments
    if isinstance(flags, int) and flags & _CHANGING:
        raise PermissionError("a tool may not change a file")
    if isinstance(path, (str, bytes, os.PathLike)):
        # A link may lead anywhere: it is where it leads to that counts.
        named = os.path.realpath(os.fsdecode(path))  # pyright: ignore[reportUnknownArgumentType] -- str or bytes
        if not named.startswith((*roots, *_READABLE)):
            raise PermissionError("a tool may not read that file")


def _check_database(named: str, library: str | None) -> None:
    if named == ":memory:":
        return
    if library is None or named != uri_of(Path(library)):
        raise PermissionError("a tool may not open that database")


def _package() -> str:
    return str(Path(__file__).resolve().parents[3])
