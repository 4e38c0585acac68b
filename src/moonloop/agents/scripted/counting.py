"""What a scripted server counts: requests, tokens, and how much of a prompt it has seen before."""

import json
import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

__all__ = ["Counts", "cut_to", "rendered", "tokens_in"]

_TOKEN = re.compile(r"\w+|[^\w\s]")
_SESSIONS = 256


def tokens_in(text: str) -> int:
    """Return the number of words and signs."""
    return sum(1 for _ in _TOKEN.finditer(text))


def cut_to(text: str, most: int) -> str:
    """Return the text up to so many tokens."""
    end = 0
    for number, token in enumerate(_TOKEN.finditer(text)):
        if number >= most:
            return text[:end]
        end = token.end()
    return text


def rendered(body: Mapping[str, Any]) -> str:
    """Return a prompt as one text: the tools first, then the messages, as chat templates have it."""
    parts = [json.dumps(body.get("tools") or [], ensure_ascii=False)]
    parts += [json.dumps(message, ensure_ascii=False) for message in body["messages"]]
    return "\n".join(parts)


def _shared(before: str, now: str) -> str:
    """Return what both texts begin with."""
    same, further = 0, min(len(before), len(now))
    while same < further:
        middle = (same + further + 1) // 2
        if before[same:middle] == now[same:middle]:
            same = middle
        else:
            further = middle - 1
    return now[:same]


@dataclass(slots=True)
class Counts:
    """What a server has seen so far; requests are those for completions."""

    requests: int = 0
    running: int = 0
    most_running: int = 0
    answered: int = 0
    disconnects: int = 0
    """Clients that hung up before they had their answer."""
    prompt_tokens: int = 0
    cached_tokens: int = 0
    """Tokens at the start of a prompt that were those of the last prompt of its session."""
    completion_tokens: int = 0
    _last: OrderedDict[str, str] = field(default_factory=OrderedDict[str, str])

    def prompt(self, session: str, prompt: str) -> tuple[int, int]:
        """Count a prompt; return its tokens, and those of them that its session had at its start before."""
        cached = tokens_in(_shared(self._last.pop(session, ""), prompt))
        self._last[session] = prompt
        while len(self._last) > _SESSIONS:
            self._last.popitem(last=False)
        tokens = tokens_in(prompt)
        self.prompt_tokens += tokens
        self.cached_tokens += cached
        return tokens, cached

    def to_json(self) -> dict[str, int]:
        """Return the numbers by name."""
        return {one.name: getattr(self, one.name) for one in fields(self) if not one.name.startswith("_")}
