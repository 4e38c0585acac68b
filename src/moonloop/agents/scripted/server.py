"""The scripted server: the OpenAI protocol on a real socket, with faults on demand."""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

from moonloop.agents.scripted.answers import Responder, ScriptedAnswer
from moonloop.agents.scripted.counting import Counts, rendered
from moonloop.agents.scripted.faults import Fault
from moonloop.agents.scripted.http import BadRequest, Reply, Request, read_request
from moonloop.agents.scripted.protocol import (
    Refused,
    check,
    completion,
    events,
    example_of,
    forced_tool,
    schema_of,
    spoken,
)
from moonloop.agents.scripted.sending import hung_up, reset, send

__all__ = ["PROBE", "ScriptedServer", "Seen"]

PROBE = "moonloop_probe"
"""The name of the schema by which a door finds out what a server can do."""
_REMEMBERED = 256
_CREATED = 1_700_000_000
_HEADS = 64 * 1024


@dataclass(frozen=True, slots=True)
class Seen:
    """A request for a completion, as it came."""

    headers: Mapping[str, str]
    body: Mapping[str, Any]


class ScriptedServer:
    """Serves answers that a script gives; use it as `async with`, or `start` and `stop` it.

    Attributes:
        counts: what it has seen so far.
        seen: the last requests for completions.
        faults: what goes wrong with the next requests for completions, one each.
        outage: what goes wrong with all of them while it is set, the queue left as it is.
    """

    def __init__(
        self,
        responder: Responder,
        *,
        models: tuple[str, ...] = ("scripted-scientist",),
        key: str = "",
        context: int = 32_768,
        faults: Iterable[Fault] = (),
    ) -> None:
        if not all(name.startswith("scripted-") for name in models):
            raise ValueError("the models of a scripted server are named scripted-…")
        self._responder = responder
        self._models = models
        self._key = key
        self._context = context
        self.counts = Counts()
        self.seen: deque[Seen] = deque(maxlen=_REMEMBERED)
        self.faults: deque[Fault] = deque(faults)
        self.outage: Fault | None = None
        self._changed = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; port 0 takes a free one."""
        self._server = await asyncio.start_server(self._connected, host, port, limit=_HEADS)

    async def stop(self) -> None:
        """Listen no more, and end what is under way."""
        assert self._server is not None
        self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        """The base URL, with `/v1`."""
        assert self._server is not None
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"http://{host}:{port}/v1"

    async def until(self, holds: Callable[[Counts], bool], within: float = 20.0) -> None:
        """Wait until the counts are so; raise TimeoutError when they are not in time."""
        async with asyncio.timeout(within):
            while not holds(self.counts):
                self._changed.clear()
                await self._changed.wait()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await self._serve(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass  # the client has gone, or the server is ending
        finally:
            self._connections.discard(task)
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request after another, for as long as the client stays."""
        begun = b""
        while True:
            try:
                request = await read_request(reader, begun)
            except BadRequest as error:
                await send(writer, Reply.of(400, Refused(400, str(error)).body()), None)
                return
            if request is None:
                return
            handling = asyncio.ensure_future(self._handle(request, writer))
            gone, begun = await hung_up(handling, reader)
            if gone or not await handling:
                return

    async def _handle(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        """Answer a request; return whether the connection goes on."""
        match request.method, request.path.rstrip("/"):
            case "POST", "/v1/chat/completions":
                return await self._complete(request, writer)
            case "GET", "/v1/models":
                reply = self._authorized(request) or Reply.of(200, self._listed())
            case "GET", "/health":
                reply = Reply.of(200, {"status": "ok", "scripted": True})
            case "GET", "/counts":
                reply = Reply.of(200, self.counts.to_json())
            case "POST", "/faults":
                reply = self._scripted(request)
            case _:
                reply = Reply.of(404, Refused(404, "there is nothing here").body())
        return await send(writer, reply, None)

    async def _complete(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        fault = self.outage or (self.faults.popleft() if self.faults else None)
        counts, ended = self.counts, False
        counts.requests += 1
        counts.running += 1
        counts.most_running = max(counts.most_running, counts.running)
        self._changed.set()
        try:
            if fault is not None and fault.kind == "reset":
                ended = True
                return reset(writer)
            goes_on = await send(writer, self._reply(request, fault), fault)
            ended = True
            counts.answered += 1
            return goes_on
        finally:
            counts.running -= 1
            counts.disconnects += not ended
            self._changed.set()

    def _reply(self, request: Request, fault: Fault | None) -> Reply:
        try:
            if refused := self._authorized(request):
                return refused
            body = check(request.json(), self._models)
        except Refused as error:
            return Reply.of(error.status, error.body())
        except (ValueError, RecursionError):
            return Reply.of(400, Refused(400, "the body is no JSON").body())
        self.seen.append(Seen(request.headers, body))
        if fault is not None and (broken := _broken(fault, request)):
            return broken
        try:
            return self._said(request, body, fault.answer if fault else None)
        except Exception as error:  # noqa: BLE001 -- a script is anybody's code, and its failure is to be seen
            return Reply.of(500, Refused(500, f"the script failed: {error!r}", "scripted_error").body())

    def _said(self, request: Request, body: dict[str, Any], given: ScriptedAnswer | None) -> Reply:
        prompt = self.counts.prompt(request.headers.get("x-session-id", ""), rendered(body))
        identity = f"chatcmpl-scripted-{self.counts.requests}"
        said = spoken(given or self._answer(body), body, identity, _CREATED + self.counts.requests, prompt)
        self.counts.completion_tokens += said.tokens
        if body.get("stream"):
            options: Mapping[str, Any] = body.get("stream_options") or {}
            usage = bool(options.get("include_usage"))
            return Reply(200, parts=events(said, with_usage=usage), kind="text/event-stream")
        return Reply.of(200, completion(said))

    def _answer(self, body: Mapping[str, Any]) -> ScriptedAnswer:
        name, schema = schema_of(body)
        if tool := forced_tool(body):
            arguments = json.dumps(example_of(tool["function"].get("parameters") or {}))
            return ScriptedAnswer(tool_calls=((tool["function"]["name"], arguments),), finish="stop")
        if name == PROBE and schema is not None:
            return ScriptedAnswer(text=json.dumps(example_of(schema)))
        usable: list[dict[str, Any]] = body.get("tools") or []
        return self._responder(name, body["messages"], [] if body.get("tool_choice") == "none" else usable)

    def _authorized(self, request: Request) -> Reply | None:
        if not self._key or request.headers.get("authorization") == f"Bearer {self._key}":
            return None
        return Reply.of(401, Refused(401, "Incorrect API key provided.", "authentication_error").body())

    def _listed(self) -> dict[str, Any]:
        base = self._models[0]
        listed = [
            {
                "id": name,
                "object": "model",
                "created": _CREATED,
                "owned_by": "moonloop-scripted",
                "max_model_len": self._context if name == base else None,
                "parent": None if name == base else base,
            }
            for name in self._models
        ]
        return {"object": "list", "data": listed}

    def _scripted(self, request: Request) -> Reply:
        """Take faults from another process: `{"queue": [fault, …], "outage": fault or null}`."""
        try:
            given = request.json()
            queue = [Fault.from_json(one) for one in given.get("queue", ())]
            outage = Fault.from_json(given["outage"]) if given.get("outage") else None
        except (ValueError, TypeError, AttributeError) as error:
            return Reply.of(400, Refused(400, f"these are no faults: {error}").body())
        self.faults.extend(queue)
        if "outage" in given:
            self.outage = outage
        return Reply.of(200, {"queue": len(self.faults), "outage": self.outage is not None})


def _broken(fault: Fault, request: Request) -> Reply | None:
    """Return the reply of a fault that has one of its own."""
    key = request.headers.get("authorization", "").removeprefix("Bearer ")
    failing = Refused(fault.status, fault.message, "scripted_error").body()
    echoing = Refused(fault.status, f"the key {key} is wrong").body()
    replies = {
        "status": Reply.of(fault.status, failing, Retry_After=fault.retry_after),
        "echo": Reply.of(fault.status, echoing),
        "redirect": Reply.of(307, {}, Location=fault.location),
        "garble": Reply(200, fault.body.encode()),
        "huge": Reply(200, parts=(b" " * 65_536 for _ in range(0, fault.after, 65_536))),
        "packed": Reply(200, b"\x1f\x8b", headers={"Content-Encoding": "gzip"}),
    }
    return replies.get(fault.kind)
