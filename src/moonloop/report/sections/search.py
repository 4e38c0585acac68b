"""The search in figures: best so far, predicted against measured, and the frontier."""

from statistics import fmean

from moonloop.report import charts, frontier
from moonloop.report.blocks import Block, Figure, Gallery, Link, Paragraph, Section, say
from moonloop.report.findings import Findings
from moonloop.report.records import Reading
from moonloop.report.wording import constrained_words, count, limit_words

__all__ = ["search"]

_ROWS = (
    " Each point is a link to its measurement; all of them are in the table of ",
    Link("runs", "runs"),
    ".",
)


def search(reading: Reading, findings: Findings) -> Section:
    """Return the section with the figures of the search."""
    if not any(reading.of_run(record) for record in reading.records if record.routine):
        blocks: tuple[Block, ...] = (
            Paragraph(say("There is nothing to plot: no run of the search has a value.")),
        )
        return Section("search", "The search", blocks)
    figures = [_progress(reading, findings)]
    if any(record.run.expected and reading.of_run(record) for record in reading.records if record.routine):
        figures.append(_agreement(reading))
    along, _ = frontier.frontier_axes(reading, findings)
    if along is not None and any(finding.checks for finding in findings.ranked):
        figures.append(_frontier(reading, findings))
    return Section("search", "The search", (Gallery(tuple(figures)),))


def _simulated(reading: Reading) -> str:
    ours, everything = len(reading.simulated), len(reading.results)
    if not ours:
        return ""
    return (
        " All values are simulated."
        if ours == everything
        else f" {ours} of {everything} values are simulated."
    )


def _progress(reading: Reading, findings: Findings) -> Figure:
    target = " The dashed line is the target." if reading.objective.target is not None else ""
    outside = (
        " Hollow markers lie outside the constraints and do not count."
        if reading.facts.spec.constraints
        else ""
    )
    caption = say(
        "Best so far. Every value by the campaign's own protocol in the order of planning, and the best "
        f"within the constraints up to then (line).{outside}{target} Crosses at the foot are failed "
        f"runs.{_simulated(reading)}",
        *_ROWS,
    )
    alternative = f"{reading.quantity} of each run in order, with the best so far as a rising line"
    return Figure("figure-progress", "", alternative, charts.progress(reading, findings), caption)


def _agreement(reading: Reading) -> Figure:
    caption = say(
        "Predicted against measured. What the surrogate expected when the run was planned, and what came "
        "of it; bars are one standard deviation of the prediction (across) and the standard uncertainty "
        f"that the robot reported (upright, where it did). {_coverage(reading)}{_simulated(reading)}",
        *_ROWS,
    )
    alternative = f"Predicted against measured {reading.quantity} with error bars and the line of equality"
    return Figure("figure-agreement", "", alternative, charts.agreement(reading), caption)


def _coverage(reading: Reading) -> str:
    pairs = [
        (record.run.expected, result.fact)
        for record in reading.records
        if record.routine and record.run.expected and (result := reading.of_run(record))
    ]
    errors = [abs(fact.value - expected.mean) for expected, fact in pairs]
    inside = sum(
        error <= 2 * (expected.sd**2 + (fact.uncertainty or 0.0) ** 2) ** 0.5
        for error, (expected, fact) in zip(errors, pairs, strict=True)
    )
    return (
        f"Over {count(len(pairs), 'run')} the mean absolute error was {reading.amount(fmean(errors))}; "
        f"{inside} lay within two standard deviations of both together (about 95 in 100 should). The "
        "designer's picks are chosen for promising values, so they are expected to fall short somewhat."
    )


def _frontier(reading: Reading, findings: Findings) -> Figure:
    along, marked = frontier.frontier_axes(reading, findings)
    assert along is not None
    kinds = f" The marker tells the matches of the substructure of “{marked.name}”." if marked else ""
    caption = say(
        f"The frontier. The {reading.quantity} of every measured candidate (mean of its routine values) "
        f"against {constrained_words(along)} ({limit_words(along)}, dashed).{kinds} Full markers meet "
        "every constraint, hollow ones do not; the dotted line joins those that no other candidate beats "
        "in both, all other constraints being met. Constrained figures are computed from the structure, "
        f"not measured.{_simulated(reading)} Each point is a link to the candidate's first measurement; "
        "all of them are in the table of ",
        Link("runs", "runs"),
        ".",
    )
    alternative = f"{reading.quantity} against {constrained_words(along)} of every measured candidate"
    return Figure("figure-frontier", "", alternative, frontier.frontier(reading, findings), caption)
