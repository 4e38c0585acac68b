"""Adapters as users name them."""

import json
from pathlib import Path

import pytest

from moonloop.agents.serving.adapters import RANKS, Adapter, checked_name, read_adapter, room_for
from moonloop.domain.errors import InvalidInput


def adapter(folder: Path, config: str) -> Path:
    """Write an adapter's configuration."""
    folder.mkdir(exist_ok=True)
    (folder / "adapter_config.json").write_text(config)
    return folder


def test_an_adapter_tells_its_rank(tmp_path: Path) -> None:
    """The rank that vLLM has to make room for is read from the adapter itself."""
    folder = adapter(tmp_path / "critic", json.dumps({"peft_type": "LORA", "r": 24}))
    assert Adapter("critic", str(folder), 24) == read_adapter(f"critic={folder}")


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("critic", "not of the form NAME=PATH"),
        ("critic=", "not of the form NAME=PATH"),
        ("critic path", "not of the form NAME=PATH"),
        ("=path", "cannot be a name"),
    ],
)
def test_what_has_not_both_name_and_path_is_refused(given: str, why: str) -> None:
    """NAME=PATH is the form, and the error says so, or that there is no name."""
    with pytest.raises(InvalidInput, match=why):
        read_adapter(given)


def test_a_folder_without_an_adapter_is_refused(tmp_path: Path) -> None:
    """The error names the file that is missed."""
    with pytest.raises(InvalidInput, match=r"adapter_config\.json, which PEFT writes"):
        read_adapter(f"critic={tmp_path}")


@pytest.mark.parametrize("config", ["{", "[]", "{}", '{"r": "8"}', '{"r": true}', '{"r": 0}', "[" * 100_000])
def test_a_configuration_without_a_rank_is_refused(config: str, tmp_path: Path) -> None:
    """Whatever stands in that file, the answer is a sentence."""
    with pytest.raises(InvalidInput, match="no usable adapter"):
        read_adapter(f"critic={adapter(tmp_path / 'x', config)}")


def test_a_file_too_large_to_be_a_configuration_is_not_read(tmp_path: Path) -> None:
    """Weights in the wrong place are not taken in."""
    folder = adapter(tmp_path / "x", " " * 2_000_000)
    with pytest.raises(InvalidInput, match="too large"):
        read_adapter(f"critic={folder}")


@pytest.mark.parametrize("name", ["critic", "critic-2.1_b", "C" * 80])
def test_plain_names_are_taken(name: str) -> None:
    """Letters, digits, dots, dashes and underscores."""
    assert name == checked_name(name)


@pytest.mark.parametrize("name", ["", "-x", "a b", "a/b", "a=b", "a\n", "C" * 81, "é"])
def test_other_names_are_refused(name: str) -> None:
    """No name could be mistaken for a flag, a path or another line."""
    with pytest.raises(InvalidInput, match="cannot be a name"):
        checked_name(name)


def test_there_is_room_for_the_usual_rank_at_least() -> None:
    """Adapters that come later have the usual room, and a rank that vLLM cannot serve is refused."""
    assert (16, 16, 64, 512) == (room_for(()), room_for((8,)), room_for((8, 33)), room_for((RANKS[-1],)))
    with pytest.raises(InvalidInput, match="ranks up to 512"):
        room_for((513,))
