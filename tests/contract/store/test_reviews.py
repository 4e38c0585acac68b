"""Reviews: open -a/r/x/w-> approved|rejected|expired|withdrawn ; approved -v/x-> revoked|expired."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from moonloop.domain import ids
from moonloop.domain.canonical import digest
from moonloop.domain.errors import AlreadyDecided, Forbidden, IllegalTransition, NotFound, PlanChanged
from moonloop.domain.lifecycles import CampaignState, DoneReason, JobState, ReviewState
from moonloop.domain.reviews import DeciderKind, DecisionVerdict
from moonloop.domain.robots import RobotKind
from moonloop.store import campaigns, jobs, plans, reviews, steering
from moonloop.store import tables as t
from support.campaigns import CAMPAIGN, Bench, make_plan

APPROVE, REJECT, REVOKE = DecisionVerdict


@pytest.fixture
def bench(new_bench: Callable[..., Bench]) -> Bench:
    """A campaign of computational work, which a person reviews in its first cycle."""
    return new_bench(RobotKind.COMPUTATIONAL)


@pytest.fixture
def review(bench: Bench) -> str:
    """The open review of a plan of two jobs."""
    return bench.review(bench.plan())


def test_a_plan_has_one_review(bench: Bench, review: str) -> None:
    """Opening it again, as a retried activity does, finds the same one."""
    assert bench.do(reviews.open_review, ids.plan_id(CAMPAIGN, 1)) == review
    assert bench.count(t.reviews) == 1


def test_a_review_needs_a_screened_plan(bench: Bench) -> None:
    """The screen fails closed: no hazard report, no review."""
    bench.do(campaigns.next_step, CAMPAIGN, "algorithmic")
    plan, sealed, specs = make_plan(bench.spec)
    bench.do(plans.record_plan, plan, sealed, specs)

    with pytest.raises(NotFound) as caught:
        bench.do(reviews.open_review, plan.id)

    assert caught.value.kind == "hazard report of plan"


def test_an_approval_grants_one_use_of_each_job(bench: Bench, review: str) -> None:
    """Bound to the plan's hash and to the spec's, and to the decision that granted it."""
    bench.decide(review, decision="dec_0001")

    uses = bench.all(select(t.approval_uses).order_by(t.approval_uses.c.job_id))
    specs = bench.all(select(t.specs).order_by(t.specs.c.job_id))
    assert [(use.job_id, use.number, use.spec_sha256, use.granted_by) for use in uses] == [
        (spec.job_id, 1, spec.sha256, "dec_0001") for spec in specs
    ]
    assert {use.plan_sha256 for use in uses} == {bench.value(select(t.plans.c.sha256))}
    assert bench.state(t.reviews, review) == ReviewState.APPROVED


def test_an_approval_queues_the_jobs_at_once(bench: Bench, review: str) -> None:
    """In its own transaction: work begins though every worker be down, and asking again adds nothing."""
    bench.decide(review)
    assert bench.count(t.jobs, t.jobs.c.state == JobState.QUEUED) == 2

    status = bench.do(jobs.queue, ids.plan_id(CAMPAIGN, 1))

    assert (status.queued, status.open) == (True, 2)
    assert bench.count(t.jobs) == len(bench.journal("job.a")) * 2 == 2


def test_a_resent_decision_is_one_decision(bench: Bench, review: str) -> None:
    """A double click changes nothing and gets the same answer."""
    answers = [bench.decide(review, decision="dec_0001") for _ in range(2)]

    assert answers == [ReviewState.APPROVED] * 2
    assert bench.count(t.decisions) == 1
    assert bench.count(t.approval_uses) == 2


def test_a_late_resend_tells_how_things_stand_now(bench: Bench, review: str) -> None:
    """An approval that was revoked meanwhile does not come back."""
    bench.decide(review, decision="dec_0001")
    bench.decide(review, REVOKE)

    assert bench.decide(review, decision="dec_0001") == ReviewState.REVOKED


def test_the_hash_shown_must_be_the_plans(bench: Bench, review: str) -> None:
    """Whoever read another plan is told so, nothing is decided, and the refusal is journalled."""
    with pytest.raises(PlanChanged) as caught:
        bench.decide(review, sha256=digest(b"another plan"))

    assert caught.value.given == digest(b"another plan")
    assert bench.state(t.reviews, review) == ReviewState.OPEN
    assert bench.refusals(review) == ["plan-changed"]


@pytest.mark.parametrize("second", [APPROVE, REJECT])
def test_the_second_reviewer_learns_who_decided_and_when(
    bench: Bench, review: str, second: DecisionVerdict
) -> None:
    """Already decided, by whom, at what time; the first decision stands."""
    bench.decide(review, by="bob")
    at = bench.value(select(t.decisions.c.at))

    with pytest.raises(AlreadyDecided) as caught:
        bench.decide(review, second, by="carol")

    assert (caught.value.by, caught.value.at, caught.value.state) == ("bob", at.isoformat(), "approved")
    assert bench.state(t.reviews, review) == ReviewState.APPROVED
    assert bench.refusals(review) == ["already-decided"]


@pytest.mark.parametrize("verdict", [REJECT, REVOKE])
def test_a_decisions_id_is_not_used_twice(bench: Bench, review: str, verdict: DecisionVerdict) -> None:
    """Another decision under a known id is refused by name, not mistaken for a resend."""
    bench.decide(review, decision="dec_0001")

    with pytest.raises(AlreadyDecided):
        bench.decide(review, verdict, decision="dec_0001")

    assert bench.state(t.reviews, review) == ReviewState.APPROVED


def test_a_rejection_pauses_the_campaign_and_frees_the_budget(bench: Bench, review: str) -> None:
    """A person says how to go on; what the plan had reserved is given back."""
    assert bench.budget() == (2.0, 0.0)
    bench.decide(review, REJECT)

    assert bench.state(t.reviews, review) == ReviewState.REJECTED
    assert bench.state(t.campaigns, CAMPAIGN) == CampaignState.PAUSED
    assert bench.budget() == (0.0, 0.0)
    assert "rejected by bob" in bench.value(select(t.campaigns.c.waits_because))
    assert bench.count(t.approval_uses) == 0


def test_a_plan_that_was_rejected_is_never_queued(bench: Bench, review: str) -> None:
    """Not even when the campaign is resumed."""
    bench.decide(review, REJECT)
    bench.do(steering.resume, CAMPAIGN, "again")

    status = bench.do(jobs.queue, ids.plan_id(CAMPAIGN, 1))

    assert (status.queued, status.open) == (True, 0)
    assert bench.count(t.jobs) == 0


@pytest.mark.parametrize("opened", [False, True], ids=["no review", "open review"])
def test_a_plan_without_a_decision_keeps_its_reservations(bench: Bench, *, opened: bool) -> None:
    """Asked for its jobs too early, the ledger says so and gives nothing back."""
    plan = bench.plan()
    if opened:
        bench.review(plan)

    status = bench.do(jobs.queue, plan.id)

    assert (status.queued, status.open) == (False, 0)
    assert bench.budget() == (2.0, 0.0)


def test_an_open_review_out_of_time_is_a_rejection(bench: Bench, review: str) -> None:
    """Nothing approves on a timeout: the campaign pauses, the reservations return, nobody decided."""
    assert bench.do(reviews.expire, review) is False
    bench.clock.advance(bench.spec.reviews.expires_after)
    assert bench.ledger.read_now(reviews.due) == [review]

    assert [bench.do(reviews.expire, review) for _ in range(2)] == [True, False]

    assert bench.state(t.reviews, review) == ReviewState.EXPIRED
    assert bench.state(t.campaigns, CAMPAIGN) == CampaignState.PAUSED
    assert bench.budget() == (0.0, 0.0)
    assert bench.count(t.decisions) == 0
    assert bench.ledger.read_now(reviews.due) == []


def test_a_decision_that_comes_too_late_expires_the_review(bench: Bench, review: str) -> None:
    """The deadline is the ledger's, not the timer's: a dead worker cannot keep a review open."""
    bench.clock.advance(bench.spec.reviews.expires_after)

    with pytest.raises(AlreadyDecided) as caught:
        bench.decide(review)

    assert (caught.value.state, caught.value.by) == ("expired", "nobody")
    assert bench.state(t.reviews, review) == ReviewState.EXPIRED
    assert bench.state(t.campaigns, CAMPAIGN) == CampaignState.PAUSED
    assert bench.count(t.decisions) == 0


def test_a_revoked_approval_cancels_what_is_queued(bench: Bench, review: str) -> None:
    """What a robot holds goes on to its start and is refused there; what runs, runs."""
    bench.decide(review)
    bench.do(jobs.queue, ids.plan_id(CAMPAIGN, 1))
    offer = bench.running(bench.robot())
    bench.decide(review, REVOKE, by="carol")

    states = {row.id: row.state for row in bench.all(select(t.jobs))}
    assert states.pop(offer.job_id) == JobState.ACTIVE
    assert list(states.values()) == [JobState.CANCELLED]
    assert bench.budget() == (1.0, 0.0)
    assert bench.finish("rob_000000r1", offer) == "succeeded"


def test_an_approval_revoked_before_the_queue_frees_the_budget(bench: Bench, review: str) -> None:
    """Nothing stays reserved for work that nobody allows, and nothing of it is queued later."""
    bench.do(steering.pause, CAMPAIGN, "lunch")
    bench.decide(review)
    bench.decide(review, REVOKE)
    bench.do(steering.resume, CAMPAIGN, "back")
    bench.do(jobs.queue, ids.plan_id(CAMPAIGN, 1))

    assert bench.budget() == (0.0, 0.0)
    assert bench.count(t.jobs) == 0


def test_revoking_twice_is_revoking_once(bench: Bench, review: str) -> None:
    """A second revocation finds it done."""
    bench.decide(review)
    answers = [bench.decide(review, REVOKE, by=by) for by in ("carol", "dave")]

    assert answers == [ReviewState.REVOKED] * 2
    assert len(bench.journal("review.v")) == 1


def test_only_an_approval_is_revoked(bench: Bench, review: str) -> None:
    """Edge v leaves `approved` alone."""
    with pytest.raises(IllegalTransition):
        bench.decide(review, REVOKE)

    assert bench.state(t.reviews, review) == ReviewState.OPEN
    assert bench.count(t.decisions) == 0


def test_an_approval_out_of_time_cancels_what_is_queued(bench: Bench, review: str) -> None:
    """An approval lasts as long as the campaign file says, and starts nothing after that."""
    bench.decide(review)
    bench.do(jobs.queue, ids.plan_id(CAMPAIGN, 1))
    bench.clock.advance(bench.spec.reviews.approval_lasts)
    assert bench.ledger.read_now(reviews.due) == [review]

    assert bench.do(reviews.expire, review) is True

    assert bench.state(t.reviews, review) == ReviewState.EXPIRED
    assert {row.state for row in bench.all(select(t.jobs))} == {JobState.CANCELLED}
    assert bench.budget() == (0.0, 0.0)


def test_reviewers_are_reminded_once(bench: Bench, review: str) -> None:
    """Not before its time, not twice, and not of what is decided."""
    assert bench.do(reviews.remind, review) is False
    bench.clock.advance(bench.spec.reviews.remind_after)

    assert [bench.do(reviews.remind, review) for _ in range(2)] == [True, False]
    assert len(bench.journal("review.reminded")) == 1


def test_a_decided_review_reminds_nobody(bench: Bench, review: str) -> None:
    """There is nothing left to do."""
    bench.decide(review)
    bench.clock.advance(bench.spec.reviews.remind_after)

    assert bench.do(reviews.remind, review) is False


def test_a_withdrawn_review_cannot_be_approved(bench: Bench, review: str) -> None:
    """Its campaign is stopping; nothing of it may be queued."""
    bench.do(campaigns.stop, CAMPAIGN, DoneReason.STOPPED_BY, "enough")

    with pytest.raises(AlreadyDecided):
        bench.decide(review)

    assert bench.count(t.approval_uses) == 0


def test_every_decision_wakes_whoever_waits_for_it(bench: Bench, review: str) -> None:
    """The wake-up is written with the decision, and goes to the review's workflow."""
    bench.decide(review)

    woken = [row.workflow_id for row in bench.all(select(t.outbox).where(t.outbox.c.topic == "review"))]
    assert woken == [f"campaign/{CAMPAIGN}/cycle/1/review"]


