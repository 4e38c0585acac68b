"""The client turns whatever a server answers into typed values or errors of the family, and nothing else."""

from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moonloop.client.http import Connection, asking_again_helps
from moonloop.domain.errors import (
    FAMILY,
    InvalidInput,
    LedgerBusy,
    MoonloopError,
    ServerUnreachable,
    StaleFence,
    Unauthenticated,
)
from moonloop.domain.facts import HoldFact


def _answering(status: int, body: Any = None, headers: dict[bytes, bytes] | None = None) -> Connection:
    def answer(_request: httpx.Request) -> httpx.Response:
        content = body if isinstance(body, bytes) else None
        json = None if content is not None else body
        return httpx.Response(status, headers=headers, content=content, json=json)

    return Connection("http://lab", "token", transport=httpx.MockTransport(answer))


def _problem(slug: str, **more: Any) -> dict[str, Any]:
    return {"type": f"urn:moonloop:problem:{slug}", "title": "x", "detail": "it is so", **more}


@pytest.mark.parametrize("slug", sorted(FAMILY))
def test_a_problem_document_is_the_error_again(slug: str) -> None:
    """What the server raised is raised here, with its sentence and its facts."""
    kind = FAMILY[slug]
    with (
        pytest.raises(kind, match="it is so") as raised,
        _answering(kind.status, _problem(slug, facts={"current": 7})) as server,
    ):
        server.get("/v1/holds", list[HoldFact])
    assert 7 == raised.value.current


@pytest.mark.parametrize(
    ("status", "body", "again"),
    [
        (500, {"error": "x"}, True),
        (502, b"<html>Bad gateway</html>", True),
        (503, b"", True),
        (429, b"[]", True),
        (408, b"null", True),
        (404, b"not here", False),
        (400, {"type": 7}, False),
        (418, _problem("teapot"), False),
        (301, b"", False),
    ],
)
def test_an_answer_that_is_no_problem_document_is_an_error_of_its_status(
    status: int, body: Any, again: bool
) -> None:
    """A proxy's own page: no fault here, and whether to ask again is told by the status."""
    with pytest.raises(MoonloopError) as raised, _answering(status, body) as server:
        server.get("/v1/holds", list[HoldFact])

    assert status == raised.value.status
    assert again == asking_again_helps(raised.value)


@pytest.mark.parametrize(
    ("given_", "seconds"), [("3", 3.0), ("0", 0.0), ("", 0.0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
    ("-1", 0.0), ("²", 0.0)],
)  # fmt: skip
def test_the_time_to_wait_is_told(given_: str, seconds: float) -> None:
    """A server that is busy says for how long; what cannot be read counts as nothing."""
    headers = {b"Retry-After": given_.encode("latin-1")}
    with pytest.raises(LedgerBusy) as raised, _answering(503, _problem("ledger-busy"), headers) as server:
        server.get("/v1/holds", list[HoldFact])

    assert seconds == raised.value.retry_after_s


def test_a_stale_fence_is_final() -> None:
    """Who has lost a job does not ask again."""
    assert not asking_again_helps(StaleFence())


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'[{"scope": 1}]', b"\xff", b"[" * 100_000])
def test_another_server_is_not_taken_for_ours(body: bytes) -> None:
    """Something else answers at the address, and is told apart from Moonloop."""
    with pytest.raises(ServerUnreachable) as raised, _answering(200, body) as server:
        server.get("/v1/holds", list[HoldFact])

    assert "what answers there is something else" == raised.value.why


def test_a_field_that_is_new_is_no_error() -> None:
    """A newer server may tell more."""
    body = [{"scope": "site", "active": True, "colour": "red"}]
    with _answering(200, body) as server:
        assert [HoldFact(scope="site", active=True)] == server.get("/v1/holds", list[HoldFact])


def test_a_connection_that_breaks_names_the_server() -> None:
    """Whatever the network did."""

    def broken(_request: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("reset")

    with (
        pytest.raises(ServerUnreachable, match="http://lab"),
        Connection("http://lab", transport=httpx.MockTransport(broken)) as server,
    ):
        server.get("/v1/holds", list[HoldFact])


@given(st.text(max_size=30))
@settings(max_examples=200)
def test_no_id_makes_a_fault(campaign: str) -> None:
    """Whatever is typed as an id: the server is asked, or it is told that it cannot be."""
    with _answering(200, []) as server:
        try:
            assert [] == server.get(f"/v1/campaigns/{campaign}", list[HoldFact])
        except InvalidInput as invalid:
            assert str(invalid)  # noqa: PT017 -- either outcome is right


@given(st.text(min_size=1, max_size=30))
def test_a_token_is_sent_as_it_is_or_refused(token: str) -> None:
    """A header can hold visible ASCII only; nothing else is sent, cut or changed."""
    sent: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers["Authorization"])
        return httpx.Response(200, json=[])

    visible = all("!" <= character <= "~" for character in token)
    try:
        with Connection("http://lab", token, transport=httpx.MockTransport(answer)) as server:
            server.get("/v1/holds", list[HoldFact])
    except Unauthenticated:
        assert not visible
    else:
        assert [f"Bearer {token}"] == sent


@pytest.mark.parametrize("url", ["http://[::1", "http://lab:port", "http://\x00"])
def test_an_address_that_is_none_is_told(url: str) -> None:
    """Before anything is sent."""
    with pytest.raises(InvalidInput, match="server's URL"):
        Connection(url)
