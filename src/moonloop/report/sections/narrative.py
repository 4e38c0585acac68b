"""The reporter's text: its words are an agent's, its figures are the ledger's."""

from collections.abc import Iterator, Mapping

from moonloop.domain.figures import Figure, figures_of, spread
from moonloop.domain.proposals import Narrative, Sentence
from moonloop.domain.sentences import fault_of, known_names
from moonloop.report.blocks import Block, Heading, Paragraph, Prose, joined, say
from moonloop.report.records import Reading

__all__ = ["narrative"]

_STRUCK = "(a sentence was struck: it named a figure that does not resolve)"
_CITED = 3
"""Measurements that are named beside a figure; the tables have all."""


def narrative(reading: Reading) -> Iterator[Block]:
    """Return what the last reporter wrote, if one did."""
    told = [(fact, fact.decision) for fact in reading.agents if isinstance(fact.decision, Narrative)]
    if not told:
        return
    fact, decision = told[-1]
    figures, names = figures_of(reading.facts), known_names(reading.facts.spec)
    sentences = [_sentence(reading, one, figures, names) for one in decision.sentences]
    if not sentences:
        return
    yield Heading(say("In an agent's words"), "narrative")
    yield Paragraph(joined(sentences, " "))
    note = (
        ". The words are the agent's and decide nothing; every figure among them was printed by code from "
        "the ledger's facts."
    )
    yield Paragraph(
        say("Written by ", reading.proposer(fact.proposer, scripted=fact.scripted), note), quiet=True
    )


def _sentence(
    reading: Reading, sentence: Sentence, figures: Mapping[str, Figure], names: tuple[str, ...]
) -> Prose:
    # Looked at again here: the ledger may have come from elsewhere, and its figures may have moved.
    faulty = sentence.struck or not sentence.text.strip() or fault_of(sentence.text, figures, names)
    parts = None if faulty else spread(sentence.text, figures)
    if parts is None:
        return say(_STRUCK)
    return say(*(part if isinstance(part, str) else _figure(reading, part) for part in parts))


def _figure(reading: Reading, figure: Figure) -> Prose:
    sources = figure.measurements
    if not sources:
        return say(figure.text)
    more = f" and {len(sources) - _CITED} more" if len(sources) > _CITED else ""
    return say(figure.text, " (", reading.cite(sources[:_CITED]), more, ")")
