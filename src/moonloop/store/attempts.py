"""Attempts: offered -c-> accepted -d-> running ; offered|accepted -i-> released ; and the beats between."""

import json
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from moonloop.domain.errors import IllegalTransition, InvalidInput, NotFound, StartRefused
from moonloop.domain.lifecycles import ATTEMPT, AttemptState, JobState
from moonloop.domain.messages import Beat, EventIn
from moonloop.store import jobs as job_edges
from moonloop.store.gate import Locked, Pass, Refused, check
from moonloop.store.grips import Grip, grip
from moonloop.store.leases import settle_lapsed, stale
from moonloop.store.offers import REFUSED_BY_DEVICE, nobody_left
from moonloop.store.tables import LIVE_ATTEMPT, MOVING_ATTEMPT, attempt_events, attempts, jobs
from moonloop.store.transaction import Level, Tx

__all__ = ["accept", "beat", "record_events", "release", "start"]


_MINE = (
    attempts.c.id == bindparam("attempt"),
    attempts.c.robot_id == bindparam("robot"),
    attempts.c.fence == bindparam("of_fence"),
    attempts.c.lease_until > bindparam("now"),
)
"""The usual case, in which nothing but the attempt's own row matters: the robot's own, its lease in time."""
_ACCEPT = (
    update(attempts)
    .where(*_MINE, attempts.c.state == AttemptState.OFFERED)
    .values(state=AttemptState.ACCEPTED, accepted_at=bindparam("now"), lease_until=bindparam("until"))
    .returning(attempts.c.campaign_id)
)
_BEAT = (
    update(attempts)
    .where(*_MINE, attempts.c.state.in_(LIVE_ATTEMPT), attempts.c.beat < bindparam("seq"))
    .values(
        lease_until=bindparam("until"),
        beat=bindparam("seq"),
        step=bindparam("at_step"),
        progress=bindparam("so_far"),
    )
    .returning(attempts.c.campaign_id)
)


def _claimed(tx: Tx, robot: str, attempt: str, fence: int, *, gate: bool = False) -> Grip:
    """Lock an attempt for its robot, settle its lease, and turn a stale fence away."""
    held = settle_lapsed(tx, grip(tx, attempt, robot, gate=gate))
    if fence != held.attempt.fence or held.attempt.state not in LIVE_ATTEMPT:
        raise tx.refuse(stale(held, fence), attempt, held.campaign.id)
    return held


def accept(tx: Tx, robot: str, attempt: str, fence: int, lease_ttl_s: float) -> None:
    """Edge c: the adapter has checked the job; the first beat. Accepting twice changes nothing."""
    ATTEMPT.check(AttemptState.OFFERED, "c", AttemptState.ACCEPTED)
    now = tx.now()
    mine = {"attempt": attempt, "robot": robot, "of_fence": fence, "now": now}
    taken = tx.set_if(Level.ATTEMPT, _ACCEPT, **mine, until=now + timedelta(seconds=lease_ttl_s))
    if taken is not None:
        tx.journal(
            "attempt.c",
            attempt,
            taken.campaign_id,
            before=AttemptState.OFFERED,
            after=AttemptState.ACCEPTED,
        )
        return
    held = _claimed(tx, robot, attempt, fence)
    if held.attempt.state == AttemptState.OFFERED:
        until = held.now + timedelta(seconds=lease_ttl_s)
        tx.move(
            ATTEMPT,
            attempts,
            held.attempt,
            "c",
            AttemptState.ACCEPTED,
            accepted_at=held.now,
            lease_until=until,
        )


def start(tx: Tx, robot: str, attempt: str, fence: int, lease_ttl_s: float) -> datetime:
    """Edge d, the point of no return: all that law 3 names is checked again, and a use is taken.

    Returns the time of the start. A resent start gets the same answer, also when that was a refusal. Raises
    `StartRefused` with the reason.
    """
    held = _claimed(tx, robot, attempt, fence, gate=True)
    if held.attempt.state in MOVING_ATTEMPT:
        return held.attempt.started_at
    if held.attempt.refusal is not None:
        raise StartRefused(attempt=attempt, **held.attempt.refusal)
    if held.attempt.state != AttemptState.ACCEPTED:
        raise IllegalTransition(machine="attempt", state=held.attempt.state, edge="d to running")
    locked = Locked(held.holds, held.campaign, held.reviews, held.budgets, held.robot, held.job)
    answer = check(tx, locked)
    if isinstance(answer, Refused):
        refusal = {"reason": answer.reason, "why": answer.why}
        tx.run(update(attempts).where(attempts.c.id == attempt).values(refusal=refusal))
        raise tx.refuse(StartRefused(attempt=attempt, **refusal), attempt, held.campaign.id)
    return _start(tx, held, answer, lease_ttl_s)


