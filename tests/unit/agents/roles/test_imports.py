"""Roles are light: they load no model library, no graph and no chemistry."""

import subprocess
import sys

import pytest

_HEAVY = ("openai", "langgraph", "numpy", "scipy", "rdkit", "httpx", "sqlalchemy", "temporalio", "mcp")


@pytest.mark.parametrize("module", ["moonloop.agents.roles", "moonloop.agents.roles.doubles"])
def test_a_role_is_loaded_without_what_is_heavy(module: str) -> None:
    """Whoever only needs prompts, schemas or hashes has them at once."""
    code = f"import sys, {module}; print([name for name in {_HEAVY!r} if name in sys.modules])"
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert ("[]", "") == (ran.stdout.strip(), ran.stderr)
