"""Canonical JSON and its hash: one text for one value, and nothing that would not survive."""

import json
import math
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from moonloop.domain.canonical import Sealed, canonical_json, derive_seed, digest, seal, unseal
from moonloop.domain.errors import InvalidInput
from moonloop.domain.results import ReportedMeasurement
from moonloop.domain.values import Value

safe = st.integers(-(2**53) + 1, 2**53 - 1)
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
scalars = st.none() | st.booleans() | safe | st.floats(allow_nan=False, allow_infinity=False) | text
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_the_canonical_text_of_a_canonical_text_is_itself(value: Any) -> None:
    """Idempotent: parse it, write it again, and not a byte has changed."""
    body = canonical_json(value)

    assert canonical_json(_parsed(body)) == body


@given(values)
def test_nothing_of_the_value_is_lost(value: Any) -> None:
    """What is parsed is what was given; -0 and 0 are one number."""
    assert _parsed(canonical_json(value)) == value


def _parsed(body: bytes) -> Any:
    # To JSON all numbers are doubles; Python would read a large one as an integer.
    return json.loads(body, parse_int=float)


@given(st.dictionaries(text, scalars, min_size=2, max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_the_keys_is_no_part_of_it(value: dict[str, Any], order: Any) -> None:
    """However an object was put together."""
    keys = list(value)
    order.shuffle(keys)

    assert canonical_json({key: value[key] for key in keys}) == canonical_json(value)


@given(values, values)
def test_different_values_have_different_texts(one: Any, other: Any) -> None:
    """And the same value one text: equality of hashes is equality of values."""
    assert (canonical_json(one) == canonical_json(other)) == (_typed(one) == _typed(other))


def _typed(value: Any) -> Any:
    """Tell apart what Python calls equal and JSON does not: True and 1."""
    if isinstance(value, dict):
        return {key: _typed(item) for key, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_typed(item) for item in cast("list[Any]", value)]
    return (isinstance(value, bool), value)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, 2**53, -(2**53), 2**64])
@pytest.mark.parametrize("depth", [0, 1, 5])
def test_numbers_that_would_not_survive_are_refused(number: float, depth: int) -> None:
    """NaN, infinities and integers from 2**53 up, at any depth."""
    value: Any = number
    for _ in range(depth):
        value = {"a": [value]}

    with pytest.raises(InvalidInput):
        canonical_json(value)


@pytest.mark.parametrize("number", [2**53 - 1, -(2**53) + 1, 0.1, 5e-324, 1.7976931348623157e308])
def test_numbers_at_the_edge_survive(number: float) -> None:
    """To the last digit."""
    assert json.loads(canonical_json(number)) == number


@pytest.mark.parametrize("value", [object(), {1, 2}, b"bytes", {1: "a"}, "\ud800"])
def test_what_json_has_not_is_refused(value: Any) -> None:
    """Sets, bytes, objects, keys that are no text, half a character."""
    with pytest.raises(InvalidInput):
        canonical_json(value)


def test_the_text_is_that_of_the_standard() -> None:
    """The example of RFC 8785, section 3.2.2 and 3.2.3."""
    given_text = (
        r'{"numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],'
        r' "string": "\u20ac$\u000F\u000aA\u0027\u0042\u0022\u005c\\\"\/", "literals": [null, true, false]}'
    )
    expected = (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )

    assert canonical_json(json.loads(given_text)).decode() == expected


class _Note(Value):
    text: str
    number: float = 0.0
    more: str | None = None


@given(text, st.floats(allow_nan=False, allow_infinity=False))
def test_what_was_sealed_is_unsealed(words: str, number: float) -> None:
    """The bytes hash to their hash and parse to the value."""
    note = _Note(text=words, number=number)
    sealed = seal(note)

    assert sealed.sha256 == digest(sealed.body)
    assert unseal(sealed.body, sealed.sha256, _Note) == note


@given(st.data())
def test_a_changed_byte_is_noticed(data: st.DataObject) -> None:
    """Whichever: nothing is parsed that does not hash to what is on record."""
    sealed = seal(_Note(text="abc", number=1.5))
    place = data.draw(st.integers(0, len(sealed.body) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda given_byte: given_byte != sealed.body[place]))
    edited = sealed.body[:place] + bytes([byte]) + sealed.body[place + 1 :]

    with pytest.raises(InvalidInput, match="do not hash"):
        unseal(edited, sealed.sha256, _Note)


def test_an_absent_option_is_not_written() -> None:
    """So that an optional field added later changes no old hash."""
    assert seal(_Note(text="a")).body == b'{"number":0,"text":"a"}'


def test_the_hash_is_sha_256_in_lower_case() -> None:
    """Of the bytes: the test vector of FIPS 180-2, B.1."""
    assert digest(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_sealed_value_is_not_changed() -> None:
    """Neither its bytes nor its hash."""
    sealed = Sealed(body=b"{}", sha256=digest(b"{}"))
    with pytest.raises(ValidationError):
        sealed.sha256 = "0" * 64  # type: ignore[misc]


parts = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | safe, max_size=4)


@given(parts)
def test_a_seed_is_a_function_of_its_parts(given_parts: list[str | int]) -> None:
    """The same each time, and small enough to survive as JSON."""
    assert derive_seed(*given_parts) == derive_seed(*given_parts)
    assert 0 <= derive_seed(*given_parts) < 2**52


def test_the_parts_of_a_seed_are_apart() -> None:
    """A boundary between parts is part of them."""
    seeds = {derive_seed("ab", "c"), derive_seed("a", "bc"), derive_seed("abc"), derive_seed("abc", "")}

    assert len(seeds) == 4


def test_seeds_spread_over_their_range() -> None:
    """A thousand neighbours share no seed and fill both halves alike (four standard deviations)."""
    seeds = [derive_seed("campaign", number) for number in range(1_000)]

    assert len(set(seeds)) == 1_000
    assert abs(sum(seed >= 2**51 for seed in seeds) - 500) < 64


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_no_value_holds_a_number_that_json_has_not(number: float) -> None:
    """Refused where it comes in, so that it cannot become null on its way out."""
    with pytest.raises(ValidationError):
        ReportedMeasurement(name="yield", value=number, unit="%")
