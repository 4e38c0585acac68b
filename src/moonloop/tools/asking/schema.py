"""JSON Schema of arguments, in the subset that every structured-output backend honours."""

from collections.abc import Mapping
from typing import Any, cast

from pydantic import BaseModel

__all__ = ["strict_schema"]

_KEPT = (
    "type",
    "description",
    "enum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minimum",
    "maximum",
)


def strict_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return the schema of a model: no references, no other properties, every property required.

    Defaults are for people who leave something out; a model is asked for everything.
    """
    whole = model.model_json_schema()
    return _strict(whole, whole.get("$defs", {}))


def _strict(schema: Mapping[str, Any], named: Mapping[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        # A description beside the reference says more than that of the class.
        target = named[str(schema["$ref"]).removeprefix("#/$defs/")]
        return _strict({**target, **{key: schema[key] for key in ("description",) if key in schema}}, named)
    kept = {key: schema[key] for key in _KEPT if key in schema}
    if "items" in schema:
        kept["items"] = _strict(schema["items"], named)
    if schema.get("type") == "object":
        fields = cast("Mapping[str, Mapping[str, Any]]", schema.get("properties", {}))
        kept["properties"] = {name: _strict(field, named) for name, field in fields.items()}
        kept["required"] = list(fields)
        kept["additionalProperties"] = False
    return kept
