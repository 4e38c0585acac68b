"""Artifacts: bytes by their SHA-256, on disk first and whole, then known to the ledger."""

import hashlib
import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from moonloop.domain.errors import ArtifactMismatch, NotFound, StorageFull, TooLarge
from moonloop.domain.results import ArtifactRef
from moonloop.store.tables import artifacts, attempt_artifacts, attempts
from moonloop.store.transaction import Tx

__all__ = ["ArtifactFiles", "Incoming", "attach", "keep"]

_NO_SPACE = frozenset({27, 28, 122})
"""EFBIG, ENOSPC and EDQUOT."""


@contextmanager
def _space() -> Generator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _NO_SPACE:
            raise StorageFull(what="the artifacts") from error
        raise


class Incoming:
    """Bytes on their way in: written beside the store, moved into it when they are what was declared."""

    def __init__(self, folder: Path, ref: ArtifactRef) -> None:
        self._ref = ref
        self._folder = folder
        self._size = 0
        self._hash = hashlib.sha256()
        with _space():
            handle, name = tempfile.mkstemp(dir=folder / "incoming")
        self._path = Path(name)
        self._file = os.fdopen(handle, "wb")

    def write(self, chunk: bytes) -> None:
        """Take the next bytes; raise `ArtifactMismatch` when there are more than were declared."""
        self._size += len(chunk)
        if self._size > self._ref.size:
            self._mismatch(f"more than {self._ref.size} bytes", f"{self._ref.size} bytes")
        self._hash.update(chunk)
        with _space():
            self._file.write(chunk)

    def keep(self) -> None:
        """Make the bytes durable under their hash; raise `ArtifactMismatch` when they are not as declared."""
        if self._size != self._ref.size:
            self._mismatch(f"{self._size} bytes", f"{self._ref.size} bytes")
        if self._hash.hexdigest() != self._ref.sha256:
            self._mismatch(self._hash.hexdigest(), self._ref.sha256)
        with _space():
            self._file.flush()
            os.fsync(self._file.fileno())
            target = self._folder / self._ref.sha256[:2] / self._ref.sha256
            target.parent.mkdir(exist_ok=True)
            self._path.replace(target)
            _sync_folder(target.parent)  # the name must survive a power cut as the bytes do

    def _mismatch(self, received: str, declared: str) -> None:
        raise ArtifactMismatch(name=self._ref.name, received=received, declared=declared)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):  # what could not be flushed is thrown away with the file
            self._file.close()
        self._path.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class ArtifactFiles:
    """A folder of files named by their hash; a file is there whole or not at all."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder = folder
        self._limit = limit
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        (folder / "incoming").mkdir(parents=True, exist_ok=True)

    def path(self, sha256: str) -> Path:
        """Return where the bytes of this hash are or would be."""
        return self._folder / sha256[:2] / sha256

    def has(self, sha256: str) -> bool:
        """Say whether the bytes are here."""
        return self.path(sha256).exists()

    def read(self, sha256: str, at_most: int | None = None) -> bytes:
        """Return the bytes of a hash; raise `TooLarge`, before any is read, for more than `at_most`."""
        try:
            if at_most is not None and self.path(sha256).stat().st_size > at_most:
                raise TooLarge(what=f"artifact {sha256}", limit=at_most)
            return self.path(sha256).read_bytes()
        except FileNotFoundError as error:
            raise NotFound(kind="artifact", id=sha256) from error

    def receive(self, ref: ArtifactRef) -> Incoming:
        """Begin to take bytes in; raise `TooLarge` when more are declared than are allowed."""
        if ref.size > self._limit:
            raise TooLarge(what=f"artifact {ref.name}", limit=self._limit)
        return Incoming(self._folder, ref)

    def put(self, name: str, body: bytes) -> ArtifactRef:
        """Keep bytes that are at hand."""
        ref = ArtifactRef(name=name, sha256=hashlib.sha256(body).hexdigest(), size=len(body))
        if not self.has(ref.sha256):
            with Incoming(self._folder, ref) as incoming:
                incoming.write(body)
                incoming.keep()
        return ref

    def sweep(self) -> None:
        """Remove what was cut short by a crash."""
        for left in (self._folder / "incoming").iterdir():
            left.unlink(missing_ok=True)


def keep(tx: Tx, ref: ArtifactRef) -> None:
    """Record that these bytes are on disk."""
    construct = sqlite_insert if tx.connection.dialect.name == "sqlite" else postgres_insert
    tx.run(
        construct(artifacts)
        .values(sha256=ref.sha256, size=ref.size, stored_at=tx.now())
        .on_conflict_do_nothing()
    )


def attach(tx: Tx, robot: str, attempt: str, ref: ArtifactRef) -> None:
    """Record that an attempt made these bytes; they are on disk already. The same name may be given once."""
    row = tx.one(select(attempts.c.robot_id, attempts.c.campaign_id).where(attempts.c.id == attempt))
    if row is None or row.robot_id != robot:
        raise NotFound(kind="attempt", id=attempt)
    keep(tx, ref)
    known = tx.one(
        select(attempt_artifacts).where(
            attempt_artifacts.c.attempt_id == attempt, attempt_artifacts.c.name == ref.name
        )
    )
    if known is not None:
        if known.sha256 != ref.sha256:
            raise ArtifactMismatch(name=ref.name, received=ref.sha256, declared=known.sha256)
        return
    tx.add(
        attempt_artifacts,
        attempt_id=attempt,
        name=ref.name,
        sha256=ref.sha256,
        media_type=ref.media_type,
    )
