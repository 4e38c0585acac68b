"""The circuit of an endpoint: when it opens, how long for, and what closes it."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from moonloop.agents.door.circuits import Call, Circuit, CircuitState, Pauses

_PAUSES = Pauses(failures=3, first=10.0, longest=40.0, asked=100.0)


class _Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def _made() -> tuple[Circuit, _Clock]:
    clock = _Clock()
    return Circuit(clock, _PAUSES), clock


def _entered(circuit: Circuit) -> Call:
    call = circuit.enter()
    assert call is not None
    return call


def _opened() -> tuple[Circuit, _Clock]:
    circuit, clock = _made()
    for _ in range(3):
        _entered(circuit).failed()
    return circuit, clock


def test_it_opens_after_so_many_failures_in_a_row() -> None:
    """Two failures do not open it, three do; one answer between them starts the count anew."""
    circuit, _ = _made()
    for _ in range(2):
        _entered(circuit).failed()
    _entered(circuit).answered()
    for _ in range(2):
        _entered(circuit).failed()
    assert circuit.state is CircuitState.CLOSED
    _entered(circuit).failed()
    assert circuit.state is CircuitState.OPEN
    assert circuit.enter() is None
    assert circuit.wait_s == 10.0


def test_after_the_pause_one_call_tries() -> None:
    """Half-open lets one call in, and no second before the first has ended."""
    circuit, clock = _opened()
    clock.now += 10.0
    assert circuit.state is CircuitState.HALF_OPEN
    trial = _entered(circuit)
    assert circuit.enter() is None
    trial.answered()
    assert circuit.state is CircuitState.CLOSED


def test_a_failed_trial_doubles_the_pause_up_to_the_longest() -> None:
    """10, 20, 40, 40 seconds; an answer brings it back to the first."""
    circuit, clock = _opened()
    waits: list[float] = []
    for _ in range(4):
        waits.append(circuit.wait_s)
        clock.now += circuit.wait_s
        _entered(circuit).failed()
    assert waits == [10.0, 20.0, 40.0, 40.0]


def test_a_trial_that_was_given_up_lets_another_try() -> None:
    """A cancelled call says nothing of the endpoint."""
    circuit, clock = _opened()
    clock.now += 10.0
    _entered(circuit).let_go()
    assert circuit.state is CircuitState.HALF_OPEN
    _entered(circuit).answered()


def test_calls_that_were_under_way_do_not_lengthen_the_pause() -> None:
    """Eight calls that fail together open the circuit once."""
    circuit, _ = _made()
    calls = [_entered(circuit) for _ in range(8)]
    for call in calls:
        call.failed()
    assert circuit.wait_s == 10.0


def test_giving_up_an_older_call_does_not_end_the_trial() -> None:
    """Only the trial itself makes room for another one."""
    circuit, clock = _made()
    old = _entered(circuit)
    for _ in range(3):
        _entered(circuit).failed()
    clock.now += 10.0
    _entered(circuit)
    old.let_go()
    assert circuit.enter() is None


def test_a_rest_that_is_asked_for_is_given_within_reason() -> None:
    """Retry-After opens the circuit at the first failure, and no endpoint is left alone for a day."""
    circuit, _ = _made()
    _entered(circuit).failed(7.0)
    assert circuit.wait_s == 7.0
    other, _ = _made()
    _entered(other).failed(86_400.0)
    assert other.wait_s == 100.0


def test_only_the_first_end_of_a_call_counts() -> None:
    """A call that has answered cannot fail afterwards."""
    circuit, _ = _made()
    for _ in range(5):
        call = _entered(circuit)
        call.answered()
        call.failed()
        call.let_go()
    assert circuit.state is CircuitState.CLOSED


@given(st.lists(st.floats(0, 200), max_size=30))
def test_an_endpoint_is_tried_again_in_bounded_time(rests: list[float]) -> None:
    """However it fails, and whatever it asks for, a call is let in after the longest pause."""
    circuit, clock = _made()
    for rest in rests:
        clock.now += circuit.wait_s
        _entered(circuit).failed(rest)
        assert circuit.wait_s <= 100.0 + 1e-6
    clock.now += 100.0 + 1e-6
    assert circuit.enter() is not None


class CircuitMachine(RuleBasedStateMachine):
    """A circuit beside the plainest account of what it promises."""

    def __init__(self) -> None:
        super().__init__()
        self.circuit, self.clock = _made()
        self.calls: list[Call] = []
        self.trial: Call | None = None
        self.in_a_row = 0

    @rule()
    def enter(self) -> None:
        """Ask to be let in."""
        state, call = self.circuit.state, self.circuit.enter()
        expected = {
            CircuitState.CLOSED: True,
            CircuitState.OPEN: False,
            CircuitState.HALF_OPEN: self.trial is None,
        }[state]
        assert expected == (call is not None)
        if call is not None:
            self.calls.append(call)
            if state is CircuitState.HALF_OPEN:
                self.trial = call

    @precondition(lambda self: self.calls)
    @rule(data=st.data(), end=st.sampled_from(["answered", "failed", "let_go"]))
    def end(self, data: st.DataObject, end: str) -> None:
        """End one of the calls that are under way."""
        call = self.calls.pop(data.draw(st.integers(0, len(self.calls) - 1)))
        was_trial, was = call is self.trial, self.circuit.state
        getattr(call, end)()
        if was_trial:
            self.trial = None
        if end == "answered":
            self.in_a_row = 0
            assert self.circuit.state is CircuitState.CLOSED
        if end == "failed":
            self.in_a_row += 1
            opens = was_trial or (was is CircuitState.CLOSED and self.in_a_row >= 3)
            assert self.circuit.state is (CircuitState.OPEN if opens else was)
        if end == "let_go":
            assert self.circuit.state is was

    @rule(seconds=st.sampled_from([1.0, 5.0, 10.0, 40.0]))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.now += seconds

    @invariant()
    def waits_no_longer_than_allowed(self) -> None:
        """No pause exceeds the longest, and a closed circuit has none."""
        assert 0.0 <= self.circuit.wait_s <= 40.0
        assert (self.circuit.state is CircuitState.OPEN) == (self.circuit.wait_s > 0)


TestCircuitMachine = CircuitMachine.TestCase
