"""The scripted server is a server: the official client talks to it, and it labels itself everywhere."""

import asyncio
import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx
import httpx2
import openai
import pytest

from moonloop.agents.roles import KITS
from moonloop.agents.scripted.answers import ScriptedAnswer
from moonloop.agents.scripted.faults import Fault
from moonloop.agents.scripted.scenario import in_order, load_scenario, role_of
from moonloop.agents.scripted.server import ScriptedServer
from moonloop.domain.agents import Role
from moonloop.domain.errors import InvalidInput
from support.scripted import MODEL, running_scripted, saying

_ASKED: Any = [{"role": "user", "content": "Say it."}]
_TEXT = "Three  words, more or less:\n“ünïcode”."
_TOOLS: Any = [{"type": "function", "function": {"name": "data_query", "parameters": {"type": "object"}}}]


@pytest.fixture
async def server() -> AsyncGenerator[ScriptedServer]:
    """A server that says one text."""
    async with running_scripted(saying(_TEXT)) as running:
        yield running


def _client(server: ScriptedServer) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=server.url, api_key="x", max_retries=0)


async def test_the_official_client_gets_an_answer(server: ScriptedServer) -> None:
    """Whole, with its usage."""
    async with _client(server) as client:
        answer = await client.chat.completions.create(model=MODEL, messages=_ASKED)
    assert answer.choices[0].message.content == _TEXT
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


