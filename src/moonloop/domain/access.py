"""Who asks, and what they may do."""

from enum import StrEnum

from moonloop.domain.errors import Forbidden
from moonloop.domain.ids import Principal, RobotId
from moonloop.domain.reviews import DeciderKind
from moonloop.domain.values import Value

__all__ = ["EVERYTHING", "Identity", "Scope"]


class Scope(StrEnum):
    """What a token may be used for."""

    READ = "read"
    """See campaigns, reviews, incidents and robots."""
    CAMPAIGN = "campaign"
    """Start, pause, resume and stop campaigns."""
    DECIDE = "decide"
    """Decide on plans."""
    HOLD = "hold"
    """Set and release holds."""
    RECONCILE = "reconcile"
    """Settle incidents."""
    ADMINISTER = "administer"
    """Issue enrolment codes and tokens, admit and revoke robots, change budgets, import campaigns."""
    ROBOT = "robot"
    """Be a robot: claim and carry out jobs."""


EVERYTHING = frozenset(Scope) - {Scope.ROBOT}
"""The owner's scopes."""


class Identity(Value):
    """Whose token it is."""

    principal: Principal
    decider: DeciderKind
    scopes: frozenset[Scope]
    robot_id: RobotId | None = None

    def require(self, scope: Scope) -> None:
        """Raise `Forbidden` unless the token has the scope."""
        if scope not in self.scopes:
            why = f"the token has not the scope {scope}"
            raise Forbidden(principal=self.principal, action=scope.value, why=why)
