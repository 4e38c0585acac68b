"""Calls that succeed: order of endpoints, places, circuits, adapters, cost, and hanging up."""

import asyncio
from typing import Any

import pytest

from moonloop.agents.door.circuits import CircuitState, Pauses
from moonloop.agents.door.config import ModelsFile
from moonloop.agents.door.door import ModelDoor
from moonloop.agents.scripted.faults import Fault
from moonloop.domain.agents import Role
from moonloop.domain.errors import ModelUnavailable
from support.scripted import MODEL, TOOL, prompted, running_scripted, saying, site_of

_HANG = Fault("hang")


class _Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_an_answer_comes_with_its_account() -> None:
    """Who answered, what it used and what that cost; and that a script did."""
    price = {"input": 2.0, "cached": 1.0, "output": 10.0}
    async with running_scripted() as server, ModelDoor(site_of(server, price=price)) as door:
        await door.complete(prompted("one"))
        completion = await door.complete(prompted("one", "two"))
    usage = completion.usage
    assert (completion.endpoint, completion.model, completion.scripted) == ("first", MODEL, True)
    assert 0 < usage.cached_tokens < usage.prompt_tokens
    fresh = usage.prompt_tokens - usage.cached_tokens
    money = (2 * fresh + usage.cached_tokens + 10 * usage.completion_tokens) / 1e6
    assert completion.cost == pytest.approx(money)
    assert completion.latency_s > 0


async def test_tools_are_asked_for() -> None:
    """Requests for tools come out as the model wrote them."""
    script = saying("", tool_calls=(("data_query", '{"sql": "select 1"}'),))
    async with running_scripted(script) as server, ModelDoor(site_of(server)) as door:
        completion = await door.complete(prompted(tools=[TOOL]))
    (request,) = completion.tool_requests
    assert (request.name, request.arguments) == ("data_query", '{"sql": "select 1"}')


async def test_a_strict_server_takes_every_request() -> None:
    """Only documented fields are sent: the scripted server refuses others."""
    settings: list[dict[str, Any]] = [
        {},
        {"structured": "json_schema"},
        {"structured": "none"},
        {"temperature": "omit", "seed": False, "limit_field": "max_completion_tokens"},
    ]
    async with running_scripted() as server:
        for given in settings:
            async with ModelDoor(site_of(server, **given)) as door:
                for use_tools in (True, False):
                    await door.complete(prompted(tools=[TOOL], use_tools=use_tools))
        assert server.counts.answered == 8


async def test_the_session_goes_with_every_call() -> None:
    """A router can send a thread to where its prompt is known."""
    async with running_scripted() as server, ModelDoor(site_of(server)) as door:
        await door.complete(prompted(session="thr_42"))
        assert server.seen[-1].headers["x-session-id"] == "thr_42"


async def test_the_next_endpoint_answers_when_one_does_not() -> None:
    """Endpoints are tried in the order of the file."""
    async with (
        running_scripted(faults=[Fault("status", 500)]) as one,
        running_scripted() as two,
        ModelDoor(site_of(one, two)) as door,
    ):
        assert (await door.complete(prompted())).endpoint == "second"
        assert (await door.complete(prompted())).endpoint == "first"


async def test_an_endpoint_that_is_down_is_left_alone_and_tried_again() -> None:
    """After three failures it is not called; after the pause one call finds it well again."""
    clock = _Clock()
    async with (
        running_scripted() as one,
        running_scripted() as two,
        ModelDoor(site_of(one, two), clock=clock, pauses=Pauses(failures=3, first=10)) as door,
    ):
        one.outage = Fault("status", 500)
        for _ in range(6):
            assert (await door.complete(prompted())).endpoint == "second"
        assert one.counts.requests == 3
        assert door.circuits()["first"] is CircuitState.OPEN
        one.outage, clock.now = None, 10.0
        assert (await door.complete(prompted())).endpoint == "first"
        assert door.circuits()["first"] is CircuitState.CLOSED


async def test_a_wrong_key_or_model_does_not_open_the_circuit() -> None:
    """An adapter that is not loaded must not take its base model away from the other roles."""
    async with running_scripted() as server:
        models = ModelsFile.model_validate(
            {
                "moonloop_models": 1,
                "endpoints": {"only": {"base_url": server.url, "model": MODEL}},
                "roles": {"default": ["only"], "critic": [{"endpoint": "only", "model": "scripted-absent"}]},
            }
        )
        async with ModelDoor(models) as door:
            for _ in range(5):
                with pytest.raises(ModelUnavailable, match="knows no model scripted-absent"):
                    await door.complete(prompted(role=Role.CRITIC))
            assert (await door.complete(prompted())).text


