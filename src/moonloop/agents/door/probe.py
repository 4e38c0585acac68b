"""What an endpoint can do, found out by asking it: a few short calls, and a sentence for each finding."""

import json
import os
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from moonloop.agents.door.answers import Answer
from moonloop.agents.door.config import Endpoint, ModelsFile
from moonloop.agents.door.failures import Failed
from moonloop.agents.door.keys import KeyMissing
from moonloop.agents.door.line import Answered, Line, ServedModel
from moonloop.agents.door.wire import session_headers

__all__ = ["PROBE", "Finding", "Probed", "probe", "probe_all"]

PROBE = "moonloop_probe"
"""The name of the schema that is asked for."""
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_LISTLESS = frozenset({"model", "status", "garbled"})
"""Failures that gateways without a list of models have, though they serve."""
_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["ready", "level"],
    "properties": {"ready": {"enum": ["yes", "no"]}, "level": {"enum": [1, 2, 3]}},
}
_TOOL = {
    "type": "function",
    "function": {"name": "report_ready", "description": "Report.", "strict": True, "parameters": _SCHEMA},
}
_SAID = "This is a test of what this server can do. Say that you are ready, at any level. " * 6
"""Long enough for servers that keep prompts in blocks to have some of it at hand the second time."""
_WORDS = 200


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    subject: Literal[
        "key", "reachable", "model", "context", "answers", "json_schema", "tools", "usage", "cached"
    ]
    standing: Literal["good", "note", "bad"]
    """`note`: works, with less than there could be; `bad`: has to be put right."""
    sentence: str


@dataclass(frozen=True, slots=True)
class Probed:
    """What is known of one model or adapter at one endpoint."""

    endpoint: str
    model: str
    findings: tuple[Finding, ...]
    served: tuple[ServedModel, ...] = ()
    """The models and adapters that the endpoint says it serves."""
    latency_s: float | None = None
    """Of a short answer."""
    scripted: bool = False
    """A script answers there, no model."""

    @property
    def works(self) -> bool:
        """Whether a role can be served."""
        return all(one.standing != "bad" for one in self.findings)


async def probe(
    name: str, endpoint: Endpoint, model: str = "", *, environment: Mapping[str, str] = os.environ
) -> Probed:
    """Ask an endpoint for its models, and one of them (its own if none is named) for a few short answers."""
    line = Line(name, endpoint, environment=environment)
    try:
        return await _Probe(line, model or endpoint.model).run()
    finally:
        await line.close()


async def probe_all(models: ModelsFile, *, environment: Mapping[str, str] = os.environ) -> tuple[Probed, ...]:
    """Ask every endpoint for every model and adapter that a role wants of it, one after another."""
    return tuple(
        [
            await probe(name, models.endpoints[name], model, environment=environment)
            for name, wanted in models.models().items()
            for model in wanted
        ]
    )


