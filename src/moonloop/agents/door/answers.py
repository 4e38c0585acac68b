"""What comes back, read without trust: bounded, cleaned, and counted where the server does not count."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, cast

from moonloop.domain.agents import ToolRequest, Usage

__all__ = ["Answer", "Garbled", "clean", "read_answer"]

_LONGEST_TEXT = 200_000
_LONGEST_ARGUMENTS = 16_000
_LONGEST_NAME = 100
_MOST_TOOLS = 16
_SCRIPTED = "scripted"
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_BYTES_PER_TOKEN = 2
"""Texts have three to five bytes in a token, formulas and figures about two: an estimate on the high side."""


class Garbled(Exception):
    """A body that is no chat completion; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer as it was read."""

    text: str
    tool_requests: tuple[ToolRequest, ...]
    finish: str
    refusal: str
    usage: Usage
    counted: bool
    """Whether the server said what was used; else it is an estimate on the high side."""
    cached_known: bool
    """Whether it said how much of the prompt it had computed before."""
    model: str
    """As the server names it."""
    scripted: bool


def clean(text: str) -> str:
    """Return a text without what databases refuse and terminals obey: controls, NUL, lone surrogates."""
    return _UNFIT.sub("�", text)


def read_answer(body: bytes, sent: int, limit: int, *, labelled: bool = False) -> Answer:
    """Return the answer in a body, of many tool calls the first 16; raise `Garbled` when there is none.

    Args:
        body: what came back.
        sent: bytes of the request, to estimate its tokens from.
        limit: tokens that the answer was allowed.
        labelled: whether the response is labelled as scripted.
    """
    tree = _object(_parsed(body), "the body")
    choices = tree.get("choices")
    if not isinstance(choices, list) or not choices:
        raise Garbled("it has no choices")
    choice = _object(cast("list[Any]", choices)[0], "the choice")
    message = _object(choice.get("message"), "the message")
    text = clean(_text(message.get("content"), "content"))
    finish = _word(choice.get("finish_reason"))
    if len(text) > _LONGEST_TEXT:
        text, finish = text[:_LONGEST_TEXT], "length"
    requests = _requests(message.get("tool_calls"))
    written = len(text.encode()) + sum(len(one.arguments.encode()) + 16 for one in requests)
    usage, counted, known = _usage(tree.get("usage"), sent, written, limit, cut=finish == "length")
    model = _word(tree.get("model"))
    scripted = labelled or model.startswith(f"{_SCRIPTED}-") or tree.get("system_fingerprint") == _SCRIPTED
    refusal = clean(_text(message.get("refusal"), "refusal"))[:2000]
    return Answer(text, requests, finish, refusal, usage, counted, known, model, scripted)


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body.decode(), parse_constant=_no_number)
    except RecursionError:
        raise Garbled("it is nested too deeply") from None
    except ValueError:
        raise Garbled("it is not JSON") from None


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)


def _object(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Garbled(f"{what} is no object")
    return cast("Mapping[str, Any]", value)


def _text(value: Any, what: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Garbled(f"its {what} is no text")
    return value


def _word(value: Any) -> str:
    return clean(value)[:_LONGEST_NAME] if isinstance(value, str) else ""


def _requests(given: Any) -> tuple[ToolRequest, ...]:
    if given is None:
        return ()
    if not isinstance(given, list):
        raise Garbled("its tool_calls are no list")
    taken: dict[str, ToolRequest] = {}
    for place, item in enumerate(cast("Sequence[Any]", given)[:_MOST_TOOLS]):
        function = _object(_object(item, "a tool call").get("function"), "the function of a tool call")
        name = clean(_text(function.get("name"), "tool's name"))[:_LONGEST_NAME]
        known = _word(cast("Mapping[str, Any]", item).get("id"))
        identity = known if known and known not in taken else f"call_{place}"
        while identity in taken:
            identity += "_"
        taken[identity] = ToolRequest(id=identity, name=name, arguments=_arguments(function))
    return tuple(taken.values())


def _arguments(function: Mapping[str, Any]) -> str:
    given = function.get("arguments")
    if isinstance(given, dict):  # some servers send the object itself
        given = json.dumps(given, ensure_ascii=False)
    return clean(_text(given, "tool's arguments"))[:_LONGEST_ARGUMENTS]


def _usage(given: Any, sent: int, written: int, limit: int, *, cut: bool) -> tuple[Usage, bool, bool]:
    """Return what was used; a count that cannot be is replaced by an estimate on the high side."""
    prompt, answer, cached = _counts(given)
    likely = 0 < prompt <= 4 * sent + 65_536 and answer <= 4 * limit + written and (answer > 0 or not written)
    if not likely:
        estimate = limit if cut else min(limit, math.ceil(written / _BYTES_PER_TOKEN) + 8)
        prompt, answer, cached = math.ceil(sent / _BYTES_PER_TOKEN) + 8, estimate, None
    usage = Usage(prompt_tokens=prompt, cached_tokens=min(cached or 0, prompt), completion_tokens=answer)
    return usage, likely, cached is not None


def _counts(given: Any) -> tuple[int, int, int | None]:
    usage = _mapping(given)
    cached = _mapping(usage.get("prompt_tokens_details")).get("cached_tokens")
    return (
        _count(usage.get("prompt_tokens")),
        _count(usage.get("completion_tokens")),
        _count(cached) if cached is not None else None,
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0
