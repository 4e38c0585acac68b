"""The demo with a script for a model: whoever looks at it later can see what it was."""

from pathlib import Path

import pytest

from moonloop.agents.door.file import load_models
from moonloop.domain.agents import Role
from moonloop.embedded.scripted import MODEL, scripted_models, with_agents
from support.campaigns import make_spec


@pytest.mark.parametrize("name", ["Esters", "E" * 120])
def test_the_name_of_the_campaign_says_that_no_model_answered(name: str) -> None:
    """However long it was; and what was changed is still a campaign file."""
    spec = with_agents(make_spec(name=name))

    assert spec.name.startswith(name[:90])
    assert spec.name.endswith(" (scripted agents, no model)")
    assert "llm" == spec.scientist.kind
    assert spec == type(spec).model_validate_json(spec.model_dump_json())


def test_the_script_serves_every_role(tmp_path: Path) -> None:
    """By a name that says what it is, on this machine alone."""
    models = load_models(scripted_models(tmp_path, 4711))

    for role in Role:
        ((_, endpoint, model),) = models.serving(role)
        assert ("http://127.0.0.1:4711/v1", MODEL) == (endpoint.base_url, model)


def test_a_home_with_models_keeps_their_file(tmp_path: Path) -> None:
    """A demo in the home of a laboratory takes nothing from it."""
    own = tmp_path / "models.yaml"
    own.write_text("its own")

    scripted_models(tmp_path, 4711)

    assert "its own" == own.read_text()
