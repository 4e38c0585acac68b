"""Passages: pieces of a text of a size that can be quoted and cited."""

import re
from collections.abc import Iterator

__all__ = ["cleaned", "pieces"]

_PASSAGE = 800
"""Characters; a passage ends at a sentence's end where there is one in its last third."""
_SPACES = re.compile(r"\s+")
_BROKEN = re.compile(r"(?<=[a-z])- (?=[a-z])")
"""A word that was divided at the end of a line."""


def cleaned(text: str) -> str:
    """Return text on one line, without control characters and halves of characters."""
    visible = "".join(one if one.isprintable() or one.isspace() else " " for one in text)
    return _BROKEN.sub("", _SPACES.sub(" ", visible)).strip()


def pieces(text: str) -> Iterator[str]:
    """Yield the passages of a cleaned text, in order; together they are the text."""
    start = 0
    while start < len(text):
        end = _end(text, start)
        piece = text[start:end].strip()
        if piece:
            yield piece
        start = end


def _end(text: str, start: int) -> int:
    most = start + _PASSAGE
    if most >= len(text):
        return len(text)
    least = start + 2 * _PASSAGE // 3
    for mark in (". ", "; ", " "):
        place = text.rfind(mark, least, most)
        if place >= 0:
            return place + len(mark)
    return most
