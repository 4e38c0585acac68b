"""Errors as problem documents (RFC 9457), with a `type` that never changes."""

import json
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from moonloop.domain.errors import MoonloopError
from moonloop.domain.values import Reply

__all__ = ["PREFIX", "RESPONSES", "Problem", "install", "problem"]

PREFIX = "urn:moonloop:problem:"
_MOST, _LONGEST = 20, 400
"""Errors told of one request, and characters of each: an answer stays small whatever came in."""
_RETRY_AFTER = {409: "1", 429: "1", 503: "1", 507: "30"}
_TITLES = {400: "bad request", 404: "not found", 405: "method not allowed", 422: "invalid input"}


class Problem(Reply):
    """What is sent instead of an answer."""

    type: str
    """Says what went wrong; never changes."""
    title: str
    status: int
    detail: str
    """One sentence for a person."""
    facts: dict[str, Any] = {}
    """What the sentence is made of, for a program."""


_SCHEMA = {"application/problem+json": {"schema": Problem.model_json_schema()}}
RESPONSES: dict[int | str, dict[str, Any]] = {
    "4XX": {"description": "A problem document: change something before asking again.", "content": _SCHEMA},
    "5XX": {"description": "A problem document: ask again after `Retry-After`.", "content": _SCHEMA},
}
"""For the OpenAPI document: the errors of every call."""


def problem(status: int, slug: str, detail: str, facts: dict[str, Any] | None = None) -> Response:
    """Return a problem document."""
    body = {
        "type": PREFIX + slug,
        "title": slug.replace("-", " "),
        "status": status,
        "detail": detail,
        **({"facts": facts} if facts else {}),
    }
    headers = {"Retry-After": _RETRY_AFTER[status]} if status in _RETRY_AFTER else None
    text = json.dumps(body, default=str, allow_nan=False)
    return Response(text, status, headers, media_type="application/problem+json")


def install(app: FastAPI) -> None:
    """Answer every error of ours, of validation and of HTTP with a problem document."""

    async def known(_request: Request, error: Exception) -> Response:
        assert isinstance(error, MoonloopError)
        facts = {name: str(value) for name, value in error.facts.items()}
        return problem(error.status, error.slug, str(error), facts)

    async def invalid(_request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return problem(422, "invalid-input", _described(error), {"errors": _errors(error)})

    async def plain(_request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        slug = _TITLES.get(error.status_code, "http-error").replace(" ", "-")
        return problem(error.status_code, slug, str(error.detail))

    async def fault(_request: Request, _error: Exception) -> Response:
        # The server logs the error itself: what it says may be nobody's business.
        answer = problem(500, "internal-error", "A fault of Moonloop's own; its log says more.")
        answer.headers["Connection"] = "close"  # as the server will: nobody is to ask again on it
        return answer

    app.add_exception_handler(MoonloopError, known)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, plain)
    app.add_exception_handler(Exception, fault)


def _errors(error: RequestValidationError) -> list[dict[str, str]]:
    # Without the input itself: it may be secret, huge, or a NaN that JSON cannot carry.
    return [{"field": _field(one)[:_LONGEST], "why": _why(one)[:_LONGEST]} for one in error.errors()[:_MOST]]


def _field(error: Mapping[str, Any]) -> str:
    path = () if error["type"] == "json_invalid" else error["loc"][1:]
    return ".".join(str(part) for part in path) or "body"


def _why(error: Mapping[str, Any]) -> str:
    return f"no JSON: {error['ctx']['error']}" if error["type"] == "json_invalid" else str(error["msg"])


def _described(error: RequestValidationError) -> str:
    return "; ".join(f"{one['field']}: {one['why']}" for one in _errors(error)[:10])
