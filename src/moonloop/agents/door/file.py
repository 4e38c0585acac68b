"""Reading the file of models: YAML 1.2 or JSON, with errors that name the line and the field."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from moonloop.agents.door.config import ModelsFile
from moonloop.domain.errors import InvalidInput

__all__ = ["load_models"]

_LARGEST = 256 * 1024
_DEEPEST = 8
_MOST = 10_000
_NAMED = re.compile(r"([a-z_]+(?:\.[a-z_]+|\[\d+\])*): ")
_STEP = re.compile(r"([a-z_]+)|\[(\d+)\]")


def load_models(path: Path) -> ModelsFile:
    """Return the models of a file; raise `InvalidInput` with one line per problem, none with a value."""
    tree = _parse(path)
    try:
        return ModelsFile.model_validate(_plain(tree, [0]))
    except OverflowError:
        raise _invalid([f"{path}: it holds more than a file of models can"]) from None
    except ValidationError as error:
        # Not chained: the error's own text would show what was written, and that may be a key.
        raise _invalid([_told(path, tree, problem) for problem in error.errors()]) from None


def _invalid(problems: Sequence[str]) -> InvalidInput:
    return InvalidInput(
        where="The file of models is not valid", why="\n  ".join(["", *dict.fromkeys(problems)])
    )


def _parse(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
        if len(data) > _LARGEST:
            raise _invalid([f"{path}: it is larger than {_LARGEST} bytes"])
        return YAML(typ="rt", pure=True).load(data.decode())  # pyright: ignore[reportUnknownMemberType] -- untyped
    except FileNotFoundError:
        raise _invalid([f"{path}: there is no such file"]) from None
    except OSError as error:
        raise _invalid([f"{path}: it cannot be read: {error.strerror}"]) from None
    except MarkedYAMLError as error:
        marked = cast("Any", error)
        line = marked.problem_mark.line + 1 if marked.problem_mark else 1
        # The parser's own sentence about a field that is given twice shows what was given.
        twice = isinstance(error, DuplicateKeyError)
        raise _invalid([f"{path}:{line}: {'a field is given twice' if twice else marked.problem}"]) from None
    except (YAMLError, RecursionError, ValueError):
        raise _invalid([f"{path}: it is no YAML file in UTF-8"]) from None


def _plain(value: Any, seen: list[int], depth: int = 0) -> Any:
    """Return the parser's annotated values as Python's own, aliases written out, within reason."""
    seen[0] += 1
    if depth > _DEEPEST or seen[0] > _MOST:
        raise OverflowError
    if isinstance(value, Mapping):
        given = cast("Mapping[Any, Any]", value)
        return {str(key): _plain(item, seen, depth + 1) for key, item in given.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, seen, depth + 1) for item in cast("Sequence[Any]", value)]
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value if value is None else str(value)


def _told(path: Path, tree: Any, problem: Mapping[str, Any]) -> str:
    location = list(problem["loc"])
    sentence = str(problem["msg"]).removeprefix("Value error, ")
    named = _NAMED.match(sentence)
    if named:  # a check of a whole says itself which part of it it is about
        location += [int(number) if number else name for name, number in _STEP.findall(named[1])]
        sentence = sentence[named.end() :]
    line, field = _walk(tree, location)
    return f"{path}:{line}: {field or 'the file'}: {sentence}"


def _walk(tree: Any, location: Sequence[str | int]) -> tuple[int, str]:
    """Follow an error's location as far as the file goes; return its line and the field's name there."""
    line, path, node = 1, list[str](), tree
    for step in location:
        listed = isinstance(node, CommentedSeq) and isinstance(step, int) and step < len(node)
        if listed or (isinstance(node, CommentedMap) and step in node):
            at = cast("Any", node)
            line = int(at.lc.data[step][0]) + 1
            path.append(f"[{step}]" if listed else str(step))
            node = at[step]
        elif isinstance(step, str) and step == location[-1] and isinstance(node, CommentedMap):
            path.append(step)  # a field that is missing: the line is that of what lacks it
    return line, ".".join(path).replace(".[", "[")
