"""Bringing the documents of a campaign to the server, those that it has not."""

from collections.abc import Mapping
from pathlib import Path

from moonloop.client.http import Connection
from moonloop.domain.errors import InvalidInput, NotFound
from moonloop.domain.messages import ArtifactStored

__all__ = ["bring"]


def bring(server: Connection, documents: Mapping[str, Path]) -> list[Path]:
    """Upload the files, given by the SHA-256 of their bytes; return those that were not there.

    A file that was changed since it was hashed is refused by the server with `ArtifactMismatch`.
    """
    return [source for sha256, source in documents.items() if _bring(server, sha256, source)]


def _bring(server: Connection, sha256: str, source: Path) -> bool:
    where = f"/v1/documents/{sha256}"
    try:
        server.get(where, ArtifactStored)
    except NotFound:
        server.put(where, _read(source), {"Content-Type": "application/octet-stream"}, ArtifactStored)
        return True
    return False


def _read(source: Path) -> bytes:
    try:
        return source.read_bytes()
    except OSError as error:
        raise InvalidInput(where=str(source), why=error.strerror or str(error)) from error
