"""The schema that editors are given is a JSON Schema, and it says what the reader of files says."""

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from support.terminal import Terminal

EXAMPLES = Path(__file__).parents[3] / "examples"
FILES = sorted(path.name for path in EXAMPLES.glob("*.yaml"))


@pytest.fixture
def schema(terminal: Terminal) -> dict[str, Any]:
    """What `moonloop campaign schema` prints."""
    return terminal.done("campaign", "schema").json


def _file(name: str) -> Any:
    return YAML(typ="safe", pure=True).load(EXAMPLES / name)  # pyright: ignore[reportUnknownMemberType] -- untyped


def _complaints(value: Any, schema: dict[str, Any]) -> list[str]:
    Draft202012Validator.check_schema(schema)
    errors = Draft202012Validator(schema).iter_errors(value)  # pyright: ignore[reportUnknownMemberType] -- untyped
    return [f"{error.json_path}: {error.validator}" for error in errors]


def test_there_are_examples() -> None:
    """Otherwise the next test would prove nothing."""
    assert "simulated_ester.yaml" in FILES


def test_the_schema_is_the_same_with_the_flag(terminal: Terminal, schema: dict[str, Any]) -> None:
    """It is JSON either way."""
    assert schema == terminal.done("campaign", "schema", "--json").json


@pytest.mark.parametrize("name", FILES)
def test_an_example_fits_the_schema(schema: dict[str, Any], name: str) -> None:
    """An editor underlines nothing in what we give as examples."""
    assert [] == _complaints(_file(name), schema)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"nmae": "x"}, "$: additionalProperties"),
        ({"budget": {"experiments": "many"}}, "$.budget.experiments: type"),
        ({"budget": {"experiments": 0}}, "$.budget.experiments: minimum"),
        ({"space": {"kind": "galaxies"}}, "$.space: oneOf"),
        ({"claims": [{"statement": "x"}]}, "$.claims[0]: required"),
        ({"moonloop": 2}, "$.moonloop: const"),
    ],
)
def test_a_mistake_does_not_fit_the_schema(schema: dict[str, Any], change: dict[str, Any], told: str) -> None:
    """An editor underlines what the reader would refuse."""
    assert told in _complaints(_file("simulated_ester.yaml") | change, schema)


@pytest.mark.parametrize(
    ("given", "fits"), [({"csv": "shelf.csv"}, True), ({"rows": [["a"]]}, True), ({}, False)]
)
def test_a_table_has_rows_or_a_file_of_them(
    schema: dict[str, Any], given: dict[str, Any], fits: bool
) -> None:
    """As the reader of files takes it."""
    factor = {"kind": "categorical", "name": "ligand", "levels": ["a", "b"]}
    file = _file("simulated_ester.yaml") | {"space": {"kind": "table", "factors": [factor], **given}}

    assert fits == ([] == _complaints(file, schema))


@pytest.mark.parametrize(
    ("given", "fits"),
    [
        ({"path": "smith.pdf"}, True),
        ({"path": "smith.log", "media_type": "text/plain"}, True),
        ({"sha256": "0" * 64, "media_type": "text/plain"}, True),
        ({"sha256": "0" * 64}, False),
        ({}, False),
    ],
)
def test_a_document_has_a_path_or_a_hash(schema: dict[str, Any], given: dict[str, Any], fits: bool) -> None:
    """As the reader of files takes it."""
    file = _file("simulated_ester.yaml") | {"documents": [{"name": "Smith 2019", **given}]}

    assert fits == ([] == _complaints(file, schema))


def test_every_definition_is_used_and_every_reference_defined(schema: dict[str, Any]) -> None:
    """An editor finds what it follows."""
    text = str(schema)
    for name in schema["$defs"]:
        assert f"#/$defs/{name}" in text
    assert set(schema["required"]) <= set(schema["properties"])
