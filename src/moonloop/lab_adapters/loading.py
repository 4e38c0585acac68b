"""Adapters by name: those that ship here, those that a package registers, and `module:build` of one's own."""

import re
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import cast

from moonloop.domain.errors import ExtraMissing, MoonloopError, SetupProblem
from moonloop.lab_adapters.adapter import Adapter

__all__ = ["GROUP", "known_adapters", "load"]

GROUP = "moonloop.adapters"
"""The entry-point group by which a package brings adapters."""

_OWN = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*:[^\W\d]\w*")
"""`module:build`, the module with or without packages."""

Build = Callable[[Mapping[str, str]], Adapter]


def known_adapters() -> tuple[str, ...]:
    """Return the names that `load` takes."""
    return tuple(sorted(entry.name for entry in entry_points(group=GROUP)))


def load(name: str, options: Mapping[str, str]) -> Adapter:
    """Return an adapter with its options; raise `SetupProblem` or `ExtraMissing` naming the way out."""
    for entry in entry_points(group=GROUP):
        if entry.name == name:
            return _made(name, entry.value, options, extra=name)
    if not _OWN.fullmatch(name):
        known = ", ".join(known_adapters())
        raise SetupProblem(
            problem=f"There is no adapter called {name}.",
            remedy=f"Known are {known}; one of your own is named as module:build.",
        )
    return _made(name, name, options)


def _made(name: str, value: str, options: Mapping[str, str], extra: str = "") -> Adapter:
    module, _, attribute = value.partition(":")
    try:
        build = cast("Build", getattr(import_module(module), attribute))
    except ModuleNotFoundError as error:
        if error.name is not None and f"{module}.".startswith(f"{error.name}."):
            raise SetupProblem(
                problem=f"There is no module {module}.", remedy="Install it, or put its folder on PYTHONPATH."
            ) from error
        raise _lacking(name, error, extra) from error
    except AttributeError as error:
        raise SetupProblem(
            problem=f"{module} has no {attribute}.", remedy="An adapter module has a function `build`."
        ) from error
    try:
        return build(options)
    except ModuleNotFoundError as error:
        raise _lacking(name, error, extra) from error


def _lacking(name: str, error: ModuleNotFoundError, extra: str) -> MoonloopError:
    if extra:
        return ExtraMissing(what=f"The adapter {name} (it lacks {error.name})", extra=extra)
    return SetupProblem(problem=f"The adapter {name} lacks {error.name}.", remedy="Install that library.")
