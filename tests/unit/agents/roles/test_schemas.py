"""The schemas: within what every structured-output backend honours."""

from collections.abc import Iterator
from typing import Any, cast

import jsonschema
import pytest

from moonloop.agents.roles import KITS
from moonloop.domain.agents import Role

_KEYWORDS = {
    "object": {"type", "properties", "required", "additionalProperties"},
    "array": {"type", "items", "minItems", "maxItems"},
    "string": {"type", "minLength", "maxLength", "enum"},
    "number": {"type"},
    "integer": {"type"},
    "boolean": {"type"},
}


def nodes(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a schema and all that it is made of."""
    yield schema
    for child in (*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])):
        yield from nodes(child)


def faults(schema: dict[str, Any]) -> list[str]:
    """Return what a schema has that some backend ignores or refuses."""
    found: list[str] = []
    for node in nodes(schema):
        kind = str(node.get("type"))
        found += [f"{kind}.{word}" for word in set(node) - _KEYWORDS.get(kind, set())]
        if kind == "object" and (
            node.get("additionalProperties") is not False or node.get("required") != list(node["properties"])
        ):
            found.append("object is open")
        if (kind == "string" and not {"maxLength", "enum"} & set(node)) or (
            kind == "array" and "maxItems" not in node
        ):
            found.append(f"{kind} is unbounded")
    return found


@pytest.mark.parametrize("role", Role)
def test_a_schema_keeps_to_the_common_subset(role: Role) -> None:
    """Closed objects with every field required, bounded strings and arrays, and no other keyword."""
    schema = cast("dict[str, Any]", KITS[role].schema)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert [] == faults(schema)


def test_the_walk_sees_what_it_is_to_see() -> None:
    """Otherwise the test above would prove nothing."""
    text = {"type": "string", "pattern": "x", "maxLength": 3}
    schema = {"type": "object", "properties": {"a": text, "b": {"$ref": "#/x"}}, "required": ["a"]}
    assert {"string.pattern", "None.$ref", "object is open"} == set(faults(schema))


@pytest.mark.parametrize("role", Role)
def test_the_form_takes_what_the_schema_takes(role: Role) -> None:
    """The smallest answer that the schema allows is one that the form allows."""
    schema = cast("dict[str, Any]", KITS[role].schema)
    empty: dict[str, list[str]] = {name: [] for name in schema["properties"]}
    jsonschema.validate(empty, schema)
    assert empty == KITS[role].form.model_validate(empty).model_dump()
