"""Many at once on PostgreSQL: each job once, no deadlock, and the laws hold in whatever came of it."""

import random
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import event, select
from sqlalchemy.engine import ExceptionContext

from moonloop.domain.errors import LedgerBusy, MoonloopError
from moonloop.domain.lifecycles import DoneReason
from moonloop.domain.messages import Beat, ClaimRequest, EventIn, Offer
from moonloop.domain.reviews import DeciderKind, DecisionVerdict, NewDecision, Resolution
from moonloop.domain.robots import Capabilities
from moonloop.store import (
    Ledger,
    attempts,
    budgets,
    campaigns,
    holds,
    losses,
    offers,
    presence,
    results,
    reviews,
    sealing,
    steering,
)
from moonloop.store import tables as t
from support.campaigns import PROTOCOL, TTL, Bench, ShiftedClock, make_spec, reconcile, succeeded
from support.laws import check_laws

ROBOTS = 8
CAMPAIGNS = ("cmp_0000000000000001", "cmp_0000000000000002")


@pytest.fixture
def ledgers(postgres_url: str, clock: ShiftedClock) -> Generator[list[Ledger]]:
    """One ledger, opened by two processes so to speak; deadlocks are counted, not only survived."""
    opened = [Ledger(postgres_url, clock=clock) for _ in range(2)]
    yield opened
    for ledger in opened:
        ledger.close()


def _watch(ledgers: list[Ledger]) -> list[str]:
    """Return a list that fills with the SQL states of transactions which the database undid."""
    undone: list[str] = []

    def note(context: ExceptionContext) -> None:
        state = getattr(context.original_exception, "sqlstate", None)
        if state in ("40001", "40P01"):
            undone.append(state)

    for ledger in ledgers:
        event.listen(ledger._write_engine, "handle_error", note)  # pyright: ignore[reportPrivateUsage]
    return undone


def _together(count: int, work: Callable[[int], None]) -> None:
    """Run `count` threads that begin at the same moment; raise what any of them raised."""
    gate = threading.Barrier(count, timeout=20)

    def begin(number: int) -> None:
        gate.wait()
        work(number)

    with ThreadPoolExecutor(count) as threads:
        for future in [threads.submit(begin, number) for number in range(count)]:
            future.result(timeout=60)


def test_many_robots_share_the_work_and_no_job_twice(ledgers: list[Ledger], clock: ShiftedClock) -> None:
    """Each of 40 jobs is offered once, started once and counted once, by eight robots at full speed."""
    undone = _watch(ledgers)
    bench = Bench(ledgers[0], make_spec(budget={"experiments": 40}), clock)
    bench.start()
    bench.queued(40)
    robots = [bench.robot(f"r{number}") for number in range(ROBOTS)]
    offered: list[Offer] = []

    def work(number: int) -> None:
        own = Bench(ledgers[number % 2], bench.spec, clock)
        for turn in range(100):
            offer = own.claim(robots[number], f"request-{turn}")
            if offer is None:
                return
            offered.append(offer)
            own.accept(robots[number], offer)
            own.begin(robots[number], offer)
            own.finish(robots[number], offer)

    _together(ROBOTS, work)

    assert sorted(offer.job_id for offer in offered) == sorted({offer.job_id for offer in offered})
    assert len(offered) == 40
    assert {row.state for row in bench.all(select(t.jobs))} == {"succeeded"}
    assert bench.budget() == (0.0, 40.0)
    assert undone == []
    ledgers[0].read_now(check_laws)


def test_a_robot_finds_work_while_others_take_theirs(ledgers: list[Ledger], clock: ShiftedClock) -> None:
    """As many robots as jobs, all claiming at the same moment: none is sent away with work left."""
    bench = Bench(ledgers[0], make_spec(), clock)
    bench.start()
    bench.queued(ROBOTS)
    robots = [bench.robot(f"r{number}") for number in range(ROBOTS)]
    offered: list[Offer | None] = []

    def work(number: int) -> None:
        offered.append(Bench(ledgers[number % 2], bench.spec, clock).claim(robots[number]))

    _together(ROBOTS, work)

    assert len({offer.job_id for offer in offered if offer is not None}) == ROBOTS


