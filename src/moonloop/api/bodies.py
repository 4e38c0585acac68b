"""Bodies of requests. JSON is I-JSON (RFC 7493): every language reads it alike, every database can keep it.

Refused are texts that are not UTF-8, NaN and infinities, integers from 2^53 up, a name given twice, lone
surrogates, and the character U+0000, which PostgreSQL cannot keep.
"""

import json
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn

from fastapi import Request
from fastapi.responses import Response
from fastapi.routing import APIRoute

__all__ = ["JsonRoute", "bytes_of", "parse"]

_LARGEST = 2**53
_LONGEST = len(str(_LARGEST)) + 1


def parse(body: bytes) -> Any:
    """Return the value of a JSON text; raise `JSONDecodeError`, which never repeats what came in."""
    try:
        text = body.decode()
        value = json.loads(text, parse_int=_integer, parse_constant=_no_number, object_pairs_hook=_object)
        if "\\u" in text:  # only an escape can have made a character that UTF-8 has not
            _check_texts(value)
    except UnicodeDecodeError as error:
        _refuse("the text is not UTF-8", error.start)
    except RecursionError:
        _refuse("it is nested too deeply")
    return value


def _refuse(why: str, at: int = 0) -> NoReturn:
    raise json.JSONDecodeError(why, "", at)


def _integer(digits: str) -> int:
    number = int(digits) if len(digits) <= _LONGEST else _LARGEST
    if abs(number) >= _LARGEST:
        _refuse("an integer is not below 2^53")
    return number


def _no_number(_name: str) -> float:
    _refuse("NaN and infinities are no numbers")


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) != len(members):
        _refuse("a name is given twice in one object")
    return found


def _check_texts(value: Any) -> None:
    if isinstance(value, str):
        if "\x00" in value or not _encodes(value):
            _refuse("a text holds U+0000 or half a surrogate pair")
    elif isinstance(value, dict):
        for name, item in value.items():  # pyright: ignore[reportUnknownVariableType] -- any JSON
            _check_texts(name)
            _check_texts(item)
    elif isinstance(value, list):
        for item in value:  # pyright: ignore[reportUnknownVariableType] -- any JSON
            _check_texts(item)


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def bytes_of(media_type: str) -> dict[str, Any]:
    """Return what the OpenAPI document is to say of a body that is a stream of bytes."""
    content = {media_type: {"schema": {"type": "string", "format": "binary"}}}
    return {"requestBody": {"required": True, "content": content}}


class _JsonRequest(Request):
    async def json(self) -> Any:
        return parse(await self.body())


class JsonRoute(APIRoute):
    """A route whose body is read by `parse`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler, given such requests."""
        handle = super().get_route_handler()

        async def strict(request: Request) -> Response:
            return await handle(_JsonRequest(request.scope, request.receive))

        return strict
