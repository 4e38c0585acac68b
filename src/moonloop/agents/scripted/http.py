"""As much of HTTP/1.1 (RFC 9112) as a scripted server needs, with every byte under control."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http.client import responses
from typing import Any

__all__ = ["BadRequest", "Reply", "Request", "head_of", "read_request"]

_LARGEST_BODY = 16 * 1024 * 1024
LABEL = ("X-Moonloop-Scripted", "1")
"""On every response, so that nobody takes the server for a model."""


class BadRequest(Exception):
    """What came is no request that this server reads."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request, read whole; names of headers are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body's value; raise ValueError when it is no JSON."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Reply:
    """One response: a body whole, or in parts as they come."""

    status: int
    body: bytes = b""
    parts: Iterable[bytes] | None = None
    kind: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def of(cls, status: int, value: Any, **headers: str) -> "Reply":
        """Return a reply with a JSON body."""
        named = {name.replace("_", "-"): text for name, text in headers.items() if text}
        return cls(status, json.dumps(value, ensure_ascii=False).encode(), headers=named)


async def read_request(reader: asyncio.StreamReader, begun: bytes = b"") -> Request | None:
    """Return the next request, None when the client has hung up; `begun` was read before."""
    try:
        head = begun + await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ", 2)
        pairs = [line.split(":", 1) for line in lines if line]
        headers = {name.strip().lower(): value.strip() for name, value in pairs}
        length = int(headers.get("content-length") or 0)
        if "transfer-encoding" in headers or not 0 <= length <= _LARGEST_BODY:
            raise BadRequest(f"a body of at most {_LARGEST_BODY} bytes with its length is read here")
        return Request(method, path.split("?", 1)[0], headers, await reader.readexactly(length))
    except asyncio.IncompleteReadError:
        return None
    except (ValueError, asyncio.LimitOverrunError) as error:
        raise BadRequest("this is no HTTP request") from error


def head_of(reply: Reply) -> bytes:
    """Return the status line and headers of a response."""
    phrase = responses.get(reply.status, "Scripted")
    framing = {"Transfer-Encoding": "chunked"} if reply.parts is not None else {}
    if reply.parts is None:
        framing = {"Content-Length": str(len(reply.body))}
    fields = {"Content-Type": reply.kind, **framing, LABEL[0]: LABEL[1], **reply.headers}
    lines = [f"HTTP/1.1 {reply.status} {phrase}", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")
