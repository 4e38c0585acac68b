"""What a laboratory's small computer loads is light: without the server's libraries, and without waiting."""

import subprocess
import sys

import pytest

_HEAVY = (
    "sqlalchemy", "alembic", "fastapi", "starlette", "uvicorn", "uvloop", "temporalio", "numpy", "scipy",
    "rdkit", "matplotlib", "pint", "jinja2", "tblite", "psycopg",
)  # fmt: skip
_BLOCKED = f"""
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {_HEAVY!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Blocked())
"""


def _run(lines: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _BLOCKED + lines], capture_output=True, text=True, check=False, timeout=60
    )


def test_the_block_blocks() -> None:
    """Otherwise the tests below would prove nothing."""
    assert "No module named 'numpy'" in _run("import numpy").stderr


@pytest.mark.parametrize(
    "module",
    [
        "moonloop",
        "moonloop.cli.main",
        "moonloop.client.jobs",
        "moonloop.client.http",
        "moonloop.client.session",
        "moonloop.lab_adapters.robot",
        "moonloop.lab_adapters.commands",
        "moonloop.lab_adapters.table",
        "moonloop.workflows.contracts",
        "moonloop.domain.campaigns",
    ],
)
def test_a_light_part_loads_without_the_heavy_ones(module: str) -> None:
    """The client, the command line, and a robot with the table adapter."""
    ran = _run(f"import {module}")

    assert (0, "") == (ran.returncode, ran.stderr)


def test_every_command_has_help_without_the_heavy_parts() -> None:
    """Those that need more are listed and explained too; only running them needs it."""
    ran = _run(
        "from typer.main import get_command\n"
        "from moonloop.cli.main import build\n"
        "def walk(command, words):\n"
        "    for word, one in getattr(command, 'commands', {}).items():\n"
        "        walk(one, [*words, word])\n"
        "    command.main([*words[:0], '--help'], prog_name=' '.join(words), standalone_mode=False)\n"
        "walk(get_command(build()), ['moonloop'])\n"
    )

    assert (0, "") == (ran.returncode, ran.stderr)
    for command in ("moonloop serve", "moonloop demo", "moonloop robot run", "moonloop campaign watch"):
        assert f"Usage: {command} " in ran.stdout


@pytest.mark.parametrize(
    ("words", "extra"),
    [("serve", "server"), ("worker", "server"), ("relay", "server"), ("up", "server"), ("demo", "server,xtb"),
     ("robot run xtb", "xtb")],
)  # fmt: skip
def test_a_command_that_needs_more_says_what(words: str, extra: str) -> None:
    """6, with the one line that brings it."""
    ran = _run(f"sys.argv = ['moonloop', *{words.split()!r}]\nfrom moonloop.cli.main import main\nmain()")

    assert (6, "") == (ran.returncode, ran.stdout)
    assert f"moonloop[{extra}]" in ran.stderr
    assert "Traceback" not in ran.stderr
