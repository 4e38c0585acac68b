"""One door to a Moonloop server: a token, problem documents turned back into errors, typed replies."""

import re
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self, TypeVar, cast

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from moonloop.domain.errors import (
    InvalidInput,
    MoonloopError,
    ServerUnreachable,
    Unauthenticated,
    revive,
)

__all__ = ["Connection", "asking_again_helps"]

Model = TypeVar("Model")

_TOKEN = re.compile(r"[\x21-\x7e]+")
_PREFIX = "urn:moonloop:problem:"
_TIMEOUT = httpx.Timeout(30.0, connect=5.0)


class Connection:
    """A connection to one server as one identity; thread-safe, as httpx's client is."""

    def __init__(
        self, url: str, token: str | None = None, *, transport: httpx.BaseTransport | None = None
    ) -> None:
        self.url = url.rstrip("/")
        if token and not _TOKEN.fullmatch(token):
            raise Unauthenticated(why="what was given as a token cannot be one")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            self._client = httpx.Client(
                base_url=self.url, headers=headers, timeout=_TIMEOUT, transport=transport, trust_env=False
            )
        except httpx.InvalidURL as error:
            raise InvalidInput(where="the server's URL", why=str(error)) from error

    def get(self, path: str, model: type[Model], **query: Any) -> Model:
        """Read something."""
        given = {name: value for name, value in query.items() if value is not None}
        return self._read(self._send("GET", path, params=given), model)

    def post(self, path: str, body: Any, model: type[Model], *, wait_s: float = 0) -> Model:
        """Do something; `wait_s` is added to the time that an answer may take."""
        found = self.post_or_none(path, body, model, wait_s=wait_s)
        assert found is not None or model is type(None)
        return cast("Model", found)

    def post_or_none(self, path: str, body: Any, model: type[Model], *, wait_s: float = 0) -> Model | None:
        """Do something that may be answered with nothing."""
        json = body.model_dump(mode="json", exclude_none=True) if isinstance(body, BaseModel) else body
        timeout = httpx.Timeout(30.0 + wait_s, connect=5.0)
        response = self._send("POST", path, json=json if json is not None else {}, timeout=timeout)
        return self._read(response, model) if response.content else None

    def put(self, path: str, content: bytes, headers: Mapping[str, str], model: type[Model]) -> Model:
        """Send bytes."""
        return self._read(self._send("PUT", path, content=content, headers=dict(headers)), model)

    def put_json(self, path: str, body: Mapping[str, Any]) -> None:
        """Change something."""
        self._send("PUT", path, json=dict(body))

    def bytes(self, path: str, **query: Any) -> bytes:
        """Read bytes."""
        return self._send("GET", path, params=query, timeout=httpx.Timeout(120.0, connect=5.0)).content

    def stream(self, path: str, **query: Any) -> Any:
        """Open a stream of lines; a context manager that yields httpx's response."""
        given = {name: value for name, value in query.items() if value is not None}
        return self._client.stream("GET", path, params=given, timeout=httpx.Timeout(5.0, read=40.0))

    def _send(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        try:
            response = self._client.request(method, path, **arguments)
        except httpx.TransportError as error:
            raise ServerUnreachable(url=self.url, why=str(error)) from error
        except (httpx.InvalidURL, ValueError) as error:
            # An id with a line break, a NaN, half a character: nothing was sent.
            raise InvalidInput(where="the request", why=str(error)) from error
        if not response.is_success:
            raise problem_of(response)
        return response

    def _read(self, response: httpx.Response, model: type[Model]) -> Model:
        adapter: TypeAdapter[Model] = TypeAdapter(model)
        try:
            return adapter.validate_json(response.content or b"null")
        except ValidationError as error:
            raise ServerUnreachable(url=self.url, why="what answers there is something else") from error

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def asking_again_helps(error: MoonloopError) -> bool:
    """Say whether the same request may be answered otherwise later: the server is away, busy or full."""
    return error.status >= 500 or error.status in (408, 429)


def problem_of(response: httpx.Response) -> MoonloopError:
    """Return the error that a response speaks of, with what it says about trying again."""
    try:
        document = response.json()
        slug = str(document["type"]).removeprefix(_PREFIX)
        error = revive(slug, dict(document.get("facts", {})), str(document["detail"]))
        error.args = (str(document["detail"]),)
    except (ValueError, KeyError, TypeError):
        error = revive("", {}, f"the server answered {response.status_code} without a reason")
    if type(error) is MoonloopError:  # of a kind that is not known here: what it means for a retry is
        error.__dict__["status"] = response.status_code
    error.retry_after_s = _seconds(response.headers.get("Retry-After", ""))
    return error


def _seconds(given: str) -> float:
    # A proxy may give a date; then the caller's own patience has to do.
    return float(given) if given.isdecimal() and given.isascii() else 0.0
