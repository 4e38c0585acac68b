"""The ledger against a laboratory in plain Python: whatever happens, in whatever order, they say the same.

Robots claim, accept, start, beat, release and finish; messages are lost, repeated and overtaken; leases run
out; the job service goes down; people hold, pause, revoke, reconcile and stop.
"""

import shutil
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Connection, select

from moonloop.domain import ids
from moonloop.domain.canonical import seal
from moonloop.domain.errors import (
    AlreadyDecided,
    AttemptOpen,
    BudgetSpent,
    FinishConflict,
    Forbidden,
    IllegalTransition,
    MoonloopError,
    NotFound,
    NothingToAdopt,
    RobotUnavailable,
    StaleFence,
    StartRefused,
)
from moonloop.domain.history import Advice, NextStep
from moonloop.domain.lifecycles import DoneReason
from moonloop.domain.messages import Beat, ClaimRequest
from moonloop.domain.reviews import DeciderKind, DecisionVerdict, NewDecision, Resolution
from moonloop.store import (
    Ledger,
    attempts,
    budgets,
    campaigns,
    holds,
    jobs,
    losses,
    offers,
    plans,
    presence,
    results,
    reviews,
    robots,
    steering,
)
from moonloop.store import tables as t
from support.campaigns import CAMPAIGN, TTL, Bench, StoppedClock, make_plan, make_spec, reconcile, succeeded
from support.laws import check_laws
from support.postgres import Cluster
from support.reference import Laboratory, Refused, Robot

LIMIT = 12
LASTS = 900.0
EVERY = 30.0
ROBOTS = tuple(f"rob_00000{name}" for name in ("one", "two", "six"))
SCOPES = {"site": "site", "campaign": f"campaign:{CAMPAIGN}", ROBOTS[0]: f"device:{ROBOTS[0]}"}
WORDS: dict[type[MoonloopError], str] = {
    AlreadyDecided: "decided",
    AttemptOpen: "unavailable",
    BudgetSpent: "spent",
    FinishConflict: "conflict",
    Forbidden: "forbidden",
    IllegalTransition: "illegal",
    NotFound: "not found",
    NothingToAdopt: "nothing",
    RobotUnavailable: "unavailable",
    StaleFence: "stale",
    StartRefused: "refused",
}

USUAL = {"offered": "accept", "accepted": "start", "running": "finish"}

CALLS = ("accept", "start", "beat", "release", "finish")
DEEDS = (
    *["work"] * 8,
    *["plan", "wait", "settle", "resend", "review", "unusual"] * 2,
    *["stray", "hold", "steer", "administer", "outage", "sweep"],
)
"""What may happen, as often as it is named here."""

Item = TypeVar("Item")


class _Choice:
    """Choices made by one number, so that a failing history shrinks to small ones."""

    def __init__(self, number: int) -> None:
        self._rest = number

    def of(self, items: Sequence[Item]) -> Item:
        """Choose one."""
        self._rest, place = divmod(self._rest, len(items))
        return items[place]


def _value(call: str, number: int) -> tuple[float, ...]:
    return (float(number % 2),) if call == "finish" else ()


