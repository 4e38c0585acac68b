"""Finishing: edge h, once; what comes after its lease was lost goes into quarantine."""

from typing import Any, Literal, cast

from sqlalchemy import select

from moonloop.domain.errors import FinishConflict, MoonloopError, NotFound
from moonloop.domain.lifecycles import ATTEMPT, AttemptState
from moonloop.domain.results import FinishReport, Outcome
from moonloop.store.grips import Grip, grip
from moonloop.store.leases import settle_lapsed, stale
from moonloop.store.measurements import Accepted, count_result
from moonloop.store.tables import MOVING_ATTEMPT, attempts, late_results
from moonloop.store.transaction import Tx

__all__ = ["finish", "late_result"]

_TARGET = {
    Outcome.SUCCEEDED: AttemptState.SUCCEEDED,
    Outcome.FAILED: AttemptState.FAILED,
    Outcome.CANCELLED: AttemptState.CANCELLED,
    Outcome.ABORTED: AttemptState.ABORTED,
}

FinishState = Literal["succeeded", "failed", "cancelled", "aborted", "quarantined"]


def finish(
    tx: Tx,
    robot: str,
    attempt: str,
    fence: int,
    accepted: Accepted | MoonloopError,
    body: bytes,
    sha256: str,
) -> FinishState:
    """Take the result of a running attempt, once.

    `accepted` may be why the report does not fit its job: that is raised where the result would count. A
    result that comes after its lease was lost is kept in quarantine, whatever it says. The same body again
    gets the same answer, another body `FinishConflict`. Raises `StaleFence` for an attempt not started.
    """
    held = settle_lapsed(tx, grip(tx, attempt, robot))
    if fence != held.attempt.fence:
        raise tx.refuse(stale(held, fence), attempt, held.campaign.id)
    if held.attempt.finish_sha256 is not None:
        if held.attempt.finish_sha256 != sha256:
            raise tx.refuse(FinishConflict(attempt=attempt), attempt, held.campaign.id)
        return cast("FinishState", held.attempt.state)
    if held.attempt.state in (AttemptState.LOST, AttemptState.RECONCILED):
        return _quarantine(tx, held, body, sha256)
    if held.attempt.state not in MOVING_ATTEMPT:
        raise tx.refuse(stale(held, fence), attempt, held.campaign.id)
    if isinstance(accepted, MoonloopError):
        raise accepted
    target = _TARGET[accepted.report.outcome]
    facts: dict[str, Any] = {"result": sha256}
    if accepted.report.failure:
        facts["failure"] = accepted.report.failure[:500]
    values = {"ended_at": tx.now(), "finish_sha256": sha256, "finish": body}
    tx.move(ATTEMPT, attempts, held.attempt, "h", target, facts=facts, **values)
    count_result(tx, held, accepted, "h", facts)
    return cast("FinishState", target.value)


def _quarantine(tx: Tx, held: Grip, body: bytes, sha256: str) -> FinishState:
    tx.commit_anyway = True
    known = tx.scalar(select(late_results.c.sha256).where(late_results.c.attempt_id == held.attempt.id))
    if known is not None:
        if known != sha256:
            raise tx.refuse(FinishConflict(attempt=held.attempt.id), held.attempt.id, held.campaign.id)
        return "quarantined"
    tx.add(late_results, attempt_id=held.attempt.id, body=body, sha256=sha256, received_at=tx.now())
    tx.journal("result.quarantined", held.attempt.id, held.campaign.id, facts={"result": sha256})
    return "quarantined"


def late_result(tx: Tx, attempt: str) -> FinishReport | None:
    """Return the result that waits in quarantine, or None."""
    row = tx.one(select(late_results).where(late_results.c.attempt_id == attempt))
    return FinishReport.model_validate_json(row.body) if row is not None else None


def require_attempt(tx: Tx, attempt: str) -> Any:
    """Return an attempt's row; raise `NotFound` when there is none."""
    row = tx.one(select(attempts).where(attempts.c.id == attempt))
    if row is None:
        raise NotFound(kind="attempt", id=attempt)
    return row
