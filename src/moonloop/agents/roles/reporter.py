"""The reporter: the narrative of the report, in which code prints every figure."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from moonloop.agents.ports import Context
from moonloop.agents.roles.briefs import composed
from moonloop.agents.roles.forms import Form, Long, Sieve, filled
from moonloop.domain.errors import AnswerRefused
from moonloop.domain.figures import Figure, figures_of
from moonloop.domain.proposals import Narrative, Sentence
from moonloop.domain.sentences import fault_of, known_names

__all__ = ["NarrativeForm", "brief", "is_due", "read"]


class NarrativeForm(Form):
    """The reporter's answer: sentences in the order of reading."""

    sentences: Annotated[list[Long], Field(max_length=14)]


def is_due(context: Context) -> bool:
    """Say whether there are facts to write of."""
    return context.facts is not None


def brief(context: Context) -> str:
    """Return what the reporter is told."""
    rows = [[name, figure.text, figure.meaning] for name, figure in _figures(context).items()]
    task = (
        "Write the narrative: what was asked, what was done, what was found and what stays open, in up to 14 "
        "sentences. Name figures by the first column, in braces; the second is what will be printed."
    )
    return composed(context, ("Figures", "figures", [["name", "printed", "meaning"], *rows]), task)


def read(
    text: str,
    context: Context,
    *,
    last: bool,
    passages: frozenset[str],  # noqa: ARG001  one call for all roles
) -> Narrative:
    """Return the narrative of an answer.

    Raises:
        AnswerRefused: for a sentence with a number of its own or a figure that does not resolve; when it is
            the last answer such a sentence is struck instead.
    """
    figures, names = _figures(context), known_names(context.spec)

    def sentence(written: str) -> Sentence:
        fault = fault_of(written, figures, names)
        if fault and last:
            return Sentence(text="", struck=True)
        if fault:
            raise AnswerRefused(why=fault)
        return Sentence(text=written)

    given = (written.strip() for written in filled(NarrativeForm, text).sentences)
    sieve = Sieve(last=last)
    sentences = sieve.passed("sentences", (written for written in given if written), sentence)
    sieve.settle()
    return Narrative(sentences=sentences)


def _figures(context: Context) -> Mapping[str, Figure]:
    return {} if context.facts is None else figures_of(context.facts)