class LedgerAgainstReference(RuleBasedStateMachine):
    """Does each thing twice, once in the ledger and once in the reference, and compares."""

    def __init__(self, open_ledger: Callable[[StoppedClock], Ledger], words: set[str]) -> None:
        super().__init__()
        self.words = words
        self.clock = StoppedClock()
        self.ledger = open_ledger(self.clock)
        self.sent: list[tuple[Any, ...]] = []
        self.requests = 0
        self.decisions = 0

    @initialize(reruns=st.integers(0, 2))
    def open(self, reruns: int) -> None:
        """A running campaign and three robots."""
        spec = make_spec(
            budget={"experiments": LIMIT},
            reviews={"simulated": "every_cycle", "approval_lasts": LASTS},
            on_lost={"rerun": reruns},
        )
        self.bench = Bench(self.ledger, spec, self.clock)
        self.bench.do(presence.beat, EVERY, TTL, {})
        self.bench.do(campaigns.start, CAMPAIGN, "request", seal(spec), spec)
        self.lab = Laboratory(TTL, LASTS, reruns, LIMIT, patience=2 * EVERY)
        for name in ROBOTS:
            assert self.bench.robot(name.removeprefix("rob_").lstrip("0")) == name
            self.lab.robots[name] = Robot()
        self.cycle = 0
        self.add_plan(3)
        self.approve(ids.plan_id(CAMPAIGN, 1))

    def teardown(self) -> None:
        """In the end the laws hold of all that happened."""
        if hasattr(self, "bench"):
            self.ledger.read_now(check_laws)
        self.ledger.close()

    def both(self, expected: Callable[[], Any], transition: Any, *args: Any) -> Any:
        """Do it in both; they give the same answer, or refuse with the same word and an allowed reason."""
        answer, refusal = _told(expected)
        self.words.add(refusal.word if isinstance(refusal, Refused) else str(answer))
        given, error = _told(self.bench.do, transition, *args)
        told = f"the ledger: {given} {error!r}, the reference: {answer} {refusal!r}"
        assert (error is None) == (refusal is None), told
        if isinstance(error, MoonloopError) and isinstance(refusal, Refused):
            assert WORDS[type(error)] == refusal.word, told
            if isinstance(error, StartRefused):
                assert error.reason in refusal.reasons, told
                self.lab.attempts[error.attempt].refusal = error.reason
            return None
        assert answer is None or given == answer, told
        return given

    @rule(deed=st.sampled_from(DEEDS), number=st.integers(0, 10**6))
    def act(self, deed: str, number: int) -> None:
        """One thing happens; the number says to whom and how."""
        getattr(self, deed)(_Choice(number))

    # Plans.

    def plan(self, choice: _Choice) -> None:
        """The next cycle's plan, under review and mostly approved at once."""
        if self.lab.campaign == "running" and self.cycle < 5:
            self.add_plan(choice.of([1, 2, 3]))
            latest = ids.plan_id(CAMPAIGN, self.cycle)
            if latest in self.lab.plans and choice.of([True, True, False]):
                self.approve(latest)

    def add_plan(self, size: int) -> None:
        """Plan the next cycle, or again the one whose plan was refused."""
        if self.cycle == 0 or ids.plan_id(CAMPAIGN, self.cycle) in self.lab.plans:
            if self.cycle:
                advice = seal(Advice(step=NextStep.SEARCH, sentence="on"))
                self.bench.do(campaigns.close_cycle, CAMPAIGN, self.cycle, advice)
            self.cycle += 1
        self.bench.do(campaigns.next_step, CAMPAIGN, "algorithmic")
        plan, sealed, specs = make_plan(self.bench.spec, self.cycle, size)
        named = [run.job_id for run in plan.runs]
        self.both(lambda: self.lab.plan(plan.id, named), plans.record_plan, plan, sealed, specs)
        if plan.id in self.lab.plans:
            self.bench.do(plans.screen, plan.id)
            self.bench.do(reviews.open_review, plan.id)

    def decide(self, expected: Callable[[], Any], plan: str, verdict: DecisionVerdict) -> None:
        """Decide on a plan under a new id."""
        self.decisions += 1
        sha256 = self.bench.value(select(t.plans.c.sha256).where(t.plans.c.id == plan))
        decision = NewDecision(id=f"dec_{self.decisions:04d}", verdict=verdict, plan_sha256=sha256)
        self.both(expected, reviews.decide, ids.review_id(plan, 1), decision, "bob", DeciderKind.PERSON)

    def approve(self, plan: str) -> None:
        """Yes."""
        self.decide(lambda: self.lab.approve(plan), plan, DecisionVerdict.APPROVE)

    def review(self, choice: _Choice) -> None:
        """Something is said of a plan, or its time is over, or its workflow asks for its jobs once more."""
        plan = choice.of(list(self.lab.plans))
        what = choice.of(["approve"] * 5 + ["expire", "queue"] * 2 + ["reject", "revoke"])
        if what == "approve":
            self.approve(plan)
        elif what == "reject":
            self.decide(lambda: self.lab.reject(plan), plan, DecisionVerdict.REJECT)
        elif what == "revoke":
            self.decide(lambda: self.lab.revoke(plan), plan, DecisionVerdict.REVOKE)
        elif what == "expire":
            self.both(lambda: self.lab.expire(plan), reviews.expire, ids.review_id(plan, 1))
        else:
            self.both(lambda: self.lab.queue(plan), jobs.queue, plan)

    # The campaign and the laboratory.

    def steer(self, choice: _Choice) -> None:
        """Pause, resume or stop; a stopping campaign tries to end."""
        what = choice.of(["resume"] * 6 + ["pause"] * 3 + ["stop"])
        if what == "stop":
            self.both(self.lab.stop, campaigns.stop, CAMPAIGN, DoneReason.STOPPED_BY, "enough")
        else:
            self.both(getattr(self.lab, what), getattr(steering, what), CAMPAIGN, "so")
        if self.lab.campaign == "stopping":
            self.both(self.lab.conclude, campaigns.conclude, CAMPAIGN)

    def hold(self, choice: _Choice) -> None:
        """Nothing starts in a scope, or all holds are released."""
        what = choice.of(["free"] * 4 + [*SCOPES])
        if what != "free":
            self.lab.holds.add(what)
            self.bench.do(holds.hold, SCOPES[what], "a leak")
            return
        for scope in sorted(self.lab.holds):
            self.bench.do(holds.release, SCOPES[scope], "repaired")
        self.lab.holds.clear()

    def administer(self, choice: _Choice) -> None:
        """The budget is cut or raised; now and then a robot is out for good."""
        limit = choice.of([1.0, *[float(LIMIT)] * 4, LIMIT + 4.0])
        self.lab.limit = limit
        self.bench.do(budgets.change_limit, CAMPAIGN, "experiments", limit)
        sold = choice.of([*ROBOTS, *[""] * 20])
        if sold:
            self.lab.robots[sold].state = "revoked"
            self.bench.do(robots.revoke, sold, "sold")

    # Time.

    def wait(self, choice: _Choice) -> None:
        """Time passes with a job service beating all the while."""
        seconds = choice.of([5.0, 20.0, 45.0, 61.0, 61.0, 300.0])
        while seconds > 0:
            step = min(seconds, 2 * EVERY)
            self.clock.advance(step)
            self.lab.now += step
            self.service_beats()
            seconds -= step

    def outage(self, choice: _Choice) -> None:
        """No job service is up; the sweeper comes all the same and may do nothing."""
        seconds = choice.of([61.0, 400.0])
        self.clock.advance(seconds)
        self.lab.now += seconds
        assert self.swept() == 0
        self.service_beats()

    def service_beats(self) -> None:
        """The job service says that it is up."""
        self.lab.service_beats()
        self.bench.do(presence.beat, EVERY, TTL, {})

    def sweep(self, _: _Choice) -> None:
        """The sweeper settles what has run out."""
        self.swept()

    def swept(self) -> int:
        """Sweep both; return how many attempts the ledger settled."""
        self.lab.sweep()
        found = self.ledger.read_now(losses.sweepable)
        return sum(bool(self.bench.do(losses.sweep, attempt)) for attempt in found)

    # Robots.

    def work(self, choice: _Choice) -> None:
        """A robot goes on with what it holds, or asks for work: some steps of its usual way."""
        robot = choice.of(ROBOTS)
        for _ in range(choice.of([1, 2, 3, 3, 4])):
            held = [
                name for name, one in self.lab.attempts.items() if one.robot == robot and one.state in USUAL
            ]
            if not held:
                self.requests += 1
                self.send("claim", robot, f"request-{self.requests}")
                if not any(one.robot == robot and one.state in USUAL for one in self.lab.attempts.values()):
                    return
                continue
            attempt = self.lab.attempts[held[0]]
            call = "release" if attempt.refusal else USUAL[attempt.state]
            self.send(call, robot, held[0], attempt.fence, *_value(call, self.requests))

    def unusual(self, choice: _Choice) -> None:
        """A robot says something of a late attempt of its own, whatever became of it."""
        if not self.lab.attempts:
            return
        name = choice.of(list(self.lab.attempts)[-4:])
        attempt = self.lab.attempts[name]
        call = choice.of(CALLS)
        self.send(call, attempt.robot, name, attempt.fence, *_value(call, choice.of([0, 1])))

    def stray(self, choice: _Choice) -> None:
        """A message about any attempt, also from another robot, also under another fence."""
        if not self.lab.attempts:
            return
        name = choice.of(list(self.lab.attempts))
        attempt = self.lab.attempts[name]
        call, robot = choice.of(CALLS), choice.of([attempt.robot, attempt.robot, *ROBOTS])
        fence = max(1, attempt.fence + choice.of([0, 1, -1]))
        self.send(call, robot, name, fence, *_value(call, choice.of([0, 1])))

    def resend(self, choice: _Choice) -> None:
        """Any earlier message comes again, however late."""
        if self.sent:
            self.deliver(*choice.of(self.sent))

    def send(self, *message: Any) -> None:
        """Send a message and remember it."""
        self.sent.append(message)
        self.deliver(*message)

    def deliver(self, call: str, robot: str, *args: Any) -> None:
        """Deliver a message to both."""
        if call == "claim":
            self.deliver_claim(robot, *args)
            return
        name, fence = args[0], args[1]
        transitions: dict[str, tuple[Any, ...]] = {
            "accept": (attempts.accept, robot, name, fence, TTL),
            "start": (attempts.start, robot, name, fence, TTL),
            "beat": (attempts.beat, robot, name, Beat(fence=fence, seq=len(self.sent)), TTL),
            "release": (attempts.release, robot, name, fence, "why"),
            "finish": (results.finish, robot, name, fence, *succeeded(args[2] if call == "finish" else 0.0)),
        }
        self.both(lambda: getattr(self.lab, call)(robot, *args), *transitions[call])

    def deliver_claim(self, robot: str, request: str) -> None:
        """A claim is answered with the same job, or with none."""
        expected: list[str | None] = []
        claim = ClaimRequest(request_id=request)
        offer = self.both(
            lambda: expected.append(self.lab.claim(robot, request)), offers.claim, robot, claim, TTL
        )
        if expected:
            assert (offer and offer.attempt_id) == expected[0]
            if offer is not None:
                assert offer.fence == self.lab.attempts[offer.attempt_id].fence

    def settle(self, choice: _Choice) -> None:
        """A person settles an incident, or tries to settle what is none."""
        lost = [name for name, attempt in self.lab.attempts.items() if attempt.state == "lost"]
        names = lost or list(self.lab.attempts)
        if names:
            name, how = choice.of(names), choice.of(["rerun", "adopt", "fail"])
            self.both(lambda: self.lab.reconcile(name, how), reconcile, name, Resolution(how), "looked")

    # After every step.

    @invariant()
    def they_say_the_same(self) -> None:
        """Every state, fence, figure and value of the ledger is that of the reference."""
        if hasattr(self, "lab"):
            assert self.ledger.read_now(_seen) == self.expected()

    def expected(self) -> dict[str, Any]:
        """The reference in the ledger's terms."""
        lab = self.lab
        return {
            "campaign": lab.campaign,
            "budget": (float(lab.reserved), float(lab.spent), float(lab.limit)),
            "reviews": {ids.review_id(name, 1): plan.review for name, plan in lab.plans.items()},
            "jobs": {name: (job.state, job.attempts, job.reruns) for name, job in lab.jobs.items()},
            "attempts": {
                name: (one.state, one.robot, one.fence, one.started, one.refusal)
                for name, one in lab.attempts.items()
            },
            "robots": {name: (robot.state, robot.fence) for name, robot in lab.robots.items()},
            "incidents": {name for name, one in lab.attempts.items() if one.state == "lost"},
            "values": {name: job.value for name, job in lab.jobs.items() if job.value is not None},
            "late": {name for name, one in lab.attempts.items() if one.late is not None},
        }


