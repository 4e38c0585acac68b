"""The tools for whoever is no agent of ours: people who try one, and programs that speak MCP."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from moonloop.agents.bench.calls import Call, Use
from moonloop.agents.bench.policy import again, fenced, in_vain, stacked
from moonloop.agents.bench.sight import sight_of
from moonloop.domain.errors import InvalidInput, MoonloopError, ToolRefused
from moonloop.tools.asking import TOOLS, Snapshot, Tool

__all__ = ["Answer", "Visits", "nothing_to_see", "open_tools"]

Look = Callable[[], Awaitable[Snapshot]]
"""Returns what may be seen now."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one use."""

    text: str
    """Fenced, for a model."""
    json: str | None
    """As a program reads it; None where there is no answer."""
    error: MoonloopError | None = None


def open_tools(*, campaign: bool, documents: bool) -> Sequence[Tool]:
    """Return the read-only tools that can be used without, or with, a campaign and its documents."""
    there = {"nothing": True, "molecules": True, "campaign": campaign, "documents": documents}
    return tuple(tool for tool in TOOLS.values() if tool.policy.read_only and there.get(tool.needs, False))


class Visits:
    """Uses of the open tools, under the same policies as the agents'."""

    def __init__(self, tools: Sequence[Tool], look: Look, processes: Use) -> None:
        self.tools = {tool.name: tool for tool in tools}
        self._look = look
        self._use = stacked(processes, None, 0.0)

    async def use(self, name: str, arguments: str) -> Answer:
        """Use a tool."""
        tool = self.tools.get(name)
        if tool is None:
            there = ", ".join(self.tools)
            why = f"there is no tool {name[:100]!r} here; there are: {there}"
            if name in TOOLS:
                why = f"{name} needs an open campaign, with documents for literature; here there are: {there}"
            return Answer(again(name, why), None, InvalidInput(where="tool", why=why))
        try:
            found = await self._use(Call(tool, arguments, sight_of(await self._look()), "visitor"))
        except InvalidInput as error:
            return Answer(again(name, str(error)), None, error)
        except MoonloopError as error:
            return Answer(in_vain(name, _why(error)), None, error)
        return Answer(fenced(name, found, tool.policy.characters), found)


def _why(error: MoonloopError) -> str:
    return str(error.facts.get("why", error)) if isinstance(error, ToolRefused) else str(error)


async def nothing_to_see() -> Snapshot:
    """See no campaign."""
    return Snapshot()