def _start(tx: Tx, held: Grip, answer: Pass, lease_ttl_s: float) -> datetime:
    now = tx.now()
    facts = {
        "plan": answer.review.plan_sha256,
        "spec": held.job.spec_sha256,
        "review": answer.review.id,
        "use": answer.use,
        "robot": held.robot.id,
    }
    tx.move(
        ATTEMPT,
        attempts,
        held.attempt,
        "d",
        AttemptState.RUNNING,
        started_at=now,
        lease_until=now + timedelta(seconds=lease_ttl_s),
        review_id=answer.review.id,
        use_number=answer.use,
        facts=facts,
    )
    return now


def beat(tx: Tx, robot: str, attempt: str, given: Beat, lease_ttl_s: float) -> None:
    """Extend the lease; a beat that was overtaken by a later one extends it too, but tells nothing."""
    now = tx.now()
    mine = {"attempt": attempt, "robot": robot, "of_fence": given.fence, "now": now}
    told = {"seq": given.seq, "at_step": given.step, "so_far": given.progress}
    until = now + timedelta(seconds=lease_ttl_s)
    if tx.set_if(Level.ATTEMPT, _BEAT, **mine, **told, until=until) is not None:
        return
    held = _claimed(tx, robot, attempt, given.fence)
    values: dict[str, Any] = {"lease_until": held.now + timedelta(seconds=lease_ttl_s)}
    if given.seq > held.attempt.beat:
        values |= {"beat": given.seq, "step": given.step, "progress": given.progress}
    tx.run(update(attempts).where(attempts.c.id == attempt).values(**values))


def release(tx: Tx, robot: str, attempt: str, fence: int, reason: str, *, refused: bool = False) -> None:
    """Edge i: the robot gives the job back before its start. Releasing twice changes nothing.

    A robot that `refused` the job is not offered it again; a job that every robot refused is cancelled.
    """
    held = settle_lapsed(tx, grip(tx, attempt, robot))
    if fence == held.attempt.fence and held.attempt.state in (AttemptState.RELEASED, AttemptState.EXPIRED):
        return
    if fence != held.attempt.fence or held.attempt.state not in LIVE_ATTEMPT:
        raise tx.refuse(stale(held, fence), attempt, held.campaign.id)
    facts = {"reason": reason, "robot": robot}
    refusal = {"reason": REFUSED_BY_DEVICE, "why": reason} if refused else held.attempt.refusal
    values = {"ended_at": held.now, "refusal": refusal}
    tx.move(ATTEMPT, attempts, held.attempt, "i", AttemptState.RELEASED, facts=facts, **values)
    job_edges.requeue(tx, held.job, "i", held.campaign, facts)
    if refused and nobody_left(tx, held.job):
        again = tx.one(select(jobs).where(jobs.c.id == held.job.id))
        if again is not None and again.state == JobState.QUEUED:
            job_edges.cancel(tx, again, f"every robot that could do it refused: {reason}")


def record_events(tx: Tx, robot: str, attempt: str, events: list[EventIn]) -> int:
    """Insert what is new; an event is known by its number. Returns how many were new."""
    row = tx.one(select(attempts.c.robot_id, attempts.c.campaign_id).where(attempts.c.id == attempt))
    if row is None or row.robot_id != robot:
        raise NotFound(kind="attempt", id=attempt)
    now = tx.now()
    construct = sqlite_insert if tx.connection.dialect.name == "sqlite" else postgres_insert
    return sum(
        tx.run(
            construct(attempt_events)
            .values(
                attempt_id=attempt,
                seq=event.seq,
                type=event.type,
                step=event.step,
                data=_plain(event),
                at=now,
            )
            .on_conflict_do_nothing()
        )
        for event in sorted(events, key=lambda event: event.seq)  # one order: no two senders deadlock
    )


def _plain(event: EventIn) -> Any:
    try:
        return json.loads(json.dumps(event.data, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise InvalidInput(where=f"event {event.seq}", why=str(error)) from error
