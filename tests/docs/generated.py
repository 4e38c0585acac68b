"""The tables of the reference, made from the code.

python tests/docs/generated.py        writes them into the pages
"""

import enum
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

sys.path.insert(0, str(Path(__file__).parents[1]))

import typer

from docs.pages import ROOT
from moonloop.api.app import build as build_api
from moonloop.cli.campaign_file import file_schema
from moonloop.cli.main import build as build_cli
from moonloop.domain.errors import FAMILY
from moonloop.service.settings import Settings

__all__ = ["REGIONS", "commands", "openapi", "region", "written"]


# Markdown.


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _code(text: object) -> str:
    return f"`{text}`"


# Commands.


@cache
def commands() -> dict[str, Any]:
    """Return the commands by their words, such as `campaign start`."""
    return dict(_walk("", typer.main.get_command(build_cli())))


def _walk(words: str, command: Any) -> Iterator[tuple[str, Any]]:
    inner = cast("Mapping[str, Any]", getattr(command, "commands", {}))
    if not inner:
        yield words, command
    for name, one in inner.items():
        yield from _walk(f"{words} {name}".strip(), one)


def _commands() -> str:
    return "\n".join(_command(words, command) for words, command in sorted(commands().items()))


def _command(words: str, command: Any) -> str:
    arguments = [one for one in command.params if not one.opts[0].startswith("-")]
    options = [one for one in command.params if one.opts[0].startswith("-")]
    usage = " ".join(["moonloop", words, *(_argument(one) for one in arguments)])
    rows = [(_code(_argument(one)), _told(one)) for one in arguments]
    rows += [(_option(one), _told(one)) for one in options if not one.hidden]
    told = " ".join(command.help.split())
    text = f"### moonloop {words}\n\n`{usage}{' [OPTIONS]' if options else ''}`\n\n{told}\n"
    return text + ("\n" + _table(("", "is"), rows) if rows else "")


def _argument(one: Any) -> str:
    name = str(one.metavar or one.name.upper()).strip("[]…")
    name = f"{name}…" if one.nargs == -1 else name
    return name if one.required else f"[{name}]"


def _option(one: Any) -> str:
    value = "" if one.is_flag else f" {one.metavar or one.name.upper()}"
    return ", ".join(_code(f"{word}{value}") for word in one.opts)


def _told(one: Any) -> str:
    kind = one.type_descriptor.annotation
    choices = (
        [str(item.value) for item in kind] if isinstance(kind, type) and issubclass(kind, enum.Enum) else []
    )
    more = [
        "must be given" if one.required and one.opts[0].startswith("-") else "",
        f"one of {', '.join(_code(choice) for choice in choices)}" if choices else "",
        f"default `{one.default}`" if one.default not in (None, "", False, []) else "",
        f"or `{one.envvar}`" if one.envvar else "",
    ]
    said = "; ".join(part for part in more if part)
    return f"{one.help or ''}{f' ({said})' if said else ''}"


# Settings.


def _settings() -> str:
    rows = [
        (
            _code(f"MOONLOOP_{name.upper()}"),
            _code(field.default) if field.default not in ("", None) and not field.is_required() else "",
            field.description or "",
        )
        for name, field in Settings.model_fields.items()
    ]
    return _table(("variable", "default", "is"), rows)


# The campaign file.


@cache
def _schema_of_file() -> dict[str, Any]:
    return file_schema()


def _fields() -> str:
    schema = _schema_of_file()
    parts = {"The file": schema, **schema["$defs"]}
    named = {name: part for name, part in parts.items() if "properties" in part}
    return "\n".join(_part(name, part) for name, part in named.items())


def _part(name: str, part: Mapping[str, Any]) -> str:
    required = part.get("required", ())
    rows = [
        (
            f"**`{field}`**" if field in required else _code(field),
            _type(given),
            _default(given) if field not in required else "",
            _described(given),
        )
        for field, given in part["properties"].items()
    ]
    told = str(part.get("description", "")).partition("\n\n")[0]
    return f"### {name}\n\n{' '.join(told.split())}\n\n" + _table(("field", "takes", "default", "is"), rows)


def _described(given: Mapping[str, Any]) -> str:
    """Return what is said of a field, or of what it holds."""
    several = cast("Sequence[Mapping[str, Any]]", given.get("anyOf", ()))
    named = next((one["$ref"] for one in (given, given.get("items", {}), *several) if "$ref" in one), "")
    held = _schema_of_file()["$defs"].get(named.rpartition("/")[2], {})
    return str(given.get("description") or held.get("description", "")).partition("\n\n")[0]


