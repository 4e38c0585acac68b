"""Artifacts over HTTP: bytes are taken whole and for what they hash to, or not at all."""

import hashlib
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from moonloop.service.settings import Settings
from moonloop.store import tables as t
from support.devices import Device, Site, problem
from support.interleaving import until
from support.serving import ARTIFACT_LIMIT, ON_BOTH


@pytest.fixture
def offer(site: Site, device: Device) -> dict[str, Any]:
    """A running attempt."""
    site.bench.queued(2)
    return device.running()


@pytest.fixture
def folder(settings: Settings) -> Path:
    """Where the server keeps its artifacts."""
    return settings.artifacts


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@ON_BOTH
def test_what_was_stored_comes_back(site: Site, device: Device, offer: dict[str, Any]) -> None:
    """Byte for byte, with its media type, as a file to be saved and never as a page of ours."""
    body = b"<script>alert(1)</script>"
    stored = device.put(offer, body, "page.html", "text/html; charset=utf-8")
    assert 201 == stored.status_code
    assert {"sha256": hashlib.sha256(body).hexdigest(), "size": len(body)} == stored.json()

    answer = site.owner.get(f"/v1/artifacts/{stored.json()['sha256']}")

    assert body == answer.content
    assert "text/html" == answer.headers["content-type"].partition(";")[0]
    assert answer.headers["content-disposition"].startswith("attachment")
    assert "nosniff" == answer.headers["x-content-type-options"]


@pytest.mark.parametrize("size", [0, 1, ARTIFACT_LIMIT])
def test_an_artifact_may_be_of_any_size_up_to_the_limit(
    site: Site, device: Device, offer: dict[str, Any], size: int
) -> None:
    """Nothing, one byte, and the limit itself; beyond the limit of other requests, too."""
    stored = device.put(offer, b"x" * size)

    assert 201 == stored.status_code
    assert size == len(site.owner.get(f"/v1/artifacts/{stored.json()['sha256']}").content)


def test_storing_twice_is_storing_once(
    site: Site, device: Device, offer: dict[str, Any], folder: Path
) -> None:
    """A resend is answered alike and leaves one file and one record."""
    answers = [device.put(offer, b"1,2\n") for _ in range(3)]

    assert [201] * 3 == [answer.status_code for answer in answers]
    assert (1, 1) == (len(_files(folder)), site.bench.count(t.attempt_artifacts))


def test_known_bytes_need_no_upload(site: Site, device: Device, offer: dict[str, Any]) -> None:
    """Whoever gives the hash and the size of what is there need not send it: the body is not looked at."""
    body = secrets.token_bytes(10_000)
    device.put(offer, body)
    sha256 = hashlib.sha256(body).hexdigest()

    answer = device.put(offer, b"", "again.bin", sha256=sha256, size=str(len(body)))

    assert 201 == answer.status_code
    assert 2 == site.bench.count(t.attempt_artifacts)
    assert body == site.owner.get(f"/v1/artifacts/{sha256}").content


def test_a_large_body_that_nobody_needs_does_no_harm(device: Device, offer: dict[str, Any]) -> None:
    """The connection is good for the next call after a body that the server did not read."""
    body = secrets.token_bytes(ARTIFACT_LIMIT)

    assert [201, 201] == [device.put(offer, body).status_code for _ in range(2)]
    assert 200 == device.beat(offer).status_code


def test_one_name_is_one_artifact(site: Site, device: Device, offer: dict[str, Any]) -> None:
    """Other bytes under a name that is taken are refused, and the first ones stay."""
    device.put(offer, b"first")

    problem(device.put(offer, b"second"), 422, "artifact-mismatch")
    kept = site.bench.all(t.attempt_artifacts.select())
    assert [hashlib.sha256(b"first").hexdigest()] == [row.sha256 for row in kept]


def _lies(body: bytes) -> dict[str, dict[str, str]]:
    return {
        "another hash": {"sha256": hashlib.sha256(b"other").hexdigest()},
        "a size that is too small": {"size": str(len(body) - 1)},
        "a size that is too large": {"size": str(len(body) + 1)},
        "no size at all": {"size": "0"},
    }


@pytest.mark.parametrize("lie", _lies(b""))
def test_what_is_not_as_declared_is_refused(
    site: Site, device: Device, offer: dict[str, Any], folder: Path, lie: str
) -> None:
    """Neither a file nor a record is left of it; said truly, the same bytes are taken."""
    body = b"1,2\n" * 100

    problem(device.put(offer, body, **_lies(body)[lie]), 422, "artifact-mismatch")

    assert [] == _files(folder)
    assert 0 == site.bench.count(t.artifacts)
    assert 201 == device.put(offer, body).status_code


@pytest.mark.parametrize("size", ["99", "0", str(2**80)])
def test_a_wrong_size_of_known_bytes_is_refused(
    site: Site, device: Device, offer: dict[str, Any], size: str
) -> None:
    """That the bytes are here already is no leave to lie about them."""
    device.put(offer, b"abc")

    problem(device.put(offer, b"abc", "other.csv", size=size), 422, "artifact-mismatch")
    assert [3] == [row.size for row in site.bench.all(t.artifacts.select())]