def _told(action: Callable[..., Any], *args: Any) -> tuple[Any, Exception | None]:
    """Return the answer, or the error that was one."""
    try:
        return action(*args), None
    except (MoonloopError, Refused) as error:
        return None, error


def _seen(connection: Connection) -> dict[str, Any]:
    """The ledger in the same terms."""

    def rows(query: Any) -> Any:
        return connection.execute(query).all()

    line = rows(select(t.budgets).where(t.budgets.c.line == "experiments"))[0]
    fences = {row.robot_id: row.fence for row in rows(select(t.device_fences))}
    return {
        "campaign": rows(select(t.campaigns.c.state))[0].state,
        "budget": (line.reserved, line.spent, line.limit),
        "reviews": {row.id: row.state for row in rows(select(t.reviews))},
        "jobs": {row.id: (row.state, row.attempts, row.reruns) for row in rows(select(t.jobs))},
        "attempts": {
            row.id: (
                row.state,
                row.robot_id,
                row.fence,
                row.started_at is not None,
                row.refusal and row.refusal["reason"],
            )
            for row in rows(select(t.attempts))
        },
        "robots": {row.id: (row.state, fences[row.id]) for row in rows(select(t.robots))},
        "incidents": {
            row.attempt_id for row in rows(select(t.incidents).where(t.incidents.c.state == "open"))
        },
        "values": {row.job_id: row.value for row in rows(select(t.measurements))},
        "late": {row.attempt_id for row in rows(select(t.late_results))},
    }