def _type(given: Mapping[str, Any]) -> str:
    """Return what a field takes, in words."""
    several: Sequence[Mapping[str, Any]] = given.get("anyOf", given.get("oneOf", ()))
    if any(_DURATION in str(one.get("pattern")) for one in several):
        return "duration"
    if several:
        return " or ".join(dict.fromkeys(_type(one) for one in several if one.get("type") != "null"))
    if "$ref" in given:
        return _link(given["$ref"].rpartition("/")[2])
    if "enum" in given or "const" in given:
        return ", ".join(_code(value) for value in given.get("enum", [given.get("const")]))
    return _CONTAINERS.get(str(given.get("type")), _bounded)(given)


_DURATION = "(ms|s|min|h|d)"


def _link(name: str) -> str:
    schema = _schema_of_file()["$defs"][name]
    return _type(schema) if "enum" in schema else f"[{name}](#{name.lower()})"


def _list(given: Mapping[str, Any]) -> str:
    if "prefixItems" in given:
        return f"[{', '.join(_type(one) for one in given['prefixItems'])}]"
    return f"list of {_type(given['items'])}"


def _mapping(given: Mapping[str, Any]) -> str:
    return f"mapping to {_type(given['additionalProperties'])}"


_CONTAINERS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {"array": _list, "object": _mapping}


def _bounded(given: Mapping[str, Any]) -> str:
    names = {"string": "text", "number": "number", "integer": "integer", "boolean": "true or false"}
    bounds = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    said = [f"{sign} {given[key]:g}" for key, sign in bounds.items() if key in given]
    kind = names.get(str(given.get("type")), "text")
    return f"{kind} {', '.join(said)}".strip()


def _default(given: Mapping[str, Any]) -> str:
    if "default" not in given or given["default"] in (None, "", [], {}) or isinstance(given["default"], dict):
        return ""
    return _code(given["default"])


# The API.


def openapi() -> dict[str, Any]:
    """Return the OpenAPI document."""
    services = SimpleNamespace(settings=SimpleNamespace(body_limit=1))
    return build_api(cast("Any", services)).openapi()


def _calls() -> str:
    rows: list[Sequence[str]] = []
    for path, methods in openapi()["paths"].items():
        for method, call in methods.items():
            body = _schema(call.get("requestBody", {}))
            good = {code: answer for code, answer in call["responses"].items() if code.startswith("2")}
            answers = ", ".join(f"{code} {_schema(answer)}".strip() for code, answer in good.items())
            rows.append((_code(f"{method.upper()} {path}"), body, answers, call["description"]))
    return _table(("call", "takes", "answers", "does"), rows)


def _schema(content: Mapping[str, Any]) -> str:
    for given in content.get("content", {}).values():
        schema = given.get("schema", {})
        inner = schema.get("items", schema)
        if "$ref" in inner:
            name = _code(inner["$ref"].rpartition("/")[2])
            return f"list of {name}" if schema is not inner else name
    return ""


# Errors.


def _errors() -> str:
    rows = [
        (_code(slug), str(error.status), " ".join((error.__doc__ or "").split()))
        for slug, error in sorted(FAMILY.items())
        if error.__module__ == "moonloop.domain.errors"
    ]
    return _table(("slug", "status", "sentence"), rows)


REGIONS: Mapping[str, tuple[str, Callable[[], str]]] = {
    "commands": ("docs/reference/cli.md", _commands),
    "settings": ("docs/reference/settings.md", _settings),
    "fields": ("docs/reference/campaign-file.md", _fields),
    "calls": ("docs/reference/robot-protocol.md", _calls),
    "errors": ("docs/reference/errors.md", _errors),
}
"""The page and the maker of each region."""


def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(f"(<!-- generated: {name} -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def region(name: str) -> str:
    """Return a region as the code says it should be."""
    return REGIONS[name][1]()


def written(name: str) -> str:
    """Return a region as it stands in its page."""
    found = _pattern(name).search((ROOT / REGIONS[name][0]).read_text(encoding="utf-8"))
    assert found is not None, f"{REGIONS[name][0]} has no region {name}"
    return found[2]


def main() -> None:
    """Write every region."""
    for name, (file, make) in REGIONS.items():
        path = ROOT / file
        made = make()
        text = _pattern(name).sub(lambda found, made=made: found[1] + made + found[3], path.read_text())
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
