"""Programs that try every attack, run in a folder of their own, and what they tell of it."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.attacks import CANARIES

__all__ = ["BAIT", "Trial", "baited", "tree", "trial_of"]

BAIT: Mapping[str, bytes] = {"bait.txt": b"untouched"}
"""What lies where an attack is tried; nobody is to touch it, or to leave anything beside it."""


@dataclass(frozen=True)
class Trial:
    """What came of a trial of all attacks."""

    attacks: Mapping[str, Any]
    """What is told of each attack, by its id."""
    home: Mapping[str, bytes]
    """The files that are there afterwards."""
    said: str
    """All that was printed."""


def baited(home: Path) -> Path:
    """Make a folder with the bait in it."""
    home.mkdir()
    for name, body in BAIT.items():
        (home / name).write_bytes(body)
    return home


def tree(folder: Path) -> dict[str, bytes]:
    """Return every file of a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def trial_of(program: Path, place: Path, *, within_s: float) -> Trial:
    """Run a program that prints a line of JSON for each attack; its environment has our canaries alone."""
    home, indexes = baited(place / "home"), place / "indexes"
    indexes.mkdir()
    environment = {
        **CANARIES,
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(Path(__file__).parents[1]),
        "OPENBLAS_NUM_THREADS": "1",
        "MPLCONFIGDIR": str(place / "drawing"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    run = subprocess.run(
        [sys.executable, str(program), str(indexes)],
        cwd=home, env=environment, capture_output=True, text=True, timeout=within_s, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr[-2000:]
    told = [json.loads(line) for line in run.stdout.splitlines()]
    return Trial({one["id"]: one for one in told}, tree(home), run.stdout + run.stderr)
