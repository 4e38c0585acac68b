"""What must hold of a ledger at every moment, whatever happened: read from its rows, not from its code."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Row, Table, select

from moonloop.domain.lifecycles import ATTEMPT, CAMPAIGN, HYPOTHESIS, INCIDENT, JOB, REVIEW, Lifecycle
from moonloop.store import tables as t

__all__ = ["check_laws"]

_MACHINES: tuple[tuple[Lifecycle, Table, str], ...] = (
    (CAMPAIGN, t.campaigns, "draft"),
    (HYPOTHESIS, t.hypotheses, "registered"),
    (JOB, t.jobs, "queued"),
    (ATTEMPT, t.attempts, "offered"),
    (REVIEW, t.reviews, "open"),
    (INCIDENT, t.incidents, "open"),
)
_LIVE = {"offered", "accepted", "running", "paused", "cancelling"}
_STARTED = {"running", "paused", "succeeded", "failed", "aborted", "lost", "reconciled"}
_CLOSE = 1e-6


def check_laws(connection: Connection) -> None:
    """Fail when the ledger breaks one of the laws that domain.md and job_protocol.md state."""
    entries = connection.execute(select(t.journal).order_by(t.journal.c.id)).all()
    for machine, table, initial in _MACHINES:
        _states_follow_from_the_journal(connection, machine, table, initial, entries)
    attempts = connection.execute(select(t.attempts)).all()
    _jobs_are_held_as_their_attempts_say(connection, attempts)
    _starts_take_uses(connection, attempts)
    _fences_rise(entries)
    _jobs_count_once(connection)
    _budgets_are_the_sum_of_what_was_spent(connection)
    _the_lost_wait_for_a_settlement(connection, attempts)


def _states_follow_from_the_journal(
    connection: Connection, machine: Lifecycle, table: Table, initial: str, entries: Iterable[Row[Any]]
) -> None:
    """Each row's state is where the edges in the journal, each a legal one, have led it."""
    at: dict[str, str] = defaultdict(lambda: initial)
    for entry in entries:
        name, _, letter = entry.what.partition(".")
        if name != machine.name or entry.before is None or len(letter) != 1:
            continue
        assert at[entry.subject] == entry.before, entry
        assert machine.allows(entry.before, letter, entry.after), entry
        at[entry.subject] = entry.after
    for row in connection.execute(select(table.c.id, table.c.state)):
        assert row.state == at[row.id], (machine.name, row)


def _jobs_are_held_as_their_attempts_say(connection: Connection, attempts: Iterable[Row[Any]]) -> None:
    """A job is active while, and only while, one attempt at it is live; a device holds one."""
    live = [row for row in attempts if row.state in _LIVE]
    assert max(Counter(row.robot_id for row in live).values(), default=0) <= 1
    held = Counter(row.job_id for row in live)
    for job in connection.execute(select(t.jobs.c.id, t.jobs.c.state)):
        assert held[job.id] == (1 if job.state == "active" else 0), job


def _starts_take_uses(connection: Connection, attempts: Iterable[Row[Any]]) -> None:
    """Who started took a use that was granted for this job, and nobody else took it."""
    granted = {(row.review_id, row.job_id, row.number) for row in connection.execute(select(t.approval_uses))}
    taken = [(row.review_id, row.job_id, row.use_number) for row in attempts if row.started_at is not None]
    assert len(taken) == len(set(taken))
    assert set(taken) <= granted
    for row in attempts:
        assert (row.started_at is not None) == (row.use_number is not None), row
        assert row.state not in _STARTED or row.started_at is not None, row


def _fences_rise(entries: Iterable[Row[Any]]) -> None:
    """In the order of the claims, one device each."""
    last: dict[str, int] = defaultdict(int)
    for entry in entries:
        if entry.what == "attempt.b":
            assert entry.facts["fence"] > last[entry.facts["robot"]], entry
            last[entry.facts["robot"]] = entry.facts["fence"]


def _jobs_count_once(connection: Connection) -> None:
    """Measurements belong to jobs that ended, one attempt each."""
    states = {row.id: row.state for row in connection.execute(select(t.jobs.c.id, t.jobs.c.state))}
    sources: dict[str, set[str]] = defaultdict(set)
    for row in connection.execute(select(t.measurements.c.job_id, t.measurements.c.attempt_id)):
        sources[row.job_id].add(row.attempt_id)
        assert states[row.job_id] in ("succeeded", "failed", "cancelled"), row
    assert all(len(attempts) == 1 for attempts in sources.values())


def _budgets_are_the_sum_of_what_was_spent(connection: Connection) -> None:
    """Each line is what its jobs reserved and have not closed, and what they closed with."""
    open_by_line: dict[tuple[str, str], float] = defaultdict(float)
    spent_by_line: dict[tuple[str, str], float] = defaultdict(float)
    entries = connection.execute(select(t.spend)).all()
    closed = {(row.job_id, row.line) for row in entries if row.kind != "reserve"}
    for row in entries:
        line = (row.campaign_id, row.line)
        if row.kind == "settle":
            spent_by_line[line] += row.amount
        elif row.kind == "reserve" and (row.job_id, row.line) not in closed:
            open_by_line[line] += row.amount
    for row in connection.execute(select(t.budgets)):
        line = (row.campaign_id, row.line)
        assert abs(row.reserved - open_by_line[line]) < _CLOSE, row
        assert abs(row.spent - spent_by_line[line]) < _CLOSE, row
    _final_jobs_reserve_nothing(connection, {job for job, _ in closed})


def _final_jobs_reserve_nothing(connection: Connection, closed: set[str]) -> None:
    for row in connection.execute(select(t.jobs.c.id, t.jobs.c.state)):
        assert (row.id in closed) == (row.state in ("succeeded", "failed", "cancelled")), row


def _the_lost_wait_for_a_settlement(connection: Connection, attempts: Iterable[Row[Any]]) -> None:
    """A lost attempt, and no other, has an open incident; its job is lost, its robot does no work."""
    lost = {row.id: row for row in attempts if row.state == "lost"}
    incidents = connection.execute(select(t.incidents).where(t.incidents.c.state == "open")).all()
    assert {row.attempt_id for row in incidents} == set(lost)
    robots = {row.id: row.state for row in connection.execute(select(t.robots.c.id, t.robots.c.state))}
    jobs = {row.id: row.state for row in connection.execute(select(t.jobs.c.id, t.jobs.c.state))}
    for row in lost.values():
        assert jobs[row.job_id] == "lost", row
        assert robots[row.robot_id] in ("quarantined", "revoked"), row
    assert {row.job_id for row in lost.values()} == {job for job, state in jobs.items() if state == "lost"}
