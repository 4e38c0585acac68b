"""A bound on the size of every request body but of those that are streams with limits of their own."""

import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from moonloop.api.problems import problem
from moonloop.domain.errors import TooLarge

__all__ = ["BodyLimit"]


_STREAMS = re.compile(r"/v1/attempts/[^/]+/artifacts/[^/]+|/v1/documents/[^/]+|/v1/imports")


class BodyLimit:
    """Refuses a body that says it is too large, and stops reading one that turns out to be."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, unless it is too large."""
        if scope["type"] != "http" or _STREAMS.fullmatch(scope["path"]):
            await self._app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if not declared.isdigit() or int(declared) > self._limit:
            await self._refuse(scope, receive, send)
            return
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._limit:
                raise TooLarge(what="the request", limit=self._limit)
            return message

        async def unless_refused(message: Message) -> None:
            if read <= self._limit:
                await send(message)

        await self._app(scope, counted, unless_refused)
        if read > self._limit:  # the framework made a vaguer error of ours
            await self._refuse(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        error = TooLarge(what="the request", limit=self._limit)
        await problem(error.status, error.slug, str(error))(scope, receive, send)
