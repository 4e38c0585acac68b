"""Budgets: what a campaign may use, and what one run costs."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from moonloop.domain.units import Duration, Unit
from moonloop.domain.values import Value

__all__ = ["Amount", "BudgetSpec", "Costs", "Line", "reagent_line"]


class Line(StrEnum):
    """The budget lines that every campaign may have; reagents add one each."""

    EXPERIMENTS = "experiments"
    CONFIRMATION = "confirmation"
    REFERENCE = "reference"
    WALL_CLOCK = "wall_clock"
    INSTRUMENT_TIME = "instrument_time"
    MONEY = "money"
    TOKENS = "tokens"


def reagent_line(substance: str) -> str:
    """Return the name of the budget line of a substance."""
    return f"reagent:{substance}"


class Amount(Value):
    """A quantity of something, with its unit."""

    value: Annotated[float, Field(ge=0)]
    unit: Unit


class Costs(Value):
    """What one run is expected to use, beside being one run."""

    money: Annotated[float, Field(ge=0)] = 0.0
    """In the currency of the budget."""
    instrument_time: Duration | None = None
    """Seconds of the device."""
    reagents: Mapping[str, Amount] = {}
    """By substance, each in the unit of its budget line."""


class BudgetSpec(Value):
    """The limits of a campaign; a line that is left out is not limited, except the first three."""

    experiments: Annotated[int, Field(ge=1)]
    """Test, space-filling and designer's runs."""
    confirmation: Annotated[int, Field(ge=0)] | None = None
    """Confirmation runs; default just as many as `confirmation` of the campaign file asks for."""
    reference: Annotated[int, Field(ge=0)] | None = None
    """Reference runs; default just as many as there are references."""
    wall_clock: Duration | None = None
    """From the start of the campaign; nothing starts after it."""
    instrument_time: Duration | None = None
    money: Annotated[float, Field(ge=0)] | None = None
    currency: str = "EUR"
    tokens: Annotated[int, Field(ge=0)] | None = None
    """Of language models, prompts and answers together."""
    reagents: Mapping[str, Amount] = {}
    """By substance."""
