"""The policies of the tools: each a thin wrapper, all stacked here, and nowhere else.

From the outside in: told, read-only, approved, paid, remembered, then the queue that does the work within its
time. What a tool's declaration says decides; what a model says does not.
"""

import json
import logging
from collections import Counter, OrderedDict

from moonloop.agents.bench.calls import Call, Use
from moonloop.agents.roles.fences import quoted
from moonloop.domain.canonical import digest
from moonloop.domain.errors import InvalidInput, MoonloopError, ToolRefused

__all__ = [
    "again",
    "approved",
    "fenced",
    "in_vain",
    "paid",
    "queued",
    "read_only",
    "remembered",
    "stacked",
    "told",
]

_log = logging.getLogger(__name__)

_REMEMBERED = 256
"""Answers of idempotent tools that are kept."""


def stacked(processes: Use, network: Use | None, cost_at_most: float) -> Use:
    """Return a use of tools under every policy but the telling: it answers with JSON, or raises."""
    return read_only(approved(paid(remembered(queued(processes, network)), cost_at_most)))


def told(inner: Use) -> Use:
    """Answer with text always: data between fences and no longer than allowed, or what is to be done."""

    async def use(call: Call) -> str:
        try:
            return fenced(call.tool.name, await inner(call), call.tool.policy.characters)
        except InvalidInput as error:
            return again(call.tool.name, str(error))
        except ToolRefused as error:
            return in_vain(call.tool.name, str(error.facts.get("why", error)))
        except MoonloopError as error:
            return in_vain(call.tool.name, str(error))
        except Exception:  # noqa: BLE001 -- a fault of a tool is an answer, and is logged
            _log.exception("the tool %s failed", call.tool.name)
            return in_vain(call.tool.name, "it failed by a fault of its own")

    return use


def again(tool: str, why: str) -> str:
    """Say what to change."""
    return f"{_name(tool)} did not answer. Ask again with this changed:\n{_block('problem', {'change': why})}"


def in_vain(tool: str, why: str) -> str:
    """Say that it is of no use to ask again."""
    said = _block("problem", {"because": why})
    return f"{_name(tool)} cannot answer. It is of no use to ask again, go on without it:\n{said}"


def read_only(inner: Use) -> Use:
    """Refuse whatever would change anything: there is no such path for an agent."""

    async def use(call: Call) -> str:
        if not call.tool.policy.read_only:
            raise ToolRefused(tool=call.tool.name, why="it changes things, and agents may only look")
        return await inner(call)

    return use


def approved(inner: Use) -> Use:
    """Refuse what a person would have to approve: an agent cannot ask for that, nor give it."""

    async def use(call: Call) -> str:
        if call.tool.policy.needs_approval:
            raise ToolRefused(tool=call.tool.name, why="a person must approve it, and none was asked")
        return await inner(call)

    return use


def paid(inner: Use, at_most: float) -> Use:
    """Refuse what would cost a task more than the operator allows; each process counts for itself."""
    spent: Counter[str] = Counter()

    async def use(call: Call) -> str:
        cost = call.tool.policy.cost
        if cost and spent[call.purse] + cost > at_most:  # pyright: ignore[reportUnknownMemberType] -- counts may be fractions
            raise ToolRefused(tool=call.tool.name, why=f"it costs {cost:g}, more than this task may spend")
        spent[call.purse] += cost  # pyright: ignore[reportArgumentType] -- as above
        return await inner(call)

    return use


def remembered(inner: Use) -> Use:
    """Answer the same question about the same data from memory, where the tool is idempotent."""
    answers: OrderedDict[tuple[str, str, str], str] = OrderedDict()

    async def use(call: Call) -> str:
        if not call.tool.policy.idempotent:
            return await inner(call)
        key = (call.tool.name, digest(call.arguments.encode(errors="replace")), call.sight.key)
        if key not in answers:
            answers[key] = await inner(call)
            while len(answers) > _REMEMBERED:
                answers.popitem(last=False)
        return answers[key]

    return use


def queued(processes: Use, network: Use | None) -> Use:
    """Send each tool to the queue that its policy names."""

    async def use(call: Call) -> str:
        if call.tool.policy.queue == "processes":
            return await processes(call)
        if network is None:
            raise ToolRefused(tool=call.tool.name, why="nothing here may ask the network")
        return await network(call)

    return use


def fenced(tool: str, answer: str, most: int) -> str:
    """Return an answer as data between fences that nothing in it can close, cut where it is too long."""
    line = quoted(json.loads(answer))
    if len(line) <= most:
        return _between(tool, line)
    left = len(line) - most
    return (
        f"{_between(tool, line[:most])}\n({left} more characters are left out here for length; ask for less.)"
    )


def _block(name: str, row: dict[str, str]) -> str:
    return _between(name, quoted({key: value[:2_000] for key, value in row.items()}))


def _between(name: str, line: str) -> str:
    return f'<data name="{name}">\n{line}\n</data>'


def _name(tool: str) -> str:
    """Return a tool's name, or what a model took for one, as a word that cannot deceive."""
    return tool if tool.isidentifier() and tool.isascii() and len(tool) <= 60 else "The tool"
