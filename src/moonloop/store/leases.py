"""What every call about an attempt does first: settle a lease that ran out, and turn stale fences away."""

from moonloop.domain.errors import StaleFence
from moonloop.store.grips import Grip, reread
from moonloop.store.losses import lapse
from moonloop.store.transaction import Tx

__all__ = ["settle_lapsed", "stale"]


def settle_lapsed(tx: Tx, held: Grip) -> Grip:
    """Take edge j or k when the lease has run out; whoever looks first settles it."""
    if not held.lapsed:
        return held
    lapse(tx, held)
    tx.commit_anyway = True
    return reread(tx, held)


def stale(held: Grip, fence: int, state: str | None = None) -> StaleFence:
    """Return the final answer to a call that has no claim to the attempt any more."""
    return StaleFence(fence=fence, attempt=held.attempt.id, state=state or held.attempt.state)
