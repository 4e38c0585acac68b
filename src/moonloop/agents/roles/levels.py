"""Factors and levels by what a model writes of them, resolved to the space's own."""

import re
from collections.abc import Mapping

from moonloop.agents.roles.fences import shortened
from moonloop.domain.errors import AnswerRefused
from moonloop.domain.space import Space, level_text, levels_by_factor
from moonloop.domain.values import Scalar

__all__ = ["as_written", "resolve_level"]

_NUMBER = re.compile(r"[+-]?(?:\d{1,15}\.?\d{0,15}|\.\d{1,15})(?:[eE][+-]?\d{1,3})?")
_LISTED = 24
"""Levels that a refusal lists."""


def resolve_level(space: Space, factor: str, written: str) -> Scalar:
    """Return the level of a factor that was written down as a string.

    Raises:
        AnswerRefused: when there is no such factor or level, naming those that there are.
    """
    known = levels_by_factor(space)
    if factor not in known:
        raise AnswerRefused(why=f"{_echo(factor)} is no factor; there are: {', '.join(known)}")
    numbers = tuple(level for level in known[factor] if isinstance(level, float))
    if numbers:
        return _numeric(factor, numbers, written)
    return _named(factor, tuple(map(str, known[factor])), written)


def as_written(settings: Mapping[str, Scalar]) -> dict[str, str]:
    """Write the settings of a candidate."""
    return {factor: level_text(level) for factor, level in settings.items()}


def _named(factor: str, levels: tuple[str, ...], written: str) -> str:
    if written not in levels:
        raise _no_level(factor, levels, written)
    return written


def _numeric(factor: str, levels: tuple[float, ...], written: str) -> float:
    number = float(written) if _NUMBER.fullmatch(written.strip()) else None
    found = None if number is None else min(levels, key=lambda level: abs(level - number))
    if number is None or found is None or abs(found - number) > 1e-9 * max(1.0, abs(found)):
        raise _no_level(factor, tuple(level_text(level) for level in levels), written)
    return found


def _no_level(factor: str, levels: tuple[str, ...], written: str) -> AnswerRefused:
    some = ", ".join(levels[:_LISTED]) + (", …" if len(levels) > _LISTED else "")
    return AnswerRefused(why=f"{_echo(written)} is no level of {factor}: {some}")


def _echo(written: str) -> str:
    return f'"{shortened(written, 60)}"'
