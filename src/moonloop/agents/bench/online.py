"""Asking the public indexes: fixed hosts, HTTPS, no redirects, bounded answers, a name to be called by."""

import asyncio

import httpx
from pydantic import SecretStr

from moonloop import __version__
from moonloop.agents.bench.calls import Call
from moonloop.domain.errors import ToolRefused
from moonloop.tools.answering import checked
from moonloop.tools.asking.arguments import Online
from moonloop.tools.literature.online import HOSTS, Inquiry, inquiry, understood

__all__ = ["PublicIndexes"]

_BYTES = 2_000_000
_APART_S = 1.0
"""Between two requests to the same host."""


class PublicIndexes:
    """A client of OpenAlex and Europe PMC: only where the operator has said so is one made.

    What a model looks for leaves the laboratory: whoever turns this on accepts that.
    """

    def __init__(
        self,
        mailto: str = "",
        openalex_key: SecretStr | None = None,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._mailto = mailto
        self._key = openalex_key
        self._turn = asyncio.Lock()
        agent = f"moonloop/{__version__}" + (f" (mailto:{mailto})" if mailto else "")
        self._client = httpx.AsyncClient(
            headers={"User-Agent": agent, "Accept": "application/json"},
            timeout=httpx.Timeout(15.0, connect=5.0),
            follow_redirects=False,
            trust_env=False,
            transport=transport,
        )

    async def __call__(self, call: Call) -> str:
        """Look for publications.

        Raises:
            ToolRefused: when the index does not answer as it should.
        """
        asked = checked(call.tool.name, call.arguments)
        assert isinstance(asked, Online)
        key = self._key.get_secret_value() if self._key else ""
        try:
            async with asyncio.timeout(call.tool.policy.seconds), self._turn:
                body = await self._got(inquiry(asked, self._mailto, key))
                await asyncio.sleep(_APART_S)
        except (httpx.HTTPError, TimeoutError) as error:
            why = f"{asked.source} cannot be reached now"
            raise ToolRefused(tool=call.tool.name, why=why) from error
        return understood(asked, body).model_dump_json(exclude_none=True)

    async def _got(self, what: Inquiry) -> bytes:
        assert what.host in HOSTS.values()
        url = f"https://{what.host}{what.path}"
        async with self._client.stream("GET", url, params=dict(what.parameters)) as response:
            if response.status_code != 200:
                why = f"{what.host} answered {response.status_code}"
                raise ToolRefused(tool="literature_online", why=why)
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > _BYTES:
                    raise ToolRefused(tool="literature_online", why=f"{what.host} answered too much")
        return bytes(body)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()