def _run(open_ledger: Callable[[StoppedClock], Ledger], examples: int, steps: int) -> set[str]:
    """Run so many histories; return the words that were said in them."""
    words: set[str] = set()

    class Machine(LedgerAgainstReference):
        """Each history begins in a ledger of its own."""

        def __init__(self) -> None:
            super().__init__(open_ledger, words)

    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Machine, settings=settings(max_examples=examples, stateful_step_count=steps)
    )
    return words


def test_the_ledger_is_the_laboratory_of_the_documents_on_sqlite(migrated_file: Path, tmp_path: Path) -> None:
    """In many histories."""
    numbers = count()

    def opened(clock: StoppedClock) -> Ledger:
        copied = shutil.copy(migrated_file, tmp_path / f"ledger-{next(numbers)}.db")
        return Ledger(f"sqlite:///{copied}", clock=clock)

    said = _run(opened, examples=60, steps=50)

    # Rarer words have tests of their own: which histories are drawn changes with any line of the code.
    assert said >= {"decided", "quarantined", "refused", "stale", "succeeded"}


def test_the_ledger_is_the_laboratory_of_the_documents_on_postgresql(postgres: Cluster) -> None:
    """In fewer, but in the same way."""
    urls: list[str] = []

    def opened(clock: StoppedClock) -> Ledger:
        while urls:
            postgres.recycle(urls.pop())
        urls.append(postgres.fresh())
        return Ledger(urls[-1], clock=clock)

    said = _run(opened, examples=8, steps=40)

    assert said >= {"stale", "succeeded"}
