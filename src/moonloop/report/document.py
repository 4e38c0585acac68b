"""A whole report, put together from its parts."""

from collections.abc import Iterator
from dataclasses import replace

import moonloop
from moonloop.domain.facts import CampaignFacts
from moonloop.domain.numbers import day
from moonloop.report.blocks import Block, Code, Document, Gallery, Prose, Section, say
from moonloop.report.findings import find
from moonloop.report.records import Reading
from moonloop.report.sections.agents import agents
from moonloop.report.sections.appendix import measurements, runs
from moonloop.report.sections.cycles import cycles
from moonloop.report.sections.hypotheses import hypotheses
from moonloop.report.sections.methods import methods
from moonloop.report.sections.outcome import opening
from moonloop.report.sections.robots import robots
from moonloop.report.sections.search import search
from moonloop.report.sections.spending import spending
from moonloop.report.sections.validation import validation
from moonloop.report.sections.winners import winners

__all__ = ["compose"]


def compose(facts: CampaignFacts) -> Document:
    """Return the report of a campaign, ready to be written as HTML or Markdown."""
    reading = Reading(facts)
    findings = find(reading)
    sections = (
        winners(reading, findings),
        search(reading, findings),
        hypotheses(reading),
        validation(reading),
        cycles(reading),
        spending(reading),
        robots(reading),
        *((agents(reading),) if facts.spec.scientist.kind == "llm" else ()),
        methods(reading),
        runs(reading),
        measurements(reading),
    )
    return Document(
        title=facts.spec.name,
        subtitle=say(facts.spec.goal),
        byline=tuple(_byline(facts)),
        opening=opening(reading, findings),
        sections=tuple(_numbered(sections)),
        colophon=say(
            f"Written by Moonloop {moonloop.__version__} from the facts of campaign ",
            Code(facts.summary.id),
            ".",
        ),
    )


def _byline(facts: CampaignFacts) -> Iterator[Prose]:
    yield say("campaign ", Code(facts.summary.id))
    yield say(f"{facts.owner}, {facts.spec.institute}/{facts.spec.mission}")
    if facts.started_at and facts.ended_at:
        yield say(f"{day(facts.started_at)} to {day(facts.ended_at)}")
    elif facts.started_at:
        yield say(f"started {day(facts.started_at)}")
    else:
        yield say(f"created {day(facts.summary.created_at)}")


def _numbered(sections: tuple[Section, ...]) -> Iterator[Section]:
    number = 0
    for section in sections:
        blocks: list[Block] = []
        for block in section.blocks:
            if not isinstance(block, Gallery):
                blocks.append(block)
                continue
            first, number = number + 1, number + len(block.figures)
            labelled = (
                replace(figure, label=f"Figure {place}") for place, figure in enumerate(block.figures, first)
            )
            blocks.append(Gallery(tuple(labelled)))
        yield replace(section, blocks=tuple(blocks))
