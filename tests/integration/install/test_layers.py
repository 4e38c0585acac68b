"""Who may import whom is enforced: whatever is forbidden is noticed when somebody does it."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
CONTRACTS: list[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"][
    "importlinter"
]["contracts"]
_LINT = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"


def _linted(folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PYTHONPATH": str(folder / "src"), "PATH": "", "COLUMNS": "400", "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-c", _LINT],
        cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def _plant(folder: Path, source: str, forbidden: list[str]) -> None:
    """Have a module import what it must not; a package gets a module of its own that does."""
    place = folder / "src" / source.replace(".", "/")
    path = place / "planted.py" if place.is_dir() else place.with_suffix(".py")
    with path.open("a") as file:
        file.write("\n" + "".join(f"import {module}\n" for module in forbidden))


def _told(printed: str) -> dict[str, set[tuple[str, str]]]:
    """Return who is told not to import what, by contract."""
    details = printed.partition("Broken contracts\n")[2]
    parts = re.split(r"^(.+)\n-{5,}$", details, flags=re.MULTILINE)[1:]
    pairs = re.compile(r"^(\S+) is not allowed to import (\S+):$", re.MULTILINE)
    return {name: set(pairs.findall(text)) for name, text in zip(parts[::2], parts[1::2], strict=True)}


def test_every_forbidden_import_is_noticed(tmp_path: Path) -> None:
    """Every one is planted once: each is told, as a breach of the contract that forbids it."""
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for contract in CONTRACTS:
        for source in contract["source_modules"]:
            _plant(tmp_path, source, contract["forbidden_modules"])

    linted = _linted(tmp_path)

    assert 1 == linted.returncode, linted.stderr
    assert {
        contract["name"]: {
            (source, module)
            for source in contract["source_modules"]
            for module in contract["forbidden_modules"]
        }
        for contract in CONTRACTS
    } == _told(linted.stdout)
