"""The client of public indexes: whom it asks, and what it does not believe."""

import json
from collections.abc import Callable

import httpx
import pytest
from pydantic import SecretStr

from moonloop.agents.bench import online
from moonloop.agents.bench.calls import Call
from moonloop.agents.bench.online import PublicIndexes
from moonloop.agents.bench.sight import sight_of
from moonloop.domain.errors import InvalidInput, ToolRefused
from moonloop.tools.asking import TOOLS, Snapshot

Answer = Callable[[httpx.Request], httpx.Response]


@pytest.fixture(autouse=True)
def without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask one after another at once."""
    monkeypatch.setattr(online, "_APART_S", 0.0)


def call(arguments: str) -> Call:
    """Return a use of the tool."""
    return Call(TOOLS["literature_online"], arguments, sight_of(Snapshot()), "a task")


async def found(answer: Answer, source: str = "openalex", query: str = "quinone") -> str:
    """Return what the client makes of an answer."""
    client = PublicIndexes("lab@example.org", SecretStr("key-17"), transport=httpx.MockTransport(answer))
    try:
        return await client(call(json.dumps({"source": source, "query": query, "limit": 2})))
    finally:
        await client.close()


@pytest.mark.parametrize(
    ("source", "host"), [("openalex", "api.openalex.org"), ("europe_pmc", "www.ebi.ac.uk")]
)
async def test_only_the_fixed_hosts_are_asked_over_https(source: str, host: str) -> None:
    """Whatever is looked for, the address is ours; the key goes only to the index that issued it."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"results": [], "resultList": {"result": []}})

    assert '"publications":[]' in await found(answer, source, "http://evil.example/?a=b&host=evil.example")
    (request,) = seen
    assert ("https", host) == (request.url.scheme, request.url.host)
    assert ("key-17" in str(request.url)) == (source == "openalex")
    assert "lab@example.org" in request.headers["user-agent"]


async def test_no_redirect_is_followed() -> None:
    """A redirect, to whatever host, is an answer that says nothing."""
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.host)
        return httpx.Response(302, headers={"Location": "https://evil.example/"})

    with pytest.raises(ToolRefused, match="answered 302"):
        await found(answer)
    assert ["api.openalex.org"] == seen


@pytest.mark.parametrize(
    ("response", "why"),
    [
        (httpx.Response(500), "answered 500"),
        (httpx.Response(429), "answered 429"),
        (httpx.Response(200, content=b"<html>"), "answered something else"),
        (httpx.Response(200, content=b"x" * 2_000_001), "answered too much"),
    ],
)
async def test_what_is_no_answer_is_given_up(response: httpx.Response, why: str) -> None:
    """Errors, other pages and endless bodies are refused in a sentence."""
    with pytest.raises(ToolRefused, match=why):
        await found(lambda _: response)


async def test_an_index_that_is_away_is_given_up() -> None:
    """Without a connection the agent goes on without it; no key is in what it is told."""

    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError(f"no route to {request.url}")

    with pytest.raises(ToolRefused, match="cannot be reached now") as refused:
        await found(answer)
    assert "key-17" not in str(refused.value)


async def test_another_source_is_refused() -> None:
    """A model cannot name a host."""
    with pytest.raises(InvalidInput):
        await found(lambda _: httpx.Response(200), source="https://evil.example")
