"""Exports: a zip of the canonical records, the artifacts, and a manifest with every hash."""

import asyncio
import io
import json
import lzma
import math
import re
import zipfile
import zlib
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from moonloop import __version__
from moonloop.domain.canonical import canonical_json, digest
from moonloop.domain.errors import ExportInvalid, NotFound, TooLarge
from moonloop.service.units import LARGEST, convert
from moonloop.store import Ledger, exports
from moonloop.store.artifacts import ArtifactFiles

__all__ = ["ExportService"]

_FORMAT = 1
_MANIFEST = "manifest.json"
_NAME = re.compile(r"records/[a-z_]+\.jsonl|artifacts/[0-9a-f]{64}")
_UNREADABLE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, RuntimeError, KeyError, ValueError,
    TypeError, AttributeError,
)  # fmt: skip
"""What the reader of zip files and a manifest of another shape may raise; RuntimeError: it is encrypted."""
_ROUNDING = 1e-9
"""Relative: the same conversion by another machine."""


class ExportService:
    """Out of this ledger, and into another."""

    def __init__(self, ledger: Ledger, files: ArtifactFiles, limit: int) -> None:
        self._ledger = ledger
        self._files = files
        self._limit = limit

    async def export(self, campaign: str) -> bytes:
        """Return the zip of a campaign."""
        records = await self._ledger.read(exports.dump, campaign)
        if not records["campaigns"]:
            raise NotFound(kind="campaign", id=campaign)
        return await asyncio.to_thread(self._zip, campaign, records)

    def _zip(self, campaign: str, records: Mapping[str, list[dict[str, Any]]]) -> bytes:
        files = {
            f"records/{name}.jsonl": b"".join(canonical_json(row) + b"\n" for row in rows)
            for name, rows in records.items()
        }
        for row in records["artifacts"]:
            files[f"artifacts/{row['sha256']}"] = self._files.read(row["sha256"])
        manifest = {
            "moonloop_export": _FORMAT,
            "version": __version__,
            "campaign": campaign,
            "files": {
                name: {"sha256": digest(body), "size": len(body)} for name, body in sorted(files.items())
            },
        }
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, body in [(_MANIFEST, canonical_json(manifest)), *sorted(files.items())]:
                # A fixed time: the same campaign gives the same bytes.
                archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), body, zipfile.ZIP_DEFLATED)
        return out.getvalue()

    def check_size(self, size: int) -> None:
        """Raise `TooLarge` for an upload beyond the limit."""
        if size > self._limit:
            raise TooLarge(what="the export", limit=self._limit)

    async def take_in(self, by: str, body: bytes) -> str:
        """Check every hash, then take the campaign in; return its id."""
        files = await asyncio.to_thread(self._unzip, body)
        records = {
            name.removeprefix("records/").removesuffix(".jsonl"): _rows(name, content)
            for name, content in files.items()
            if name.startswith("records/")
        }
        _check_bodies(records)
        _check_artifacts(records, files)
        try:
            _check_conversions(records)
            # First without its files: what is refused must leave none behind, and none may be removed again,
            # since a robot may have delivered the same bytes meanwhile.
            await self._rehearse(by, records)
            for name, content in files.items():
                if name.startswith("artifacts/"):
                    await asyncio.to_thread(self._files.put, "imported", content)
            return await self._ledger.write(exports.load, by, records)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            why = f"its records are malformed: {type(error).__name__}"
            raise ExportInvalid(why=why) from error

    async def _rehearse(self, by: str, records: exports.Records) -> None:
        with suppress(exports.Rehearsed):
            await self._ledger.write(exports.rehearse, by, records)

    def _unzip(self, body: bytes) -> dict[str, bytes]:
        try:
            archive = zipfile.ZipFile(io.BytesIO(body))
            return self._checked(archive)
        except _UNREADABLE as error:
            raise ExportInvalid(why=f"it is not an export of Moonloop: {error}") from error

    def _checked(self, archive: zipfile.ZipFile) -> dict[str, bytes]:
        self.check_size(sum(member.file_size for member in archive.infolist()))
        manifest = json.loads(archive.read(_MANIFEST))
        if manifest["moonloop_export"] != _FORMAT:
            raise ExportInvalid(why=f"its format is {manifest['moonloop_export']}, not {_FORMAT}")
        listed = dict(manifest["files"])
        present = set(archive.namelist()) - {_MANIFEST}
        if strange := sorted(name for name in present if not _NAME.fullmatch(name)):
            raise ExportInvalid(why=f"{strange[0]} is neither a record nor an artifact")
        if present != set(listed):
            odd = min(present ^ set(listed))
            raise ExportInvalid(why=f"{odd} is in the manifest or in the archive, but not in both")
        files: dict[str, bytes] = {}
        for name, entry in listed.items():
            content = archive.read(name)
            if digest(content) != entry["sha256"]:
                raise ExportInvalid(why=f"{name} does not hash to what the manifest says")
            if name.startswith("artifacts/") and name != f"artifacts/{entry['sha256']}":
                raise ExportInvalid(why=f"{name} is not named by its hash")
            files[name] = content
        return files


def _check_bodies(records: Mapping[str, list[dict[str, Any]]]) -> None:
    """Check every body against the hash that stands beside it."""
    for table, (column, stated) in exports.HASHED.items():
        for row in records.get(table, []):
            if row.get(column) is not None and digest(
                str(row[column]).encode(errors="surrogatepass")
            ) != row.get(stated):
                raise ExportInvalid(why=f"a {column} in its {table} does not hash to what stands beside it")


def _check_artifacts(records: Mapping[str, list[dict[str, Any]]], files: Mapping[str, bytes]) -> None:
    for row in records.get("artifacts", []):
        content = files.get(f"artifacts/{row.get('sha256')}")
        if content is not None and row.get("size") != len(content):
            raise ExportInvalid(why=f"the artifact {row['sha256']} has another size than its record")
    recorded = {f"artifacts/{row.get('sha256')}" for row in records.get("artifacts", [])}
    brought = {name for name in files if name.startswith("artifacts/")}
    if recorded != brought:
        odd = min(recorded ^ brought)
        raise ExportInvalid(why=f"{odd} is in the records or in the archive, but not in both")


def _check_conversions(records: Mapping[str, list[dict[str, Any]]]) -> None:
    """Check that what counts is what was reported, in the unit that was asked for."""
    for row in records.get("measurements", []):
        given, wanted = row["reported_unit"], row["unit"]
        told = convert(row["reported_value"], given, wanted)
        if not math.isclose(told, row["value"], rel_tol=_ROUNDING) or abs(told) > LARGEST:
            raise ExportInvalid(why=f"{row['value']:g} {wanted} of {row['name']} is not what was reported")


def _rows(name: str, content: bytes) -> list[dict[str, Any]]:
    try:
        rows = [json.loads(line) for line in content.splitlines()]
    except (ValueError, RecursionError) as error:
        raise ExportInvalid(why=f"{name} is not JSON lines: {error}") from error
    if not all(isinstance(row, dict) for row in rows):
        raise ExportInvalid(why=f"{name} has a line that is no record")
    return rows
