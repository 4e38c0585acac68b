"""Keys of endpoints: read when they are needed, from the environment or a file, and shown to nobody."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from moonloop.agents.door.config import Endpoint

__all__ = ["Key", "KeyMissing", "read_key"]

_LONGEST = 8192


class KeyMissing(Exception):
    """There is no usable key where the file of models says that it is; the text says what to do."""


class Key:
    """A secret that no text, log or error shows."""

    __slots__ = ("_text", "exposed")

    def __init__(self, text: str, exposed: str = "") -> None:
        self._text = text
        self.exposed = exposed
        """Who else may read it, as a sentence; empty when nobody."""

    def __bool__(self) -> bool:
        return bool(self._text)

    def __repr__(self) -> str:
        return "Key(…)"

    def __reduce__(self) -> str:
        raise TypeError("a key does not leave its process")

    @property
    def header(self) -> str:
        """The value of the Authorization header."""
        return f"Bearer {self._text}"

    def hide(self, text: str) -> str:
        """Return a text of the endpoint's without the key in it."""
        return text.replace(self._text, "…") if self._text else text


def read_key(endpoint: Endpoint, environment: Mapping[str, str] = os.environ) -> Key:
    """Return the key of an endpoint, empty if it needs none; raise `KeyMissing` if it cannot be had."""
    if endpoint.key_env:
        return Key(
            _sound(environment.get(endpoint.key_env, ""), f"the environment variable {endpoint.key_env}")
        )
    if endpoint.key_file:
        path = Path(endpoint.key_file).expanduser()
        return Key(_sound(_text(path), f"the file {path}"), _exposed(path))
    return Key("")


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_LONGEST + 1).decode("latin-1")
    except OSError as error:
        raise KeyMissing(f"has no key: it cannot be read from the file {path}: {error.strerror}") from None


def _sound(text: str, place: str) -> str:
    key = text.strip()
    if not key:
        raise KeyMissing(f"has no key: {place} is empty or not set")
    if len(key) > _LONGEST or not all("!" <= letter <= "~" for letter in key):
        raise KeyMissing(f"has no key: {place} holds characters that a key has not, or too many")
    return key


def _exposed(path: Path) -> str:
    try:
        mode = path.stat().st_mode
    except OSError:
        return ""
    if not mode & (stat.S_IRWXG | stat.S_IRWXO):
        return ""
    return f"the key file {path} is open to others than its owner: chmod 600 it"
