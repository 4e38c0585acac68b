"""What the database itself refuses, whoever asks: a start without a use, another's use, an edited hash."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Executable, Table, insert, select, update
from sqlalchemy.exc import IntegrityError

from moonloop.domain.messages import Offer
from moonloop.store import Tx
from moonloop.store import tables as t
from support.campaigns import CAMPAIGN, Bench

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def offers(bench: Bench) -> tuple[Offer, Offer]:
    """A running attempt, and an accepted one at another job of the same plan."""
    bench.queued(2)
    running = bench.running(bench.robot("r1"))
    accepted = bench.ready(bench.robot("r2"))
    return running, accepted


def _refused(bench: Bench, statement: Executable) -> None:
    with pytest.raises(IntegrityError):
        bench.do(Tx.run, statement)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"started_at": NOW},
        {"started_at": NOW, "use_number": 1},
        {"started_at": NOW, "review_id": "the plan's"},
        {"review_id": "the plan's", "use_number": 1},
        {"started_at": NOW, "review_id": "the plan's", "use_number": 2},
        {"started_at": NOW, "review_id": "rev_elsewhere_0001_01", "use_number": 1},
    ],
    ids=[
        "nothing",
        "no use",
        "a use of no review",
        "a review without a use",
        "no time",
        "a use that was never granted",
        "a use of another review",
    ],
)
def test_no_attempt_gets_past_its_start_without_a_use(
    bench: Bench, offers: tuple[Offer, Offer], values: dict[str, Any]
) -> None:
    """An UPDATE by hand is refused as a transition would be, whatever it calls what is past the start."""
    _, accepted = offers
    named = {"review_id": accepted.approval.review_id} if values.get("review_id") == "the plan's" else {}
    started = update(t.attempts).where(t.attempts.c.id == accepted.attempt_id)

    for state in ("running", "paused", "succeeded", "failed", "aborted", "lost", "reconciled"):
        _refused(bench, started.values(state=state, **values | named))

    assert bench.state(t.attempts, accepted.attempt_id) == "accepted"


def test_another_attempts_use_cannot_be_used(bench: Bench, offers: tuple[Offer, Offer]) -> None:
    """One use, one attempt."""
    running, accepted = offers
    twin = {
        "id": "att_twin",
        "job_id": running.job_id,
        "campaign_id": CAMPAIGN,
        "robot_id": "rob_000000r2",
        "request_id": "request-9",
        "fence": 99,
        "state": "failed",
        "lease_until": NOW,
        "offered_at": NOW,
        "started_at": NOW,
        "review_id": accepted.approval.review_id,
        "use_number": 1,
    }

    _refused(bench, insert(t.attempts).values(**twin))


def test_another_jobs_use_cannot_be_used(bench: Bench, offers: tuple[Offer, Offer]) -> None:
    """The second use of one job is no use of its neighbour."""
    running, accepted = offers
    use = bench.dicts(select(t.approval_uses).where(t.approval_uses.c.job_id == running.job_id))[0]
    bench.do(Tx.run, insert(t.approval_uses).values(**{**use, "number": 2}))
    started = update(t.attempts).where(t.attempts.c.id == accepted.attempt_id)

    _refused(bench, started.values(state="running", started_at=NOW, review_id=use["review_id"], use_number=2))


@pytest.mark.parametrize("table", ["plans", "specs", "reviews", "approval_uses", "jobs", "hazard_reports"])
@pytest.mark.usefixtures("offers")
def test_an_approved_hash_cannot_be_edited(bench: Bench, table: str) -> None:
    """Whichever end of the chain is changed, the others hold it."""
    columns = {
        "plans": t.plans.c.sha256,
        "specs": t.specs.c.sha256,
        "reviews": t.reviews.c.plan_sha256,
        "approval_uses": t.approval_uses.c.spec_sha256,
        "jobs": t.jobs.c.spec_sha256,
        "hazard_reports": t.hazard_reports.c.plan_sha256,
    }
    column = columns[table]
    assert column.table is not None

    _refused(bench, update(t.metadata.tables[table]).values({column.name: "f" * 64}))


@pytest.mark.usefixtures("offers")
def test_a_use_names_a_hash_that_was_planned(bench: Bench) -> None:
    """No use can be granted of a spec that is not on record."""
    use = bench.dicts(select(t.approval_uses))[0]

    for changed in ({"spec_sha256": "f" * 64}, {"plan_sha256": "f" * 64}, {"job_id": "job_elsewhere"}):
        _refused(bench, insert(t.approval_uses).values(**{**use, "number": 2, **changed}))


def test_a_job_has_one_live_attempt(bench: Bench, offers: tuple[Offer, Offer]) -> None:
    """The database keeps two robots from one job even where a transition did not."""
    running, accepted = offers
    moved = update(t.attempts).where(t.attempts.c.id == accepted.attempt_id)

    _refused(bench, moved.values(job_id=running.job_id))


def test_a_device_has_one_live_attempt_and_each_fence_once(bench: Bench, offers: tuple[Offer, Offer]) -> None:
    """Nor can one robot hold two jobs, or a fence be given again."""
    running, accepted = offers
    moved = update(t.attempts).where(t.attempts.c.id == accepted.attempt_id)
    _refused(bench, moved.values(robot_id="rob_000000r1", fence=7))
    ended = update(t.attempts).where(t.attempts.c.id == running.attempt_id).values(state="failed")
    bench.do(Tx.run, ended)

    _refused(bench, moved.values(robot_id="rob_000000r1", fence=running.fence))


def test_a_job_is_measured_once(bench: Bench, offers: tuple[Offer, Offer]) -> None:
    """No second value of the same quantity, from whichever attempt."""
    running, accepted = offers
    bench.finish("rob_000000r1", running, 50.0)
    row = bench.dicts(select(t.measurements))[0]

    _refused(
        bench,
        insert(t.measurements).values(**{**row, "id": "mea_x", "attempt_id": accepted.attempt_id}),
    )


@pytest.mark.parametrize("kind", ["reserve", "settle"])
def test_a_job_reserves_and_settles_once(bench: Bench, offers: tuple[Offer, Offer], kind: str) -> None:
    """Nothing is spent twice."""
    bench.finish("rob_000000r1", offers[0], 50.0)
    row = bench.dicts(select(t.spend).where(t.spend.c.kind == kind))[0]
    values = {key: value for key, value in row.items() if key != "id"}

    _refused(bench, insert(t.spend).values(**values))


@pytest.mark.usefixtures("offers")
@pytest.mark.parametrize("table", [t.campaigns, t.reviews, t.jobs, t.attempts], ids=lambda table: table.name)
def test_no_other_word_is_a_state(bench: Bench, table: Table) -> None:
    """A state is one that its lifecycle has."""
    _refused(bench, update(table).values(state="finished"))
