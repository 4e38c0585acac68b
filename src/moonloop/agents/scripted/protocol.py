"""The chat completions protocol, from the server's side: what may be asked, and the form of what is said."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from moonloop.agents.scripted.answers import ScriptedAnswer
from moonloop.agents.scripted.counting import cut_to, tokens_in

__all__ = [
    "Refused",
    "Spoken",
    "check",
    "completion",
    "events",
    "example_of",
    "forced_tool",
    "schema_of",
    "spoken",
]

_FIELDS = frozenset(
    [
        "audio",
        "frequency_penalty",
        "function_call",
        "functions",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "metadata",
        "modalities",
        "model",
        "n",
        "parallel_tool_calls",
        "prediction",
        "presence_penalty",
        "prompt_cache_key",
        "reasoning_effort",
        "response_format",
        "safety_identifier",
        "seed",
        "service_tier",
        "stop",
        "store",
        "stream",
        "stream_options",
        "temperature",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "user",
        "verbosity",
        "web_search_options",
    ]
)
"""https://platform.openai.com/docs/api-reference/chat/create"""
_ROLES = frozenset({"system", "developer", "user", "assistant", "tool"})
_PIECE = re.compile(r"\s*\S+|\s+")


class Refused(Exception):
    """A request that the server does not serve."""

    def __init__(self, status: int, message: str, kind: str = "invalid_request_error") -> None:
        super().__init__(message)
        self.status, self.message, self.kind = status, message, kind

    def body(self) -> dict[str, Any]:
        """Return the error as the protocol has it."""
        return {"error": {"message": self.message, "type": self.kind, "param": None, "code": None}}


@dataclass(frozen=True, slots=True)
class Spoken:
    """An answer with all that its form needs."""

    identity: str
    created: int
    model: str
    text: str | None
    refusal: str | None
    tool_calls: tuple[dict[str, Any], ...]
    finish: str
    usage: Mapping[str, Any] | None

    @property
    def tokens(self) -> int:
        """Tokens of the answer."""
        calls = " ".join(str(call["function"]["arguments"]) for call in self.tool_calls)
        return tokens_in(f"{self.text or ''} {self.refusal or ''} {calls}")


def check(body: Any, models: tuple[str, ...]) -> dict[str, Any]:
    """Return a request for a completion; raise `Refused` where a strict server would refuse it."""
    if not isinstance(body, dict):
        raise Refused(400, "the body is no JSON object")
    asked = cast("dict[str, Any]", body)
    if unknown := sorted(set(asked) - _FIELDS):
        raise Refused(400, f"Unrecognized request argument supplied: {', '.join(unknown)}")
    if asked.get("model") not in models:
        raise Refused(404, f"The model `{asked.get('model')}` does not exist.", "NotFoundError")
    messages = asked.get("messages")
    if not isinstance(messages, list) or not messages:
        raise Refused(400, "'messages' is to be a list with something in it")
    for message in cast("list[Any]", messages):
        if not isinstance(message, dict) or cast("dict[str, Any]", message).get("role") not in _ROLES:
            raise Refused(400, "a message has a role of: " + ", ".join(sorted(_ROLES)))
    for name in ("max_tokens", "max_completion_tokens"):
        if not isinstance(asked.get(name, 1), int) or asked.get(name, 1) < 1:
            raise Refused(400, f"'{name}' is to be a whole number of 1 or more")
    return asked


def schema_of(body: Mapping[str, Any]) -> tuple[str, Mapping[str, Any] | None]:
    """Return the name and the schema that the answer is to have, if any."""
    form: Mapping[str, Any] = body.get("response_format") or {}
    if form.get("type") != "json_schema":
        return "", None
    named: Mapping[str, Any] = form.get("json_schema") or {}
    return str(named.get("name") or ""), named.get("schema") or {}