def test_more_than_the_limit_is_refused_before_it_is_sent(
    site: Site, device: Device, offer: dict[str, Any], folder: Path
) -> None:
    """What is declared too large is not begun."""
    problem(device.put(offer, b"", size=str(ARTIFACT_LIMIT + 1)), 413, "too-large")
    assert [] == _files(folder)
    assert 0 == site.bench.count(t.artifacts)


def test_more_than_was_declared_is_not_kept(device: Device, offer: dict[str, Any], folder: Path) -> None:
    """A body that goes on and on fills no disk: what goes beyond the declaration is thrown away unread."""
    largest = 0

    def endless() -> Iterator[bytes]:
        nonlocal largest
        for _ in range(20 * ARTIFACT_LIMIT // 8192):
            largest = max([largest, *(path.stat().st_size for path in _files(folder))])
            yield b"x" * 8192

    headers = {"X-Content-SHA256": "0" * 64, "X-Content-Size": "100", "Content-Type": "text/plain"}
    path = f"/v1/attempts/{offer['attempt_id']}/artifacts/a"

    problem(device.http.put(path, content=endless(), headers=headers), 422, "artifact-mismatch")

    assert largest <= ARTIFACT_LIMIT
    until(lambda: _files(folder) == [], "what had come is thrown away")
    assert 200 == device.beat(offer).status_code


def test_an_artifact_that_is_cut_at_half_leaves_nothing(
    site: Site, device: Device, offer: dict[str, Any], folder: Path
) -> None:
    """A connection that breaks in the middle: no file, no record, and the whole is taken afterwards."""
    body = b"1,2\n" * 10_000
    head = (
        f"PUT /v1/attempts/{offer['attempt_id']}/artifacts/trace.csv HTTP/1.1\r\nHost: moonloop\r\n"
        f"Authorization: {device.http.headers['Authorization']}\r\nContent-Length: {len(body)}\r\n"
        f"X-Content-SHA256: {hashlib.sha256(body).hexdigest()}\r\nX-Content-Size: {len(body)}\r\n\r\n"
    )
    address = httpx.URL(site.url)
    with socket.create_connection((address.host, address.port or 0)) as connection:
        connection.sendall(head.encode() + body[: len(body) // 2])
        until(lambda: _files(folder) != [], "half of it has come")
    until(lambda: _files(folder) == [], "the half is thrown away")

    assert 0 == site.bench.count(t.artifacts)
    assert 201 == device.put(offer, body).status_code


@pytest.mark.parametrize(
    "name",
    [".", "..", ".hidden", "a/b", "%2e%2e%2fetc", "a b", "x" * 101, "%00", "näme", "a%0Ab", "-x", "con:"],
)
def test_a_name_is_a_plain_file_name(
    site: Site, device: Device, offer: dict[str, Any], folder: Path, name: str
) -> None:
    """No path, no control character, nothing that a file system reads in its own way."""
    answer = device.put(offer, b"abc", name)

    assert answer.status_code in (404, 405, 422)
    assert "application/problem+json" == answer.headers["content-type"]
    assert [] == _files(folder)
    assert 0 == site.bench.count(t.artifacts)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("sha256", "0" * 63),
        ("sha256", "G" * 64),
        ("sha256", "../" * 21 + "a"),
        ("size", "-1"),
        ("size", "many"),
        ("size", "1e3"),
    ],
)
def test_a_declaration_has_a_form(device: Device, offer: dict[str, Any], header: str, value: str) -> None:
    """422 with the field, before a byte is taken."""
    problem(device.put(offer, b"abc", **{header: value}), 422, "invalid-input")


@pytest.mark.parametrize(
    "media_type", ["weird", "text/", "/plain", "text/pla in", "x" * 200 + "/y", "a\xb5/b"]
)
def test_a_media_type_has_a_form(device: Device, offer: dict[str, Any], media_type: str) -> None:
    """What it says is shown to browsers later: it is a media type or it is refused."""
    answer = device.http.put(
        f"/v1/attempts/{offer['attempt_id']}/artifacts/a",
        content=b"abc",
        headers={
            "X-Content-SHA256": hashlib.sha256(b"abc").hexdigest(),
            "X-Content-Size": "3",
            b"Content-Type": media_type.encode("latin-1"),  # type: ignore[dict-item]
        },
    )

    assert "Content-Type" == problem(answer, 422, "invalid-input")["facts"]["where"]


def test_a_declaration_is_needed(device: Device, offer: dict[str, Any]) -> None:
    """Bytes without a hash and a size are not taken."""
    answer = device.http.put(f"/v1/attempts/{offer['attempt_id']}/artifacts/a", content=b"abc")

    fields = [error["field"] for error in problem(answer, 422, "invalid-input")["facts"]["errors"]]
    assert ["X-Content-SHA256", "X-Content-Size"] == fields


def test_an_unknown_artifact_is_not_found(site: Site) -> None:
    """404, and a name that is no hash is not even looked up."""
    problem(site.owner.get(f"/v1/artifacts/{'0' * 64}"), 404, "not-found")
    problem(site.owner.get("/v1/artifacts/..%2f..%2fetc%2fpasswd"), 404, "not-found")
    problem(site.owner.get("/v1/artifacts/passwd"), 422, "invalid-input")
