"""The figures of the search, of the evidence and of the calibration."""

from collections import defaultdict
from collections.abc import Sequence

from moonloop.domain.claims import Evidence
from moonloop.domain.lifecycles import JobState
from moonloop.domain.plans import Purpose
from moonloop.report.calibration import Calibration
from moonloop.report.canvas import Canvas, Points, Stroke, draw, label
from moonloop.report.findings import Findings
from moonloop.report.records import Reading, Result, RunRecord
from moonloop.report.wording import PURPOSES

__all__ = [
    "agent_shares",
    "agreement",
    "axis",
    "calibration",
    "evidence",
    "point_title",
    "progress",
    "running_best",
]

_MARKERS = {Purpose.TEST: "o", Purpose.EXPLORE: "^", Purpose.PICK: "s"}
_STROKES: tuple[Stroke, ...] = ("solid", "dashed", "dotted")
_SIGNS = ("o", "s", "^")
_LOWEST = 1e-4
"""Below it a figure of e-values would be about the side that vanishes alone."""


def axis(reading: Reading, what: str = "") -> str:
    """Name an axis of the objective."""
    name = f"{what} {reading.quantity}".strip()
    return name if reading.objective.unit == "1" else f"{name} / {reading.objective.unit}"


def point_title(result: Result, what: str) -> str:
    """Say what a point is."""
    return f"{what}: {result.fact.value:.6g} {result.fact.unit} ({result.fact.id})"


def _measured(reading: Reading) -> list[tuple[RunRecord, Result]]:
    return [
        (record, result)
        for record in reading.records
        if record.routine and (result := reading.of_run(record)) is not None
    ]


def progress(reading: Reading, findings: Findings) -> str:
    """Draw every routine value in the order of planning, with the best within the constraints so far.

    Full markers lie within the constraints, hollow ones outside.
    """
    within = {finding.candidate.key for finding in findings.within}
    routine = [record for record in reading.records if record.routine]
    places = {record.number: place for place, record in enumerate(routine, start=1)}
    measured = _measured(reading)
    groups: dict[tuple[Purpose, bool], list[tuple[float, float, str]]] = defaultdict(list)
    for record, result in measured:
        point = (places[record.number], result.fact.value, result.anchor)
        groups[record.run.purpose, record.run.candidate.key in within].append(point)

    def paint(canvas: Canvas) -> None:
        for purpose, marker in _MARKERS.items():
            canvas.points(groups[purpose, True], marker, PURPOSES[purpose])
            named = "" if groups[purpose, True] else PURPOSES[purpose]
            canvas.points(groups[purpose, False], marker, named, full=False)
        inside = sorted(point for (_, full), points in groups.items() if full for point in points)
        if inside:
            best = running_best(reading, [value for _, value, _ in inside])
            # The line goes on to the last run, also where that had no value.
            canvas.steps([*(x for x, _, _ in inside), len(routine)], [*best, best[-1]], "best so far")
        canvas.crosses([places[record.number] for record in routine if _failed(record)], "failed run")
        if reading.objective.target is not None:
            canvas.level(reading.objective.target, "target")
        canvas.finish("run, in the order of planning", axis(reading), whole=True, columns=3)

    titles = {result.anchor: point_title(result, f"run {record.number}") for record, result in measured}
    return draw("progress", paint, titles)


def running_best(reading: Reading, values: Sequence[float]) -> list[float]:
    """Return the best value up to each place, in the direction of the objective."""
    pick = max if reading.objective.sign > 0 else min
    best: list[float] = []
    for value in values:
        best.append(pick(value, best[-1]) if best else value)
    return best


def _failed(record: RunRecord) -> bool:
    return record.job is not None and record.job.state is JobState.FAILED


def agreement(reading: Reading) -> str:
    """Draw what the surrogate expected against what was measured, with one standard deviation each way."""
    shown = [
        (record, record.run.expected, result)
        for record, result in _measured(reading)
        if record.run.expected is not None
    ]

    def paint(canvas: Canvas) -> None:
        bars = [(e.mean, r.fact.value, e.sd, r.fact.uncertainty or 0.0) for _, e, r in shown]
        canvas.bars(bars)
        for purpose, marker in _MARKERS.items():
            ours = [(e.mean, r.fact.value, r.anchor) for run, e, r in shown if run.run.purpose is purpose]
            canvas.points(ours, marker, PURPOSES[purpose])
        canvas.equality("measured = predicted")
        canvas.finish(axis(reading, "predicted"), axis(reading, "measured"))

    titles = {result.anchor: point_title(result, f"run {record.number}") for record, _, result in shown}
    return draw("agreement", paint, titles)


def evidence(name: str, trail: Sequence[Evidence]) -> str:
    """Draw both e-values of a hypothesis and the threshold that decides, over the data that count."""
    ns = [0, *(entry.n for entry in trail)]

    def paint(canvas: Canvas) -> None:
        support = [1.0, *(max(entry.e_support, _LOWEST) for entry in trail)]
        refute = [1.0, *(max(entry.e_refute, _LOWEST) for entry in trail)]
        canvas.line(ns, support, "for “supported”", marker="o")
        canvas.line(ns, refute, "for “refuted”", "dotted", marker="s")
        thresholds = [trail[0].threshold, *(entry.threshold for entry in trail)]
        canvas.steps(ns, thresholds, "threshold", "dashed", "pre")
        canvas.finish("pairs or runs that count", "e-value", whole=True, log=True, columns=3)

    return draw(name, paint, size=(4.7, 2.6))


def agent_shares(reading: Reading) -> str:
    """Draw the part of each batch that was run on an agent's word; empty where one batch is all there is."""
    batches: dict[int, list[str]] = defaultdict(list)
    for record in reading.records:
        if record.routine:
            batches[record.cycle].append(record.run.suggested.proposer if record.run.suggested else "")
    names = sorted({name for batch in batches.values() for name in batch} - {""})
    if len(batches) < 2 or not names:
        return ""
    cycles = sorted(batches)

    def paint(canvas: Canvas) -> None:
        for place, name in enumerate(names):
            parts = [100.0 * batches[cycle].count(name) / len(batches[cycle]) for cycle in cycles]
            canvas.line(cycles, parts, label(name, 44), _STROKES[place % 3], _SIGNS[place // 3 % 3])
        canvas.finish("cycle", "part of the batch / %", whole=True, columns=1)

    return draw("agent-shares", paint, size=(4.7, 2.6))


def calibration(reading: Reading, points: Points, line: Calibration) -> str:
    """Draw published against measured values with the calibration line."""

    def paint(canvas: Canvas) -> None:
        canvas.points(points, "o", "reference")
        ends = [min(x for x, _, _ in points), max(x for x, _, _ in points)]
        canvas.line(ends, [line.intercept + line.slope * x for x in ends], "least-squares line")
        canvas.finish(axis(reading, "measured"), axis(reading, "published"))

    return draw("calibration", paint, size=(4.7, 3.2))
