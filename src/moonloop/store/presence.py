"""Whether a job service is up. Leases do not lapse while none is: an outage of ours is no robot's fault."""

from datetime import datetime, timedelta

from sqlalchemy import insert, select, update

from moonloop.store.tables import LIVE_ATTEMPT, attempts, presence, robots
from moonloop.store.transaction import Tx

__all__ = ["absent", "beat"]

_MISSED = 2
"""Beats of the service that may be missed before it counts as down."""


_PRESENCE = select(presence).where(presence.c.id == 1)


def absent(tx: Tx) -> bool:
    """Say whether no job service has been heard of for longer than its beats allow."""
    row = tx.one(_PRESENCE)
    return row is not None and tx.now() - row.last_seen > timedelta(seconds=_MISSED * row.every_s)


def beat(tx: Tx, every_s: float, lease_ttl_s: float, seen_robots: dict[str, datetime]) -> float:
    """Say that a job service is up; after an outage every live lease gets that time back and one lease more.

    `seen_robots` are the robots that have called since the last beat. Returns the length of the outage in
    seconds, 0 when there was none.
    """
    row = tx.one(select(presence).where(presence.c.id == 1).with_for_update())
    now = tx.now()
    for robot, when in sorted(seen_robots.items()):
        tx.run(update(robots).where(robots.c.id == robot).values(last_seen=when))
    if row is None:
        tx.run(insert(presence).values(id=1, last_seen=now, every_s=every_s))
        return 0.0
    tx.run(update(presence).where(presence.c.id == 1).values(last_seen=now, every_s=every_s))
    gap = now - row.last_seen
    if gap <= timedelta(seconds=_MISSED * max(every_s, row.every_s)):
        return 0.0
    _extend(tx, row.last_seen, gap + timedelta(seconds=lease_ttl_s))
    tx.journal("service.returned", "job service", None, facts={"outage_s": gap.total_seconds()})
    return gap.total_seconds()


def _extend(tx: Tx, since: datetime, by: timedelta) -> None:
    live = tx.all(
        select(attempts.c.id, attempts.c.lease_until)
        .where(attempts.c.state.in_(LIVE_ATTEMPT), attempts.c.lease_until > since)
        .order_by(attempts.c.id)
        .with_for_update()
    )
    for row in live:
        tx.run(update(attempts).where(attempts.c.id == row.id).values(lease_until=row.lease_until + by))
