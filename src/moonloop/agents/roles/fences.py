"""Data in a prompt: JSON lines between fences that nothing within can close.

What people, instruments and papers have written is quoted as JSON strings in which `<`, `>` and every
character that cannot be seen are escaped: nothing is lost, and nothing of it can pass for the fence or for
what stands outside.
"""

import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

__all__ = ["fenced", "plain", "quoted", "shortened", "unarmed", "unfenced"]

_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_FENCE = re.compile(r'<data name="([a-z_]+)">\n(.*?)\n?</data>', re.DOTALL)


def quoted(value: Any) -> str:
    """Return a JSON-like value as one line of JSON, with what could deceive written as escapes."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return "".join(character if _is_harmless(character) else _escaped(character) for character in text)


def fenced(name: str, rows: Sequence[Any], room: int) -> str:
    """Return rows of data as JSON lines between fences, in about `room` characters; says what is left out."""
    lines: list[str] = []
    left = room
    for row in rows:
        line = quoted(row)
        left -= len(line) + 1
        if left < 0:
            break
        lines.append(line)
    body = "".join(f"{line}\n" for line in lines)
    rest = len(rows) - len(lines)
    said = f"\n({rest} more of {len(rows)} are left out here for length.)" if rest else ""
    return f'<data name="{name}">\n{body}</data>{said}'


def unfenced(text: str) -> Iterator[tuple[str, list[Any]]]:
    """Yield the name and the rows of each block of data in a prompt of ours."""
    for found in _FENCE.finditer(text):
        yield found[1], [json.loads(line) for line in found[2].splitlines() if line]


def shortened(text: str, most: int) -> str:
    """Return a text of at most `most` characters; a mark says where it was cut."""
    return text if len(text) <= most else f"{text[: most - 6]} [cut]"


def plain(text: str) -> str:
    """Return text as one line without characters that cannot be seen."""
    return " ".join("".join(" " if _is_unseen(character) else character for character in text).split())


def unarmed(text: str) -> str:
    """Return text as one line that cannot pass for a fence."""
    return plain(text).translate({ord("<"): "‹", ord(">"): "›"})


def _is_harmless(character: str) -> bool:
    return character not in "<>" and not _is_unseen(character)


def _is_unseen(character: str) -> bool:
    return unicodedata.category(character) in _UNSEEN


def _escaped(character: str) -> str:
    return f"\\u{ord(character):04x}" if character in "<>" else json.dumps(character)[1:-1]