class _Person:
    """Somebody who does one random thing after another, with the ids that the ledger shows."""

    def __init__(self, ledger: Ledger, robots: list[str], seed: int) -> None:
        self._ledger = ledger
        self._robots = robots
        self._chance = random.Random(seed)
        self._turn = 0

    def act(self) -> None:
        """Do one thing; being refused is part of life."""
        seldom = [self._hold, self._steer, self._decide, self._settle, self._sweep, self._budget, self._beat]
        deeds = [self._robot_works] * 30 + seldom + [self._settle, self._seal, self._free]
        try:
            self._chance.choice(deeds)()
        except LedgerBusy:
            raise
        except MoonloopError:
            pass

    def _do(self, transition: Any, *args: Any) -> Any:
        return self._ledger.write_now(transition, "someone", *args)

    def _pick(self, query: Any) -> Any:
        rows = self._ledger.read_now(lambda connection: connection.execute(query).all())
        return self._chance.choice(rows) if rows else None

    def _robot_works(self) -> None:
        self._turn += 1
        robot = self._chance.choice(self._robots)
        held = self._pick(
            select(t.attempts).where(t.attempts.c.robot_id == robot, t.attempts.c.state.in_(t.LIVE_ATTEMPT))
        )
        if held is None:
            features = ("shaker",) if self._turn % 2 else ()
            request = ClaimRequest(
                request_id=f"request-{id(self)}-{self._turn}",
                capabilities=Capabilities(protocols=(PROTOCOL,), features=features),
            )
            self._do(offers.claim, robot, request, TTL)
            return
        call = (robot, held.id, held.fence)
        accepted, body, sha256 = succeeded(self._chance.choice([1.0, 2.0]))
        events = [EventIn(seq=seq, type="step") for seq in self._chance.sample(range(5), 3)]
        next_thing: dict[str, list[tuple[Any, ...]]] = {
            "offered": [(attempts.accept, *call, TTL)] * 4 + [(attempts.release, *call, "no")],
            "accepted": [(attempts.start, *call, TTL)] * 4 + [(attempts.release, *call, "no")],
            "running": [
                (results.finish, *call, accepted, body, sha256),
                (attempts.beat, robot, held.id, Beat(fence=held.fence, seq=self._turn), TTL),
                (attempts.record_events, robot, held.id, events),
            ],
        }
        self._do(*self._chance.choice(next_thing[held.state]))

    def _hold(self) -> None:
        scopes = ["site", "mission:default/default", f"campaign:{CAMPAIGNS[0]}", f"device:{self._robots[0]}"]
        self._do(holds.hold, self._chance.choice(scopes), "so")

    def _free(self) -> None:
        active = select(t.holds.c.scope).where(t.holds.c.active)
        for scope in self._ledger.read_now(lambda connection: list(connection.execute(active).scalars())):
            self._do(holds.release, scope, "so")
        for campaign in CAMPAIGNS:
            self._do(steering.resume, campaign, "so")

    def _steer(self) -> None:
        campaign = self._chance.choice(CAMPAIGNS)
        if self._chance.random() < 0.05:
            self._do(campaigns.stop, campaign, DoneReason.STOPPED_BY, "enough")
        else:
            self._do(steering.pause, campaign, "so")

    def _decide(self) -> None:
        review = self._pick(select(t.reviews))
        rare = self._chance.random() < 0.1
        decision = NewDecision(
            id=f"dec_{self._chance.randrange(10**12)}",
            verdict=DecisionVerdict.REVOKE if rare else DecisionVerdict.APPROVE,
            plan_sha256=review.plan_sha256,
        )
        self._do(reviews.decide, review.id, decision, "someone", DeciderKind.PERSON)
        self._do(reviews.expire, review.id)

    def _settle(self) -> None:
        incident = self._pick(select(t.incidents).where(t.incidents.c.state == "open"))
        if incident is not None:
            how = self._chance.choice([Resolution.RERUN, Resolution.FAIL, Resolution.ADOPT])
            self._do(reconcile, incident.attempt_id, how, "looked")

    def _sweep(self) -> None:
        attempt = self._pick(select(t.attempts.c.id).where(t.attempts.c.state.in_(t.LIVE_ATTEMPT)))
        if attempt is not None:
            self._do(_let_lapse, attempt.id)
            self._do(losses.sweep, attempt.id)

    def _budget(self) -> None:
        limit = self._chance.choice([5, 30, 30, 30, 30])
        self._do(budgets.change_limit, self._chance.choice(CAMPAIGNS), "experiments", limit)

    def _seal(self) -> None:
        self._do(sealing.seal_journal)

    def _beat(self) -> None:
        self._do(presence.beat, 5.0, TTL, {})


def _let_lapse(tx: Any, attempt: str) -> None:
    """Let one lease run out, as though its robot had been silent; the service is there all the while."""
    tx.run(t.attempts.update().where(t.attempts.c.id == attempt).values(lease_until=tx.now()))


@pytest.mark.parametrize("seed", range(2))
def test_whatever_they_do_at_once_the_laws_hold_and_nothing_deadlocks(
    ledgers: list[Ledger], clock: ShiftedClock, seed: int
) -> None:
    """Ten people and robots at random, 50 deeds each: no transaction is undone for a deadlock."""
    undone = _watch(ledgers)
    benches = [Bench(ledgers[0], make_spec(budget={"experiments": 30}), clock, one) for one in CAMPAIGNS]
    for bench in benches:
        bench.start()
        bench.queued(30)
    robots = [benches[0].robot(f"r{number}") for number in range(5)]

    def live(number: int) -> None:
        person = _Person(ledgers[number % 2], robots, 100 * seed + number)
        for _ in range(50):
            person.act()

    _together(10, live)

    assert undone == []
    ledgers[0].read_now(check_laws)
    assert benches[0].count(t.attempts, t.attempts.c.started_at.is_not(None)) > 0
