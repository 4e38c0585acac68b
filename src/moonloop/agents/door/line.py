"""The line to one endpoint: its client, its circuit, and its places."""

import asyncio
import json
import logging
import os
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import openai

from moonloop import __version__
from moonloop.agents.door.answers import Answer, Garbled, clean, read_answer
from moonloop.agents.door.circuits import Call, Circuit, Pauses
from moonloop.agents.door.config import Endpoint
from moonloop.agents.door.failures import Failed, from_network, from_status
from moonloop.agents.door.keys import Key, KeyMissing, read_key
from moonloop.agents.door.transport import Guarded

__all__ = ["Answered", "Line", "ServedModel"]

_log = logging.getLogger(__name__)
_LARGEST = 8 * 1024 * 1024
_CONNECT_S = 10.0
_IDLE_S = 2.0
"""Idle connections are given up before servers do so (uvicorn: 5 s), or a call would fall between."""
_LABEL = "x-moonloop-scripted"
_MOST_MODELS = 1000


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer, and the seconds from the request to its end."""

    answer: Answer
    latency_s: float


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model or adapter that an endpoint says it serves."""

    name: str
    context: int | None = None
    """Tokens that it can hold, where the endpoint says so."""
    parent: str | None = None
    """The model that it is an adapter of."""


class Line:
    """Calls one endpoint, within its limits of time, size and number; for one event loop."""

    def __init__(
        self,
        name: str,
        endpoint: Endpoint,
        *,
        environment: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time.monotonic,
        pauses: Pauses | None = None,
    ) -> None:
        self.name = name
        self.endpoint = endpoint
        self.circuit = Circuit(clock, pauses)
        self._clock = clock
        self._environment = environment
        self._places = asyncio.Semaphore(endpoint.at_once)
        self._client = self._connected()
        self._warned = False

    async def close(self) -> None:
        """Close its connections."""
        await self._client.close()

    def key(self) -> Key:
        """Return the key as it is now; raise `KeyMissing` when there is none where one should be."""
        return read_key(self.endpoint, self._environment)

    async def chat(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> Answered:
        """Return the answer to a request; raise `Failed` when there is none. Cancelled, it hangs up."""
        async with self._call(str(body["model"])):
            begun = self._clock()
            # Not by the library's typed call, which looks at every word of the prompt: 10 ms for 20 messages.
            response = await self._client.post(
                "/chat/completions",
                cast_to=httpx2.Response,
                body=dict(body),
                options={"headers": dict(headers)},
            )
            latency = self._clock() - begun
            limit = int(body.get("max_tokens") or body.get("max_completion_tokens") or 0)
            sent = int(response.request.headers["content-length"])
            answer = read_answer(response.content, sent, limit, labelled=_LABEL in response.headers)
            return Answered(answer, latency)

    async def served(self) -> tuple[ServedModel, ...]:
        """Return the models that it says it serves; raise `Failed` when it does not say."""
        async with self._call(self.endpoint.model):
            response = await self._client.get("/models", cast_to=httpx2.Response)
            try:
                listed = json.loads(response.content)["data"]
                return tuple(_served(one) for one in listed[:_MOST_MODELS])
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
                raise Failed("garbled", "answers with something that is no list of models") from None

    def _connected(self) -> openai.AsyncOpenAI:
        places, seconds = self.endpoint.at_once, self.endpoint.timeout
        limits = httpx2.Limits(
            max_connections=places + 2, max_keepalive_connections=places, keepalive_expiry=_IDLE_S
        )
        timeout = httpx2.Timeout(seconds, connect=min(_CONNECT_S, seconds))
        guarded = Guarded(
            httpx2.AsyncHTTPTransport(limits=limits),
            self._authorization,
            agent=f"moonloop/{__version__}",
            session_header=self.endpoint.session_header,
            largest=_LARGEST,
        )
        client = httpx2.AsyncClient(transport=guarded, timeout=timeout, follow_redirects=False)
        # A key is named here, or the library would take another service's out of the environment.
        return openai.AsyncOpenAI(
            base_url=self.endpoint.base_url, api_key="-", max_retries=0, timeout=timeout, http_client=client
        )

    def _authorization(self) -> Mapping[str, str]:
        key = self.key()
        return {"authorization": key.header} if key else {}

    @asynccontextmanager
    async def _call(self, model: str) -> AsyncGenerator[None]:
        """Let one call through, in time and in its place; what it raises becomes `Failed`."""
        key, call, begun, waited = self._readable(), None, self._clock(), 0.0
        try:
            async with asyncio.timeout(self.endpoint.timeout):
                self._check()
                async with self._places:
                    call, waited = self._enter(), self._clock() - begun
                    yield
            call.answered()
        except Exception as error:  # noqa: BLE001 -- whatever an endpoint provokes is that endpoint's failure
            late = call is None or waited > self.endpoint.timeout / 2
            failed = self._meaning(error, model, key, late=late)
            if call is not None:
                _tell(call, failed)
            # Not chained: a library's error holds the request, and may hold what the server said.
            raise failed from None
        finally:
            if call is not None:
                call.let_go()

    def _readable(self) -> Key:
        try:
            key = self.key()
        except KeyMissing as error:
            raise Failed("key", str(error), down=False) from None
        if key.exposed and not self._warned:
            _log.warning("Endpoint %s: %s", self.name, key.exposed)
            self._warned = True
        return key

    def _check(self) -> None:
        """Raise at once where waiting for a place is of no use."""
        if self.circuit.wait_s:
            raise self._resting()
        if self._places.locked() and self.endpoint.when_full == "next":
            raise Failed("full", f"is full: {self.endpoint.at_once} calls are under way", down=False)

    def _enter(self) -> Call:
        call = self.circuit.enter()
        if call is None:
            raise self._resting()
        return call

    def _resting(self) -> Failed:
        wait = self.circuit.wait_s
        until = f"for another {wait:.0f} s" if wait else "until a call that is under way has tried it"
        return Failed("resting", f"is left alone {until}, since it failed", rest_s=wait)

    def _meaning(self, error: Exception, model: str, key: Key, *, late: bool) -> Failed:
        match error:
            case Failed():
                return error
            case TimeoutError() if late:
                calls, seconds = self.endpoint.at_once, self.endpoint.timeout
                return Failed(
                    "full", f"had no place for most of {seconds:g} s: {calls} under way", down=False
                )
            case TimeoutError() | openai.APITimeoutError():
                return Failed("timeout", f"did not answer within {self.endpoint.timeout:g} s")
            case Garbled():
                return Failed("garbled", f"answers with something that is no chat completion: {error}")
            case openai.APIStatusError():
                return from_status(error, self.endpoint, model, key)
            case _:
                return from_network(error)


def _tell(call: Call, failed: Failed) -> None:
    if failed.why.down:
        call.failed(failed.why.rest_s)
    elif failed.why.kind == "full":
        call.let_go()
    else:
        call.answered()


def _served(listed: Any) -> ServedModel:
    context, parent = listed.get("max_model_len"), listed.get("parent")
    return ServedModel(
        clean(str(listed["id"]))[:200],
        context if isinstance(context, int) else None,
        clean(parent)[:200] if isinstance(parent, str) else None,
    )
