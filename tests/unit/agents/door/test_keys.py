"""Keys are read where the file of models says, and shown nowhere."""

import pickle
from pathlib import Path
from typing import Any

import pytest

from moonloop.agents.door.config import Endpoint
from moonloop.agents.door.keys import Key, KeyMissing, read_key

_SECRET = "sk-of-the-test-0123"


def _endpoint(**given: Any) -> Endpoint:
    return Endpoint(base_url="http://127.0.0.1:1/v1", model="m", **given)


def test_a_key_comes_from_the_environment() -> None:
    """The variable that `key_env` names holds it; space around it is none of it."""
    key = read_key(_endpoint(key_env="K"), {"K": f" {_SECRET}\n"})
    assert key.header == f"Bearer {_SECRET}"


def test_a_key_comes_from_a_file_of_its_owner_alone(tmp_path: Path) -> None:
    """A file that others can read is used, and it is said to be open."""
    path = tmp_path / "key"
    path.write_text(_SECRET + "\n")
    path.chmod(0o600)
    assert not read_key(_endpoint(key_file=str(path))).exposed
    path.chmod(0o644)
    assert "chmod 600" in read_key(_endpoint(key_file=str(path))).exposed


def test_an_endpoint_without_a_key_has_none() -> None:
    """Where neither is named nothing is sent, whatever the environment holds."""
    assert not read_key(_endpoint(), {"OPENAI_API_KEY": _SECRET})


@pytest.mark.parametrize("text", ["", "  \n", "two words", "naïve", "a\r\nb: c", "x" * 9000])
def test_what_cannot_be_a_key_is_not_sent(text: str) -> None:
    """Nothing, or something that would break a header, ends in a sentence that names the variable."""
    with pytest.raises(KeyMissing, match="the environment variable K") as missing:
        read_key(_endpoint(key_env="K"), {"K": text})
    assert not text.strip() or text not in str(missing.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The sentence says which file cannot be read."""
    with pytest.raises(KeyMissing, match=r"cannot be read from the file .*absent"):
        read_key(_endpoint(key_file=str(tmp_path / "absent")))


def test_a_key_is_not_shown() -> None:
    """Neither printed nor pickled is it there."""
    key = Key(_SECRET)
    assert _SECRET not in f"{key} {key!r} {[key]}"
    with pytest.raises(TypeError):
        pickle.dumps(key)


def test_a_key_is_taken_out_of_what_a_server_says() -> None:
    """A server that quotes it is quoted without it."""
    assert Key(_SECRET).hide(f"wrong: {_SECRET}!") == "wrong: …!"
    assert Key("").hide("all of it") == "all of it"