def forced_tool(body: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the tool that the request says is to be called."""
    choice = body.get("tool_choice")
    if not isinstance(choice, dict):
        return None
    name = cast("dict[str, Any]", choice).get("function", {}).get("name")
    return next((tool for tool in body.get("tools") or () if tool["function"]["name"] == name), None)


def example_of(schema: Mapping[str, Any]) -> Any:
    """Return the plainest value that a schema of the common subset allows."""
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return example_of(schema["anyOf"][0])
    plain: dict[Any, Callable[[], Any]] = {
        "object": lambda: {name: example_of(field) for name, field in schema["properties"].items()},
        "array": lambda: [example_of(schema["items"])] * int(schema.get("minItems") or 0),
        "integer": lambda: max(0, schema.get("minimum", 0)),
        "number": lambda: max(0, schema.get("minimum", 0)),
        "boolean": lambda: True,
        "null": lambda: None,
    }
    return plain.get(schema.get("type"), lambda: "x" * int(schema.get("minLength") or 0))()


def spoken(
    answer: ScriptedAnswer, body: Mapping[str, Any], identity: str, created: int, prompt: tuple[int, int]
) -> Spoken:
    """Return an answer in its form, cut to the length that the request allows."""
    most = int(body.get("max_completion_tokens") or body.get("max_tokens") or 1_000_000)
    text = cut_to(answer.text, most)
    calls = tuple(
        {"id": f"{identity}-{place}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for place, (name, arguments) in enumerate(answer.tool_calls)
    )
    fitting = "length" if text != answer.text else "tool_calls" if calls else "stop"
    said = Spoken(
        identity,
        created,
        str(body["model"]),
        text if text or not calls else None,
        answer.refusal or None,
        calls,
        answer.finish or fitting,
        answer.usage,
    )
    return said if answer.usage is not None else _with_usage(said, *prompt)


def completion(said: Spoken) -> dict[str, Any]:
    """Return the answer as one body."""
    message: dict[str, Any] = {"role": "assistant", "content": said.text, "refusal": said.refusal}
    if said.tool_calls or said.finish == "tool_calls":
        message["tool_calls"] = list(said.tool_calls)
    body = _frame(said, "chat.completion")
    body["choices"] = [{"index": 0, "message": message, "finish_reason": said.finish, "logprobs": None}]
    if said.usage:
        body["usage"] = said.usage
    return body


def events(said: Spoken, *, with_usage: bool) -> Iterator[bytes]:
    """Yield the answer as server-sent events: the role, piece by piece, the reason to end, the usage."""
    yield _event(said, {"role": "assistant", "content": ""})
    for piece in _PIECE.findall(said.text or ""):
        yield _event(said, {"content": piece})
    if said.refusal:
        yield _event(said, {"refusal": said.refusal})
    for place, call in enumerate(said.tool_calls):
        begun = {**call, "function": {"name": call["function"]["name"], "arguments": ""}}
        yield _event(said, {"tool_calls": [{"index": place, **begun}]})
        for piece in _PIECE.findall(call["function"]["arguments"]):
            yield _event(said, {"tool_calls": [{"index": place, "function": {"arguments": piece}}]})
    yield _event(said, {}, said.finish)
    if with_usage and said.usage:
        yield _line({**_frame(said, "chat.completion.chunk"), "choices": [], "usage": said.usage})
    yield b"data: [DONE]\n\n"


def _with_usage(said: Spoken, prompt_tokens: int, cached_tokens: int) -> Spoken:
    usage = {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": said.tokens,
        "total_tokens": prompt_tokens + said.tokens,
        "prompt_tokens_details": {"cached_tokens": cached_tokens},
    }
    return replace(said, usage=usage)


def _frame(said: Spoken, kind: str) -> dict[str, Any]:
    return {
        "id": said.identity,
        "object": kind,
        "created": said.created,
        "model": said.model,
        "system_fingerprint": "scripted",
    }


def _event(said: Spoken, delta: Mapping[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return _line({**_frame(said, "chat.completion.chunk"), "choices": [choice]})


def _line(body: Mapping[str, Any]) -> bytes:
    return b"data: " + json.dumps(body, ensure_ascii=False).encode() + b"\n\n"
