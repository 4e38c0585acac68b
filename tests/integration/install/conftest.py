"""The distribution as it would be published, and an environment in which only that is installed."""

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def _run(*words: str | Path, folder: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MOONLOOP_")}
    command = [sys.executable, "-m", *map(str, words)]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution."""
    folder = tmp_path_factory.mktemp("sdist")
    # The build backend itself: what it needs is here already, and nothing is fetched.
    _run("hatchling", "build", "-t", "sdist", "-d", folder, folder=ROOT)
    return next(folder.glob("*.tar.gz"))


@pytest.fixture(scope="session")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from nothing but the source distribution."""
    folder = tmp_path_factory.mktemp("wheel")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    source = next(path for path in folder.iterdir() if path.is_dir())
    _run("hatchling", "build", "-t", "wheel", "-d", folder, folder=source)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel and its base dependencies, in the locked versions."""
    folder = tmp_path_factory.mktemp("base") / "env"
    lock = ROOT / "requirements" / "dev.lock"
    _run("uv", "venv", "--quiet", "--python", sys.executable, folder, folder=ROOT)
    python = folder / "bin" / "python"
    _run("uv", "pip", "install", "--quiet", "--python", python, "--constraint", lock, wheel, folder=ROOT)
    return folder
