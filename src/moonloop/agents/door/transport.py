"""The last step before the network: which headers leave, where the key joins them, how much comes back."""

from collections.abc import AsyncIterator, Callable, Mapping

import httpx2

__all__ = ["BodyTooLarge", "Guarded", "Packed"]

_LEAVE = (
    "host",
    "connection",
    "content-type",
    "content-length",
    "transfer-encoding",
    "accept",
    "traceparent",
)


class BodyTooLarge(httpx2.TransportError):
    """The answer is larger than any answer can be."""


class Packed(httpx2.TransportError):
    """The answer is compressed, though that was not asked for."""


class Guarded(httpx2.AsyncBaseTransport):
    """Sends the headers that are named here and no others, and reads bodies up to a limit.

    Client libraries add headers out of the environment, such as keys of other services; they end here. The
    key is added to a copy of the request, so that no error carries it.
    """

    def __init__(
        self,
        inner: httpx2.AsyncBaseTransport,
        key: Callable[[], Mapping[str, str]],
        *,
        agent: str,
        session_header: str,
        largest: int,
    ) -> None:
        self._inner = inner
        self._key = key
        self._agent = agent
        self._leave = frozenset((*_LEAVE, session_header.lower()))
        self._largest = largest

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request without what is not to leave; its answer cannot grow beyond the limit."""
        kept = {name: value for name, value in request.headers.items() if name.lower() in self._leave}
        headers = {**kept, "accept-encoding": "identity", "user-agent": self._agent, **self._key()}
        copy = httpx2.Request(
            request.method, request.url, headers=headers, stream=request.stream, extensions=request.extensions
        )
        response = await self._inner.handle_async_request(copy)
        try:
            self._check(response)
        except httpx2.TransportError:
            await response.aclose()
            raise
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        response.stream = _Bounded(response.stream, self._largest)
        return response

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()

    def _check(self, response: httpx2.Response) -> None:
        if response.headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
            raise Packed("compressed")
        length = response.headers.get("content-length", "")
        if length.isdecimal() and (len(length) > 15 or int(length) > self._largest):
            raise BodyTooLarge(length[:20])


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream, largest: int) -> None:
        self._inner = inner
        self._left = largest

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._inner:
            self._left -= len(part)
            if self._left < 0:
                raise BodyTooLarge("body")
            yield part

    async def aclose(self) -> None:
        await self._inner.aclose()
