"""JSON Schema of what a model fills in, in the subset that every structured-output backend honours."""

from collections.abc import Collection, Mapping
from typing import Any, cast

from pydantic import BaseModel

__all__ = ["strict_schema"]

_KEPT = {
    "description", "enum", "items", "maxItems", "maxLength", "maximum", "minItems", "minLength", "minimum",
    "type",
}  # fmt: skip


def strict_schema(model: type[BaseModel], *, described: bool = True) -> dict[str, Any]:
    """Return the schema of a model: no references, no other properties, every property required.

    Defaults are for people who leave something out; a model is asked for everything. What a prompt explains
    itself needs not be `described`.
    """
    whole = model.model_json_schema()
    return _strict(whole, whole.get("$defs", {}), _KEPT if described else _KEPT - {"description"})


def _strict(schema: Mapping[str, Any], named: Mapping[str, Any], kept: Collection[str]) -> dict[str, Any]:
    if "$ref" in schema:
        # A description beside the reference says more than that of the class.
        target = named[str(schema["$ref"]).removeprefix("#/$defs/")]
        own = {key: schema[key] for key in ("description",) if key in schema}
        return _strict({**target, **own}, named, kept)
    strict = {key: value for key, value in schema.items() if key in kept}
    if "items" in strict:
        strict["items"] = _strict(strict["items"], named, kept)
    if schema.get("type") == "object":
        fields = cast("Mapping[str, Mapping[str, Any]]", schema.get("properties", {}))
        strict["properties"] = {name: _strict(field, named, kept) for name, field in fields.items()}
        strict["required"] = list(fields)
        strict["additionalProperties"] = False
    return strict
