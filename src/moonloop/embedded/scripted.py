"""The demo with agents and without a model: a scripted endpoint, named as one everywhere."""

import json
from pathlib import Path

from moonloop.domain.campaigns import CampaignSpec

__all__ = ["MODEL", "MODULE", "scripted_models", "with_agents"]

MODEL = "scripted-scientist"
"""The name says it wherever it is shown."""
MODULE = "moonloop.agents.scripted"
"""The program that answers."""
_LONGEST_NAME = 120
_LABEL = " (scripted agents, no model)"


def scripted_models(home: Path, port: int) -> Path:
    """Write the models file of a site whose every role a script plays, and return where."""
    file = home / "scripted-models.yaml"  # a home that has models of its own keeps their file
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    endpoint = {"base_url": f"http://127.0.0.1:{port}/v1", "model": MODEL}
    file.write_text(
        json.dumps(
            {"moonloop_models": 1, "endpoints": {"scripted": endpoint}, "roles": {"default": ["scripted"]}}
        )
    )
    return file


def with_agents(spec: CampaignSpec) -> CampaignSpec:
    """Return a campaign with agents in it, called scripted."""
    rules = spec.scientist.model_copy(update={"kind": "llm"})
    name = spec.name[: _LONGEST_NAME - len(_LABEL)] + _LABEL
    return spec.model_copy(update={"scientist": rules, "name": name})
