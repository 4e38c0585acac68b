"""What was spent, against each budget line."""

from collections.abc import Iterator

from moonloop.domain.budgets import Line
from moonloop.domain.facts import BudgetFact
from moonloop.domain.numbers import figure, span, with_unit
from moonloop.report.blocks import Block, Paragraph, Prose, Row, Section, Table, say
from moonloop.report.records import Reading

__all__ = ["spending"]

_RUNS = (Line.EXPERIMENTS, Line.CONFIRMATION, Line.REFERENCE)


def spending(reading: Reading) -> Section:
    """Return the section on budgets and time."""
    facts = reading.facts
    blocks: list[Block] = []
    # Every campaign has a line for tokens, with agents or without.
    lines = [line for line in facts.budgets if line.counts or line.line != Line.TOKENS]
    if lines:
        rows = tuple(Row(tuple(_line(line))) for line in lines)
        head = ("Budget line", "Limit", "Spent", "Reserved", "Left")
        caption = say("Budget lines. Reserved is for runs that are planned and not settled")
        blocks.append(Table(caption, head, rows, frozenset({1, 2, 3, 4})))
    else:
        blocks.append(Paragraph(say("The ledger has no budget line for this campaign.")))
    blocks.append(Paragraph(say(_time(reading))))
    return Section("spending", "What was spent", tuple(blocks))


def _line(line: BudgetFact) -> Iterator[Prose]:
    yield say(line.line.replace("_", " ") if line.line in list(Line) else line.line)
    yield say("not limited" if line.limit is None else _amount(line, line.limit))
    yield say(_amount(line, line.spent))
    yield say(_amount(line, line.reserved))
    yield say("" if line.limit is None else _amount(line, line.limit - line.spent - line.reserved))


def _amount(line: BudgetFact, value: float) -> str:
    if line.line in _RUNS:
        return f"{figure(value)} runs"
    return span(value) if line.unit == "s" and value >= 0 else with_unit(figure(value), line.unit)


def _time(reading: Reading) -> str:
    facts = reading.facts
    end = facts.ended_at or reading.latest
    if facts.started_at is None or end is None:
        return "The campaign has not been started, so no time has passed."
    passed = span((end - facts.started_at).total_seconds())
    busy = [
        (attempt.ended_at - attempt.started_at).total_seconds()
        for cycle in facts.cycles
        for job in cycle.jobs
        for attempt in job.attempts
        if attempt.started_at and attempt.ended_at
    ]
    upto = "" if facts.ended_at else " up to the last fact in the ledger"
    robots = f" Robots were at work for {span(sum(busy))} in all." if busy else ""
    return f"Wall time from the start{upto}: {passed}.{robots}"
