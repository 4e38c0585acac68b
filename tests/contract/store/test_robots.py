"""Robots: enrolled once with a one-time code that says their kind, admitted, revoked."""

import pytest
from sqlalchemy import select

from moonloop.domain.access import Scope
from moonloop.domain.errors import IllegalTransition, NotFound, Unauthenticated
from moonloop.domain.messages import EnrolRequest
from moonloop.domain.robots import Capabilities, RobotKind, RobotState
from moonloop.store import robots, tokens
from moonloop.store import tables as t
from moonloop.store.tokens import fingerprint
from support.campaigns import TTL, Bench

CODE = "code-12345678"


def _enrol(bench: Bench, robot: str = "rob_0001", code: str = CODE) -> str:
    request = EnrolRequest(
        code=code,
        name="R",
        adapter="table",
        version="1",
        capabilities=Capabilities(protocols=("table.lookup/1",)),
    )
    row = bench.do(robots.enrol, robot, request)
    return row.state


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        (RobotKind.PHYSICAL, RobotState.WAITING),
        (RobotKind.COMPUTATIONAL, RobotState.ACTIVE),
        (RobotKind.SIMULATED, RobotState.ACTIVE),
    ],
)
def test_the_code_says_the_kind_and_a_physical_robot_waits(
    bench: Bench, kind: RobotKind, state: RobotState
) -> None:
    """The device does not choose what it is."""
    bench.do(robots.issue_code, CODE, kind, 60)

    assert _enrol(bench) == state
    assert bench.value(select(t.robots.c.kind)) == kind


def test_a_code_is_good_once(bench: Bench) -> None:
    """The second device is turned away, and that is journalled."""
    bench.do(robots.issue_code, CODE, RobotKind.SIMULATED, 60)
    _enrol(bench)

    with pytest.raises(Unauthenticated):
        _enrol(bench, "rob_0002")

    assert bench.count(t.robots) == 1
    assert bench.refusals("rob_0002") == ["unauthenticated"]


@pytest.mark.parametrize("fault", ["unknown", "out of time"])
def test_a_bad_code_enrols_nobody(bench: Bench, fault: str) -> None:
    """Unknown, or over since this second."""
    bench.do(robots.issue_code, CODE, RobotKind.SIMULATED, 60)
    if fault == "out of time":
        bench.clock.advance(60)

    with pytest.raises(Unauthenticated):
        _enrol(bench, code=CODE if fault == "out of time" else "code-of-nobody")

    assert bench.count(t.robots) == 0


def test_no_code_is_kept(bench: Bench) -> None:
    """Only its hash is on record."""
    bench.do(robots.issue_code, CODE, RobotKind.SIMULATED, 60)

    row = bench.dicts(select(t.enrolment_codes))[0]
    assert row["sha256"] == fingerprint(CODE)
    assert CODE not in str(row)
    assert CODE not in str(bench.dicts(select(t.journal)))


def test_admitting_twice_is_admitting_once(bench: Bench) -> None:
    """An administrator's double click."""
    robot = bench.robot(kind=RobotKind.PHYSICAL, admitted=False)
    for _ in range(2):
        bench.do(robots.admit, robot)

    assert bench.state(t.robots, robot) == RobotState.ACTIVE
    assert len(bench.journal("robot.state", robot)) == 1


def test_a_quarantine_is_not_lifted_by_an_admission(bench: Bench) -> None:
    """Only settling its incident does that."""
    bench.queued(1)
    robot = bench.robot()
    bench.running(robot)
    bench.later(TTL + 1)
    with pytest.raises(Exception, match="stale"):
        bench.accept(robot, bench.claim(robot))  # type: ignore[arg-type]
    assert bench.state(t.robots, robot) == RobotState.QUARANTINED

    with pytest.raises(IllegalTransition):
        bench.do(robots.admit, robot)


def test_a_revoked_robot_is_out_for_good(bench: Bench) -> None:
    """Its tokens end with it, and nobody admits it again."""
    robot = bench.robot()
    scopes = frozenset({Scope.ROBOT})
    bench.do(tokens.issue, "tok_1", "secret-1", robot, scopes, robot=robot)
    bench.do(tokens.issue, "tok_2", "secret-2", "alice", frozenset({Scope.READ}))
    for _ in range(2):
        bench.do(robots.revoke, robot, "sold")

    with pytest.raises(Unauthenticated, match="revoked"):
        bench.ledger.read_now(tokens.identify, fingerprint("secret-1"))
    assert bench.ledger.read_now(tokens.identify, fingerprint("secret-2")).principal == "alice"
    with pytest.raises(IllegalTransition):
        bench.do(robots.admit, robot)
    assert [row.facts["why"] for row in bench.journal("robot.state", robot)] == ["sold"]


def test_an_unknown_robot_is_not_found(bench: Bench) -> None:
    """The id is named."""
    with pytest.raises(NotFound):
        bench.do(robots.revoke, "rob_nobody", "sold")
