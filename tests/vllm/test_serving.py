"""The server as `moonloop models serve` starts it, seen through the other commands and without its key."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from moonloop.agents.door.config import from_single
from moonloop.agents.door.door import ModelDoor
from moonloop.agents.serving.families import PARSERS
from moonloop.domain.agents import Role
from moonloop.domain.errors import ModelUnavailable
from support.prompts import prompt
from support.vllm import LOADED_LATER, MODEL, VllmServer

REFUSED = 6
"""The exit code when a model's server refuses."""


def moonloop(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "moonloop", *words],
        capture_output=True,
        text=True,
        check=False,
    )


def ended(said: subprocess.CompletedProcess[str]) -> tuple[int, str]:
    """Return how a command ended, and what it complained of."""
    return said.returncode, said.stderr


def refused(said: subprocess.CompletedProcess[str], reason: str) -> tuple[int, bool]:
    """Return how a command ended, and whether it gave that reason."""
    return said.returncode, reason in said.stderr


@pytest.fixture
def site(vllm_server: VllmServer, tmp_path: Path) -> Path:
    """A site's file of models in which the critic has an adapter and the reporter one that is not loaded."""
    file = tmp_path / "models.yaml"
    models = vllm_server.models_file(
        {
            "critic": [{"endpoint": "vllm", "model": "critic-adapter"}],
            "reporter": [{"endpoint": "vllm", "model": LOADED_LATER}],
        }
    )
    file.write_text(models.model_dump_json(exclude_defaults=True))
    return file


def listed(site: Path) -> dict[str, Any]:
    """Return what `models list` tells a program."""
    said = moonloop("models", "list", "--file", str(site), "--json")
    assert (0, "") == ended(said)
    return json.loads(said.stdout)


def test_the_list_tells_which_role_is_served_and_which_is_not(site: Path) -> None:
    """`models list` knows base model and adapters; a role whose adapter is not loaded is told what to do."""
    state = listed(site)
    assert {"name": "vllm", "models": [MODEL], "adapters": ["critic-adapter"], "answers": True} == {
        name: state["endpoints"][0][name] for name in ("name", "models", "adapters", "answers")
    }
    serves = {row["role"]: (row["model"], row["serves"]) for row in state["roles"]}
    assert {
        "proposer": (MODEL, True),
        "critic": ("critic-adapter", True),
        "advisor": (MODEL, True),
        "analyst": (MODEL, True),
        "reporter": (LOADED_LATER, False),
    } == serves
    assert any("moonloop models load" in row["why_not"] for row in state["roles"])


def test_an_adapter_is_loaded_and_unloaded_while_it_runs(site: Path, vllm_server: VllmServer) -> None:
    """`models load` has a role served until `models unload` ends that; neither is done twice."""
    load = ("models", "load", LOADED_LATER, str(vllm_server.adapters[LOADED_LATER]), "--file", str(site))
    unload = ("models", "unload", LOADED_LATER, "--file", str(site))
    assert (0, "") == ended(moonloop(*load))
    assert LOADED_LATER in listed(site)["endpoints"][0]["adapters"]
    assert (REFUSED, True) == refused(moonloop(*load), "already been loaded")
    assert (0, "") == ended(moonloop(*unload))
    assert LOADED_LATER not in listed(site)["endpoints"][0]["adapters"]
    assert (REFUSED, True) == refused(moonloop(*unload), "cannot be found")


def test_an_adapter_that_is_not_there_is_not_loaded(site: Path) -> None:
    """A folder without an adapter is an error with the server's reason, and nothing has that name."""
    said = moonloop("models", "load", "ghost", "/nowhere", "--file", str(site))
    assert (REFUSED, True) == refused(said, "/nowhere")
    assert "ghost" not in listed(site)["endpoints"][0]["adapters"]


async def test_without_the_key_nothing_is_answered(vllm_server: VllmServer) -> None:
    """A door without the key is refused, and says that a key is wanted."""
    async with ModelDoor(from_single(vllm_server.base_url, MODEL)) as door:
        with pytest.raises(ModelUnavailable, match="refuses the key"):
            await door.complete(prompt("say"))


def test_what_the_key_does_not_cover_is_what_the_proxy_keeps_out(vllm_server: VllmServer) -> None:
    """Outside /v1 the server asks for no key: this is why deploy/vllm has an allow-listing proxy."""
    open_to_all = {path for path in ("/metrics", "/version", "/v1/models") if _answers(vllm_server, path)}
    assert {"/metrics", "/version"} == open_to_all
    gone = httpx.delete(f"{vllm_server.url}/adapters/ghost", trust_env=False)
    assert "cannot be found" in gone.text


def test_every_parser_that_a_family_names_is_known_to_this_vllm(vllm_home: Path) -> None:
    """No family names a parser that this version of vLLM lacks."""
    sources = next(vllm_home.glob("lib/python*/site-packages/vllm/tool_parsers/__init__.py")).read_text()
    assert set() == {parser for parser in PARSERS.values() if f'"{parser}"' not in sources}


def test_the_check_passes_when_every_role_is_served(vllm_server: VllmServer, tmp_path: Path) -> None:
    """`models check` probes the endpoint, and finds every ability that the roles need."""
    file = tmp_path / "models.yaml"
    file.write_text(vllm_server.models_file().model_dump_json(exclude_defaults=True))
    said = moonloop("models", "check", "--file", str(file))
    assert (0, "") == ended(said), said.stdout
    assert "Every role has an endpoint that works." in said.stdout
    assert {"good"} == set(re.findall(r"^  (good|note|bad) ", said.stdout, re.MULTILINE)), said.stdout


def test_the_check_fails_when_a_role_is_not_served(site: Path) -> None:
    """One role without a working endpoint is an exit code of 1, and is named."""
    said = moonloop("models", "check", "--file", str(site))
    assert (1, f"No endpoint works for {Role.REPORTER}") == (
        said.returncode,
        said.stdout[said.stdout.find("No endpoint") :].partition(":")[0],
    )


def _answers(server: VllmServer, path: str) -> bool:
    return httpx.get(f"{server.url}{path}", trust_env=False).is_success