async def test_the_official_client_gets_a_stream(server: ScriptedServer) -> None:
    """Piece by piece the same text, the reason to end, and the usage last."""
    async with _client(server) as client:
        stream = await client.chat.completions.create(
            model=MODEL, messages=_ASKED, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
    pieces = [one.choices[0].delta.content or "" for one in chunks if one.choices]
    assert len([piece for piece in pieces if piece]) > 3
    assert "".join(pieces) == _TEXT
    assert [one.choices[0].finish_reason for one in chunks if one.choices][-1] == "stop"
    assert chunks[-1].usage
    assert chunks[-1].usage.completion_tokens > 0


async def test_the_official_client_streams_tool_calls() -> None:
    """Names come first and arguments in pieces, as real servers send them."""
    arguments = '{"sql": "select a, b from measurements"}'
    script = saying("", tool_calls=(("data_query", arguments), ("data_query", "{}")))
    async with running_scripted(script) as server, _client(server) as client:
        stream = client.chat.completions.stream(model=MODEL, messages=_ASKED, tools=_TOOLS)
        async with stream as events:
            whole = await events.get_final_completion()
    calls = whole.choices[0].message.tool_calls or []
    assert [call.function.arguments for call in calls] == [arguments, "{}"]
    assert whole.choices[0].finish_reason == "tool_calls"


async def test_models_are_listed_with_what_they_hold(server: ScriptedServer) -> None:
    """As vLLM lists them."""
    async with _client(server) as client:
        listed = (await client.models.list()).data
    assert [(one.id, (one.model_extra or {})["max_model_len"]) for one in listed] == [(MODEL, 32_768)]


async def test_every_response_says_that_it_is_scripted(server: ScriptedServer) -> None:
    """Health, models, answers and errors alike; and answers once more in their body."""
    root = server.url.removesuffix("/v1")
    body = {"model": MODEL, "messages": _ASKED}
    async with httpx.AsyncClient() as client:
        responses = [
            await client.get(f"{root}/health"),
            await client.get(f"{root}/v1/models"),
            await client.get(f"{root}/nothing"),
            await client.post(f"{root}/v1/chat/completions", json=body),
            await client.post(f"{root}/v1/chat/completions", content=b"{"),
        ]
    assert {one.headers["x-moonloop-scripted"] for one in responses} == {"1"}
    assert [one.status_code for one in responses] == [200, 200, 404, 200, 400]
    assert responses[3].json()["system_fingerprint"] == "scripted"
    with pytest.raises(ValueError, match="scripted-"):
        ScriptedServer(saying(), models=("gpt-9",))


@pytest.mark.parametrize(
    ("change", "status", "told"),
    [
        ({"guided_json": {}}, 400, "Unrecognized request argument supplied: guided_json"),
        ({"model": "other"}, 404, "The model `other` does not exist."),
        ({"messages": []}, 400, "'messages' is to be"),
        ({"messages": [{"role": "wizard"}]}, 400, "a message has a role of"),
        ({"max_tokens": 0}, 400, "'max_tokens' is to be a whole number"),
    ],
)
async def test_requests_are_read_strictly(
    server: ScriptedServer, change: dict[str, Any], status: int, told: str
) -> None:
    """What a real server would ignore or refuse is refused here, so that tests notice."""
    async with httpx.AsyncClient() as client:
        body = {"model": MODEL, "messages": _ASKED, **change}
        response = await client.post(f"{server.url}/chat/completions", json=body)
    assert response.status_code == status
    assert told in response.json()["error"]["message"]


async def test_a_script_that_fails_is_seen() -> None:
    """The server answers 500 with what went wrong, and goes on."""

    def script(*_: Any) -> ScriptedAnswer:
        raise RuntimeError("forgot my line")

    async with running_scripted(script) as server, _client(server) as client:
        for _ in range(2):
            with pytest.raises(openai.InternalServerError, match="forgot my line"):
                await client.chat.completions.create(model=MODEL, messages=_ASKED)


async def test_a_prompt_s_known_beginning_is_counted_by_session(server: ScriptedServer) -> None:
    """Cached tokens are those of the session's last prompt that stand at the start of this one."""
    async with _client(server) as client:
        longer: Any = [*_ASKED, {"role": "assistant", "content": "So."}, {"role": "user", "content": "More."}]
        cached: list[int] = []
        for session, messages in (("a", _ASKED), ("a", longer), ("b", longer), ("a", _ASKED)):
            answer = await client.chat.completions.create(
                model=MODEL, messages=messages, extra_headers={"X-Session-ID": session}
            )
            assert answer.usage
            assert answer.usage.prompt_tokens_details
            cached.append(answer.usage.prompt_tokens_details.cached_tokens or 0)
    assert cached[0] == cached[2] == 0
    assert cached[1] == cached[3] > 5
    assert server.counts.cached_tokens == sum(cached)


async def test_a_client_that_hangs_up_is_counted(server: ScriptedServer) -> None:
    """Also in the middle of a stream; what runs for it ends."""
    server.faults.append(Fault("trickle", seconds=0.0005))
    async with _client(server) as client:
        stream = await client.chat.completions.create(model=MODEL, messages=_ASKED, stream=True)
        await anext(aiter(stream))
        await stream.close()
    await server.until(lambda counts: counts.running == 0)
    assert server.counts.disconnects == 1


async def test_a_stream_can_be_cut(server: ScriptedServer) -> None:
    """The client learns that the stream broke off."""
    server.faults.append(Fault("cut", after=400))
    async with _client(server) as client:
        stream = await client.chat.completions.create(model=MODEL, messages=_ASKED, stream=True)
        with pytest.raises((openai.APIConnectionError, httpx2.RemoteProtocolError)):
            _ = [chunk async for chunk in stream]


async def test_what_is_no_http_is_refused(server: ScriptedServer) -> None:
    """Noise on the socket ends in 400, and the server goes on."""
    port = int(server.url.rsplit(":", 1)[1].split("/")[0])
    for noise in (b"\x16\x03\x01\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: -3\r\n\r\n", b"x" * 70_000):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(noise)
        assert (await reader.readline()).startswith(b"HTTP/1.1 400 ")
        writer.close()
    async with httpx.AsyncClient() as client:
        assert (await client.get(server.url.replace("/v1", "/health"))).json()["scripted"] is True


async def test_faults_can_be_set_from_another_process(server: ScriptedServer) -> None:
    """One for each of the next requests, and an outage until it is over."""
    faults = server.url.replace("/v1", "/faults")
    body = {"model": MODEL, "messages": _ASKED}
    async with httpx.AsyncClient() as client:

        async def status() -> int:
            return (await client.post(f"{server.url}/chat/completions", json=body)).status_code

        await client.post(faults, json={"queue": [{"kind": "status", "status": 500}]})
        assert [await status(), await status()] == [500, 200]
        await client.post(faults, json={"outage": {"kind": "status", "status": 503}})
        assert [await status(), await status()] == [503, 503]
        await client.post(faults, json={"outage": None})
        assert await status() == 200
        refused = await client.post(faults, json={"queue": [{"sort": "none"}]})
        assert refused.status_code == 400
        counts = (await client.get(server.url.replace("/v1", "/counts"))).json()
    assert (counts["requests"], counts["running"]) == (5, 0)


def test_a_scenario_is_data(tmp_path: Path) -> None:
    """Answers by role in their order, the last for ever, and faults."""
    path = tmp_path / "scenario.json"
    answers = {"critic": [{"text": "a"}, {"tool_calls": [["t", "{}"]]}], "*": [{"refusal": "no"}]}
    path.write_text(json.dumps({"answers": answers, "faults": [{"kind": "reset"}]}))
    script, faults = load_scenario(path)
    said = [script("critic", [], []) for _ in range(3)]
    assert said == [ScriptedAnswer("a"), *[ScriptedAnswer(tool_calls=(("t", "{}"),))] * 2]
    assert script("analyst", [], []) == ScriptedAnswer(refusal="no")
    assert faults == (Fault("reset"),)


@pytest.mark.parametrize("text", ["{", "[]", '{"faults": [{"x": 1}]}', '{"answers": {"critic": [{"x": 1}]}}'])
def test_what_is_no_scenario_is_refused(tmp_path: Path, text: str) -> None:
    """With the name of the file."""
    path = tmp_path / "scenario.json"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=r"scenario\.json: it is no scenario"):
        load_scenario(path)


def test_a_role_is_found_without_a_schema() -> None:
    """Where tools may be called no schema is sent: the system prompt says whose turn it is."""
    messages = [{"role": "system", "content": "You are the CRITIC; the proposer spoke before."}]
    assert role_of("analyst", messages) == "analyst"
    assert role_of("", messages) == "critic"
    assert role_of("", [{"role": "user", "content": "critic"}]) == ""
    assert in_order({})("x", [], []).text == "{}"


@pytest.mark.parametrize("role", list(Role))
def test_every_role_is_known_by_its_prompt(role: Role) -> None:
    """The prompts that are shipped tell the server whose turn it is."""
    assert role_of("", [{"role": "system", "content": KITS[role].prompt.text}]) == role
