"""Two at once: the same request twice, two reviewers, a robot and the sweeper."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Table, select

from moonloop.domain import ids
from moonloop.domain.access import Scope
from moonloop.domain.canonical import seal
from moonloop.domain.errors import AlreadyDecided, FinishConflict, StaleFence, Unauthenticated
from moonloop.domain.lifecycles import DoneReason, JobState
from moonloop.domain.messages import Beat, ClaimRequest, EnrolRequest, EventIn, Offer
from moonloop.domain.results import ArtifactRef
from moonloop.domain.reviews import DeciderKind, DecisionVerdict, NewDecision, Resolution
from moonloop.domain.robots import Capabilities, RobotKind
from moonloop.store import (
    Ledger,
    Tx,
    artifacts,
    attempts,
    campaigns,
    losses,
    offers,
    outbox,
    plans,
    presence,
    results,
    reviews,
    robots,
    tokens,
)
from moonloop.store import tables as t
from support.campaigns import CAMPAIGN, PROTOCOL, TTL, Bench, make_plan, reconcile, succeeded
from support.interleaving import Contest

ROBOT = "rob_000000r1"
Make = Callable[..., Bench]
APPROVE, REJECT, REVOKE = DecisionVerdict


def _both(bench: Bench, rival: Ledger, first: tuple[Any, ...], second: tuple[Any, ...]) -> list[Any]:
    """Run two transitions, the second waiting for the first; return what each gave or raised."""
    with Contest(bench.ledger, rival) as contest:
        futures = [contest.hold("one", *first), contest.rival("two", *second)]
        contest.let_go()
        return [future.exception() or future.result() for future in futures]


# The same request twice at once: the second answer is that of a resend.


def test_a_start_of_a_campaign_sent_twice_at_once_makes_one(bench: Bench, rival: Ledger) -> None:
    """Both callers get the id of the one that was made."""
    one = ("cmp_0000000000000008", "request-8", seal(bench.spec), bench.spec)
    other = ("cmp_0000000000000009", *one[1:])

    answers = _both(bench, rival, (campaigns.start, *one), (campaigns.start, *other))

    assert answers == ["cmp_0000000000000008"] * 2
    assert bench.count(t.campaigns, t.campaigns.c.request_id == "request-8") == 1


def test_a_claim_sent_twice_at_once_gets_one_offer(bench: Bench, rival: Ledger) -> None:
    """The answer to the first was slow, the robot asked again: it holds one job, and knows of it."""
    bench.queued(2)
    robot = bench.robot()
    claim = (offers.claim, robot, ClaimRequest(request_id="request-1"), TTL)

    first, second = _both(bench, rival, claim, claim)

    assert first is not None
    assert second == first
    assert bench.count(t.attempts) == 1


def test_a_plan_recorded_twice_at_once_is_reserved_once(bench: Bench, rival: Ledger) -> None:
    """An activity that was given up and its retry."""
    bench.do(campaigns.next_step, CAMPAIGN, "algorithmic")
    plan, sealed, specs = make_plan(bench.spec)
    record = (plans.record_plan, plan, sealed, specs)

    assert _both(bench, rival, record, record) == [sealed.sha256] * 2
    assert bench.budget() == (2.0, 0.0)


@pytest.mark.parametrize("step", ["screen", "open", "beat", "lead", "token"])
def test_a_step_taken_twice_at_once_is_taken_once(bench: Bench, rival: Ledger, step: str) -> None:
    """Whatever inserts a row finds the row of whoever was first, and answers alike."""
    bench.do(campaigns.next_step, CAMPAIGN, "algorithmic")
    plan, sealed, specs = make_plan(bench.spec)
    bench.do(plans.record_plan, plan, sealed, specs)
    if step == "open":
        bench.do(plans.screen, plan.id)
    bench.do(Tx.run, t.presence.delete())
    steps: dict[str, tuple[tuple[Any, ...], Table]] = {
        "screen": ((plans.screen, plan.id), t.hazard_reports),
        "open": ((reviews.open_review, plan.id), t.reviews),
        "beat": ((presence.beat, 5.0, TTL, {}), t.presence),
        "lead": ((outbox.lead, "relay", "me", 10.0), t.leaders),
        "token": ((tokens.issue, "tok_1", "secret", "alice", frozenset({Scope.READ})), t.tokens),
    }
    transition, table = steps[step]

    first, second = _both(bench, rival, transition, transition)

    assert not isinstance(first, Exception)
    assert second == first
    assert bench.count(table) == 1


def test_an_artifact_named_twice_at_once_is_named_once(bench: Bench, rival: Ledger) -> None:
    """A resend that overtook its answer."""
    bench.queued(1)
    offer = bench.running(bench.robot())
    ref = ArtifactRef(name="trace.csv", sha256="0" * 64, size=1)
    attach = (artifacts.attach, ROBOT, offer.attempt_id, ref)

    assert _both(bench, rival, attach, attach) == [None, None]
    assert bench.count(t.attempt_artifacts) == 1


def test_events_sent_twice_at_once_are_stored_once(bench: Bench, rival: Ledger) -> None:
    """In another order even: no deadlock, and none stored twice."""
    bench.queued(1)
    offer = bench.running(bench.robot())
    events = [EventIn(seq=seq, type="step") for seq in (1, 2, 3)]
    send = (attempts.record_events, ROBOT, offer.attempt_id)

    answers = _both(bench, rival, (*send, events), (*send, events[::-1]))

    assert answers == [3, 0]
    assert bench.count(t.attempt_events) == 3


def test_one_code_enrols_one_robot(bench: Bench, rival: Ledger) -> None:
    """However many devices hold it."""
    bench.do(robots.issue_code, "code-12345678", RobotKind.SIMULATED, 60)
    request = EnrolRequest(
        code="code-12345678",
        name="R",
        adapter="table",
        version="1",
        capabilities=Capabilities(protocols=(PROTOCOL,)),
    )

    first, second = _both(
        bench, rival, (robots.enrol, "rob_0001", request), (robots.enrol, "rob_0002", request)
    )

    assert first.id == "rob_0001"
    assert isinstance(second, Unauthenticated)
    assert bench.count(t.robots) == 1


# Reviewers.


def _decision(bench: Bench, verdict: DecisionVerdict, by: str) -> tuple[Any, ...]:
    row = bench.all(select(t.reviews))[0]
    decision = NewDecision(id=f"dec_by_{by}", verdict=verdict, plan_sha256=row.plan_sha256)
    return (reviews.decide, row.id, decision, by, DeciderKind.PERSON)


@pytest.mark.parametrize("verdicts", [(APPROVE, REJECT), (REJECT, APPROVE), (APPROVE, APPROVE)])
def test_of_two_reviewers_one_is_first(
    new_bench: Make, rival: Ledger, verdicts: tuple[DecisionVerdict, DecisionVerdict]
) -> None:
    """The other learns by whom and when it was decided, and nothing of theirs is taken."""
    bench = new_bench(RobotKind.COMPUTATIONAL)
    bench.review(bench.plan())
    decisions = [
        _decision(bench, verdict, by) for verdict, by in zip(verdicts, ("bob", "carol"), strict=True)
    ]

    first, second = _both(bench, rival, *decisions)

    row = bench.all(select(t.decisions))[0]
    assert isinstance(second, AlreadyDecided)
    assert (second.by, second.at, second.state) == ("bob", row.at.isoformat(), first)
    assert bench.count(t.decisions) == 1
    assert bench.count(t.approval_uses) == (2 if verdicts[0] is APPROVE else 0)


def test_a_double_click_is_one_decision(new_bench: Make, rival: Ledger) -> None:
    """Two transactions with the same id: one decision, two equal answers."""
    bench = new_bench(RobotKind.COMPUTATIONAL)
    bench.review(bench.plan())
    click = _decision(bench, APPROVE, "bob")

    assert _both(bench, rival, click, click) == ["approved"] * 2
    assert bench.count(t.decisions) == 1


def test_a_decision_that_waited_for_the_expiry_comes_too_late(new_bench: Make, rival: Ledger) -> None:
    """An expired review is a rejection, however little too late the approval is."""
    bench = new_bench(RobotKind.COMPUTATIONAL)
    review = bench.review(bench.plan())
    bench.clock.advance(bench.spec.reviews.expires_after)

    expired, late = _both(bench, rival, (reviews.expire, review), _decision(bench, APPROVE, "bob"))

    assert expired is True
    assert isinstance(late, AlreadyDecided)
    assert bench.count(t.approval_uses) == 0


def test_an_approval_that_waited_for_a_stop_approves_nothing(new_bench: Make, rival: Ledger) -> None:
    """The review is withdrawn with its campaign."""
    bench = new_bench(RobotKind.COMPUTATIONAL)
    bench.review(bench.plan())

    _, late = _both(
        bench,
        rival,
        (campaigns.stop, CAMPAIGN, DoneReason.STOPPED_BY, "enough"),
        _decision(bench, APPROVE, "bob"),
    )

    assert isinstance(late, AlreadyDecided)
    assert bench.count(t.jobs) == 0
    assert bench.budget() == (0.0, 0.0)


# Robots and the sweeper.


def _finish(offer: Offer, value: float) -> tuple[Any, ...]:
    accepted, body, sha256 = succeeded(value)
    return (results.finish, ROBOT, offer.attempt_id, offer.fence, accepted, body, sha256)


def test_a_finish_sent_twice_at_once_counts_once(bench: Bench, rival: Ledger) -> None:
    """The resend gets the same answer."""
    bench.queued(1)
    offer = bench.running(bench.robot())

    first, second = _both(bench, rival, _finish(offer, 42.0), _finish(offer, 42.0))

    assert (first, second) == ("succeeded", "succeeded")
    assert bench.count(t.measurements) == 1


def test_another_result_at_the_same_moment_is_a_conflict(bench: Bench, rival: Ledger) -> None:
    """Whichever has its locks first counts."""
    bench.queued(1)
    offer = bench.running(bench.robot())

    first, second = _both(bench, rival, _finish(offer, 42.0), _finish(offer, 43.0))

    assert first == "succeeded"
    assert isinstance(second, FinishConflict)
    assert [row.value for row in bench.all(select(t.measurements))] == [42.0]


def test_a_beat_that_came_first_keeps_the_lease_from_the_sweeper(bench: Bench, rival: Ledger) -> None:
    """The sweeper judges by the lease as it is once it has its locks."""
    bench.queued(1)
    offer = bench.running(bench.robot())
    bench.later(TTL - 2)
    beat = (attempts.beat, ROBOT, offer.attempt_id, Beat(fence=offer.fence, seq=1), TTL)
    with Contest(bench.ledger, rival) as contest:
        kept = contest.hold(ROBOT, *beat)
        bench.clock.advance(3)
        swept = contest.rival("sweeper", losses.sweep, offer.attempt_id)
        contest.let_go()
        kept.result()

        assert swept.result() is False
    assert bench.state(t.attempts, offer.attempt_id) == "running"


def test_a_beat_that_waited_for_the_sweeper_is_stale(bench: Bench, rival: Ledger) -> None:
    """The lease was over; the robot is told to go to a safe hold."""
    bench.queued(1)
    offer = bench.running(bench.robot())
    bench.later(TTL + 1)
    beat = (attempts.beat, ROBOT, offer.attempt_id, Beat(fence=offer.fence, seq=1), TTL)

    swept, late = _both(bench, rival, (losses.sweep, offer.attempt_id), beat)

    assert swept is True
    assert isinstance(late, StaleFence)
    assert bench.state(t.jobs, offer.job_id) == JobState.LOST


def test_two_sweepers_settle_a_lease_once(bench: Bench, rival: Ledger) -> None:
    """One incident, one requeue."""
    bench.queued(1)
    offer = bench.running(bench.robot())
    bench.later(TTL + 1)
    sweep = (losses.sweep, offer.attempt_id)

    assert _both(bench, rival, sweep, sweep) == [True, False]
    assert bench.count(t.incidents) == 1


def test_two_people_settle_an_incident_once(bench: Bench, rival: Ledger) -> None:
    """The same way it is settled once; the second is told nothing new."""
    bench.queued(1)
    offer = bench.running(bench.robot())
    bench.later(TTL + 1)
    bench.do(losses.sweep, offer.attempt_id)
    settle = (reconcile, offer.attempt_id, Resolution.RERUN, "looked")

    assert _both(bench, rival, settle, settle) == [None, None]
    assert bench.count(t.approval_uses, t.approval_uses.c.job_id == offer.job_id) == 2
    assert bench.count(t.jobs, t.jobs.c.state == JobState.QUEUED) == 1


def test_an_offer_and_a_cancellation_of_the_same_job(bench: Bench, rival: Ledger) -> None:
    """Claimed first, the job is not cancelled from under its robot; its release cancels it."""
    bench.queued(1)
    robot = bench.robot()
    claim = (offers.claim, robot, ClaimRequest(request_id="request-1"), TTL)

    offer, _ = _both(bench, rival, claim, (campaigns.stop, CAMPAIGN, DoneReason.STOPPED_BY, "enough"))
    assert bench.state(t.jobs, offer.job_id) == JobState.ACTIVE
    bench.do(attempts.release, robot, offer.attempt_id, offer.fence, "stopping")

    assert bench.state(t.jobs, ids.job_id(ids.plan_id(CAMPAIGN, 1), 0)) == JobState.CANCELLED
