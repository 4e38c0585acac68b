"""Reading a campaign file: YAML 1.2 or JSON, with errors that name the file, the line and the field."""

import csv
import hashlib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.errors import CampaignFileInvalid

__all__ = ["CampaignFile", "file_schema", "open_campaign_file", "read_campaign_file"]

_Path = tuple[str | int, ...]
_LARGEST = 8 * 1024 * 1024
_MOST = 1_000_000
"""Values in a file, aliases written out."""
_LARGEST_DOCUMENT = 256 * 1024 * 1024
_MEDIA_TYPES = {
    ".pdf": "application/pdf",
    ".txt": "text/plain",
    ".md": "text/markdown",
    ".bib": "application/x-bibtex",
}
_NAMED = re.compile(r"([a-z_]+(?:\.[a-z_]+|\[\d+\])*): ")
_STEP = re.compile(r"([a-z_]+)|\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class CampaignFile:
    """What a campaign file says, and where the documents are that it brings."""

    spec: CampaignSpec
    documents: Mapping[str, Path]
    """Files by the SHA-256 of their bytes, for the documents that are given by a path."""


def read_campaign_file(path: Path) -> CampaignSpec:
    """Return the campaign of a file; raise `CampaignFileInvalid` with one line per problem."""
    return open_campaign_file(path).spec


def open_campaign_file(path: Path) -> CampaignFile:
    """Return the campaign of a file with its documents' files; raise as `read_campaign_file` does."""
    tree = _parse(path)
    plain = _unfold(path, tree)
    if not isinstance(plain, dict):
        raise _invalid([f"{path}:1: a campaign file is a mapping of fields"])
    _bring_table(path, cast("dict[str, Any]", plain))
    documents = _bring_documents(path, tree, cast("dict[str, Any]", plain))
    try:
        spec = CampaignSpec.model_validate(plain)
    except ValidationError as error:
        raise _invalid([_told(path, tree, problem) for problem in error.errors()]) from error
    borrowed = [
        _told(path, tree, {"loc": ("claims", place, "proposer"), "msg": why})
        for place, why in spec.borrowed_names().items()
    ]
    if borrowed:
        raise _invalid(borrowed)
    return CampaignFile(spec, documents)


def file_schema() -> dict[str, Any]:
    """Return the JSON Schema of campaign files: other than a campaign's own, it may name files beside it.

    A table's rows may stand in a CSV file, and a document may be given by its path.
    """
    schema = CampaignSpec.model_json_schema()
    document = schema["$defs"]["Document"]
    about = "The document's file, beside this one or anywhere, in place of `sha256` and `media_type`."
    document["properties"]["path"] = {"type": "string", "title": "Path", "description": about}
    document["required"] = ["name"]
    document["anyOf"] = [{"required": ["sha256", "media_type"]}, {"required": ["path"]}]
    table = schema["$defs"]["CandidateTable"]
    about = "A CSV file beside this one with a column for each factor, in place of `rows`."
    table["properties"]["csv"] = {"type": "string", "title": "Csv", "description": about}
    table["required"].remove("rows")
    table["oneOf"] = [{"required": ["rows"]}, {"required": ["csv"]}]
    return schema


def _invalid(problems: Sequence[str]) -> CampaignFileInvalid:
    return CampaignFileInvalid(problems="\n  ".join(["", *dict.fromkeys(problems)]))


def _parse(path: Path) -> Any:
    try:
        if path.stat().st_size > _LARGEST:
            raise _invalid([f"{path}: it is larger than {_LARGEST} bytes"])
        text = path.read_text(encoding="utf-8")
        return YAML(typ="rt", pure=True).load(text)  # pyright: ignore[reportUnknownMemberType] -- untyped
    except FileNotFoundError as error:
        raise _invalid([f"{path}: there is no such file"]) from error
    except (OSError, UnicodeDecodeError) as error:
        raise _invalid([f"{path}: it cannot be read: {_why(error)}"]) from error
    except MarkedYAMLError as error:
        marked = cast("Any", error)
        line = marked.problem_mark.line + 1 if marked.problem_mark else 1
        raise _invalid([f"{path}:{line}: {marked.problem}"]) from error
    except (YAMLError, RecursionError, ValueError) as error:
        raise _invalid([f"{path}: {error}"]) from error


def _unfold(path: Path, tree: Any) -> Any:
    """Return the parser's annotated values as Python's own, aliases written out, within reason."""
    try:
        return _plain(tree, count(1))
    except (OverflowError, RecursionError) as error:
        raise _invalid([f"{path}: its aliases unfold to too much"]) from error


def _plain(value: Any, seen: Iterator[int]) -> Any:
    if next(seen) > _MOST:
        raise OverflowError
    if isinstance(value, Mapping):
        given = cast("Mapping[Any, Any]", value)
        return {str(key): _plain(item, seen) for key, item in given.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, seen) for item in cast("Sequence[Any]", value)]
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value if value is None else str(value)


