"""Everything that an endpoint can do wrong, on a real socket, and the sentence that it ends in."""

from email.utils import formatdate
from time import time
from typing import Any

import pytest

from moonloop.agents.door.circuits import CircuitState
from moonloop.agents.door.door import ModelDoor
from moonloop.agents.scripted.answers import ScriptedAnswer
from moonloop.agents.scripted.faults import Fault
from moonloop.domain.errors import ModelRefused, ModelUnavailable
from support.scripted import MODEL, TOOL, prompted, running_scripted, saying, site_of

_PREFIX = "No model endpoint answers for the role proposer: first "


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (Fault("status", 500, message="oops"), "is out of order (HTTP 500): oops"),
        (Fault("status", 503, message=""), "is out of order (HTTP 503)"),
        (Fault("status", 429, message="slow"), "is asked too often (HTTP 429): slow"),
        (
            Fault("status", 404, message="no"),
            f"knows no model {MODEL}, or its base_url lacks /v1 (HTTP 404): no",
        ),
        (Fault("status", 401), "refuses the key (HTTP 401): it wants one: name it with key_env or key_file"),
        (Fault("status", 403), "refuses the key (HTTP 403): it wants one: name it with key_env or key_file"),
        (Fault("status", 418, message="tea"), "answers with HTTP 418: tea"),
        (
            Fault("redirect", location="http://127.0.0.1:1/v1/chat/completions"),
            "redirects to another address (HTTP 307), which is not followed: correct its base_url",
        ),
        (
            Fault("reset"),
            "broke off in the middle of its answer, or answered something that is not HTTP",
        ),
        (
            Fault("noise", body="SSH-2.0-OpenSSH_9.6\r\n"),
            "broke off in the middle of its answer, or answered something that is not HTTP",
        ),
        (
            Fault("cut", after=30),
            "broke off in the middle of its answer, or answered something that is not HTTP",
        ),
        (
            Fault("garble", body='{"choices": ['),
            "answers with something that is no chat completion: it is not JSON",
        ),
        (
            Fault("garble", body="<html>It works!</html>"),
            "answers with something that is no chat completion: it is not JSON",
        ),
        (
            Fault("garble", body='{"choices": []}'),
            "answers with something that is no chat completion: it has no choices",
        ),
        (
            Fault("huge", after=9 * 1024 * 1024),
            "answers with more than an answer can be; it was not read to its end",
        ),
        (Fault("packed"), "answers compressed, though that was not asked for"),
        (Fault("hang"), "did not answer within 0.3 s"),
        (Fault("trickle", seconds=0.02), "did not answer within 0.3 s"),
        (Fault("delay", seconds=30.0), "did not answer within 0.3 s"),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else None,
)
async def test_a_failure_ends_in_its_sentence(fault: Fault, sentence: str) -> None:
    """Nobody is left to guess what went wrong, and the endpoint is called only once."""
    slow = fault.kind in {"hang", "trickle", "delay"}
    async with (
        running_scripted(faults=[fault]) as server,
        ModelDoor(site_of(server, timeout=0.3 if slow else 20)) as door,
    ):
        with pytest.raises(ModelUnavailable) as caught:
            await door.complete(prompted())
        assert str(caught.value) == _PREFIX + sentence
        assert server.counts.requests == 1


async def test_nobody_at_the_address_ends_in_a_sentence() -> None:
    """A server that is not there is named with its address."""
    async with running_scripted() as server:
        url = server.url
    async with ModelDoor(site_of(url)) as door:
        with pytest.raises(ModelUnavailable) as caught:
            await door.complete(prompted())
        assert str(caught.value) == f"{_PREFIX}cannot be reached"


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_a_request_that_every_endpoint_refuses_is_refused(status: int) -> None:
    """It would be refused again: the error says so, in the words of the server."""
    fault = Fault("status", status, message="too long")
    async with (
        running_scripted(faults=[fault]) as one,
        running_scripted(faults=[fault]) as two,
        ModelDoor(site_of(one, two)) as door,
    ):
        with pytest.raises(ModelRefused) as caught:
            await door.complete(prompted())
        expected = f"The model endpoint first, second refuses the request: HTTP {status}: too long"
        assert str(caught.value) == expected
        assert door.circuits() == {"first": CircuitState.CLOSED, "second": CircuitState.CLOSED}


