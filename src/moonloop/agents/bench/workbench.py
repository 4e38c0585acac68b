"""The bench of tools, as an agent's task uses it."""

import asyncio
import logging
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from moonloop.agents.bench.calls import Call, Use
from moonloop.agents.bench.offers import offered, spec_of
from moonloop.agents.bench.policy import again, in_vain, stacked, told
from moonloop.agents.bench.sight import Sights
from moonloop.agents.ports import Context, ToolSpec
from moonloop.domain.agents import Role, ToolRequest
from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.errors import MoonloopError
from moonloop.tools.answering import answer
from moonloop.tools.asking import TOOLS

__all__ = ["InlineBench", "Library", "Workbench"]

_log = logging.getLogger(__name__)


class Library(Protocol):
    """Where the index of a campaign's documents is."""

    async def index_of(self, spec: CampaignSpec) -> Path | None:
        """Return its path, or None when the campaign brings no documents."""
        ...


class Workbench:
    """The tools of all roles: `moonloop.agents.ports.Bench`.

    Args:
        processes: Answers what is computed; `Processes`, outside of tests.
        library: Finds the index of the documents; None where there is none.
        network: Asks public indexes; None, the default, where the operator has not turned that on.
        cost_at_most: What the tools of one task may cost, in the currency of the budgets.
    """

    def __init__(
        self,
        processes: Use,
        library: Library | None = None,
        network: Use | None = None,
        cost_at_most: float = 0.0,
    ) -> None:
        self._use = told(stacked(processes, network, cost_at_most))
        self._library = library
        self._network = network is not None
        self._sights = Sights()
        self._shown: dict[str, ToolSpec] = {}

    def tools(self, role: Role, context: Context) -> Sequence[ToolSpec]:
        """Return the tools that a role may use in a campaign, in a fixed order."""
        return tuple(self._spec(name) for name in self._names(role, context))

    async def use(self, request: ToolRequest, context: Context) -> str:
        """Use a tool; what goes wrong comes back as text that says what to change, or that it is no use."""
        names = self._names(context.task.role, context)
        if request.name not in names:
            return _unknown(request.name, context.task.role, names)
        try:
            path = await self._library.index_of(context.spec) if self._library else None
        except MoonloopError as error:
            return in_vain(request.name, str(error))
        except (OSError, sqlite3.Error) as error:
            _log.exception("the index of a campaign's documents cannot be made")
            why = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
            return in_vain(request.name, f"the index of the documents cannot be made: {why}")
        task = context.task
        call = Call(
            tool=TOOLS[request.name],
            arguments=request.arguments,
            sight=self._sights.of(context, path),
            purse=f"{task.campaign_id} {task.cycle} {task.role}",
        )
        return await self._use(call)

    def _names(self, role: Role, context: Context) -> tuple[str, ...]:
        there = self._library is not None
        return tuple(
            tool.name for tool in offered(role, context.spec, documents=there, network=self._network)
        )

    def _spec(self, name: str) -> ToolSpec:
        if name not in self._shown:
            self._shown[name] = spec_of(TOOLS[name])
        return self._shown[name]


def _unknown(name: str, role: Role, names: Sequence[str]) -> str:
    if not names:
        return in_vain(name, f"the {role} has no tools")
    if name in TOOLS:
        return in_vain(name, f"{name} is not for the {role} in this campaign; there are: {', '.join(names)}")
    return again(name, f"there is no tool {name[:100]!r}; there are: {', '.join(names)}")


class InlineBench(Workbench):
    """The same tools under the same policies in a thread of this process: for tests, and for nothing else."""

    def __init__(self, library: Library | None = None) -> None:
        super().__init__(_inline, library)


async def _inline(call: Call) -> str:
    return await asyncio.to_thread(answer, call.tool.name, call.arguments, call.sight.snapshot)
