"""Why an endpoint gave no answer: a sentence for people, and what follows for the next call."""

import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, cast

import httpx2
import openai

from moonloop.agents.door.answers import clean
from moonloop.agents.door.config import Endpoint
from moonloop.agents.door.keys import Key
from moonloop.agents.door.transport import BodyTooLarge, Packed

__all__ = ["REFUSES", "Failed", "from_network", "from_status", "retry_after"]

_LONGEST_QUOTE = 300
_LONGEST_WAIT_S = 86_400.0
REFUSES = "refuses the request: "
_REFUSED = (400, 413, 422)
_SECONDS = re.compile(r"\d{1,9}(\.\d{1,9})?")


@dataclass(frozen=True, slots=True)
class Why:
    """What is known of a failure."""

    kind: str
    """One word for spans."""
    sentence: str
    down: bool = True
    """Whether it says that the endpoint is not fit to be called."""
    refused: bool = False
    """Whether the request was refused, as it would be again."""
    rest_s: float = 0.0
    """How long the endpoint asks to be left alone."""


class Failed(Exception):
    """One endpoint gave no answer."""

    def __init__(self, kind: str, sentence: str, **facts: Any) -> None:
        super().__init__(sentence)
        self.why = Why(kind, sentence, **facts)


def from_status(error: openai.APIStatusError, endpoint: Endpoint, model: str, key: Key) -> Failed:
    """Return what an HTTP status other than success means."""
    status, said = error.status_code, _quoted(error, key)
    rest = retry_after(error.response.headers)
    if status in _REFUSED:
        return Failed("refused", f"{REFUSES}HTTP {status}{said}", down=False, refused=True)
    match status:
        case 401 | 403:
            failed = Failed("key", f"refuses the key (HTTP {status}): {_key_advice(endpoint)}", down=False)
        case 404:
            sentence = f"knows no model {model}, or its base_url lacks /v1 (HTTP 404){said}"
            failed = Failed("model", sentence, down=False)
        case 429:
            failed = Failed("busy", f"is asked too often (HTTP 429){said}", rest_s=rest)
        case _ if status >= 500:
            failed = Failed("down", f"is out of order (HTTP {status}){said}", rest_s=rest)
        case _ if status < 400:
            moved = (
                f"redirects to another address (HTTP {status}), which is not followed: correct its base_url"
            )
            failed = Failed("redirect", moved)
        case _:
            failed = Failed("status", f"answers with HTTP {status}{said}", down=False)
    return failed


def from_network(error: BaseException) -> Failed:
    """Return what a failure below HTTP means."""
    cause = error.__cause__ if isinstance(error, openai.APIConnectionError) else error
    match cause:
        case BodyTooLarge():
            return Failed("too-large", "answers with more than an answer can be; it was not read to its end")
        case Packed():
            return Failed("garbled", "answers compressed, though that was not asked for")
        case httpx2.TimeoutException():
            return Failed("timeout", "takes no connection in time")
        case httpx2.ReadError() | httpx2.RemoteProtocolError() | httpx2.WriteError() | httpx2.CloseError():
            return Failed(
                "cut", "broke off in the middle of its answer, or answered something that is not HTTP"
            )
        case httpx2.ConnectError():
            return Failed("unreachable", "cannot be reached")
        case _:
            return Failed("unreachable", f"cannot be spoken to ({type(cause).__name__})")


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float:
    """Return the seconds of a Retry-After header, at most a day; 0 when there is none (RFC 9110, 10.2.3)."""
    given = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(given):
        return min(float(given), _LONGEST_WAIT_S)
    try:
        until = parsedate_to_datetime(given)
    except (ValueError, OverflowError, TypeError):
        return 0.0
    at = (until if until.tzinfo else until.replace(tzinfo=UTC)).timestamp()
    wait = at - (time.time() if now is None else now)
    return min(max(0.0, wait), _LONGEST_WAIT_S) if math.isfinite(wait) else 0.0


def _key_advice(endpoint: Endpoint) -> str:
    if endpoint.key_env:
        return f"check the environment variable {endpoint.key_env} that key_env names"
    if endpoint.key_file:
        return f"check the file {endpoint.key_file} that key_file names"
    return "it wants one: name it with key_env or key_file"


def _quoted(error: openai.APIStatusError, key: Key) -> str:
    """Return what the server said, as one bounded line without the key."""
    body: Any = error.body
    if isinstance(body, dict):
        fields = cast("Mapping[str, Any]", body)
        body = fields.get("message") or fields.get("detail")
    if not isinstance(body, str) or not body.strip():
        return ""
    line = " ".join(key.hide(clean(body)).split())
    return f": {line[:_LONGEST_QUOTE]}"
