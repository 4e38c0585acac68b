"""Setting up from a fresh clone: the Makefile, the installer, and the server's recipe in a wheel."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_CHECKOUT = Path(__file__).parents[3]
_INSTALLER = "requirements/install.py"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout under a name with spaces, whose virtual environment only records what it is asked to do."""
    folder = tmp_path / "a moon loop"
    (folder / "requirements").mkdir(parents=True)
    shutil.copy(_CHECKOUT / "Makefile", folder)
    shutil.copy(_CHECKOUT / _INSTALLER, folder / "requirements")
    for file in (
        "pyproject.toml",
        "requirements/setup.lock",
        "requirements/run.lock",
        "requirements/dev.lock",
    ):
        (folder / file).touch()
    _script(folder / ".venv" / "bin" / "python", 'case $1 in -m) echo "$*" >> .venv/asked;; esac')
    return folder


def _script(file: Path, lines: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{lines}\n")
    file.chmod(0o755)


def _set_up(checkout: Path, interpreter: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the installer; environments are made by its own interpreter unless another is given."""
    lines = f"""
import runpy, sys
sys.argv = [{_INSTALLER!r}, "run"]
sys.executable = {str(interpreter or sys.executable)!r}
runpy.run_path({_INSTALLER!r}, run_name="__main__")
"""
    return subprocess.run(
        [sys.executable, "-c", lines], cwd=checkout, capture_output=True, text=True, check=False
    )


def _asked(checkout: Path) -> list[str]:
    """Return what the virtual environment was asked to do since the last call."""
    record = checkout / ".venv" / "asked"
    lines = record.read_text().splitlines() if record.exists() else []
    record.unlink(missing_ok=True)
    return lines


def _make(checkout: Path, *arguments: str, path: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": path}
    make = shutil.which("make") or "make"
    return subprocess.run(
        [make, *arguments], cwd=checkout, env=environment, capture_output=True, text=True, check=False
    )


def test_everything_is_installed_from_its_lock_with_hashes(checkout: Path) -> None:
    """Nothing is installed whose bytes the lock files do not name, but for the checkout itself."""
    assert 0 == _set_up(checkout).returncode

    uv = "-m uv pip install --quiet --python .venv/bin/python"
    assert [
        "-m pip install --quiet --require-hashes --requirement requirements/setup.lock",
        f"{uv} --require-hashes --requirement requirements/run.lock",
        f"{uv} --no-deps --no-build-isolation --editable .",
    ] == _asked(checkout)


def test_a_second_set_up_does_nothing(checkout: Path) -> None:
    """The second `make demo` starts at once."""
    _set_up(checkout)
    _asked(checkout)

    answer = _set_up(checkout)

    assert (0, "") == (answer.returncode, answer.stdout)
    assert [] == _asked(checkout)


@pytest.mark.parametrize("file", ["requirements/run.lock", "requirements/setup.lock", "pyproject.toml"])
def test_a_changed_lock_is_installed(checkout: Path, file: str) -> None:
    """After a pull, what has changed is brought in without being asked for."""
    _set_up(checkout)
    _asked(checkout)
    (checkout / file).write_text("changed")

    _set_up(checkout)

    assert 3 == len(_asked(checkout))


def test_a_moved_checkout_is_installed_anew(checkout: Path) -> None:
    """A folder that was renamed does not go on running the code at its old place."""
    _set_up(checkout)
    _asked(checkout)

    _set_up(moved := checkout.rename(checkout.with_name("elsewhere")))

    assert 3 == len(_asked(moved))


def test_a_failed_step_is_named_and_nothing_passes_for_finished(checkout: Path) -> None:
    """A registry that is down fails `make`, with the command that failed; what came before does not count."""
    _script(checkout / ".venv" / "bin" / "python", 'case $2 in uv) echo "no network" >&2; exit 2;; esac')

    answer = _set_up(checkout)

    assert 2 == answer.returncode
    assert "no network\nSetting up failed: .venv/bin/python -m uv pip install" in answer.stderr
    assert not (checkout / ".venv" / "run.installed").exists()


def test_an_interrupted_set_up_is_begun_anew(checkout: Path, tmp_path: Path) -> None:
    """What a killed installer left half-made is thrown away, not built upon."""
    _script(checkout / ".venv" / "bin" / "python", "case $1 in -m) kill -9 $PPID;; esac")
    assert -9 == _set_up(checkout).returncode
    assert not (checkout / ".venv" / "run.installed").exists()
    # The Python that makes a new environment here only says that it was asked to.
    _script(tmp_path / "python", 'echo "asked for: $*"; exit 7')

    answer = _set_up(checkout, interpreter=tmp_path / "python")

    assert (7, "asked for: -m venv --clear .venv") == (answer.returncode, answer.stdout.splitlines()[-1])


def test_make_alone_lists_what_there_is_to_make(checkout: Path) -> None:
    """Whoever types `make` learns the words."""
    answer = _make(checkout, path=os.defpath)

    words = [line.split()[1] for line in answer.stdout.splitlines()]
    assert ["help", "demo", "test", "test-vllm", "check", "bench", "lock", "clean"] == words


def test_a_python_that_does_not_answer_is_passed_over(checkout: Path, tmp_path: Path) -> None:
    """A version manager's shim for a version that is not installed does not stop the set-up."""
    for tool in ("sh", "sed", "echo"):
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool) or tool)
    _script(tmp_path / "bin" / "python3.11", "exit 127")
    _script(tmp_path / "bin" / "python3.12", 'case $1 in -c) exit 0;; esac; echo "3.12 runs $*"')

    answer = _make(checkout, "setup-dev", path=str(tmp_path / "bin"))

    assert (0, "3.12 runs requirements/install.py dev\n") == (answer.returncode, answer.stdout)


def test_a_machine_without_a_recent_python_is_told_so(checkout: Path, tmp_path: Path) -> None:
    """The first thing that may be missing on a fresh machine has its sentence."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "sh").symlink_to(shutil.which("sh") or "/bin/sh")
    _script(tmp_path / "bin" / "python3", "exit 1")

    answer = _make(checkout, "setup-run", path=str(tmp_path / "bin"))

    assert answer.returncode != 0
    assert "Moonloop needs Python 3.11 or newer and finds none: install it" in answer.stderr


def test_an_installed_moonloop_finds_the_recipe_of_the_server_inside_itself(tmp_path: Path) -> None:
    """Without a checkout around it, the package brings go.mod, go.sum and tools.go along."""
    site = tmp_path / "site"
    shutil.copytree(_CHECKOUT / "src", site, ignore=shutil.ignore_patterns("__pycache__"))
    recipe = site / "moonloop" / "embedded" / "temporal_cli"
    shutil.copytree(_CHECKOUT / "deploy" / "temporal-cli", recipe)
    asks = "from moonloop.embedded.temporal.building import module_folder; print(module_folder())"

    answer = subprocess.run(
        [sys.executable, "-c", asks],
        env={"PYTHONPATH": str(site)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    assert f"{recipe}\n" == answer.stdout
