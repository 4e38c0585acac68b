"""The tables that everything else refers to: all runs, all measurements."""

from collections.abc import Iterator

from moonloop.domain.lifecycles import JobState
from moonloop.domain.numbers import clock, plain_amount
from moonloop.domain.robots import RobotKind
from moonloop.report.blocks import Code, Link, Mark, Paragraph, Prose, Row, Section, Table, joined, say
from moonloop.report.records import Reading, Result, RunRecord
from moonloop.report.wording import PURPOSES, candidate_words, count

__all__ = ["measurements", "runs"]


def runs(reading: Reading) -> Section:
    """Return the table of all runs in the order of planning."""
    if not reading.records:
        return Section("runs", "Runs", (Paragraph(say("No run has been planned.")),))
    rows = tuple(
        Row(tuple(_run(reading, record)), record.anchor, _reason(reading, record))
        for record in reading.records
    )
    head = ("Run", "Cycle", "Purpose", "Candidate", "Expected", "Measured")
    table = Table(
        say(f"{count(len(rows), 'run')} in the order of planning"), head, rows, frozenset({4}), dense=True
    )
    return Section("runs", "Runs", (table,))


def _run(reading: Reading, record: RunRecord) -> Iterator[Prose]:
    run = record.run
    yield say(str(record.number))
    yield say(Link(str(record.cycle), f"cycle-{record.cycle}"))
    label = f": {run.label}" if run.label else ""
    test = ""
    if run.test is not None:
        number = _hypothesis_number(reading, run.test.hypothesis_id)
        test = (
            f" of H{number}, pair {run.test.block + 1}{run.test.arm}"
            if run.test.arm != "single"
            else f" of H{number}"
        )
    purpose = PURPOSES[run.purpose] if run.suggested is None else "agent's suggestion"
    yield say(f"{purpose}{test}{label}")
    # A reference may lie outside the space; then its label, beside its purpose, is its name.
    yield say(candidate_words(run.candidate, reading.facts.spec.space) if run.candidate.settings else "")
    yield say(reading.amount(run.expected.mean, run.expected.sd) if run.expected else "")
    yield reading.outcome(record)


def _hypothesis_number(reading: Reading, hypothesis_id: str) -> str:
    found = (fact.hypothesis for fact in reading.facts.hypotheses if fact.hypothesis.id == hypothesis_id)
    return next((str(hypothesis.number) for hypothesis in found), "?")


def _reason(reading: Reading, record: RunRecord) -> Prose:
    failed = record.job is not None and record.job.state is JobState.FAILED and record.job.attempts
    failure = record.job.attempts[-1].failure if failed and record.job else ""
    what = f" Failed: {failure}" if failure else ""
    said = record.run.suggested
    mark = reading.mark(said.proposer) if said is not None else ()
    return say(record.run.reason, mark, f"{what} ", Code(record.run.candidate.key))


def measurements(reading: Reading) -> Section:
    """Return the table that every number of the report resolves to."""
    if not reading.results:
        return Section("measurements", "Measurements", (Paragraph(say("Nothing has been measured.")),))
    note = Paragraph(
        say(
            "Every measurement that counts, with where it comes from: attempt and robot, the approval "
            "whose use the start took, and the SHA-256 of spec, plan and artifacts."
        )
    )
    rows = tuple(
        Row(tuple(_measurement(reading, result)), result.anchor, _source(result))
        for result in reading.results
    )
    head = ("", "Measurement", "Quantity", "Value", "Run", "Received (UTC)", "Robot")
    caption = say(count(len(rows), "measurement"))
    return Section(
        "measurements", "Measurements", (note, Table(caption, head, rows, frozenset({3}), dense=True))
    )


def _measurement(reading: Reading, result: Result) -> Iterator[Prose]:
    fact = result.fact
    yield say(f"m{result.number}")
    yield say(Code(fact.id))
    yield say(fact.name)
    yield say(plain_amount(fact.value, fact.uncertainty, fact.unit), *result.marks)
    yield say(result.record.link) if result.record else ()
    yield say(clock(fact.received_at))
    yield _robot(reading, result)


def _robot(reading: Reading, result: Result) -> Prose:
    attempt = result.attempt
    if attempt is None:
        return say("not on record")
    known = enumerate(reading.facts.robots, start=1)
    name: Prose = next(
        (
            say(Link(robot.name, f"robot-{place}", robot.id))
            for place, robot in known
            if robot.id == attempt.robot_id
        ),
        say(attempt.robot_id),
    )
    kind = attempt.robot_kind
    return say(name, " ", Mark("simulated") if kind is RobotKind.SIMULATED else kind.value)


def _source(result: Result) -> Prose:
    fact, attempt = result.fact, result.attempt
    pieces = [say("attempt ", Code(fact.attempt_id))]
    if attempt is not None and attempt.review_id:
        pieces.append(say("approval ", Code(attempt.review_id)))
    pieces.append(say("spec ", Code(result.job.spec_sha256)))
    if result.record is not None:
        pieces.append(say("plan ", Code(result.record.plan.sha256)))
    pieces += [
        say(f"{artifact.name} ", Code(artifact.sha256)) for artifact in (attempt.artifacts if attempt else ())
    ]
    pieces += [say(f"{name} {plain_amount(value, None, fact.unit)}") for name, value in fact.parts.items()]
    if (fact.reported_value, fact.reported_unit) != (fact.value, fact.unit):
        pieces.append(say(f"reported as {plain_amount(fact.reported_value, None, fact.reported_unit)}"))
    return joined(pieces, "; ")
