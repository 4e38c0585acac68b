"""Forms: what a model must answer, as a value; and the sieve that its items go through.

A form's schema keeps to what every structured-output backend honours: objects with all fields required and no
others, bounded strings and arrays, numbers, integers, booleans, enumerations. Ranges and everything that
takes knowledge of the campaign are checked afterwards, item by item, whatever the endpoint promised.
"""

from collections.abc import Callable, Iterable
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from moonloop.domain.errors import AnswerRefused, InvalidInput, SpaceImpossible

__all__ = ["Form", "Long", "Short", "Sieve", "filled", "within"]

Item = TypeVar("Item")
Made = TypeVar("Made")
Filled = TypeVar("Filled", bound="Form")

Short = Annotated[str, Field(max_length=120)]
"""A name, a level or an id."""
Long = Annotated[str, Field(max_length=400)]
"""A sentence or so."""

_LONGEST = 40_000
"""Characters of an answer that are read."""
_TOLD = 4
"""Problems that are told at once."""


class Form(BaseModel):
    """A form as a model fills it: strict, without defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def filled(form: type[Filled], text: str) -> Filled:
    """Return what a model has put into a form.

    Raises:
        AnswerRefused: with the first problems, by field.
    """
    if len(text) > _LONGEST:
        raise AnswerRefused(why=f"it has {len(text)} characters, {_LONGEST} are read")
    try:
        return form.model_validate_json(_unwrapped(text).encode("utf-8", "replace"))
    except ValidationError as error:
        raise AnswerRefused(why=_told(error)) from error


def within(number: float, low: float, high: float, field: str) -> float:
    """Return a number that lies within its bounds; refuse another."""
    if not low <= number <= high:
        raise AnswerRefused(why=f"{field} is {number:g}, it must be from {low:g} to {high:g}")
    return number


class Sieve:
    """Takes the items of an answer one by one; what is wrong with them is told together.

    When no correction is left, the good ones are kept as long as there are any.
    """

    def __init__(self, *, last: bool) -> None:
        self._last = last
        self._kept = 0
        self._problems: list[str] = []

    def passed(self, field: str, items: Iterable[Item], convert: Callable[[Item], Made]) -> tuple[Made, ...]:
        """Return the good items of a list, converted."""
        good: list[Made] = []
        for place, item in enumerate(items):
            try:
                good.append(convert(item))
            except ValidationError as error:
                self._problems.append(f"{field}[{place}]: {_told(error)}")
            except (AnswerRefused, InvalidInput, SpaceImpossible) as error:
                self._problems.append(f"{field}[{place}]: {error.why}")
        self._kept += len(good)
        return tuple(good)

    def settle(self) -> None:
        """Refuse the answer for what was wrong with it, unless it is the last and something good was kept."""
        if self._problems and not (self._last and self._kept):
            more = len(self._problems) - _TOLD
            told = [*self._problems[:_TOLD], *([f"and {more} more like these"] if more > 0 else [])]
            raise AnswerRefused(why="; ".join(told))


def _unwrapped(text: str) -> str:
    """Return the JSON of an answer that came in a Markdown fence."""
    stripped = text.strip()
    if stripped.startswith("```") and stripped.endswith("```") and len(stripped) > 6:
        return stripped[3:-3].removeprefix("json").strip()
    return stripped


def _told(error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    parts = [f"{_place(problem['loc'])}{problem['msg']}" for problem in problems[:_TOLD]]
    return "; ".join(part[:300].rstrip(".") for part in parts)


def _place(loc: tuple[int | str, ...]) -> str:
    return f"{'.'.join(str(part)[:40] for part in loc[:6])}: " if loc else ""