@pytest.mark.parametrize(
    ("kind", "may"),
    [(RobotKind.COMPUTATIONAL, True), (RobotKind.SIMULATED, False), (RobotKind.PHYSICAL, False)],
)
def test_an_unattended_identity_decides_on_computations_only(
    new_bench: Callable[..., Bench], kind: RobotKind, *, may: bool
) -> None:
    """Where nothing physical can move it stands in for a person, and is named; elsewhere it is refused."""
    bench = new_bench(kind, "cmp_0000000000000009", reviews={"simulated": "every_cycle"})
    review = bench.review(bench.plan())

    if may:
        bench.decide(review, by="demo", kind=DeciderKind.UNATTENDED)
    else:
        with pytest.raises(Forbidden):
            bench.decide(review, by="demo", kind=DeciderKind.UNATTENDED)

    assert bench.state(t.reviews, review) == ("approved" if may else "open")
    assert [row.by_kind for row in bench.all(select(t.decisions))] == (["unattended"] if may else [])
    assert bench.refusals(review) == ([] if may else ["forbidden"])


@pytest.mark.parametrize("transition", [reviews.expire, reviews.open_review])
def test_what_is_not_there_is_not_found(bench: Bench, transition: Callable[..., object]) -> None:
    """The id is named."""
    with pytest.raises(NotFound) as caught:
        bench.do(transition, "nowhere")

    assert caught.value.id == "nowhere"


def test_a_decision_on_no_review_is_not_found(bench: Bench) -> None:
    """The id is named."""
    with pytest.raises(NotFound):
        bench.decide("rev_0000_0001_01", sha256=digest(b""))
