"""Robots: enrolled once with a one-time code that says their kind, admitted, revoked."""

from datetime import timedelta
from typing import Any

from sqlalchemy import Row, select, update

from moonloop.domain.errors import IllegalTransition, NotFound, Unauthenticated
from moonloop.domain.messages import EnrolRequest
from moonloop.domain.robots import RobotKind, RobotState
from moonloop.domain.steps import scope_of_robot
from moonloop.store.holds import make_scopes
from moonloop.store.tables import device_fences, enrolment_codes, robots, tokens
from moonloop.store.tokens import fingerprint
from moonloop.store.transaction import Level, Tx

__all__ = ["admit", "enrol", "issue_code", "revoke"]


def issue_code(tx: Tx, code: str, kind: RobotKind, valid_s: float) -> None:
    """Record a one-time code for a robot of this kind; only its hash is kept."""
    now = tx.now()
    tx.add(
        enrolment_codes,
        sha256=fingerprint(code),
        kind=kind,
        issued_by=tx.actor,
        issued_at=now,
        expires_at=now + timedelta(seconds=valid_s),
    )
    tx.journal("code.issued", fingerprint(code)[:12], None, after="live", facts={"kind": kind})


def enrol(tx: Tx, robot: str, request: EnrolRequest) -> Row[Any]:
    """Register a robot under the kind of its code; a physical one waits for an administrator.

    Raises `Unauthenticated` for a code that is unknown, out of time or used.
    """
    code = tx.one(
        select(enrolment_codes).where(enrolment_codes.c.sha256 == fingerprint(request.code)).with_for_update()
    )
    if code is None or code.robot_id is not None or tx.now() >= code.expires_at:
        why = "the enrolment code is unknown, used or out of time"
        raise tx.refuse(Unauthenticated(why=why), robot, None)
    state = RobotState.WAITING if code.kind == RobotKind.PHYSICAL else RobotState.ACTIVE
    tx.add(
        robots,
        id=robot,
        name=request.name,
        kind=code.kind,
        adapter=request.adapter,
        version=request.version,
        capabilities=request.capabilities.model_dump_json().encode(),
        state=state,
        enrolled_at=tx.now(),
    )
    tx.add(device_fences, robot_id=robot, fence=0)
    make_scopes(tx, scope_of_robot(robot))
    tx.run(update(enrolment_codes).where(enrolment_codes.c.sha256 == code.sha256).values(robot_id=robot))
    facts = {"kind": code.kind, "adapter": request.adapter, "name": request.name}
    tx.journal("robot.enrolled", robot, None, after=state, facts=facts)
    row = tx.one(select(robots).where(robots.c.id == robot))
    assert row is not None
    return row


def admit(tx: Tx, robot: str) -> None:
    """Let a waiting robot work; admitting an active one changes nothing."""
    _change(tx, robot, {RobotState.WAITING}, RobotState.ACTIVE, "")


def revoke(tx: Tx, robot: str, reason: str) -> None:
    """End a robot's access for good; what it is doing is settled by its lease."""
    _change(
        tx,
        robot,
        {RobotState.WAITING, RobotState.ACTIVE, RobotState.QUARANTINED},
        RobotState.REVOKED,
        reason,
    )
    tx.run(
        update(tokens)
        .where(tokens.c.robot_id == robot, tokens.c.revoked_at.is_(None))
        .values(revoked_at=tx.now())
    )


def _change(tx: Tx, robot: str, sources: set[RobotState], target: RobotState, why: str) -> None:
    rows = tx.lock(Level.DEVICE, robot, write=True)
    if not rows:
        raise NotFound(kind="robot", id=robot)
    if rows[0].state == target:
        return
    if rows[0].state not in sources:
        raise IllegalTransition(machine="robot", state=rows[0].state, edge=f"to {target}")
    tx.run(update(robots).where(robots.c.id == robot).values(state=target, why=why))
    tx.announces = True
    tx.journal("robot.state", robot, None, before=rows[0].state, after=target, facts={"why": why})
