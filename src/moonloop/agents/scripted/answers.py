"""What a scripted model answers, and who decides it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Responder", "ScriptedAnswer"]


@dataclass(frozen=True, slots=True)
class ScriptedAnswer:
    """One answer: text, requests for tools, or a refusal."""

    text: str = ""
    tool_calls: tuple[tuple[str, str], ...] = ()
    """Names with arguments as JSON text."""
    finish: str = ""
    """The finish reason to give, true or not; empty: the one that fits."""
    refusal: str = ""
    usage: Mapping[str, Any] | None = None
    """What to report in place of the tokens that were counted; empty: nothing is reported."""

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> "ScriptedAnswer":
        """Return the answer of a scenario."""
        fields = dict(given)
        calls = tuple((str(name), str(arguments)) for name, arguments in fields.pop("tool_calls", ()))
        return cls(tool_calls=calls, **fields)


Responder = Callable[[str, list[dict[str, Any]], list[dict[str, Any]]], ScriptedAnswer]
"""The schema's name (empty if none is asked for), messages and usable tools of a request, to the answer."""
