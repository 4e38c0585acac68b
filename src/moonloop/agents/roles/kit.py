"""What a role is made of: its words, its form, and the way from an answer to a decision."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Protocol

from moonloop.agents.ports import Context, ToolSpec
from moonloop.agents.roles import advisor, analyst, critic, proposer, reporter
from moonloop.agents.roles.fences import shortened, unarmed
from moonloop.agents.roles.forms import Form
from moonloop.domain.agents import Role, Versions
from moonloop.domain.canonical import canonical_json, digest
from moonloop.domain.errors import AnswerRefused
from moonloop.domain.proposals import Decision
from moonloop.tools.asking import strict_schema

__all__ = ["KITS", "Prompt", "RoleKit", "versions"]

_LONGEST = 900
"""Characters of a reason for sending an answer back."""


class Read(Protocol):
    """From an answer to a decision."""

    def __call__(self, text: str, context: Context, *, last: bool, passages: frozenset[str]) -> Decision:
        """Return the decision, or raise `AnswerRefused`."""
        ...


@dataclass(frozen=True, slots=True)
class Prompt:
    """The words of the system role: ours alone, the same for every campaign."""

    text: str
    sha256: str


@dataclass(frozen=True, slots=True)
class RoleKit:
    """All that makes a role."""

    role: Role
    prompt: Prompt
    form: type[Form]
    schema: Mapping[str, Any]
    schema_sha256: str
    is_due: Callable[[Context], bool]
    """Whether there is anything to do for it."""
    brief: Callable[[Context], str]
    """What the user's message says: the campaign as data, and the task."""
    reader: Read

    @property
    def schema_name(self) -> str:
        """The name that its form goes by on the wire."""
        return self.role.value

    def read(
        self, text: str, context: Context, *, last: bool, quoted: frozenset[str] = frozenset()
    ) -> Decision:
        """Return the decision of an answer.

        Args:
            text: the answer.
            context: of the task.
            last: no correction is left: what is valid is kept, where that has a meaning.
            quoted: ids of the passages that tools have shown in the thread.

        Raises:
            AnswerRefused: with what to change.
        """
        try:
            return self.reader(text, context, last=last, passages=quoted)
        except AnswerRefused as error:
            # It goes back to the model outside any fence, and quotes what others wrote.
            raise AnswerRefused(why=shortened(unarmed(str(error.why)), _LONGEST)) from error


def _prompt(role: Role) -> Prompt:
    text = files("moonloop.agents.roles").joinpath("prompts", f"{role}.md").read_text("utf-8")
    return Prompt(text, digest(text.encode()))


def _kit(
    role: Role,
    form: type[Form],
    is_due: Callable[[Context], bool],
    brief: Callable[[Context], str],
    reader: Read,
) -> RoleKit:
    schema = strict_schema(form, described=False)
    sha256 = digest(canonical_json(schema))
    return RoleKit(role, _prompt(role), form, schema, sha256, is_due, brief, reader)


def _kits() -> Iterator[RoleKit]:
    one = advisor
    yield _kit(Role.ADVISOR, one.DesignAdviceForm, one.is_due, one.brief, one.read)
    one = analyst
    yield _kit(Role.ANALYST, one.FindingsForm, one.is_due, one.brief, one.read)
    one = critic
    yield _kit(Role.CRITIC, one.CritiqueForm, one.is_due, one.brief, one.read)
    one = proposer
    yield _kit(Role.PROPOSER, one.HypothesesForm, one.is_due, one.brief, one.read)
    one = reporter
    yield _kit(Role.REPORTER, one.NarrativeForm, one.is_due, one.brief, one.read)


KITS: Mapping[Role, RoleKit] = MappingProxyType({kit.role: kit for kit in _kits()})
"""The five, by name."""


def versions(role: Role, tools: Sequence[ToolSpec]) -> Versions:
    """Return which words, form and tools a task is done with."""
    shown = [
        {"name": tool.name, "description": tool.description, "schema": dict(tool.schema)} for tool in tools
    ]
    kit = KITS[role]
    return Versions(
        prompt_sha256=kit.prompt.sha256,
        schema_sha256=kit.schema_sha256,
        tools_sha256=digest(canonical_json(shown)),
    )
