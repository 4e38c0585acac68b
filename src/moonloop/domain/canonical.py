"""Canonical JSON (RFC 8785) and SHA-256: made once, stored and hashed as bytes, never re-serialised."""

import hashlib
import hmac
from typing import Any, TypeVar

import rfc8785
from pydantic import BaseModel

from moonloop.domain.errors import InvalidInput
from moonloop.domain.values import Value

__all__ = ["Sealed", "canonical_json", "derive_seed", "digest", "seal", "unseal"]

Model = TypeVar("Model", bound=BaseModel)

_SEED_BITS = 52
"""RFC 8785 numbers are doubles: an integer from 2**53 up would not survive."""


class Sealed(Value):
    """The canonical bytes of a value together with their SHA-256 in lower-case hex."""

    body: bytes
    """Canonical JSON, UTF-8."""
    sha256: str
    """Hex digest of `body`."""


def canonical_json(value: Any) -> bytes:
    """Return the RFC 8785 bytes of a JSON-like value; refuse NaN, infinities and integers from 2**53 up."""
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeError, RecursionError) as error:
        raise InvalidInput(where="canonical JSON", why=str(error)) from error


def digest(body: bytes) -> str:
    """Return the SHA-256 of `body` as 64 lower-case hex digits."""
    return hashlib.sha256(body).hexdigest()


def seal(value: BaseModel) -> Sealed:
    """Serialise a value once, to the bytes that are stored, hashed, approved and sent."""
    body = canonical_json(value.model_dump(mode="json", exclude_none=True))
    return Sealed(body=body, sha256=digest(body))


def unseal(body: bytes, sha256: str, model: type[Model]) -> Model:
    """Check the bytes against their hash, then parse them."""
    if not hmac.compare_digest(digest(body), sha256):
        raise InvalidInput(where=model.__name__, why=f"the stored bytes do not hash to {sha256}")
    return model.model_validate_json(body)


def derive_seed(*parts: str | int) -> int:
    """Return a seed below 2**52 that is a function of `parts` alone."""
    text = canonical_json([str(part) for part in parts])
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big") >> (64 - _SEED_BITS)
