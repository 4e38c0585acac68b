"""What the figures are drawn from."""

from moonloop.report.charts import running_best
from moonloop.report.findings import find
from moonloop.report.frontier import frontier_axes, placed, unbeaten
from moonloop.report.records import Reading
from unit.report import factors, quinones


def test_the_best_so_far_only_gets_better() -> None:
    """Better is the objective's direction: the line falls when the quantity is to be small."""
    values = [3.0, 5.0, 2.0, 4.0]
    assert running_best(Reading(factors.campaign()), values) == [3.0, 3.0, 2.0, 2.0]
    assert running_best(Reading(quinones.campaign(cycles=1)), values) == [3.0, 5.0, 5.0, 5.0]


def test_the_frontier_is_what_nothing_beats() -> None:
    """A candidate is on the frontier just when no other is at least as good in both and better in one."""
    reading = Reading(quinones.campaign())
    findings = find(reading)
    along, marked = frontier_axes(reading, findings)
    assert along is not None
    assert marked is not None
    assert (along.name, marked.name) == ("soluble", "at most two free quinone C-H")
    eligible = [place for place in placed(findings, along, marked) if place.inside_but_for(along)]
    points = {place.point[:2] for place in eligible}
    best = {
        (x, y)
        for x, y in points
        if not any(other != (x, y) and other[0] >= x and other[1] >= y for other in points)
    }
    assert best == set(unbeaten(reading, along, eligible))
    assert 1 < len(best) < len(points)
