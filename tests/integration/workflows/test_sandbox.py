"""Workflow definitions load next to nothing: they are deterministic, replayable and quick to sandbox."""

import subprocess
import sys

import pytest

from moonloop.workflows.worker import WORKFLOWS

_MODULES = sorted({workflow.__module__ for workflow in WORKFLOWS})
_FORBIDDEN = (
    "alembic", "httpx", "langgraph", "matplotlib", "numpy", "openai", "psycopg", "rdkit", "scipy",
    "sqlalchemy", "uvicorn", "moonloop.api", "moonloop.cli", "moonloop.client",
    "moonloop.embedded", "moonloop.lab_adapters",
    "moonloop.report", "moonloop.scientist", "moonloop.service", "moonloop.store", "moonloop.tools",
    "moonloop.workflows.activities", "moonloop.workflows.relay", "moonloop.workflows.worker",
)  # fmt: skip


_BY_THE_GRAPH = {"moonloop.workflows.agent": {"langgraph", "httpx"}}
"""A task is a graph of langgraph's, which loads a client of a tracing service that is switched off for it."""


def _loaded_by(modules: list[str]) -> set[str]:
    script = f"import sys, {', '.join(modules)}; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(ran.stdout.split())


@pytest.mark.parametrize("module", _MODULES)
def test_a_workflow_loads_no_input_or_output(module: str) -> None:
    """No ledger, no HTTP, no numbers, no other room: only values, names and Temporal's workflow side."""
    loaded = _loaded_by([module])

    allowed = _BY_THE_GRAPH.get(module, set())
    assert [] == [name for name in _FORBIDDEN if name in loaded - allowed]


def test_contracts_load_no_temporal() -> None:
    """Anyone may name a workflow without loading Temporal."""
    assert "temporalio" not in _loaded_by(["moonloop.workflows.contracts"])
