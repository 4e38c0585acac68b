"""One use of a tool on its way through the policies."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from moonloop.agents.bench.sight import Sight
from moonloop.tools.asking import Tool

__all__ = ["Call", "Use"]


@dataclass(frozen=True, slots=True)
class Call:
    """A tool, the arguments as they were given, what may be seen, and whose task it is for."""

    tool: Tool
    arguments: str
    sight: Sight
    purse: str
    """Whatever costs something is counted under this name."""


Use = Callable[[Call], Awaitable[str]]
"""Returns the answer as JSON; raises `InvalidInput` for what is to be changed, other errors for good."""
