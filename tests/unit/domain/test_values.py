"""Values: frozen, validated, unknown fields refused where we take in and ignored where clients read."""

import importlib
import pkgutil
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

import moonloop.domain
from moonloop.domain.access import EVERYTHING, Identity, Scope
from moonloop.domain.budgets import Amount
from moonloop.domain.errors import Forbidden
from moonloop.domain.messages import Accepted, Offer
from moonloop.domain.reviews import DeciderKind
from moonloop.domain.robots import Interval
from moonloop.domain.values import Reply, Value


def _is_value(item: object) -> bool:
    return isinstance(item, type) and issubclass(item, BaseModel) and item not in (BaseModel, Value, Reply)


def _values() -> list[type[BaseModel]]:
    found: dict[str, Any] = {}
    for module in pkgutil.iter_modules(moonloop.domain.__path__, "moonloop.domain."):
        members = vars(importlib.import_module(module.name))
        found |= {name: item for name, item in members.items() if _is_value(item)}
    return list(found.values())


values = pytest.mark.parametrize("value", _values(), ids=lambda value: value.__name__)


@values
def test_every_value_is_frozen_and_takes_no_endless_number(value: type[BaseModel]) -> None:
    """Only the ledger changes; NaN and infinities stay outside."""
    assert issubclass(value, Value)
    assert value.model_config.get("frozen") is True
    assert value.model_config.get("allow_inf_nan") is False


@values
def test_unknown_fields_are_refused_coming_in_and_ignored_by_readers(value: type[BaseModel]) -> None:
    """So that a misspelt field is told, and a newer server may say more."""
    expected = "ignore" if issubclass(value, Reply) else "forbid"

    assert value.model_config.get("extra") == expected


@values
def test_every_value_says_what_it_is(value: type[BaseModel]) -> None:
    """In a docstring of its own."""
    assert value.__doc__
    assert value.__doc__ != Value.__doc__


def test_a_value_cannot_be_changed() -> None:
    """Nor given a field that it has not."""
    amount = Amount(value=1, unit="mL")
    with pytest.raises(ValidationError):
        amount.value = 2  # type: ignore[misc]
    with pytest.raises(ValidationError):
        Amount.model_validate({"value": 1, "unit": "mL", "colour": "red"})


def test_a_reader_ignores_what_it_does_not_know() -> None:
    """A reply with a new field is read as before."""
    told: dict[str, Any] = {"lease_ttl_s": 60, "received_at": "2026-01-01T00:00:00Z", "mood": "good"}

    assert Accepted.model_validate(told).lease_ttl_s == 60
    assert "extra" in Offer.model_config


def test_an_interval_rises() -> None:
    """A closed one may be a single point."""
    assert Interval(low=1, high=1).high == 1
    with pytest.raises(ValidationError, match="low is above high"):
        Interval(low=2, high=1)


@pytest.mark.parametrize("scope", Scope)
def test_a_token_may_do_what_its_scopes_say(scope: Scope) -> None:
    """And is told which one it lacks."""
    able = Identity(principal="alice", decider=DeciderKind.PERSON, scopes=frozenset({scope}))
    able.require(scope)

    for other in set(Scope) - {scope}:
        with pytest.raises(Forbidden, match=f"may not {other}: the token has not the scope {other}"):
            able.require(other)


def test_the_owner_is_no_robot() -> None:
    """Everything but being a robot: no person's token can start physical work."""
    assert set(Scope) - EVERYTHING == {Scope.ROBOT}
