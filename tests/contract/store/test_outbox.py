"""The outbox: announcements written in the transaction they announce, told until they are taken."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from moonloop.domain.errors import BudgetSpent
from moonloop.domain.lifecycles import DoneReason
from moonloop.store import campaigns, outbox, plans, steering
from moonloop.store import tables as t
from support.campaigns import CAMPAIGN, Bench, make_plan

WORKFLOW = f"campaign/{CAMPAIGN}"


def _pending(bench: Bench) -> list[outbox.Announcement]:
    return bench.ledger.read_now(outbox.pending)


def _send_all(bench: Bench) -> None:
    for announcement in _pending(bench):
        bench.do(outbox.mark_sent, announcement.ids)


def test_all_that_is_unsent_for_a_workflow_is_one_message(bench: Bench) -> None:
    """A start among wake-ups makes it a start; the last topic is told; other workflows are apart."""
    bench.do(steering.pause, CAMPAIGN, "lunch")
    bench.do(campaigns.next_step, CAMPAIGN, "algorithmic")
    bench.do(steering.resume, CAMPAIGN, "back")
    bench.queued(1)
    robot = bench.robot()
    bench.finish(robot, bench.running(robot))

    found = {one.workflow: one for one in _pending(bench)}
    assert set(found) == {WORKFLOW, f"{WORKFLOW}/cycle/1/review", f"{WORKFLOW}/cycle/1/batch"}
    assert (found[WORKFLOW].start, len(found[WORKFLOW].ids)) == (True, 3)
    assert (found[f"{WORKFLOW}/cycle/1/batch"].start, found[f"{WORKFLOW}/cycle/1/batch"].topic) == (
        False,
        "batch",
    )


def test_what_was_sent_is_not_sent_again(bench: Bench) -> None:
    """And what came meanwhile is still to be sent."""
    before = _pending(bench)
    bench.do(steering.pause, CAMPAIGN, "lunch")
    for announcement in before:
        bench.do(outbox.mark_sent, announcement.ids)

    (left,) = _pending(bench)
    assert (left.start, left.topic, left.key) == (False, "campaign", CAMPAIGN)


def test_nothing_is_announced_that_did_not_happen(bench: Bench) -> None:
    """The announcement is part of the transaction: a plan that was refused wakes nobody."""
    bench.do(campaigns.next_step, CAMPAIGN, "algorithmic")
    _send_all(bench)
    with pytest.raises(BudgetSpent):
        bench.do(plans.record_plan, *make_plan(bench.spec, size=21))

    assert _pending(bench) == []


def _nothing(_: Bench) -> None:
    """Leave the campaign as it is."""


def _paused(bench: Bench) -> None:
    bench.do(steering.pause, CAMPAIGN, "lunch")


def _stopping(bench: Bench) -> None:
    bench.do(campaigns.stop, CAMPAIGN, DoneReason.STOPPED_BY, "enough")


def _done(bench: Bench) -> None:
    _stopping(bench)
    bench.do(campaigns.conclude, CAMPAIGN)


@pytest.mark.parametrize(
    ("change", "live"), [(_nothing, True), (_paused, True), (_stopping, True), (_done, False)]
)
def test_a_live_campaign_can_ask_for_its_workflow_again(
    bench: Bench, change: Callable[[Bench], Any], *, live: bool
) -> None:
    """Deleting what drives it loses no campaign; a done one needs nothing any more."""
    change(bench)
    _send_all(bench)
    assert bench.ledger.read_now(outbox.live_campaigns) == ([CAMPAIGN] if live else [])

    assert bench.do(outbox.put_back_start, CAMPAIGN) is live
    assert [one.start for one in _pending(bench)] == ([True] if live else [])


def test_a_start_is_put_back_once(bench: Bench) -> None:
    """Not while one is waiting to be sent anyway."""
    assert bench.do(outbox.put_back_start, CAMPAIGN) is False
    _send_all(bench)

    assert [bench.do(outbox.put_back_start, CAMPAIGN) for _ in range(2)] == [True, False]
    assert bench.count(t.outbox, t.outbox.c.sent_at.is_(None)) == 1


def test_nobody_asks_for_an_unknown_campaigns_workflow(bench: Bench) -> None:
    """There is nothing to start."""
    assert bench.do(outbox.put_back_start, "cmp_nowhere") is False


def test_one_leads_until_its_time_is_over(bench: Bench) -> None:
    """The leader stays by asking again; another comes when it falls silent."""
    assert bench.do(outbox.lead, "relay", "one", 10) is True
    assert bench.do(outbox.lead, "relay", "two", 10) is False
    bench.clock.advance(9)
    assert bench.do(outbox.lead, "relay", "one", 10) is True
    bench.clock.advance(9)
    assert bench.do(outbox.lead, "relay", "two", 10) is False
    bench.clock.advance(2)

    assert bench.do(outbox.lead, "relay", "two", 10) is True
    assert bench.do(outbox.lead, "relay", "one", 10) is False
    assert bench.do(outbox.lead, "sealer", "one", 10) is True
    assert [row.holder for row in bench.all(select(t.leaders).order_by(t.leaders.c.name))] == ["two", "one"]
