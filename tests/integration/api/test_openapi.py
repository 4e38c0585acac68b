"""The published OpenAPI document is the robot protocol: whoever has it and the page can write a robot."""

from typing import Any, cast

import pytest

from support.devices import Site

BUILT: dict[tuple[str, str], tuple[str | None, dict[str, str | None]]] = {
    ("post", "/v1/robots/enroll"): ("EnrolRequest", {"201": "Enrolled"}),
    ("post", "/v1/jobs/claim"): ("ClaimRequest", {"200": "Offer", "204": None}),
    ("post", "/v1/attempts/{attempt}/accept"): ("Fenced", {"200": "Accepted"}),
    ("post", "/v1/attempts/{attempt}/start"): ("Fenced", {"200": "Started"}),
    ("post", "/v1/attempts/{attempt}/release"): ("ReleaseRequest", {"204": None}),
    ("post", "/v1/attempts/{attempt}/heartbeat"): ("Beat", {"200": "BeatReply"}),
    ("post", "/v1/attempts/{attempt}/events"): (None, {"200": None}),
    ("put", "/v1/attempts/{attempt}/artifacts/{name}"): (None, {"201": "ArtifactStored"}),
    ("post", "/v1/attempts/{attempt}/finish"): ("FinishRequest", {"200": "FinishReply"}),
    ("get", "/v1/artifacts/{sha256}"): (None, {"200": None}),
}
"""Calls of the protocol's table that this version has, with the schemas of their bodies and answers."""

LATER = {
    ("post", "/v1/robots/token"),
    ("post", "/v1/robots/{robot}/state"),
    ("put", "/v1/robots/{robot}/capabilities"),
    ("post", "/v1/robots/{robot}/keys"),
    ("post", "/v1/attempts/{attempt}/paused"),
    ("post", "/v1/attempts/{attempt}/resumed"),
}
"""Calls of the table that this version has not. Whoever builds one moves it up."""


@pytest.fixture
def document(site: Site) -> dict[str, Any]:
    """The document as it is served."""
    return site.client(None).get("/openapi.json").json()


def _schema(content: dict[str, Any]) -> str | None:
    found = content.get("content", {}).get("application/json", {}).get("schema", {})
    return found["$ref"].rpartition("/")[2] if "$ref" in found else None


def test_the_document_is_the_protocol(document: dict[str, Any]) -> None:
    """Every call of the table that is built is there with its schemas, and none that is not."""
    for (method, path), (body, answers) in BUILT.items():
        call = document["paths"][path][method]
        assert body == _schema(call.get("requestBody", {})), path
        given = {status: said for status, said in call["responses"].items() if status.startswith("2")}
        assert answers == {status: _schema(said) for status, said in given.items()}, path
        assert call["summary"], path
        assert call["description"], path

    assert set() == {(method, path) for method, path in LATER if method in document["paths"].get(path, {})}


def test_every_schema_that_is_named_is_given(document: dict[str, Any]) -> None:
    """A generator of clients finds every reference."""

    def references(node: Any) -> set[str]:
        if isinstance(node, dict):
            named = cast("dict[str, Any]", node)
            own = {str(named["$ref"])} if isinstance(named.get("$ref"), str) else set[str]()
            return own.union(*(references(value) for value in named.values()))
        listed = cast("list[Any]", node) if isinstance(node, list) else []
        return set[str]().union(*(references(value) for value in listed))

    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert references(document) <= known


def test_the_fields_of_the_protocol_are_explained(document: dict[str, Any]) -> None:
    """What a robot sends and gets says what it means, with its unit in the name or in words."""
    schemas = document["components"]["schemas"]

    assert {"fence", "lease_ttl_s", "spec", "spec_sha256", "approval", "job_id", "attempt_id"} == set(
        schemas["Offer"]["properties"]
    )
    assert "canonical JSON" in schemas["Offer"]["properties"]["spec"]["description"]
    assert (
        "Standard uncertainty" in schemas["ReportedMeasurement"]["properties"]["uncertainty"]["description"]
    )
    assert {"hash", "seconds"} & set(str(schemas).split())


def test_every_call_says_how_it_fails(document: dict[str, Any]) -> None:
    """Errors are problem documents, and the document says so rather than what the framework would send."""
    assert "HTTPValidationError" not in document["components"]["schemas"]
    for path, calls in document["paths"].items():
        for call in calls.values():
            if path != "/v1/health":
                errors = [call["responses"][kind] for kind in ("4XX", "5XX")]
                assert all("application/problem+json" in error["content"] for error in errors), path


def test_every_call_but_the_open_ones_needs_a_token(document: dict[str, Any]) -> None:
    """The document names the scheme, and where it is needed."""
    needless = {
        path
        for path, calls in document["paths"].items()
        if any(not call.get("security") for call in calls.values())
    }
    assert {"/v1/robots/enroll", "/v1/health"} == needless
    assert "bearer" == document["components"]["securitySchemes"]["HTTPBearer"]["scheme"]


def test_bytes_are_declared_as_bytes(document: dict[str, Any]) -> None:
    """The two calls that take a stream say so, and which headers go with it."""
    call = document["paths"]["/v1/attempts/{attempt}/artifacts/{name}"]["put"]

    assert "*/*" in call["requestBody"]["content"]
    headers = {one["name"] for one in call["parameters"] if one["in"] == "header"}
    assert {"X-Content-SHA256", "X-Content-Size"} == headers
    assert "application/zip" in document["paths"]["/v1/imports"]["put"]["requestBody"]["content"]