class _Probe:
    def __init__(self, line: Line, model: str) -> None:
        self._line, self._model = line, model
        self._found: list[Finding] = []
        self._served: tuple[ServedModel, ...] = ()
        self._first: Answered | None = None

    async def run(self) -> Probed:
        self._look_at_key()
        if self._fit():
            await self._step("reachable", self._reach)
        if self._fit():
            await self._step("answers", self._answers)
        if self._fit():
            await self._step("json_schema", self._schema, else_note=True)
            await self._step("tools", self._tools, else_note=True)
            await self._step("cached", self._cached, else_note=True)
        first = self._first
        return Probed(
            self._line.name,
            self._model,
            tuple(self._found),
            self._served,
            first.latency_s if first else None,
            scripted=bool(first and first.answer.scripted),
        )

    def _fit(self) -> bool:
        return all(one.standing != "bad" for one in self._found)

    def _find(self, subject: Any, standing: Any, sentence: str) -> None:
        self._found.append(Finding(subject, standing, sentence))

    async def _step(
        self, subject: str, step: Callable[[], Coroutine[Any, Any, None]], *, else_note: bool = False
    ) -> None:
        try:
            await step()
        except Failed as failed:
            why = f"{self._line.name} {failed.why.sentence}"
            self._find(subject, "note" if else_note else "bad", why)

    def _look_at_key(self) -> None:
        endpoint = self._line.endpoint
        try:
            key = self._line.key()
        except KeyMissing as error:
            self._find("key", "bad", f"{self._line.name} {error}")
            return
        plain = endpoint.base_url.startswith("http://") and endpoint.host not in _LOOPBACK
        if key.exposed:
            self._find("key", "note", key.exposed)
        elif key and plain:
            self._find("key", "note", f"the key goes to {endpoint.host} unencrypted: use https")
        else:
            self._find("key", "good", "the key is there" if key else "no key is asked for")

    async def _reach(self) -> None:
        try:
            self._served = await self._line.served()
        except Failed as failed:
            if failed.why.kind not in _LISTLESS:
                raise
            self._find("reachable", "note", "it answers, but does not list its models")
            return
        self._find("reachable", "good", f"it answers at {self._line.endpoint.base_url}")
        found = next((one for one in self._served if one.name == self._model), None)
        if found is None:
            known = ", ".join(one.name for one in self._served[:20]) or "none"
            self._find("model", "bad", f"it does not serve {self._model}; it serves {known}")
            return
        self._find("model", "good", f"it serves {self._model}")
        self._compare_context(found)

    def _compare_context(self, found: ServedModel) -> None:
        told, set_ = found.context, self._line.endpoint.context
        if told and set_ and set_ > told:
            self._find("context", "bad", f"it holds {told} tokens, and the file of models says {set_}")
        elif told:
            self._find("context", "good", f"it holds {told} tokens")

    async def _answers(self) -> None:
        self._first = await self._ask()
        answer = self._first.answer
        if answer.refusal or not answer.text.strip():
            self._find("answers", "note", "it answers, but said nothing to a short question")
        else:
            self._find("answers", "good", f"it answered in {self._first.latency_s:.2f} s")
        if answer.counted:
            self._find("usage", "good", "it says how many tokens it used")
        else:
            self._find("usage", "note", "it does not say how many tokens it used: they are estimated, high")

    async def _schema(self) -> None:
        if self._line.endpoint.structured == "none":
            self._find("json_schema", "note", "no JSON Schema is sent, as the file of models says")
            return
        form = {"name": PROBE, "strict": True, "schema": _SCHEMA}
        answered = await self._ask(response_format={"type": "json_schema", "json_schema": form})
        if _fits(answered.answer.text):
            self._find("json_schema", "good", "it keeps to a JSON Schema")
        else:
            self._find("json_schema", "note", "it does not keep to a JSON Schema: more answers are sent back")

    async def _tools(self) -> None:
        if self._line.endpoint.tools == "none":
            self._find("tools", "note", "no tools are offered, as the file of models says")
            return
        choice = {"type": "function", "function": {"name": "report_ready"}}
        answer = (await self._ask(tools=[_TOOL], tool_choice=choice)).answer
        if _asks(answer):
            self._find("tools", "good", "it calls tools with the arguments that they take")
        else:
            self._find("tools", "note", "it did not call a tool as it was told to: agents will do without")

    async def _cached(self) -> None:
        answer = (await self._ask()).answer
        if answer.usage.cached_tokens and answer.cached_known:
            share = answer.usage.cached_tokens / answer.usage.prompt_tokens
            self._find("cached", "good", f"it had {share:.0%} of a repeated prompt at hand")
        elif answer.cached_known:
            self._find(
                "cached", "note", "it had nothing of a repeated prompt at hand: prefixes are not cached"
            )
        else:
            self._find("cached", "note", "it does not say how much of a prompt it had at hand")

    async def _ask(self, **more: Any) -> Answered:
        endpoint = self._line.endpoint
        body: dict[str, Any] = {
            "model": self._model,
            "messages": [{"role": "user", "content": _SAID}],
            endpoint.limit_field: _WORDS,
            "stream": False,
            **more,
        }
        if endpoint.temperature != "omit":
            body["temperature"] = 0 if endpoint.temperature == "task" else endpoint.temperature
        return await self._line.chat(body, session_headers(endpoint, PROBE))


def _fits(text: str) -> bool:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and value in [
        {"ready": r, "level": n} for r in ("yes", "no") for n in (1, 2, 3)
    ]


def _asks(answer: Answer) -> bool:
    return any(one.name == "report_ready" and _fits(one.arguments) for one in answer.tool_requests)
