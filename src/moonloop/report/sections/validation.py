"""The instrument against published values."""

import re
from collections import defaultdict
from statistics import fmean

from moonloop.domain.numbers import figure
from moonloop.domain.plans import Purpose
from moonloop.report import charts
from moonloop.report.blocks import (
    Block,
    Doi,
    Figure,
    Gallery,
    Link,
    Paragraph,
    Prose,
    Row,
    Section,
    Table,
    joined,
    say,
)
from moonloop.report.calibration import FEWEST, Calibration, calibrate
from moonloop.report.records import Reading, RunRecord
from moonloop.report.wording import count

__all__ = ["validation"]

_DOI = re.compile(r"(?:https?://(?:dx\.)?doi\.org/|doi:\s?)?(10\.\d{4,9}/[-._;()/:A-Za-z0-9]*[A-Za-z0-9/])")


def validation(reading: Reading) -> Section:
    """Return the section on the reference runs."""
    runs: dict[str, list[RunRecord]] = defaultdict(list)
    for record in reading.records:
        if record.run.purpose is Purpose.REFERENCE:
            runs[record.run.label].append(record)
    if not reading.facts.spec.references:
        words = say("The campaign file names no reference, so this campaign did not check its instrument.")
        return Section("validation", "Validation of the instrument", (Paragraph(words),))
    return Section("validation", "Validation of the instrument", tuple(_blocks(reading, runs)))


def _blocks(reading: Reading, runs: dict[str, list[RunRecord]]) -> list[Block]:
    references = reading.facts.spec.references
    measured = {
        reference.name: fmean(values)
        for reference in references
        if (
            values := [
                result.fact.value for record in runs[reference.name] if (result := reading.of_run(record))
            ]
        )
    }
    used = [reference for reference in references if reference.name in measured]
    line = calibrate(
        [measured[reference.name] for reference in used], [reference.value for reference in used]
    )
    left_out = dict(zip((reference.name for reference in used), line.left_out, strict=True)) if line else {}
    rows = [
        Row(
            (
                say(reference.name),
                say(reading.amount(reference.value)),
                joined((reading.outcome(record) for record in runs[reference.name]), "; ") or say("not run"),
                *_judged(reading, reference.value, left_out.get(reference.name)),
                citation(reference.citation),
            )
        )
        for reference in references
    ]
    published = [reference.value for reference in used]
    blocks: list[Block] = [Paragraph(say(_summary(reading, line, published)))]
    head = (
        "Reference",
        "Published",
        "Measured",
        "Predicted, left out",
        "Error",
        "Source of the published value",
    )
    caption = say("Reference runs against published values")
    blocks.append(Table(caption, head, tuple(rows), frozenset({1, 3, 4})))
    if line is not None:
        blocks.append(Gallery((_figure(reading, runs, line),)))
    return blocks


def _judged(reading: Reading, published: float, predicted: float | None) -> tuple[Prose, Prose]:
    if predicted is None:
        return (), ()
    return say(reading.amount(predicted)), say(reading.difference(predicted - published))


def _summary(reading: Reading, line: Calibration | None, published: list[float]) -> str:
    n = len(published)
    ours = count(n, "reference")
    if n < FEWEST:
        return (
            f"{ours} {'has' if n == 1 else 'have'} a value: too few to judge the instrument by, for a line "
            f"through fewer than {FEWEST} points predicts nothing. The table shows what there is."
        )
    if line is None:
        return f"{ours} have a value, but the measured values do not differ, so they fix no calibration line."
    explained = (
        "undefined (the published values do not vary)"
        if line.r_squared is None
        else figure(line.r_squared, 3)
    )
    apart = line.left_out_error(published)
    left_out = "undefined" if apart is None else reading.amount(apart)
    slope = f"published = {reading.amount(line.intercept)} + {figure(line.slope, 4)} × measured"
    return (
        f"The {reading.quantity} of {ours} of published value was measured in this campaign, by its own "
        f"protocol. A straight line through them ({slope}) explains R² = {explained} of the variance, with "
        f"a mean absolute error of {reading.amount(line.error)} on the values it was fitted to. Each "
        f"reference predicted from the line through the other {n - 1}: mean absolute error {left_out}. "
        "That last figure is the honest one."
    )


def citation(text: str) -> Prose:
    """Return a citation with its DOI, where it has one, as a link."""
    match = _DOI.search(text)
    if match is None:
        return say(text)
    return say(text[: match.start()], Doi(match[1]), text[match.end() :])


def _figure(reading: Reading, runs: dict[str, list[RunRecord]], line: Calibration) -> Figure:
    points = [
        (result.fact.value, reference.value, result.anchor)
        for reference in reading.facts.spec.references
        for record in runs[reference.name]
        if (result := reading.of_run(record))
    ]
    ids = tuple(
        result.fact.id
        for records in runs.values()
        for record in records
        if (result := reading.of_run(record))
    )
    caption = say(
        "Published against measured values of the references, with the least-squares line. The points are ",
        reading.cite(ids),
        "; the sources of the published values are in the table ",
        Link("above", "validation"),
        ".",
    )
    svg = charts.calibration(reading, points, line)
    return Figure(
        "figure-calibration", "", "Published against measured values of the references", svg, caption
    )
