"""Requests that nobody should send: each gets a small problem document, and nothing of it comes back."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from moonloop.store import tables as t
from support.campaigns import CAMPAIGN, make_spec
from support.devices import Device, Site, problem
from support.serving import BODY_LIMIT, ON_BOTH

JSON = {"Content-Type": "application/json"}
CLAIM = "/v1/jobs/claim"

BROKEN: dict[str, bytes] = {
    "nothing that is JSON": b"secret-word",
    "cut off": b'{"request_id": "secret-word',
    "two values": b'{"request_id": "secret-word"} {}',
    "not UTF-8": b'{"request_id": "secret-word\xff"}',
    "UTF-16": '{"request_id": "secret-word"}'.encode("utf-16"),
    "a surrogate in UTF-8": b'{"request_id": "secret-word\xed\xa0\x80"}',
    "half a surrogate pair": b'{"request_id": "secret-word\\ud800"}',
    "the character U+0000": b'{"request_id": "secret-word\\u0000"}',
    "U+0000 in a name": b'{"request_id": "secret-word", "\\u0000": 1}',
    "a name given twice": b'{"request_id": "secret-word", "request_id": "secret-word"}',
    "an integer beyond 2^53": b'{"request_id": "secret-word", "wait_s": 9007199254740993}',
    "five thousand digits": b'{"request_id": "secret-word", "wait_s": ' + b"9" * 5000 + b"}",
    "NaN": b'{"request_id": "secret-word", "wait_s": NaN}',
    "minus infinity": b'{"request_id": "secret-word", "wait_s": -Infinity}',
    "nested too deeply": b'{"request_id": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    "a list": b'["secret-word"]',
    "a text": b'"secret-word"',
    "null": b"null",
    "empty": b"",
    "an unknown field": b'{"request_id": "secret-word", "colour": "secret-word"}',
    "a wrong type": b'{"request_id": ["secret-word"]}',
    "a field that is missing": b'{"wait_s": 1}',
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_body_that_cannot_be_read_is_a_problem_document(device: Device, what: str) -> None:
    """422 with what is wrong and where; what came in is not repeated."""
    answer = device.http.post(CLAIM, content=BROKEN[what], headers=JSON)

    document = problem(answer, 422, "invalid-input")

    assert document["facts"]["errors"]
    assert "secret-word" not in answer.text


def test_an_escaped_backslash_is_no_escape(site: Site, device: Device) -> None:
    r"""The text `\\u0000` is six harmless characters, and a pair of surrogates is one character."""
    site.bench.queued(1)
    offer = device.running()
    body = '[{"seq": 0, "type": "note", "data": {"a": "\\\\u0000", "b": "\\ud83e\\uddea"}}]'

    answer = device.http.post(f"/v1/attempts/{offer['attempt_id']}/events", content=body, headers=JSON)

    assert {"new": 1} == answer.json()
    assert {"a": "\\u0000", "b": "🧪"} == site.bench.value(select_data())


def select_data() -> Any:
    """Return the query for the data of the only event."""
    return t.attempt_events.select().with_only_columns(t.attempt_events.c.data)


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "multipart/form-data", None])
def test_only_json_is_json(device: Device, content_type: str | None) -> None:
    """A form from a foreign page or a forgotten header is not taken for a request."""
    headers = {"Content-Type": content_type} if content_type else {}

    problem(
        device.http.post(CLAIM, content=b'{"request_id": "request-1"}', headers=headers), 422, "invalid-input"
    )


# Size.


def _chunks(size: int) -> Iterator[bytes]:
    for _ in range(size // 1024):
        yield b"x" * 1024


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("path", [CLAIM, "/v1/robots/enroll", "/v1/campaigns", "/v1/nowhere"])
def test_a_body_that_is_too_large_is_refused(device: Device, path: str, chunked: bool) -> None:
    """413 whether or not it says its size beforehand, and the connection is good for the next request."""
    body = _chunks(2 * BODY_LIMIT) if chunked else b"x" * (BODY_LIMIT + 1)

    answer = device.http.post(path, content=body, headers=JSON)

    if path == "/v1/nowhere" and chunked:
        problem(answer, 404, "not-found")  # nobody reads it
    else:
        problem(answer, 413, "too-large")
    assert 204 == device.claim().status_code


def test_every_body_but_a_stream_is_bounded_whatever_the_method(site: Site) -> None:
    """Before anybody is asked who they are: what is not read costs no memory."""
    path = f"/v1/campaigns/{site.bench.campaign}/budget"

    answer = site.client(None).put(path, content=b" " * (BODY_LIMIT + 1), headers=JSON)

    problem(answer, 413, "too-large")


def test_a_size_that_is_a_lie_does_not_go_round_the_limit(site: Site, device: Device) -> None:
    """A body may not be longer than it says, and what it says is a number."""
    address = httpx.URL(site.url)
    for length in ("-1", "9" * 30, "0x10", "10, 10"):
        text = (
            f"POST {CLAIM} HTTP/1.1\r\nHost: moonloop\r\nContent-Type: application/json\r\n"
            f"Authorization: {device.http.headers['Authorization']}\r\nContent-Length: {length}\r\n\r\n"
        )
        assert _raw(address, text.encode()).split(b" ")[1] in (b"400", b"413")


def _raw(address: httpx.URL, request: bytes) -> bytes:
    import socket

    with socket.create_connection((address.host, address.port or 0), timeout=10) as connection:
        connection.sendall(request)
        return connection.recv(4096)


LONG = "u" * (BODY_LIMIT // 2)


@pytest.mark.parametrize(
    "change",
    [
        {LONG: 1},
        {"name": LONG},
        {"objective": {"name": "yield", "unit": LONG, "direction": "maximise", "range": [0, 1]}},
        {"claims": [1] * 10_000},
        {"space": {"kind": LONG}},
    ],
)
def test_an_answer_is_small_whatever_came_in(site: Site, change: dict[str, Any]) -> None:
    """Nobody makes the server repeat a large request, or complain about each of ten thousand lines."""
    spec = make_spec().model_dump(mode="json")

    answer = site.owner.post("/v1/campaigns/validate", json=spec | change)

    problem(answer, 422, "invalid-input")
    assert len(answer.content) < 16_000


# Addresses.


@pytest.mark.parametrize(
    ("method", "path", "status", "slug"),
    [
        ("GET", "/v1/nowhere", 404, "not-found"),
        ("GET", "/", 404, "not-found"),
        ("DELETE", "/v1/campaigns", 405, "method-not-allowed"),
        ("GET", CLAIM, 405, "method-not-allowed"),
        ("GET", "/v1/campaigns/cmp_unknown0", 404, "not-found"),
        ("GET", "/v1/campaigns/CMP_unknown0", 422, "invalid-input"),
        ("GET", "/v1/campaigns/cmp_%00", 422, "invalid-input"),
        ("GET", "/v1/campaigns/cmp_unknown0/facts", 404, "not-found"),
        ("GET", "/v1/campaigns/cmp_unknown0/report", 404, "not-found"),
        ("GET", "/v1/campaigns/cmp_unknown0/export", 404, "not-found"),
        ("GET", f"/v1/campaigns/{CAMPAIGN}/report?style=pdf", 422, "invalid-input"),
        ("GET", "/v1/reviews/rev_unknown0_0001_01", 404, "not-found"),
        ("GET", "/v1/reviews?state=lost", 422, "invalid-input"),
        ("GET", "/v1/reviews?campaign=x", 422, "invalid-input"),
        ("GET", "/v1/incidents?state=lost", 422, "invalid-input"),
        ("GET", "/v1/journal?after=-1", 422, "invalid-input"),
        ("GET", f"/v1/journal?after={2**53}", 422, "invalid-input"),
        ("GET", f"/v1/journal?after={2**80}", 422, "invalid-input"),
        ("GET", "/v1/journal?limit=1001", 422, "invalid-input"),
        ("GET", f"/v1/journal/stream?after={2**80}", 422, "invalid-input"),
        ("POST", "/v1/tokens/tok_unknown0/revoke", 404, "not-found"),
        ("POST", "/v1/tokens/%00/revoke", 422, "invalid-input"),
    ],
)
@ON_BOTH
def test_what_is_not_there_is_a_problem_document_too(
    site: Site, method: str, path: str, status: int, slug: str
) -> None:
    """The same form for every error, from whichever layer it comes."""
    problem(site.owner.request(method, path), status, slug)


@pytest.mark.parametrize(
    ("path", "body", "status", "slug"),
    [
        ("/v1/holds", {"scope": "the moon", "reason": "x"}, 404, "not-found"),
        ("/v1/holds", {"scope": "mission:none/none", "reason": "x"}, 404, "not-found"),
        ("/v1/holds", {"scope": "rob_unknown0", "reason": "x"}, 404, "not-found"),
        ("/v1/holds", {"scope": "site", "reason": ""}, 422, "invalid-input"),
        ("/v1/holds", {"scope": "site", "reason": "\x00"}, 422, "invalid-input"),
        ("/v1/holds", {"scope": "\x00", "reason": "x"}, 422, "invalid-input"),
        ("/v1/robots/codes", {"kind": "imaginary"}, 422, "invalid-input"),
        ("/v1/robots/codes", {"kind": "simulated", "valid_s": 0}, 422, "invalid-input"),
        ("/v1/robots/codes", {"kind": "simulated", "valid_s": 1e300}, 422, "invalid-input"),
        (f"/v1/campaigns/{CAMPAIGN}/pause", {"reason": "x" * 501}, 422, "invalid-input"),
        (f"/v1/campaigns/{CAMPAIGN}/budget", {"line": "experiments", "limit": -1}, 422, "invalid-input"),
        (f"/v1/campaigns/{CAMPAIGN}/budget", {"line": "beer", "limit": 1}, 404, "not-found"),
    ],
)
@ON_BOTH
def test_what_a_person_may_misspell_is_told(
    site: Site, path: str, body: dict[str, Any], status: int, slug: str
) -> None:
    """Unknown things are not found, impossible ones are invalid, and neither is a fault of ours."""
    method = "PUT" if path.endswith("budget") else "POST"

    problem(site.owner.request(method, path, json=body), status, slug)


@pytest.mark.parametrize("event_id", ["²", "x", "-1", "9" * 30, ""])
def test_a_reader_that_lost_its_place_begins_where_it_says(site: Site, event_id: str) -> None:
    """A `Last-Event-ID` that is no number of ours is no place to resume at."""
    headers = {b"Last-Event-ID": event_id.encode("latin-1")}
    with site.owner.stream("GET", "/v1/journal/stream", headers=headers) as answer:
        assert (200, "text/event-stream") == (
            answer.status_code,
            answer.headers["content-type"].partition(";")[0],
        )


def test_a_fault_of_ours_is_a_problem_document_that_tells_nothing(
    site: Site, break_ledger: Callable[[], None]
) -> None:
    """500 in the same form; what went wrong stays in the server's log."""
    break_ledger()

    answer = site.client(None).get("/v1/health")

    document = problem(answer, 500, "internal-error")
    assert "journal" not in json.dumps(document)


@pytest.fixture
def break_ledger(site: Site) -> Callable[[], None]:
    """Take a table away, which no version of Moonloop would do."""
    from sqlalchemy import text

    from moonloop.store import Tx

    return lambda: site.bench.do(Tx.run, text("ALTER TABLE seals RENAME TO gone"))
