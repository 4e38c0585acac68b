"""The gate: law 3. Whatever changed since the approval, a start that lost its ground is refused."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Executable, Table, delete, select, update

from moonloop.domain.errors import StartRefused
from moonloop.domain.lifecycles import DoneReason
from moonloop.domain.messages import Offer
from moonloop.domain.reviews import DecisionVerdict
from moonloop.domain.robots import RobotKind
from moonloop.store import Tx, budgets, campaigns, holds, offers, reviews, robots, steering
from moonloop.store import tables as t
from support.campaigns import CAMPAIGN, PROTOCOL, Bench

ROBOT = "rob_000000r1"


def _review(bench: Bench) -> str:
    return bench.value(select(t.reviews.c.id))


def _hold(scope: str) -> Callable[[Bench], None]:
    return lambda bench: bench.do(holds.hold, scope, "a leak", actor="olga")


def _raw(statement: Executable) -> Callable[[Bench], None]:
    """Change rows past every transition."""
    return lambda bench: bench.do(Tx.run, statement)


def _one_digit(table: Table) -> Callable[[Bench], None]:
    """Edit a stored body by one digit, past every transition."""

    def run(bench: Bench) -> None:
        body: bytes = bench.value(select(table.c.body))
        edited = body.replace(b'"cycle":1', b'"cycle":2')
        assert edited != body
        bench.do(Tx.run, update(table).values(body=edited))

    return run


def _expired(bench: Bench) -> None:
    lasts = bench.spec.reviews.approval_lasts
    bench.do(_lengthen_lease, lasts + 60)
    bench.clock.advance(lasts + 1)
    bench.do(_be_present)


def _lengthen_lease(tx: Tx, by: float) -> None:
    tx.run(update(t.attempts).values(lease_until=tx.now() + timedelta(seconds=by)))


def _be_present(tx: Tx) -> None:
    tx.run(update(t.presence).values(last_seen=tx.now()))


def _deadline_over(bench: Bench) -> None:
    def end(tx: Tx) -> None:
        tx.run(update(t.campaigns).values(deadline=tx.now()))

    bench.do(end)


def _use_taken(bench: Bench) -> None:
    """Another attempt at the same job has started and is over: its use is gone."""

    def take(tx: Tx) -> None:
        uses = tx.one(select(t.approval_uses).limit(1))
        live = tx.one(select(t.attempts))
        assert uses is not None
        assert live is not None
        tx.add(
            t.attempts,
            id=f"{live.id}_before",
            job_id=live.job_id,
            campaign_id=CAMPAIGN,
            robot_id=ROBOT,
            request_id="before-it",
            fence=10_000,
            state="failed",
            lease_until=tx.now(),
            offered_at=tx.now(),
            started_at=tx.now(),
            review_id=uses.review_id,
            use_number=uses.number,
        )

    bench.do(take)


LOST_GROUND: dict[str, tuple[str, Callable[[Bench], object]]] = {
    "site on hold": ("held", _hold("site")),
    "mission on hold": ("held", _hold("mission:default/default")),
    "campaign on hold": ("held", _hold(f"campaign:{CAMPAIGN}")),
    "device on hold": ("held", _hold(f"device:{ROBOT}")),
    "campaign paused": ("campaign_not_running", lambda b: b.do(steering.pause, CAMPAIGN, "lunch")),
    "campaign stopping": (
        "campaign_not_running",
        lambda b: b.do(campaigns.stop, CAMPAIGN, DoneReason.STOPPED_BY, "enough"),
    ),
    "wall clock over": ("budget_spent", _deadline_over),
    "budget line overdrawn": (
        "budget_spent",
        lambda b: b.do(budgets.change_limit, CAMPAIGN, "experiments", 0.5),
    ),
    "robot quarantined": ("robot_unavailable", _raw(update(t.robots).values(state="quarantined"))),
    "robot revoked": ("robot_unavailable", lambda b: b.do(robots.revoke, ROBOT, "sold")),
    "robot of another kind": ("robot_unavailable", _raw(update(t.robots).values(kind="computational"))),
    "approval revoked": ("not_approved", lambda b: b.decide(_review(b), DecisionVerdict.REVOKE)),
    "approval out of time": ("approval_expired", _expired),
    "approval expired": ("not_approved", lambda b: (_expired(b), b.do(reviews.expire, _review(b)))),
    "approval used": ("approval_used", _use_taken),
    "plan body edited": ("plan_changed", _one_digit(t.plans)),
    "spec body edited": ("plan_changed", _one_digit(t.specs)),
    "hazard report missing": ("rescreen_required", _raw(delete(t.hazard_reports))),
    "hazard report under older rules": (
        "rescreen_required",
        _raw(update(t.hazard_reports).values(rules_version="older")),
    ),
}


@pytest.fixture
def offer(bench: Bench) -> Offer:
    """An attempt on the brink of its start."""
    bench.queued(1)
    return bench.ready(bench.robot())


@pytest.mark.parametrize("what", LOST_GROUND)
def test_a_start_that_lost_its_ground_is_refused(bench: Bench, offer: Offer, what: str) -> None:
    """The reason is named, the refusal journalled, no use taken, nothing running."""
    reason, change = LOST_GROUND[what]
    change(bench)

    with pytest.raises(StartRefused) as caught:
        bench.begin(ROBOT, offer)

    assert caught.value.reason == reason
    row = bench.all(select(t.attempts).where(t.attempts.c.id == offer.attempt_id))[0]
    assert (row.state, row.started_at, row.use_number) == ("accepted", None, None)
    assert bench.refusals(offer.attempt_id) == ["start-refused"]


@pytest.mark.parametrize("what", LOST_GROUND)
def test_a_resent_start_gets_the_same_refusal(bench: Bench, offer: Offer, what: str) -> None:
    """The answer to a start is given once, even when the obstacle is gone by then; it is journalled once."""
    LOST_GROUND[what][1](bench)
    with pytest.raises(StartRefused) as first:
        bench.begin(ROBOT, offer)
    for scope in bench.all(select(t.holds.c.scope).where(t.holds.c.active)):
        bench.do(holds.release, scope.scope, "repaired")

    with pytest.raises(StartRefused) as second:
        bench.begin(ROBOT, offer)

    assert second.value.facts == first.value.facts
    assert bench.refusals(offer.attempt_id) == ["start-refused"]


# The others are told to the robot as errors of its own, or are about a job that is not queued.
OF_A_QUEUED_JOB = [what for what in LOST_GROUND if not what.startswith(("robot", "approval used"))]


@pytest.mark.parametrize("what", OF_A_QUEUED_JOB)
def test_what_could_not_start_is_not_offered(bench: Bench, what: str) -> None:
    """The same check decides on offers, so that no robot is sent round in circles."""
    bench.queued(1)
    robot = bench.robot()
    LOST_GROUND[what][1](bench)

    assert bench.claim(robot) is None
    assert bench.count(t.attempts) == 0


def test_nothing_stands_in_the_way_of_a_good_start(bench: Bench, offer: Offer) -> None:
    """The counter-proof: the same attempt, with nothing changed, starts on the first use of its approval."""
    started = bench.begin(ROBOT, offer)

    row = bench.all(select(t.attempts).where(t.attempts.c.id == offer.attempt_id))[0]
    assert (row.state, row.started_at, row.use_number) == ("running", started, 1)
    assert bench.refusals(offer.attempt_id) == []
    (entry,) = bench.journal("attempt.d", offer.attempt_id)
    assert entry.facts == {
        "plan": offer.approval.plan_sha256,
        "spec": offer.spec_sha256,
        "review": offer.approval.review_id,
        "use": 1,
        "robot": ROBOT,
    }


def test_a_resent_start_gets_the_same_time(bench: Bench, offer: Offer) -> None:
    """The point of no return is passed once, and no second use is taken."""
    first = bench.begin(ROBOT, offer)
    bench.clock.advance(1)

    assert bench.begin(ROBOT, offer) == first
    assert len(bench.journal("attempt.d")) == 1


def test_a_start_needs_an_accepted_attempt(bench: Bench) -> None:
    """Edge d leaves `accepted` alone: the adapter has checked the job before."""
    bench.queued(1)
    robot = bench.robot()
    offer = bench.claim(robot)
    assert offer is not None

    with pytest.raises(Exception, match="cannot take edge d") as caught:
        bench.begin(robot, offer)

    assert type(caught.value).__name__ == "IllegalTransition"
    assert bench.state(t.attempts, offer.attempt_id) == "offered"


def test_the_refusal_of_a_hold_names_its_way_out(bench: Bench, offer: Offer) -> None:
    """Who holds, why, and the command that lifts it."""
    bench.do(holds.hold, "site", "a leak", actor="olga")

    with pytest.raises(
        StartRefused, match="site is on hold by olga: a leak; `moonloop release site --reason …` lifts it"
    ):
        bench.begin(ROBOT, offer)


def test_an_unscreened_plan_starts_on_a_persons_approval_only(new_bench: Callable[..., Bench]) -> None:
    """Physical work whose hazards are unknown: were the decision not a person's, the gate would refuse."""
    bench = new_bench(RobotKind.PHYSICAL)
    bench.queued(1)
    robot = bench.robot()
    offer = bench.ready(robot)
    _raw(update(t.decisions).values(by_kind="policy"))(bench)

    with pytest.raises(StartRefused) as caught:
        bench.begin(robot, offer)

    assert (caught.value.reason, caught.value.why) == (
        "not_approved",
        "an unscreened plan needs a person's approval",
    )