async def test_a_refusal_beside_an_outage_may_be_asked_again() -> None:
    """While another endpoint may still take the request it is not refused."""
    async with (
        running_scripted(faults=[Fault("status", 400, message="no")]) as one,
        running_scripted(faults=[Fault("status", 500, message="down")]) as two,
        ModelDoor(site_of(one, two)) as door,
    ):
        with pytest.raises(ModelUnavailable) as caught:
            await door.complete(prompted())
        assert "first refuses the request: HTTP 400: no; second is out of order" in str(caught.value)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("dated", [False, True])
async def test_retry_after_is_honoured(status: int, dated: bool) -> None:
    """The error says when to come back, and until then the endpoint is not called at all."""
    wait = formatdate(time() + 31, usegmt=True) if dated else "30"
    async with (
        running_scripted(faults=[Fault("status", status, retry_after=wait)]) as server,
        ModelDoor(site_of(server)) as door,
    ):
        for _ in range(2):
            with pytest.raises(ModelUnavailable) as caught:
                await door.complete(prompted())
            assert 20 < caught.value.retry_after_s <= 31
        with pytest.raises(ModelUnavailable, match=r"first is left alone for another .* s, since it failed"):
            await door.complete(prompted())
        assert server.counts.requests == 1


async def test_what_a_server_says_is_bounded_and_cleaned() -> None:
    """Error bodies are quoted on one line, without controls, and not at length."""
    fault = Fault("status", 500, message="a\x1b[2J\nb" + "x" * 5000)
    async with running_scripted(faults=[fault]) as server, ModelDoor(site_of(server)) as door:
        with pytest.raises(ModelUnavailable) as caught:
            await door.complete(prompted())
        assert "\x1b" not in str(caught.value)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (ScriptedAnswer("cut", finish="length"), {"text": "cut", "finish": "length"}),
        (ScriptedAnswer(finish="tool_calls"), {"text": "", "tool_requests": (), "finish": "tool_calls"}),
        (ScriptedAnswer(refusal="I will not."), {"refusal": "I will not.", "finish": "stop"}),
        (ScriptedAnswer("{}", finish="tool_calls"), {"text": "{}", "tool_requests": ()}),
        (ScriptedAnswer("x", finish="content_filter"), {"finish": "content_filter"}),
    ],
)
async def test_useless_answers_are_told_as_they_are(answer: ScriptedAnswer, expected: dict[str, Any]) -> None:
    """Cut answers, refusals and reasons that lie come through for the turn to judge; they were paid for."""
    async with (
        running_scripted(faults=[Fault("answer", answer=answer)]) as server,
        ModelDoor(site_of(server)) as door,
    ):
        completion = await door.complete(prompted(tools=[TOOL]))
        assert {name: getattr(completion, name) for name in expected} == expected
        assert completion.usage.prompt_tokens > 0


async def test_an_answer_is_cut_at_its_longest() -> None:
    """The limit of tokens reaches the server, and what it cut says so."""
    async with running_scripted(saying("word " * 50)) as server, ModelDoor(site_of(server)) as door:
        completion = await door.complete(prompted(max_tokens=10))
        assert (completion.finish, completion.usage.completion_tokens) == ("length", 10)


async def test_usage_that_is_not_reported_is_estimated() -> None:
    """A server that counts nothing does not make the call free."""
    async with (
        running_scripted(saying("yes", usage={})) as server,
        ModelDoor(site_of(server, price={"input": 1, "output": 1})) as door,
    ):
        completion = await door.complete(prompted())
        assert completion.usage.prompt_tokens > 50
        assert completion.usage.completion_tokens > 0
        assert completion.cost == pytest.approx(completion.usage.tokens / 1e6)
