"""Holds: nothing starts under one; a row per scope, made with the scope."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from moonloop.domain.errors import NotFound
from moonloop.domain.steps import SITE, scope_of_campaign, scope_of_mission, scope_of_robot
from moonloop.store import holds
from moonloop.store import tables as t
from support.campaigns import CAMPAIGN, Bench

SCOPES = [
    SITE,
    scope_of_mission("default", "default"),
    scope_of_campaign(CAMPAIGN),
    scope_of_robot("rob_000000r1"),
]


def test_every_scope_has_its_row_from_the_beginning(bench: Bench) -> None:
    """So that there is always something to lock."""
    bench.robot()

    assert {row.scope for row in bench.all(select(t.holds))} == set(SCOPES)
    assert bench.count(t.holds, t.holds.c.active) == 0


@pytest.mark.parametrize("scope", SCOPES)
def test_a_hold_keeps_work_from_starting_until_it_is_released(bench: Bench, scope: str) -> None:
    """In each of the four kinds of scope."""
    bench.queued(1)
    robot = bench.robot()
    bench.do(holds.hold, scope, "a leak", actor="olga")
    assert bench.claim(robot) is None

    bench.do(holds.release, scope, "repaired", actor="olga")

    assert bench.claim(robot, "request-2") is not None


def test_a_hold_says_who_why_and_since_when(bench: Bench) -> None:
    """Repeated, it renews the reason; every switch is journalled, a campaign's under the campaign."""
    scope = scope_of_campaign(CAMPAIGN)
    bench.do(holds.hold, scope, "a leak", actor="olga")
    bench.do(holds.hold, scope, "a fire", actor="paul")

    row = bench.all(select(t.holds).where(t.holds.c.active))[0]
    assert (row.scope, row.by, row.reason) == (scope, "paul", "a fire")
    entries = bench.journal("hold.set")
    assert [(entry.before, entry.after, entry.campaign_id) for entry in entries] == [
        ("free", "held", CAMPAIGN),
        ("held", "held", CAMPAIGN),
    ]


@pytest.mark.parametrize("transition", [holds.hold, holds.release])
def test_an_unknown_scope_is_not_found(bench: Bench, transition: Callable[..., object]) -> None:
    """A misspelt scope must not look like a hold."""
    with pytest.raises(NotFound) as caught:
        bench.do(transition, "campaign:cmp_nowhere", "a leak")

    assert caught.value.id == "campaign:cmp_nowhere"
    assert bench.journal("hold.set") == []


def test_a_missions_hold_leaves_other_missions_alone(bench: Bench, new_bench: Callable[..., Bench]) -> None:
    """Scopes of one kind are apart."""
    other = new_bench(campaign="cmp_0000000000000002", mission="another")
    other.queued(1)
    bench.do(holds.hold, scope_of_mission("default", "default"), "a leak")

    assert other.claim(other.robot()) is not None
