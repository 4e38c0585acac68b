"""The frontier: the objective against a constrained figure, with another constraint as the marker."""

from collections.abc import Iterator

from moonloop.domain.limits import DescriptorLimit, GoalConstraint, SubstructureLimit
from moonloop.report.canvas import Canvas, draw
from moonloop.report.charts import axis, point_title
from moonloop.report.findings import Finding, Findings, Standing
from moonloop.report.records import Reading
from moonloop.report.wording import constrained_words, count

__all__ = ["Place", "frontier", "frontier_axes", "placed", "unbeaten"]

_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
_MOST = len(_MARKERS) - 1


def frontier_axes(
    reading: Reading, findings: Findings
) -> tuple[GoalConstraint | None, SubstructureLimit | None]:
    """Return the constraint along the figure, and the one that the markers tell."""
    limits = reading.facts.spec.constraints
    counted = [limit for limit in limits if isinstance(limit, SubstructureLimit)]
    along: GoalConstraint | None = next(
        (limit for limit in limits if isinstance(limit, DescriptorLimit)), None
    )
    if along is None and counted:
        along = counted.pop(0)
    return along, max(counted, key=lambda limit: _variety(findings, limit), default=None)


def _variety(findings: Findings, limit: GoalConstraint) -> int:
    return len({value for finding in findings.ranked for value in _value(finding, limit)})


def _value(finding: Finding, limit: GoalConstraint) -> Iterator[float]:
    for check in finding.checks:
        if check.constraint is limit and check.value is not None:
            yield check.value


class Place:
    """A candidate in the figure."""

    def __init__(self, finding: Finding, value: float, marked: GoalConstraint | None) -> None:
        self.finding = finding
        self.point = (value, finding.value, finding.results[0].anchor)
        self.inside = finding.standing is not Standing.OUTSIDE
        told = list(_value(finding, marked)) if marked else []
        self.group = min(int(told[0]), _MOST) if told else 0

    def inside_but_for(self, along: GoalConstraint) -> bool:
        """Whether every other constraint is met."""
        return all(check.met for check in self.finding.checks if check.constraint is not along)


def placed(findings: Findings, along: GoalConstraint, marked: GoalConstraint | None) -> list[Place]:
    """Return the candidates whose constrained figure is known."""
    return [Place(found, value, marked) for found in findings.ranked for value in _value(found, along)]


def frontier(reading: Reading, findings: Findings) -> str:
    """Draw each candidate's mean routine value; full markers meet all constraints, rings are confirmed."""
    along, marked = frontier_axes(reading, findings)
    assert along is not None
    places = placed(findings, along, marked)

    def paint(canvas: Canvas) -> None:
        for group in sorted({place.group for place in places}):
            _group(canvas, [place for place in places if place.group == group], _group_name(marked, group))
        edge = unbeaten(reading, along, [place for place in places if place.inside_but_for(along)])
        if len(edge) > 1:
            canvas.line([x for x, _ in edge], [y for _, y in edge], "frontier", "dotted")
        confirmed = [place.point for place in places if place.finding.standing is Standing.CONFIRMED]
        canvas.rings(confirmed, "confirmed")
        for number, bound in enumerate(_bounds(along)):
            canvas.bound(bound, "" if number else "limit")
        canvas.finish(constrained_words(along), axis(reading), columns=3)

    named = ((place.finding, place.finding.results[0]) for place in places)
    titles = {result.anchor: point_title(result, finding.candidate.key) for finding, result in named}
    return draw("frontier", paint, titles)


def _group(canvas: Canvas, members: list[Place], name: str) -> None:
    inside = [place.point for place in members if place.inside]
    canvas.points(inside, _MARKERS[members[0].group], name)
    outside = [place.point for place in members if not place.inside]
    canvas.points(outside, _MARKERS[members[0].group], "" if inside else name, full=False)


def _group_name(marked: GoalConstraint | None, group: int) -> str:
    if marked is None:
        return "candidate"
    return f"{group} or more matches" if group == _MOST else count(group, "match", "matches")


def unbeaten(reading: Reading, along: GoalConstraint, places: list[Place]) -> list[tuple[float, float]]:
    """Return the points that no other beats in both the objective and the constrained figure, in order."""
    least = along.at_least if isinstance(along, DescriptorLimit) else None
    if least is not None and along.at_most is not None:
        return []
    better, sign = (1 if least is not None else -1), reading.objective.sign
    edge: list[tuple[float, float]] = []
    for place in sorted(places, key=lambda place: (-better * place.point[0], -sign * place.point[1])):
        x, y, _ = place.point
        if not edge or sign * y > sign * edge[-1][1]:
            edge.append((x, y))
    return edge


def _bounds(limit: GoalConstraint) -> tuple[float, ...]:
    least = limit.at_least if isinstance(limit, DescriptorLimit) else None
    return tuple(float(bound) for bound in (least, limit.at_most) if bound is not None)
