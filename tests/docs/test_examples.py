"""The examples on the pages are valid: campaigns, messages, programs."""

import ast
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import TypeAdapter
from ruamel.yaml import YAML

from docs.generated import commands
from docs.pages import PAGES, Block, Page, page
from moonloop.agents.door.file import load_models
from moonloop.cli.campaign_file import read_campaign_file
from moonloop.domain import messages
from moonloop.tools.spaces import summarise

_LANGUAGES = {"console", "csv", "json", "python", "text", "toml", "yaml"}
_MODELS = "moonloop_models:"
"""What a file of models begins with."""


def _blocks(*languages: str, models: bool = False, config: bool = False) -> list[Any]:
    return [
        pytest.param(one, block, id=f"{one.name}:{block.line}")
        for one in PAGES
        for block in one.blocks
        if block.language in languages
        and block.text.startswith(_MODELS) is models
        and block.attributes.get("title", "").endswith(".json") is config
    ]


def test_every_block_says_what_it_is() -> None:
    """Each fenced block has a language that the tests know, and one that is not run says why."""
    blocks = [(one.name, block) for one in PAGES for block in one.blocks]
    assert [] == [(name, block.line) for name, block in blocks if block.language not in _LANGUAGES]
    assert [] == [(name, block.line) for name, block in blocks if block.attributes.get("skip") == ""]


def _fields(block: Block) -> Mapping[str, Any]:
    parser: Any = YAML(typ="safe", pure=True)
    return cast("Mapping[str, Any]", parser.load(block.text))


def _campaign(one: Page, block: Block) -> Mapping[str, Any]:
    """Return the fields of the page's first campaign, with those of the block in their place."""
    told = (found for found in one.blocks if found.language == "yaml" and not found.text.startswith(_MODELS))
    return {**_fields(next(told)), **_fields(block)}


@pytest.mark.parametrize(("one", "block"), _blocks("yaml"))
def test_campaigns_are_valid(one: Page, block: Block, tmp_path: Path) -> None:
    """Each YAML block is a campaign, or fields for the page's first; its space holds something."""
    for file in one.blocks:
        if file.language in {"csv", "text"} and "title" in file.attributes:
            (tmp_path / file.attributes["title"]).write_text(file.text)
    path = tmp_path / "campaign.json"
    path.write_text(json.dumps(_campaign(one, block)))
    assert summarise(read_campaign_file(path)).feasible > 0


@pytest.mark.parametrize(("one", "block"), _blocks("yaml", models=True))
def test_files_of_models_are_valid(one: Page, block: Block, tmp_path: Path) -> None:
    """Each file of models can be read, and tells every role where to go."""
    path = tmp_path / "models.yaml"
    path.write_text(block.text)
    assert load_models(path).models(), one.name


@pytest.mark.parametrize(("one", "block"), _blocks("json", config=True))
def test_configurations_start_a_command(one: Page, block: Block) -> None:
    """Each configuration of an MCP client starts a command that there is."""
    for server in json.loads(block.text)["mcpServers"].values():
        assert "moonloop" == server["command"], one.name
        assert " ".join(server["args"][:2]) in commands()


@pytest.mark.parametrize(("one", "block"), _blocks("json"))
def test_messages_are_valid(one: Page, block: Block) -> None:
    """Each JSON block is the message that its title says."""
    message = getattr(messages, block.attributes["title"])
    assert TypeAdapter(message).validate_json(block.text), one.name


@pytest.mark.parametrize(("one", "block"), _blocks("python"))
def test_programs_are_python(one: Page, block: Block) -> None:
    """Each Python block is a whole program, which other tests run."""
    assert block.attributes["title"].endswith(".py"), one.name
    assert ast.parse(block.text).body


@pytest.mark.parametrize(("one", "block"), _blocks("toml"))
def test_projects_are_toml(one: Page, block: Block) -> None:
    """Each TOML block names the adapter's entry point in the group that is looked in."""
    points = tomllib.loads(block.text)["project"]["entry-points"]
    assert {"photometer": "photometer:build"} == points["moonloop.adapters"], one.name


def test_the_smallest_campaign_is_small() -> None:
    """The first file on the page needs no field that could be left out, but for its goal."""
    required = {"moonloop", "name", "space", "objective", "protocol", "budget"}
    first = next(block for block in page("docs/how-to/own-campaign.md").blocks if block.language == "yaml")
    assert required | {"goal"} == set(_fields(first))
