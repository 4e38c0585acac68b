"""The doctor on models: who answers is well, who does not is ill, and a site without any is no patient."""

from collections.abc import Callable
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path

import pytest

from moonloop.agents.scripted.faults import Fault
from moonloop.embedded import doctor
from moonloop.embedded.doctor import Finding
from support.beside import scripted_beside, write_models
from support.scripted import MODEL
from support.serving import free_port

Look = Callable[[], dict[str, Finding]]


@pytest.fixture
def look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Look:
    """Return what the doctor finds, by component, in a home folder of its own where no server runs."""
    monkeypatch.setenv("MOONLOOP_HOME", str(tmp_path))
    monkeypatch.setenv("MOONLOOP_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("MOONLOOP_MODELS", raising=False)
    return lambda: {one.component: one for one in doctor.examine()}


def _without(patch: pytest.MonkeyPatch, *modules: str) -> None:
    """Have the doctor not find some modules."""

    def find(name: str) -> ModuleSpec | None:
        return None if name in modules else find_spec(name)

    patch.setattr(doctor, "find_spec", find)


def test_a_site_without_models_is_well(look: Look, tmp_path: Path) -> None:
    """Campaigns go on without agents; who wants some is told where to write."""
    found = look()

    assert ("absent", "no models file: campaigns go on without agents") == (
        found["models"].health,
        found["models"].found,
    )
    assert str(tmp_path / "models.yaml") in found["models"].remedy
    assert [] == [one for one in found.values() if one.component.startswith("endpoint")]


def test_every_endpoint_is_tried(look: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that answers is well, and said to be a script; one that is down is ill, and what to do is told."""
    with scripted_beside() as url:
        down = f"http://127.0.0.1:{free_port()}/v1"
        file = write_models(tmp_path / "elsewhere.yaml", up=url, down=down)
        monkeypatch.setenv("MOONLOOP_MODELS", str(file))
        found = look()

    assert ("well", f"2 endpoints in {file}") == (found["models"].health, found["models"].found)
    up, gone = found["endpoint up"], found["endpoint down"]
    assert "well" == up.health, up
    assert f"{MODEL} works" in up.found
    assert "(a script answers there, no model)" in up.found
    assert ("ill", f"Start it, or correct its base_url in {file}.") == (gone.health, gone.remedy)
    assert "down cannot be reached" in gone.found


def test_a_model_that_is_not_served_is_ill(look: Look, tmp_path: Path) -> None:
    """With those that are, and where its name stands."""
    with scripted_beside() as url:
        file = write_models(tmp_path / "models.yaml", model="scripted-other", only=url)
        found = look()["endpoint only"]

    assert ("ill", f"it does not serve scripted-other; it serves {MODEL}") == (found.health, found.found)
    assert f"Correct its name in {file}" in found.remedy


def test_nobody_waits_long_for_an_endpoint(
    look: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that takes requests and does not answer is ill."""
    monkeypatch.setattr(doctor, "_PROBE_S", 0.5)
    with scripted_beside(outage=Fault("hang")) as url:
        write_models(tmp_path / "models.yaml", only=url)
        found = look()["endpoint only"]

    assert ("ill", f"{MODEL} did not answer all that it was asked within 0.5 s") == (
        found.health,
        found.found,
    )


@pytest.mark.parametrize("text", ["endpoints: [", "moonloop_models: 2", "{}"])
def test_a_file_that_is_not_valid_is_ill(look: Look, tmp_path: Path, text: str) -> None:
    """With the sentence that says what is wrong with it."""
    file = tmp_path / "models.yaml"
    file.write_text(text)

    found = look()["models"]

    assert "ill" == found.health
    assert f"The file of models is not valid: {file}:" in found.found


def test_a_file_that_is_named_must_be_there(
    look: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker would not start without it."""
    monkeypatch.setenv("MOONLOOP_MODELS", str(tmp_path / "mistyped.yaml"))

    found = look()["models"]

    assert "ill" == found.health
    assert "mistyped.yaml: there is no such file" in found.found


def test_the_extras_of_agents_are_looked_for(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing is named with how to install it; models are not tried without the server's."""
    _without(monkeypatch, "langgraph", "openai", "mcp")

    found = look()

    for extra, lacks in (("server", "lacks langgraph, openai"), ("mcp", "lacks mcp")):
        one = found[f"extra {extra}"]
        assert ("absent", lacks) == (one.health, one.found)
        assert f'"moonloop[{extra}]"' in one.remedy


def test_without_the_server_extra_models_are_read_and_not_tried(
    look: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in the base install, where nothing speaks to a model."""
    write_models(tmp_path / "models.yaml", only=f"http://127.0.0.1:{free_port()}/v1")
    _without(monkeypatch, "openai")

    found = look()

    assert ("well", "absent") == (found["models"].health, found["endpoints"].health)
    assert "endpoint only" not in found