async def test_a_role_asks_for_its_adapter() -> None:
    """The served name of the role's adapter is what is asked for, and what is recorded."""
    async with running_scripted(models=(MODEL, "scripted-critic")) as server:
        models = ModelsFile.model_validate(
            {
                "moonloop_models": 1,
                "endpoints": {"only": {"base_url": server.url, "model": MODEL}},
                "roles": {"default": ["only"], "critic": [{"endpoint": "only", "model": "scripted-critic"}]},
            }
        )
        async with ModelDoor(models) as door:
            assert (await door.complete(prompted(role=Role.CRITIC))).model == "scripted-critic"
            assert (await door.complete(prompted())).model == MODEL
        assert [one.body["model"] for one in server.seen] == ["scripted-critic", MODEL]


async def test_no_more_calls_at_once_than_there_are_places() -> None:
    """Further calls wait for theirs."""
    slow = [Fault("delay", seconds=0.02)] * 12
    async with running_scripted(faults=slow) as server, ModelDoor(site_of(server, at_once=3)) as door:
        await asyncio.gather(*(door.complete(prompted(session=f"thr_{n}")) for n in range(12)))
        assert (server.counts.requests, server.counts.most_running) == (12, 3)


async def test_waiting_for_a_place_is_part_of_a_call_s_time() -> None:
    """Who gets none in time is told so, and that says nothing against the endpoint."""
    async with running_scripted() as server, ModelDoor(site_of(server, at_once=1, timeout=0.3)) as door:
        server.outage = _HANG
        told = await asyncio.gather(*(door.complete(prompted()) for _ in range(2)), return_exceptions=True)
        sentences = sorted(str(error).rsplit("first ", 1)[-1] for error in told)
        assert sentences == ["did not answer within 0.3 s", "had no place for most of 0.3 s: 1 under way"]
        assert door.circuits()["first"] is CircuitState.CLOSED


async def test_a_full_endpoint_is_passed_over_where_the_file_says_so() -> None:
    """With `when_full: next` nobody waits while another endpoint has room."""
    async with (
        running_scripted(faults=[_HANG]) as one,
        running_scripted() as two,
        ModelDoor(site_of(one, two, at_once=1, when_full="next")) as door,
    ):
        hanging = asyncio.ensure_future(door.complete(prompted()))
        await one.until(lambda counts: counts.running == 1)
        assert (await door.complete(prompted())).endpoint == "second"
        hanging.cancel()
        await asyncio.wait([hanging])


async def test_a_cancelled_call_hangs_up_at_once() -> None:
    """The server sees the client go, so that a generation ends; the place is free again."""
    async with running_scripted(faults=[_HANG]) as server, ModelDoor(site_of(server, at_once=1)) as door:
        call = asyncio.ensure_future(door.complete(prompted()))
        await server.until(lambda counts: counts.running == 1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await server.until(lambda counts: counts.running == 0)
        assert server.counts.disconnects == 1
        assert (await door.complete(prompted())).text
        assert door.circuits()["first"] is CircuitState.CLOSED


async def test_a_call_that_ran_out_of_time_hangs_up() -> None:
    """No generation goes on for an answer that nobody waits for."""
    async with running_scripted(faults=[_HANG]) as server, ModelDoor(site_of(server, timeout=0.2)) as door:
        with pytest.raises(ModelUnavailable):
            await door.complete(prompted())
        await server.until(lambda counts: counts.disconnects == 1 and counts.running == 0)


async def test_a_server_that_was_started_again_is_found() -> None:
    """Connections of before do not get in the way of a server at the same address."""
    async with running_scripted() as first:
        port = int(first.url.rsplit(":", 1)[1].split("/")[0])
        door = ModelDoor(site_of(first))
        await door.complete(prompted())
    second = type(first)(saying())
    await second.start(port=port)
    try:
        assert (await door.complete(prompted())).text
    finally:
        await door.close()
        await second.stop()


async def test_the_most_costly_endpoint_of_a_role_is_reserved_for() -> None:
    """The dearest of those that may come to answer, at full price."""
    models = ModelsFile.model_validate(
        {
            "moonloop_models": 1,
            "endpoints": {
                "cheap": {"base_url": "http://127.0.0.1:1/v1", "model": "a", "price": {"input": 1}},
                "dear": {
                    "base_url": "http://127.0.0.1:1/v1",
                    "model": "b",
                    "price": {"input": 3, "output": 15},
                },
                "free": {"base_url": "http://127.0.0.1:1/v1", "model": "c"},
            },
            "roles": {"default": ["cheap", "dear"], "reporter": ["free"]},
        }
    )
    async with ModelDoor(models) as door:
        assert door.most_costly(Role.PROPOSER, 1_000_000, 100_000) == pytest.approx(4.5)
        assert door.most_costly(Role.REPORTER, 1_000_000, 100_000) == 0
