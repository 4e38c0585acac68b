"""What is shown of the tools: schemas, names, and nothing heavy."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from moonloop.domain.errors import InvalidInput, ToolRefused
from moonloop.tools.answering import answer, checked
from moonloop.tools.asking import TOOLS, Snapshot, Tool, strict_schema

_ALLOWED = {
    "additionalProperties", "description", "enum", "items", "maxItems", "maxLength", "maximum", "minItems",
    "minLength", "minimum", "properties", "required", "type",
}  # fmt: skip


def nodes(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield a schema and all within it."""
    yield schema
    for inner in (*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])):
        yield from nodes(inner)


@pytest.mark.parametrize("tool", TOOLS.values(), ids=lambda tool: tool.name)
def test_a_schema_keeps_to_the_subset_that_every_backend_honours(tool: Tool) -> None:
    """Objects are closed and ask for every field; strings and arrays are bounded; no other keyword occurs."""
    for node in nodes(strict_schema(tool.arguments)):
        assert set(node) <= _ALLOWED
        if node["type"] == "object":
            assert node["additionalProperties"] is False
            assert list(node["properties"]) == node["required"]
        if node["type"] == "array":
            assert "maxItems" in node
        if node["type"] == "string":
            assert "maxLength" in node or "enum" in node
        if node["type"] == "integer":
            assert {"minimum", "maximum"} <= set(node)


@pytest.mark.parametrize("tool", TOOLS.values(), ids=lambda tool: tool.name)
def test_every_tool_only_reads(tool: Tool) -> None:
    """No tool changes anything, costs money, or would need an approval that nobody can give."""
    assert tool.policy.read_only
    assert not tool.policy.needs_approval
    assert 0.0 == tool.policy.cost


def test_the_catalogue_loads_nothing_heavy() -> None:
    """Whoever shows the tools loads no numpy, no RDKit, no SQLite and no network."""
    heavy = "{'numpy', 'rdkit', 'scipy', 'sqlite3', 'httpx', 'pypdf'}"
    program = f"import sys, moonloop.tools.asking; print(sorted({heavy} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "[]\n" == run.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ('{"sql": "SELECT 1", "write": true}', "write"),
        ('{"sql": 1}', "string"),
        ("{}", "sql"),
        ("[[[", "JSON"),
        ("[" * 15_000, "recursion"),
        ('{"sql": "' + "x" * 3_000 + '"}', "2000"),
        ('{"sql": "\\ud800"}', "escape"),
        ("\ud800", "unicode"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_with_the_reason(arguments: str, said: str) -> None:
    """What a model wrote is validated, whatever its endpoint promised."""
    with pytest.raises(InvalidInput) as refused:
        checked("data_query", arguments)
    assert said in str(refused.value)


def test_an_unknown_tool_is_refused() -> None:
    """A name that is none is told apart from a fault of a tool."""
    with pytest.raises(ToolRefused, match="no such tool"):
        answer("data_drop", "{}", Snapshot())


@pytest.mark.parametrize("name", [name for name, tool in TOOLS.items() if tool.needs == "campaign"])
def test_a_tool_for_a_campaign_refuses_without_one(name: str) -> None:
    """A tool that looks at a campaign says that there is none."""
    arguments = {
        "data_query": '{"sql": "SELECT 1"}',
        "designer_predict": '{"candidates": [{"smiles": "C", "settings": []}]}',
        "statistics_compare": '{"factor": "a", "level_a": "b", "level_b": "c"}',
        "statistics_fit": '{"factor": "a"}',
    }
    with pytest.raises(ToolRefused, match="no campaign is open"):
        answer(name, arguments.get(name, "{}"), Snapshot())
