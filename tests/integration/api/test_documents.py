"""Documents over HTTP: their bytes come before the campaign that brings them, and are what they hash to."""

import hashlib
from pathlib import Path
from typing import Any

import httpx
import pytest

from moonloop.domain.access import Scope
from moonloop.service.settings import Settings
from moonloop.store import tables as t
from support.campaigns import make_spec
from support.devices import Site, problem
from support.serving import ARTIFACT_LIMIT, BODY_LIMIT, ON_BOTH

BODY = b"Nitriles raise the potential.\n" * 4
SHA256 = hashlib.sha256(BODY).hexdigest()


def _put(site: Site, body: bytes, sha256: str = "") -> httpx.Response:
    return site.owner.put(f"/v1/documents/{sha256 or hashlib.sha256(body).hexdigest()}", content=body)


def _start(site: Site, **document: str) -> httpx.Response:
    given = {"name": "Smith 2019", "sha256": SHA256, "media_type": "text/plain"} | document
    spec = make_spec(documents=[given]).model_dump(mode="json")
    return site.owner.post("/v1/campaigns", json={"request_id": "request-1", "spec": spec})


def _files(settings: Settings) -> list[Path]:
    return [path for path in settings.artifacts.rglob("*") if path.is_file()]


@ON_BOTH
def test_what_was_brought_comes_back(site: Site) -> None:
    """It is an artifact like any other, and asked for again it is known."""
    assert 404 == site.owner.get(f"/v1/documents/{SHA256}").status_code
    stored = _put(site, BODY)

    expected: dict[str, Any] = {"sha256": SHA256, "size": len(BODY)}
    assert (201, expected) == (stored.status_code, stored.json())
    assert expected == site.owner.get(f"/v1/documents/{SHA256}").json()
    assert BODY == site.owner.get(f"/v1/artifacts/{SHA256}").content


def test_bringing_twice_is_bringing_once(site: Site, settings: Settings) -> None:
    """A resend is answered alike and leaves one file and one record."""
    assert [201, 201] == [_put(site, BODY).status_code for _ in range(2)]
    assert (1, 1) == (len(_files(settings)), site.bench.count(t.artifacts))


@pytest.mark.parametrize("size", [0, BODY_LIMIT + 1, ARTIFACT_LIMIT])
def test_a_document_may_be_as_large_as_an_artifact(site: Site, size: int) -> None:
    """Beyond the limit of other requests, too."""
    assert 201 == _put(site, b"x" * size).status_code


def test_one_that_is_too_large_is_refused(site: Site, settings: Settings) -> None:
    """Before it is read."""
    problem(_put(site, b"x" * (ARTIFACT_LIMIT + 1)), 413, "too-large")
    assert [] == _files(settings)


def test_what_is_not_as_declared_is_refused(site: Site, settings: Settings) -> None:
    """Neither a file nor a record is left of it."""
    problem(_put(site, b"other", SHA256), 422, "artifact-mismatch")

    assert ([], 0) == (_files(settings), site.bench.count(t.artifacts))
    assert 201 == _put(site, BODY).status_code


def test_known_bytes_of_another_size_are_refused(site: Site) -> None:
    """Whoever declares what is there must know how large it is."""
    _put(site, BODY)

    problem(_put(site, BODY + b"more", SHA256), 422, "artifact-mismatch")


def test_a_body_without_its_length_is_refused(site: Site) -> None:
    """What cannot be bounded beforehand is not taken."""
    problem(site.owner.put(f"/v1/documents/{SHA256}", content=iter([BODY])), 422, "invalid-input")


@pytest.mark.parametrize("name", ["x", "..%2F..%2Fetc%2Fpasswd", SHA256.upper(), SHA256 + "0"])
def test_a_name_that_is_no_hash_is_refused(site: Site, settings: Settings, name: str) -> None:
    """No path is made of it."""
    answer = site.owner.put(f"/v1/documents/{name}", content=BODY)

    assert answer.status_code in (404, 422)
    assert [] == _files(settings)


def test_only_scientists_bring_documents(site: Site) -> None:
    """Readers and robots do not."""
    for token in (site.token(Scope.READ), site.token(Scope.ROBOT)):
        answer = site.client(token).put(f"/v1/documents/{SHA256}", content=BODY)
        problem(answer, 403, "forbidden")
    problem(site.client(None).put(f"/v1/documents/{SHA256}", content=BODY), 401, "unauthenticated")


def test_a_campaign_whose_document_is_not_here_does_not_start(site: Site) -> None:
    """It is told which, and nothing is left of it."""
    found = problem(_start(site), 422, "invalid-input")

    assert "documents[0]" in found["detail"]
    assert "“Smith 2019”" in found["detail"]
    assert 1 == site.bench.count(t.campaigns)


@ON_BOTH
def test_a_campaign_starts_when_its_documents_are_here(site: Site) -> None:
    """And the ledger knows of their bytes; the same request again starts it once."""
    _put(site, BODY)

    assert [201, 201] == [_start(site).status_code for _ in range(2)]
    assert [SHA256] == [row.sha256 for row in site.bench.all(t.artifacts.select())]


def test_bytes_that_a_crash_left_unrecorded_are_known_after_the_start(site: Site, settings: Settings) -> None:
    """They are on disk before they are in the ledger."""
    path = settings.artifacts / SHA256[:2] / SHA256
    path.parent.mkdir(parents=True)
    path.write_bytes(BODY)

    assert 201 == _start(site).status_code
    assert [(SHA256, len(BODY))] == [(row.sha256, row.size) for row in site.bench.all(t.artifacts.select())]