def _bring_table(path: Path, plain: dict[str, Any]) -> None:
    """Replace the `csv` of a table by the rows of that file, one column for each factor."""
    space = plain.get("space")
    if not isinstance(space, dict):
        return
    table = cast("dict[str, Any]", space)
    if table.get("kind") != "table" or "csv" not in table:
        return
    source = path.parent / str(table.pop("csv"))
    given = cast("list[Any]", table.get("factors") or [])
    factors = [cast("dict[str, Any]", factor) for factor in given if isinstance(factor, dict)]
    names = [str(factor.get("name")) for factor in factors]
    numeric = {str(factor.get("name")) for factor in factors if factor.get("kind") != "categorical"}
    rows = _rows(source, names)
    settings = [
        tuple(_level(text, name in numeric) for name, text in zip(names, row, strict=True)) for row in rows
    ]
    table["rows"] = [list(row) for row in dict.fromkeys(settings)]


def _rows(source: Path, names: Sequence[str]) -> list[list[str]]:
    """Return the cells of some columns, row by row."""
    rows: list[list[str]] = []
    try:
        if source.stat().st_size > _LARGEST:
            raise _invalid([f"{source}: it is larger than {_LARGEST} bytes"])
        with source.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = [name for name in names if name not in (reader.fieldnames or ())]
            if missing:
                raise _invalid([f"{source}:1: it has no column {', '.join(missing)}"])
            for row in reader:
                short = [name for name in names if row[name] is None]
                if short:
                    raise _invalid([f"{source}:{reader.line_num}: {short[0]}: the cell is missing"])
                rows.append([row[name] for name in names])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _invalid([f"{source}: it cannot be read: {_why(error)}"]) from error
    return rows


def _bring_documents(path: Path, tree: Any, plain: dict[str, Any]) -> dict[str, Path]:
    """Replace the `path` of each document by what the file is, and return the files by their hash."""
    found: dict[str, Path] = {}
    problems: list[str] = []
    listed = plain.get("documents")
    for place, given in enumerate(cast("list[Any]", listed) if isinstance(listed, list) else []):
        if not isinstance(given, dict) or "path" not in given:
            continue
        document = cast("dict[str, Any]", given)
        try:
            source = path.parent / str(document.pop("path"))
            sha256 = _identify(source, document)
        except ValueError as error:
            line, field = _walk(tree, ("documents", place, "path"))
            problems.append(f"{path}:{line}: {field}: {error}")
        else:
            found[sha256] = source
    if problems:
        raise _invalid(problems)
    return found


def _identify(source: Path, document: dict[str, Any]) -> str:
    """Add hash and media type to a document; raise `ValueError` saying why its file will not do."""
    known = ", ".join(_MEDIA_TYPES)
    if document.setdefault("media_type", _MEDIA_TYPES.get(source.suffix.lower())) is None:
        raise ValueError(f"{source.name} is none of {known}; rename it, or give its media_type")
    sha256 = _hash(source)
    if document.setdefault("sha256", sha256) != sha256:
        raise ValueError(f"{source} is another file than the sha256 beside it says; its own is {sha256}")
    return sha256


def _hash(source: Path) -> str:
    try:
        if not source.is_file():  # a pipe or a device would be read for ever
            raise ValueError(
                f"{source} is a folder or no file" if source.exists() else f"there is no {source}"
            )
        if source.stat().st_size > _LARGEST_DOCUMENT:
            raise ValueError(f"{source} is larger than {_LARGEST_DOCUMENT} bytes")
        with source.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ValueError(f"{source} cannot be read: {_why(error)}") from error


def _why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _level(text: str, numeric: bool) -> str | float:
    if not numeric:
        return text
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text


def _told(path: Path, tree: Any, problem: Mapping[str, Any]) -> str:
    location: _Path = problem["loc"]
    sentence = str(problem["msg"]).removeprefix("Value error, ")
    named = _NAMED.match(sentence)
    if named and not location:  # a check of the file as a whole says itself which field it is about
        steps = _STEP.findall(named[1])
        location = tuple(int(number) if number else name for name, number in steps)
        sentence = sentence[named.end() :]
    line, field = _walk(tree, location)
    return f"{path}:{line}: {field or 'the file'}: {sentence}"


def _walk(tree: Any, location: _Path) -> tuple[int, str]:
    """Follow an error's location as far as the file goes; return its line and the field's name there."""
    line, path, node, entered = 1, list[str](), tree, False
    for step in location:
        if entered and isinstance(node, CommentedMap) and step == cast("Any", node).get("kind"):
            entered = False  # the name of the alternative that was tried: no place in the file
            continue
        listed = isinstance(node, CommentedSeq) and isinstance(step, int) and step < len(node)
        if listed or (isinstance(node, CommentedMap) and step in node):
            at = cast("Any", node)
            line = int(at.lc.data[step][0]) + 1
            path.append(f"[{step}]" if listed else str(step))
            node, entered = at[step], True
        elif isinstance(step, str) and step == location[-1]:
            path.append(step)  # a field that is missing: the line is that of what lacks it
    return line, ".".join(path).replace(".[", "[")
