"""What is sent: documented fields, and a prefix that stays."""

import json
from typing import Any

from moonloop.agents.door.config import Endpoint
from moonloop.agents.door.wire import request_body, session_headers
from moonloop.domain.agents import Message, ToolRequest
from support.scripted import TOOL, prompted


def _endpoint(**given: Any) -> Endpoint:
    return Endpoint(base_url="http://127.0.0.1:1/v1", model="m", **given)


def _body(endpoint: Endpoint | None = None, **given: Any) -> dict[str, Any]:
    return request_body(endpoint or _endpoint(), "m", prompted(**given))


def test_a_schema_is_asked_for_strictly_when_no_tool_can_be() -> None:
    """Without tools, and with tools that may not be chosen, the answer is bound to the schema."""
    for body in (_body(), _body(tools=[TOOL], use_tools=False)):
        form = body["response_format"]
        assert form["type"] == "json_schema"
        assert form["json_schema"]["strict"] is True
        assert form["json_schema"]["name"] == "proposer"


def test_a_schema_would_keep_tools_from_being_called() -> None:
    """Where tools may be called no schema is sent, unless the endpoint can do both."""
    body = _body(tools=[TOOL])
    assert "response_format" not in body
    assert body["tool_choice"] == "auto"
    assert body["tools"][0]["function"]["strict"] is True
    assert "response_format" in _body(_endpoint(structured="json_schema"), tools=[TOOL])
    assert "response_format" not in _body(_endpoint(structured="none"))


def test_tools_that_may_not_be_chosen_are_sent_all_the_same() -> None:
    """The start of the prompt stays what it was, so that it stays computed."""
    used, unused = _body(tools=[TOOL]), _body(tools=[TOOL], use_tools=False)
    assert used["tools"] == unused["tools"]
    assert unused["tool_choice"] == "none"


def test_an_endpoint_says_what_it_takes() -> None:
    """Fields that a model does not take are left out or named as it names them."""
    plain = _endpoint(temperature="omit", seed=False, limit_field="max_completion_tokens", tools="plain")
    body = _body(plain, tools=[TOOL])
    assert body.keys() == {"model", "messages", "max_completion_tokens", "stream", "tools", "tool_choice"}
    assert "strict" not in body["tools"][0]["function"]
    assert "tools" not in _body(_endpoint(tools="none"), tools=[TOOL])
    assert _body(_endpoint(temperature=0.1))["temperature"] == 0.1


def test_a_thread_is_told_in_the_protocol_s_words() -> None:
    """Requests for tools and their answers keep their ids."""
    request = ToolRequest(id="c1", name="data_query", arguments='{"sql": "x"}')
    messages = [
        Message(speaker="system", content="s"),
        Message(speaker="assistant", tool_requests=(request,)),
        Message(speaker="tool", content="3 rows", tool_request_id="c1"),
    ]
    assert _body(messages=messages)["messages"] == [
        {"role": "system", "content": "s"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "data_query", "arguments": '{"sql": "x"}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "3 rows"},
    ]


def test_broken_arguments_do_not_break_the_thread() -> None:
    """Servers read the arguments of earlier requests again: what is no object goes as an empty one."""
    for arguments in ("{", "[1]", "", "[" * 16_000):
        request = ToolRequest(id="c1", name="t", arguments=arguments)
        message = Message(speaker="assistant", tool_requests=(request,))
        sent = _body(messages=[message])["messages"][0]
        assert sent["tool_calls"][0]["function"]["arguments"] == "{}"


def test_a_longer_thread_begins_with_the_same_bytes() -> None:
    """Messages and tools of a turn are a prefix of those of the next."""
    short, long = (
        _body(tools=[TOOL]),
        request_body(_endpoint(), "m", prompted("Is it so?", "So.", tools=[TOOL])),
    )
    assert json.dumps(long["messages"]).startswith(json.dumps(short["messages"])[:-1])
    assert short["tools"] == long["tools"]


def test_a_session_always_fits_a_header() -> None:
    """Odd names of sessions are sent as their hash; none is sent where none is wanted."""
    assert session_headers(_endpoint(), "thr_1") == {"X-Session-ID": "thr_1"}
    odd = session_headers(_endpoint(), "a\r\nX-Evil: 1")["X-Session-ID"]
    assert len(odd) == 64
    assert session_headers(_endpoint(session_header=""), "thr_1") == {}
