"""A circuit per endpoint, so that one that is down costs one failure now and then, and not every call.

    closed --a--> open --b--> half-open --c--> closed
                   ^              |
                   +------d-------+

a: failures in a row, or the endpoint asks for a rest; b: the pause is over; c: a call succeeded; d: it
failed. The pause doubles with every d, up to the longest.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Call", "Circuit", "CircuitState", "Pauses"]


class CircuitState(StrEnum):
    """Whether an endpoint is called."""

    CLOSED = "closed"
    """Yes."""
    OPEN = "open"
    """No."""
    HALF_OPEN = "half-open"
    """One call at a time, as a trial."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pauses:
    """When a circuit opens, and for how long, in seconds."""

    failures: int = 3
    """In a row."""
    first: float = 10.0
    longest: float = 120.0
    asked: float = 600.0
    """The longest rest that an endpoint is given because it asks for one."""


class Circuit:
    """The circuit of one endpoint; time is handed in."""

    def __init__(self, clock: Callable[[], float], pauses: Pauses | None = None) -> None:
        self._clock = clock
        self._pauses = pauses or Pauses()
        self._failures = 0
        self._doublings = 0
        self._until: float | None = None
        self._trial: Call | None = None

    @property
    def state(self) -> CircuitState:
        """Whether the endpoint is called now."""
        if self._until is None:
            return CircuitState.CLOSED
        return CircuitState.OPEN if self._clock() < self._until else CircuitState.HALF_OPEN

    @property
    def wait_s(self) -> float:
        """Seconds until the endpoint may be tried again; 0 when it may be now."""
        return 0.0 if self._until is None else max(0.0, self._until - self._clock())

    def enter(self) -> "Call | None":
        """Return a call that may be made now, which must be told how it ends, or None."""
        call = Call(self)
        match self.state:
            case CircuitState.OPEN:
                return None
            case CircuitState.HALF_OPEN:
                if self._trial is not None:
                    return None
                self._trial = call
            case CircuitState.CLOSED:
                pass
        return call

    def succeed(self) -> None:
        """Close: edge c. Whichever call it was, the endpoint is there now."""
        self._failures = self._doublings = 0
        self._until = None

    def fail(self, rest_s: float, *, trial: bool) -> None:
        """Open if that is due: edge a or d. Calls that were under way when it opened make it no longer."""
        self._failures += 1
        pause = min(max(rest_s, 0.0), self._pauses.asked)
        if trial or (self._until is None and self._failures >= self._pauses.failures):
            pause = max(
                pause, min(self._pauses.longest, self._pauses.first * 2.0 ** min(self._doublings, 32))
            )
            self._doublings += 1
        if pause > 0:
            self._until = max(self._until or 0.0, self._clock() + pause)

    def end(self, call: "Call") -> bool:
        """Say whether this call was the trial, which is over now."""
        if self._trial is not call:
            return False
        self._trial = None
        return True


class Call:
    """One call through a circuit; only its first end counts."""

    def __init__(self, circuit: Circuit) -> None:
        self._circuit: Circuit | None = circuit

    def answered(self) -> None:
        """The endpoint has answered."""
        if circuit := self._leave():
            circuit.end(self)
            circuit.succeed()

    def failed(self, rest_s: float = 0.0) -> None:
        """The endpoint has failed, and asks for a rest of so many seconds."""
        if circuit := self._leave():
            circuit.fail(rest_s, trial=circuit.end(self))

    def let_go(self) -> None:
        """The call was given up, and says nothing of the endpoint."""
        if circuit := self._leave():
            circuit.end(self)

    def _leave(self) -> Circuit | None:
        circuit, self._circuit = self._circuit, None
        return circuit
