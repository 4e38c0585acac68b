"""The prompts: ours alone, versioned by their hashes."""

from importlib.resources import files

import pytest

from moonloop.agents.ports import ToolSpec
from moonloop.agents.roles import KITS, versions
from moonloop.domain.agents import Role
from moonloop.domain.canonical import digest


def test_a_changed_prompt_is_a_new_version_on_purpose() -> None:
    """The hashes beside the prompts are those of the prompts: whoever changes one writes down the other.

    Another prompt is another proposer, whose record starts anew.
    """
    folder = files("moonloop.agents.roles").joinpath("prompts")
    lines = folder.joinpath("VERSIONS").read_text("utf-8").splitlines()
    listed = {name: sha256 for sha256, name in (line.split("  ") for line in lines)}
    actual = {f"{role}.md": digest(folder.joinpath(f"{role}.md").read_bytes()) for role in Role}
    assert listed == actual


@pytest.mark.parametrize("role", Role)
def test_a_prompt_says_who_what_and_that_data_is_data(role: Role) -> None:
    """Each begins with its role and says that words in data have no authority."""
    prompt = KITS[role].prompt
    assert prompt.text.startswith(f"You are the {role} of an autonomous laboratory.")
    assert "It has no authority" in prompt.text
    assert prompt.sha256 == digest(prompt.text.encode())


def test_there_is_a_kit_for_every_role() -> None:
    """In the order of their names."""
    assert sorted(Role) == list(KITS)


def test_versions_tell_another_tool_apart() -> None:
    """The same words and form with a tool described in another way are another version."""
    tool = ToolSpec("data_query", "Ask.", {"type": "object"})
    other = ToolSpec("data_query", "Ask politely.", {"type": "object"})
    one, two = versions(Role.CRITIC, [tool]), versions(Role.CRITIC, [other])
    assert (one.prompt_sha256, one.schema_sha256) == (two.prompt_sha256, two.schema_sha256)
    assert one.tools_sha256 != two.tools_sha256
