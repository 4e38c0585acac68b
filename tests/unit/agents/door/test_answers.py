"""Reading what comes back: nothing in it is taken on trust."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonloop.agents.door.answers import Answer, Garbled, clean, read_answer

_USED = {"prompt_tokens": 50, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 32}}
_SENT = 200


def _body(message: Any = None, finish: Any = "stop", usage: Any = _USED, **more: Any) -> dict[str, Any]:
    said = {"role": "assistant", "content": "yes"} if message is None else message
    return {"choices": [{"message": said, "finish_reason": finish}], "usage": usage, "model": "m", **more}


def _read(body: Any, limit: int = 100) -> Answer:
    return read_answer(json.dumps(body).encode(), _SENT, limit)


def _asking(*calls: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": None, "tool_calls": list(calls)}


def _call(identity: Any = "c1", name: Any = "data_query", arguments: Any = "{}") -> dict[str, Any]:
    return {"id": identity, "type": "function", "function": {"name": name, "arguments": arguments}}


def test_a_plain_answer_is_read() -> None:
    """Text, reason to end and usage come out as they were sent."""
    answer = _read(_body())
    assert (answer.text, answer.finish, answer.refusal, answer.tool_requests) == ("yes", "stop", "", ())
    assert (answer.usage.prompt_tokens, answer.usage.cached_tokens, answer.usage.completion_tokens) == (
        50,
        32,
        4,
    )
    assert answer.counted
    assert answer.cached_known
    assert not answer.scripted


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "it is not JSON"),
        (b"{", "it is not JSON"),
        (b"\xff", "it is not JSON"),
        (b'{"choices": NaN}', "it is not JSON"),
        (b"[" * 100_000, "it is nested too deeply"),
        (b"[]", "the body is no object"),
        (b"{}", "it has no choices"),
        (b'{"choices": {}}', "it has no choices"),
        (b'{"choices": []}', "it has no choices"),
        (b'{"choices": [1]}', "the choice is no object"),
        (b'{"choices": [{}]}', "the message is no object"),
        (b'{"choices": [{"message": {"content": [1]}}]}', "its content is no text"),
        (b'{"choices": [{"message": {"refusal": {}}}]}', "its refusal is no text"),
        (b'{"choices": [{"message": {"tool_calls": "x"}}]}', "its tool_calls are no list"),
        (b'{"choices": [{"message": {"tool_calls": [null]}}]}', "a tool call is no object"),
        (b'{"choices": [{"message": {"tool_calls": [{}]}}]}', "the function of a tool call is no object"),
    ],
)
def test_what_is_no_completion_is_told_apart(body: bytes, why: str) -> None:
    """Each way of being malformed has its own words."""
    with pytest.raises(Garbled, match=why):
        read_answer(body, _SENT, 100)


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["choices", "message", "content", "tool_calls", "function", "name", "id", "usage",
                         "arguments", "prompt_tokens", "finish_reason", "refusal", "model"]),
        inner, max_size=4),
    max_leaves=20,
)  # fmt: skip
_TEXT = st.none() | st.text(max_size=5)
_ARGUMENTS = _TEXT | st.dictionaries(st.text(max_size=5), _JSON, max_size=3)
_CALLS = st.lists(st.builds(_call, identity=_JSON, name=_TEXT, arguments=_ARGUMENTS), max_size=3)
_MESSAGES = st.fixed_dictionaries({"content": _TEXT, "refusal": _TEXT, "tool_calls": _CALLS})


@given(_JSON)
def test_any_body_is_read_or_refused(body: Any) -> None:
    """Whatever JSON comes, there is an answer within bounds or one sentence."""
    with suppress(Garbled):
        assert_bounded(read_answer(json.dumps(body).encode(), _SENT, 100))


@given(_MESSAGES, _JSON, _JSON, _JSON)
def test_what_has_the_form_of_a_completion_is_read(message: Any, finish: Any, usage: Any, model: Any) -> None:
    """Whatever its usage, its reason to end, its model and the names of its requests for tools are."""
    assert_bounded(_read(_body(message, finish, usage) | {"model": model}))


def assert_bounded(answer: Answer) -> None:
    """Promise: no more is cached than was sent, and each request for a tool has a name of its own."""
    assert 0 <= answer.usage.cached_tokens <= answer.usage.prompt_tokens
    assert len({one.id for one in answer.tool_requests}) == len(answer.tool_requests) <= 16


def test_tools_are_heard_whatever_the_reason_to_end() -> None:
    """A named tool call ends with `stop`: what was asked for counts, not the reason."""
    answer = _read(_body(_asking(_call(arguments='{"sql": "select 1"}')), finish="stop"))
    assert [(one.id, one.name, one.arguments) for one in answer.tool_requests] == [
        ("c1", "data_query", '{"sql": "select 1"}')
    ]


def test_empty_tool_calls_are_no_tool_calls() -> None:
    """A reason to end that promises tools brings none."""
    answer = _read(_body(_asking(), finish="tool_calls"))
    assert (answer.tool_requests, answer.text, answer.finish) == ((), "", "tool_calls")


def test_tool_calls_have_names_of_their_own() -> None:
    """Missing, repeated and overlong ids are replaced, so that each request has its answer."""
    calls = [_call("call_1"), _call(None), _call("call_1"), _call("x" * 500), _call("")]
    ids = [one.id for one in _read(_body(_asking(*calls))).tool_requests]
    assert len(set(ids)) == 5
    assert ids[0] == "call_1"
    assert all(1 <= len(identity) <= 100 for identity in ids)


def test_tool_calls_are_bounded() -> None:
    """Sixteen are heard, with names and arguments of bounded length."""
    calls = [_call(str(n), "n" * 300, "a" * 20_000) for n in range(40)]
    heard = _read(_body(_asking(*calls))).tool_requests
    assert len(heard) == 16
    assert {(len(one.name), len(one.arguments)) for one in heard} == {(100, 16_000)}


def test_arguments_that_come_as_an_object_are_taken() -> None:
    """Some servers send the object in place of its text."""
    (request,) = _read(_body(_asking(_call(arguments={"sql": "é"})))).tool_requests
    assert json.loads(request.arguments) == {"sql": "é"}


def test_refusals_and_cut_answers_are_passed_on() -> None:
    """They are told as they are, whatever the text looks like."""
    assert _read(_body({"content": None, "refusal": "I will not."})).refusal == "I will not."
    assert _read(_body(finish="length")).finish == "length"


def test_controls_do_not_come_through() -> None:
    """NUL, escapes and lone surrogates, which databases refuse and terminals obey, are replaced."""
    assert _read(_body({"content": "a\x00b\x1b[2J\ud800c\n\td\x9b"})).text == "a�b�[2J�c\n\td�"


@given(st.text())
def test_clean_text_can_be_stored(text: str) -> None:
    """It encodes, it has no NUL, and cleaning it again changes nothing."""
    cleaned = clean(text)
    assert "\x00" not in cleaned
    assert clean(cleaned) == cleaned == cleaned.encode().decode()


@pytest.mark.parametrize(
    "usage",
    [
        None,
        "many",
        {},
        {"prompt_tokens": 0, "completion_tokens": 0},
        {"prompt_tokens": -5, "completion_tokens": 3},
        {"prompt_tokens": True, "completion_tokens": 3},
        {"prompt_tokens": 10**18, "completion_tokens": 3},
        {"prompt_tokens": 50, "completion_tokens": 10**9},
        {"prompt_tokens": 50, "completion_tokens": 0},
    ],
)
def test_usage_that_cannot_be_is_estimated_high(usage: Any) -> None:
    """Missing, impossible or free of charge: the count is our own, and not too low."""
    answer = _read(_body(usage=usage))
    assert not answer.counted
    assert (answer.usage.prompt_tokens, answer.usage.cached_tokens) == (108, 0)
    assert 3 <= answer.usage.completion_tokens <= 100


def test_an_uncounted_answer_that_was_cut_took_all_it_could() -> None:
    """A cut answer without usage is counted with every token that it was allowed."""
    assert _read(_body(finish="length", usage=None), limit=77).usage.completion_tokens == 77


def test_no_more_is_cached_than_there_is() -> None:
    """Cached tokens beyond the prompt are the whole prompt."""
    usage = _USED | {"prompt_tokens_details": {"cached_tokens": 999}}
    assert _read(_body(usage=usage)).usage.cached_tokens == 50


@pytest.mark.parametrize("more", [{"system_fingerprint": "scripted"}, {"model": "scripted-x"}])
def test_a_scripted_answer_is_known_by_each_of_its_labels(more: dict[str, str]) -> None:
    """One label is enough."""
    assert _read(_body(**more)).scripted
    assert read_answer(json.dumps(_body()).encode(), _SENT, 100, labelled=True).scripted


def test_an_endless_text_is_cut() -> None:
    """What exceeds every answer is cut, and says so."""
    answer = _read(_body({"content": "x" * 300_000}))
    assert (len(answer.text), answer.finish) == (200_000, "length")
