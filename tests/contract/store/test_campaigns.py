"""Campaigns: draft -a-> running <-b/c-> paused ; running|paused -d-> stopping -e-> done."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from moonloop.domain import ids
from moonloop.domain.canonical import seal
from moonloop.domain.errors import AlreadyExists, IllegalTransition, NotFound
from moonloop.domain.history import Advice, NextStep
from moonloop.domain.lifecycles import CampaignState, DoneReason, JobState, ReviewState
from moonloop.domain.results import ArtifactRef
from moonloop.domain.robots import RobotKind
from moonloop.store import campaigns, jobs, reviews, steering
from moonloop.store import tables as t
from support.campaigns import CAMPAIGN, Bench


def _start_again(bench: Bench, campaign: str, request: str) -> str:
    return bench.do(campaigns.start, campaign, request, seal(bench.spec), bench.spec, actor="alice")


def test_the_same_request_starts_one_campaign(bench: Bench) -> None:
    """A resent start, even with another new id, gives the campaign that the first one made."""
    again = _start_again(bench, "cmp_0000000000000002", f"req_{CAMPAIGN}")

    assert again == CAMPAIGN
    assert bench.count(t.campaigns) == 1
    assert bench.count(t.outbox, t.outbox.c.kind == "start") == 1


def test_a_request_is_about_one_campaign_file(bench: Bench) -> None:
    """Of two that come at once under one name with different files, the second is told so."""
    other = bench.spec.model_copy(update={"name": "Another"})

    with pytest.raises(AlreadyExists, match=f"req_{CAMPAIGN}"):
        bench.do(campaigns.start, "cmp_0000000000000002", f"req_{CAMPAIGN}", seal(other), other)

    assert bench.count(t.campaigns) == 1


def test_another_request_starts_another_campaign(bench: Bench) -> None:
    """Two campaigns may have the same file."""
    _start_again(bench, "cmp_0000000000000002", "another-request")

    assert bench.count(t.campaigns) == 2


def test_a_start_opens_what_the_campaign_needs(bench: Bench) -> None:
    """Scopes to hold, budget lines and a workflow are there from the first moment on."""
    assert bench.state(t.campaigns, CAMPAIGN) == CampaignState.RUNNING
    scopes = [row.scope for row in bench.all(select(t.holds).order_by(t.holds.c.scope))]
    assert scopes == [f"campaign:{CAMPAIGN}", "mission:default/default", "site"]
    lines = {row.line: row.limit for row in bench.all(select(t.budgets))}
    assert lines == {
        "experiments": 20,
        "confirmation": 0,
        "reference": 0,
        "instrument_time": None,
        "money": None,
        "tokens": None,
    }
    assert [row.kind for row in bench.all(select(t.outbox))] == ["start"]
    assert [row.after for row in bench.journal("campaign.a")] == ["running"]


def test_the_longest_names_fit_the_ledger(new_bench: Callable[..., Bench]) -> None:
    """An institute and a mission of forty letters each make a scope that both databases can hold."""
    bench = new_bench(institute="i" * 40, mission="m" * 40)

    assert bench.count(t.holds, t.holds.c.scope == f"mission:{'i' * 40}/{'m' * 40}") == 1


def test_pausing_and_resuming_twice_changes_nothing_more(bench: Bench) -> None:
    """Each is one edge, however often it is asked for."""
    for transition, edge, state in (
        (steering.pause, "campaign.b", "paused"),
        (steering.resume, "campaign.c", "running"),
    ):
        bench.do(transition, CAMPAIGN, "lunch")
        bench.do(transition, CAMPAIGN, "lunch")

        assert bench.state(t.campaigns, CAMPAIGN) == state
        assert len(bench.journal(edge)) == 1


def test_a_pause_keeps_its_reason_until_the_resumption(bench: Bench) -> None:
    """Whoever looks sees why the campaign waits, and only while it does."""
    because = select(t.campaigns.c.waits_because)
    bench.do(steering.pause, CAMPAIGN, "lunch")
    assert bench.value(because) == "lunch"

    bench.do(steering.resume, CAMPAIGN, "back")

    assert bench.value(because) == ""


def test_a_paused_campaign_queues_nothing(bench: Bench) -> None:
    """Edge b: no new job is queued; what is approved meanwhile comes with the resumption."""
    plan = bench.plan()
    bench.do(steering.pause, CAMPAIGN, "lunch")
    bench.review(plan)
    waiting = bench.do(jobs.queue, plan.id)
    assert (waiting.queued, waiting.open) == (False, 0)

    bench.do(steering.resume, CAMPAIGN, "back")

    queued = bench.do(jobs.queue, plan.id)
    assert (queued.queued, queued.open) == (True, 2)


def test_what_moves_finishes_while_its_campaign_is_paused(bench: Bench) -> None:
    """A pause stops no robot."""
    bench.queued(1)
    robot = bench.robot()
    offer = bench.running(robot)
    bench.do(steering.pause, CAMPAIGN, "lunch")

    assert bench.finish(robot, offer) == "succeeded"
    assert bench.state(t.jobs, offer.job_id) == JobState.SUCCEEDED


def test_a_stop_cancels_what_waits_and_lets_finish_what_moves(bench: Bench) -> None:
    """Edge d: queued jobs are cancelled and paid back, the running one counts."""
    bench.queued(3)
    robot = bench.robot()
    offer = bench.running(robot)
    bench.do(campaigns.stop, CAMPAIGN, DoneReason.STOPPED_BY, "enough")
    assert bench.do(campaigns.next_step, CAMPAIGN, "algorithmic").action == "wait"
    assert bench.do(campaigns.conclude, CAMPAIGN) is False

    bench.finish(robot, offer)

    assert bench.do(campaigns.next_step, CAMPAIGN, "algorithmic").action == "cycle"
    _close(bench, 1, NextStep.STOP)
    assert bench.do(campaigns.next_step, CAMPAIGN, "algorithmic").action == "conclude"
    assert bench.do(campaigns.conclude, CAMPAIGN) is True
    assert bench.budget() == (0.0, 1.0)
    ends = {row.id: row.state for row in bench.all(select(t.jobs))}
    assert sorted(ends.values()) == ["cancelled", "cancelled", "succeeded"]


def test_a_stop_withdraws_the_open_review(new_bench: Callable[..., Bench]) -> None:
    """Nobody is asked any more, and what the plan had reserved is free again."""
    bench = new_bench(RobotKind.COMPUTATIONAL)
    review = bench.review(bench.plan())
    bench.do(campaigns.stop, CAMPAIGN, DoneReason.STOPPED_BY, "enough")

    assert bench.state(t.reviews, review) == ReviewState.WITHDRAWN
    assert bench.budget() == (0.0, 0.0)


def test_a_stop_is_one_edge_with_its_first_reason(bench: Bench) -> None:
    """Stopping again changes neither the reason nor the journal."""
    bench.do(campaigns.stop, CAMPAIGN, DoneReason.GOAL_MET, "found it")
    bench.do(campaigns.stop, CAMPAIGN, DoneReason.STOPPED_BY, "enough")

    row = bench.all(select(t.campaigns))[0]
    assert (row.done_reason, row.stop_reason) == ("goal_met", "found it")
    assert len(bench.journal("campaign.d")) == 1


def test_concluding_needs_a_stop_and_happens_once(bench: Bench) -> None:
    """A running campaign is not done, and a done one stays as it is."""
    with pytest.raises(IllegalTransition):
        bench.do(campaigns.conclude, CAMPAIGN)
    bench.do(campaigns.stop, CAMPAIGN, DoneReason.STOPPED_BY, "enough")

    assert [bench.do(campaigns.conclude, CAMPAIGN) for _ in range(2)] == [True, True]
    assert len(bench.journal("campaign.e")) == 1
    assert bench.do(campaigns.next_step, CAMPAIGN, "algorithmic").action == "end"


@pytest.mark.parametrize("reviewed", [False, True], ids=["unreviewed", "approved"])
def test_a_done_campaign_reserves_nothing(bench: Bench, *, reviewed: bool) -> None:
    """A plan that never came into the queue gives its reservations back when its campaign ends."""
    plan = bench.plan()
    bench.do(steering.pause, CAMPAIGN, "lunch")
    if reviewed:
        bench.review(plan)
    bench.do(campaigns.stop, CAMPAIGN, DoneReason.STOPPED_BY, "enough")

    bench.do(campaigns.conclude, CAMPAIGN)

    assert bench.budget() == (0.0, 0.0)


def test_a_plan_of_a_done_campaign_is_not_waited_for(bench: Bench) -> None:
    """Whoever asks for its jobs learns that none are open and none will be."""
    plan = bench.plan()
    bench.do(steering.pause, CAMPAIGN, "lunch")
    bench.review(plan)
    bench.do(campaigns.stop, CAMPAIGN, DoneReason.STOPPED_BY, "enough")
    bench.do(campaigns.conclude, CAMPAIGN)

    status = bench.do(jobs.queue, plan.id)

    assert (status.queued, status.open) == (True, 0)
    assert bench.count(t.jobs) == 0


@pytest.mark.parametrize("state", ["stopping", "done"])
def test_a_review_opened_too_late_is_withdrawn(bench: Bench, state: str) -> None:
    """A plan that was made while the campaign stopped asks nobody and reserves nothing."""
    plan = bench.plan()
    bench.do(campaigns.stop, CAMPAIGN, DoneReason.STOPPED_BY, "enough")
    if state == "done":
        bench.do(campaigns.conclude, CAMPAIGN)

    review = bench.do(reviews.open_review, plan.id)

    assert bench.state(t.reviews, review) == ReviewState.WITHDRAWN
    assert bench.budget() == (0.0, 0.0)


def test_a_stopping_campaign_is_neither_paused_nor_resumed(bench: Bench) -> None:
    """Edges b and c do not leave stopping."""
    bench.do(campaigns.stop, CAMPAIGN, DoneReason.STOPPED_BY, "enough")
    for transition in (steering.pause, steering.resume):
        with pytest.raises(IllegalTransition):
            bench.do(transition, CAMPAIGN, "no")

    assert bench.state(t.campaigns, CAMPAIGN) == CampaignState.STOPPING


def test_the_open_cycle_is_the_next_step_until_it_is_closed(bench: Bench) -> None:
    """A workflow that asks again after a crash finds the cycle that it was in."""
    first = bench.do(campaigns.next_step, CAMPAIGN, "algorithmic")
    assert bench.do(campaigns.next_step, CAMPAIGN, "algorithmic") == first

    _close(bench, 1, NextStep.SEARCH)

    second = bench.do(campaigns.next_step, CAMPAIGN, "algorithmic")
    assert [(step.action, step.cycle, step.purpose) for step in (first, second)] == [
        ("cycle", 1, "search"),
        ("cycle", 2, "search"),
    ]


def test_advice_to_confirm_opens_a_confirmation(bench: Bench) -> None:
    """The purpose of a cycle is what the scientist advised after the last one."""
    bench.do(campaigns.next_step, CAMPAIGN, "algorithmic")
    _close(bench, 1, NextStep.CONFIRM, reason="goal_met")

    assert bench.do(campaigns.next_step, CAMPAIGN, "algorithmic").purpose == "confirmation"


def test_advice_to_stop_stops_the_campaign(bench: Bench) -> None:
    """Edge d with the reason and the sentence of the advice."""
    bench.do(campaigns.next_step, CAMPAIGN, "algorithmic")
    _close(bench, 1, NextStep.STOP, reason="no_candidates")

    assert bench.do(campaigns.next_step, CAMPAIGN, "algorithmic").action == "conclude"
    row = bench.all(select(t.campaigns))[0]
    assert (row.state, row.done_reason, row.stop_reason) == ("stopping", "no_candidates", "so it is")


def _next(bench: Bench) -> tuple[str, int, tuple[str, ...]]:
    step = bench.do(campaigns.next_step, CAMPAIGN, "algorithmic")
    return step.action, step.cycle, tuple(str(role) for role in step.roles)


def test_each_step_names_the_agents_that_have_a_task_in_it(new_bench: Callable[..., Bench]) -> None:
    """All but the reporter in a search, the analyst in a confirmation, the reporter at the end."""
    bench = new_bench(scientist={"kind": "llm"})
    searching = ("proposer", "critic", "advisor", "analyst")
    assert [("cycle", 1, searching)] * 2 == [_next(bench) for _ in range(2)]
    _close(bench, 1, NextStep.CONFIRM, reason="goal_met")
    assert ("cycle", 2, ("analyst",)) == _next(bench)
    _close(bench, 2, NextStep.STOP, reason="goal_met")
    assert [("conclude", 2, ("reporter",))] * 2 == [_next(bench) for _ in range(2)]


def test_only_the_roles_of_the_campaign_file_are_named(new_bench: Callable[..., Bench]) -> None:
    """And none where the algorithm is alone."""
    bench = new_bench(scientist={"kind": "llm", "roles": ["critic", "proposer"]})
    assert ("cycle", 1, ("critic", "proposer")) == _next(bench)
    _close(bench, 1, NextStep.STOP, reason="goal_met")
    assert ("conclude", 0, ()) == _next(bench)


def test_in_a_campaign_that_is_stopping_only_the_reporter_has_a_task(
    new_bench: Callable[..., Bench],
) -> None:
    """The open cycle is brought to its end without the others; without a cycle there is nothing to tell."""
    bench = new_bench(scientist={"kind": "llm"})
    _next(bench)
    bench.do(campaigns.stop, CAMPAIGN, DoneReason.STOPPED_BY, "enough")
    assert ("cycle", 1, ()) == _next(bench)
    _close(bench, 1, NextStep.STOP, reason="goal_met")
    assert ("conclude", 1, ("reporter",)) == _next(bench)


def test_a_campaign_without_a_cycle_has_nothing_to_tell(new_bench: Callable[..., Bench]) -> None:
    """Stopped before its first cycle, it ends without a reporter."""
    bench = new_bench(scientist={"kind": "llm"})
    bench.do(campaigns.stop, CAMPAIGN, DoneReason.STOPPED_BY, "enough")

    assert ("conclude", 0, ()) == _next(bench)


def test_a_closed_cycle_keeps_its_advice(bench: Bench) -> None:
    """The first advice stands; a retried close changes nothing."""
    bench.do(campaigns.next_step, CAMPAIGN, "algorithmic")
    _close(bench, 1, NextStep.SEARCH)
    _close(bench, 1, NextStep.STOP, reason="no_candidates")

    assert bench.do(campaigns.next_step, CAMPAIGN, "algorithmic").cycle == 2
    assert len(bench.journal("cycle.closed")) == 1


def test_a_paused_campaign_opens_no_cycle(bench: Bench) -> None:
    """Its workflow is told to wait."""
    bench.do(steering.pause, CAMPAIGN, "lunch")

    assert bench.do(campaigns.next_step, CAMPAIGN, "algorithmic").action == "wait"
    assert bench.count(t.cycles) == 0


def test_a_campaign_that_cannot_go_on_ends_as_failed(bench: Bench) -> None:
    """Its open cycle is closed as it stands, what waits is cancelled, and the reason is told."""
    bench.queued(2)
    bench.do(campaigns.fail, CAMPAIGN, "the scientist crashed")

    row = bench.all(select(t.campaigns))[0]
    assert (row.state, row.done_reason, row.stop_reason) == ("stopping", "failed", "the scientist crashed")
    assert bench.value(select(t.cycles.c.closed_at)) is not None
    assert bench.do(campaigns.next_step, CAMPAIGN, "algorithmic").action == "conclude"
    assert bench.budget() == (0.0, 0.0)


def test_a_report_that_cannot_be_written_keeps_no_campaign_open(bench: Bench) -> None:
    """It ends without one, and the journal says why."""
    bench.do(campaigns.stop, CAMPAIGN, DoneReason.GOAL_MET, "found it")
    for _ in range(2):
        bench.do(campaigns.fail, CAMPAIGN, "no fonts")

    row = bench.all(select(t.campaigns))[0]
    assert (row.state, row.done_reason) == ("done", "goal_met")
    assert [entry.facts["reason"] for entry in bench.journal("report.failed")] == ["no fonts"]


def test_a_failure_does_not_end_what_still_moves(bench: Bench) -> None:
    """The last attempt is settled first, whatever failed."""
    bench.queued(1)
    robot = bench.robot()
    offer = bench.running(robot)
    for _ in range(2):
        bench.do(campaigns.fail, CAMPAIGN, "crashed")
    assert bench.state(t.campaigns, CAMPAIGN) == CampaignState.STOPPING

    bench.finish(robot, offer)

    assert bench.do(campaigns.conclude, CAMPAIGN) is True


def test_a_campaign_ends_with_its_report(bench: Bench) -> None:
    """Each form of it by its hash, in the ledger and in the journal."""
    written = {
        "text/html": ArtifactRef(name="report.html", sha256="a" * 64, size=1),
        "text/markdown": ArtifactRef(name="report.md", sha256="b" * 64, size=1),
    }
    bench.do(campaigns.stop, CAMPAIGN, DoneReason.GOAL_MET, "found it")
    assert [bench.do(campaigns.conclude, CAMPAIGN, written) for _ in range(2)] == [True, True]

    kept = {row.media_type: row.sha256 for row in bench.all(select(t.reports))}
    assert kept == {media_type: ref.sha256 for media_type, ref in written.items()}
    assert bench.journal("campaign.e")[0].facts == kept


@pytest.mark.parametrize("transition", [campaigns.conclude, steering.pause, campaigns.next_step])
def test_an_unknown_campaign_is_not_found(bench: Bench, transition: Callable[..., object]) -> None:
    """The id is named."""
    arguments = () if transition is campaigns.conclude else ("why",)
    with pytest.raises(NotFound) as caught:
        bench.do(transition, "cmp_nowhere", *arguments)

    assert caught.value.id == "cmp_nowhere"


def test_every_change_of_a_campaign_wakes_its_workflow(bench: Bench) -> None:
    """Pause, resume and stop are facts of the ledger, and announced in the same transaction."""
    plan = bench.queued(1)
    before = bench.count(t.outbox)
    bench.do(steering.pause, CAMPAIGN, "lunch")
    bench.do(steering.resume, CAMPAIGN, "back")
    bench.do(campaigns.stop, CAMPAIGN, DoneReason.STOPPED_BY, "enough")

    woken = [row.workflow_id for row in bench.all(select(t.outbox).order_by(t.outbox.c.id))][before:]
    assert set(woken) == {f"campaign/{CAMPAIGN}", f"campaign/{CAMPAIGN}/cycle/1/batch"}
    assert plan.id == ids.plan_id(CAMPAIGN, 1)


def _close(bench: Bench, cycle: int, step: NextStep, reason: str = "") -> None:
    advice = Advice.model_validate({"step": step, "reason": reason, "sentence": "so it is"})
    bench.do(campaigns.close_cycle, CAMPAIGN, cycle, seal(advice))