def test_physical_work_starts_once_a_person_approved_it(new_bench: Callable[..., Bench]) -> None:
    """The same plan under a person's decision."""
    bench = new_bench(RobotKind.PHYSICAL)
    bench.queued(1)

    offer = bench.running(bench.robot())

    assert bench.state(t.attempts, offer.attempt_id) == "running"


def test_other_campaigns_work_goes_on_under_a_campaigns_hold(
    new_bench: Callable[..., Bench], bench: Bench
) -> None:
    """A hold stops its scope and no other; however much waits before it, the free work is found."""
    bench.queued(20)
    other = new_bench(campaign="cmp_0000000000000002")
    other.queued(1)
    bench.do(holds.hold, f"campaign:{CAMPAIGN}", "a leak")

    offer = bench.claim(bench.robot())

    assert offer is not None
    assert offer.job_id.startswith("job_0000000000000002")


def test_other_campaigns_work_goes_on_beside_an_overdrawn_budget(
    new_bench: Callable[..., Bench], bench: Bench
) -> None:
    """The same for whatever else the gate refuses in a whole plan."""
    bench.queued(20)
    other = new_bench(campaign="cmp_0000000000000002")
    other.queued(1)
    bench.do(budgets.change_limit, CAMPAIGN, "experiments", 1)

    offer = bench.claim(bench.robot())

    assert offer is not None
    assert offer.job_id.startswith("job_0000000000000002")


def test_jobs_that_a_robot_cannot_do_do_not_hide_those_that_it_can(
    new_bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many unfit jobs wait before it, more than a claim looks at, a fitting one is found."""
    monkeypatch.setattr(offers, "_LOOK", 10)
    monkeypatch.setattr(offers, "_ALIKE", 4)
    monkeypatch.setattr(offers, "_MATCHING", offers._matching())  # pyright: ignore[reportPrivateUsage]
    glove = {"name": PROTOCOL, "robot": "simulated", "features": ["glove box"]}
    bench = new_bench(protocol=glove)
    bench.queued(12)
    other = new_bench(campaign="cmp_0000000000000002")
    other.queued(1)

    offer = other.claim(other.robot())

    assert offer is not None
    assert offer.job_id.startswith("job_0000000000000002")
