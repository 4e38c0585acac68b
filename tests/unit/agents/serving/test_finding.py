"""Which vLLM is used."""

import os
from pathlib import Path

import pytest

from moonloop.agents.serving.finding import find_vllm
from moonloop.domain.errors import SetupProblem


def program(folder: Path, at: int = 0) -> Path:
    """Put a program named vllm into a folder; `at` is when its environment was finished."""
    made = folder / "bin" / "vllm"
    made.parent.mkdir(parents=True)
    made.touch(0o755)
    (folder / "ready").touch()
    os.utime(folder / "ready", (at, at))
    return made


def given(tmp_path: Path, **more: str) -> dict[str, str]:
    """Return an environment that has nothing of this machine's."""
    return {"PATH": str(tmp_path / "none"), "XDG_CACHE_HOME": str(tmp_path), **more}


def test_the_chosen_one_comes_first(tmp_path: Path) -> None:
    """MOONLOOP_VLLM decides, whether it names the program or the folder of its environment."""
    chosen, _ = program(tmp_path / "chosen"), program(tmp_path / "other")
    for named in (chosen, tmp_path / "chosen"):
        found = find_vllm(given(tmp_path, MOONLOOP_VLLM=str(named), PATH=str(tmp_path / "other" / "bin")))
        assert chosen == found


def test_a_chosen_one_that_is_not_there_is_not_replaced(tmp_path: Path) -> None:
    """Who insists on one is told that it is missing, and gets no other."""
    program(tmp_path / "moonloop" / "vllm" / "0.1-cpu-x")
    with pytest.raises(SetupProblem, match="which is no program"):
        find_vllm(given(tmp_path, MOONLOOP_VLLM=str(tmp_path / "nowhere")))


def test_the_one_on_path_comes_next(tmp_path: Path) -> None:
    """An installation of the machine's own goes before the cache."""
    program(tmp_path / "moonloop" / "vllm" / "0.1-cpu-x")
    own = program(tmp_path / "own")
    assert own == find_vllm(given(tmp_path, PATH=str(own.parent)))


def test_of_the_cache_the_newest_finished_one_is_taken(tmp_path: Path) -> None:
    """An environment whose installation was cut short is passed over."""
    cache = tmp_path / "moonloop" / "vllm"
    program(cache / "0.1-cpu-a", at=100)
    newest = program(cache / "0.2-cpu-b", at=200)
    program(cache / "0.3-cpu-c", at=300)
    (cache / "0.3-cpu-c" / "ready").unlink()
    assert newest == find_vllm(given(tmp_path))


def test_for_a_processor_only_a_build_for_processors_is_taken_from_the_cache(tmp_path: Path) -> None:
    """The build for CUDA does not run there."""
    cache = tmp_path / "moonloop" / "vllm"
    program(cache / "0.2-gpu-b", at=200)
    with pytest.raises(SetupProblem, match="There is no vLLM"):
        find_vllm(given(tmp_path), cpu=True)
    fitting = program(cache / "0.1-cpu-a", at=100)
    assert fitting == find_vllm(given(tmp_path), cpu=True)


def test_where_there_is_none_it_is_said_how_to_get_one(tmp_path: Path) -> None:
    """The error names each way."""
    with pytest.raises(SetupProblem, match=r"pip install vllm.*MOONLOOP_VLLM.*requirements/vllm\.py"):
        find_vllm(given(tmp_path))
