"""A cycle that no robot would carry out: the campaign asks a person in place of trying for ever."""

import pytest

from moonloop.domain.canonical import seal
from moonloop.domain.history import Advice, NextStep
from moonloop.domain.lifecycles import CampaignState
from moonloop.store import attempts, campaigns, steering
from moonloop.store import tables as t
from support.campaigns import CAMPAIGN, Bench

ADVICE = seal(Advice(step=NextStep.SEARCH, sentence="Go on."))


def _refuse(bench: Bench, robot: str, jobs: int) -> None:
    for number in range(jobs):
        offer = bench.claim(robot, f"request-{number}-{bench.count(t.attempts)}")
        assert offer is not None
        bench.do(attempts.release, robot, offer.attempt_id, offer.fence, "no such lid", refused=True)


def test_a_cycle_whose_every_job_was_refused_pauses_the_campaign(bench: Bench) -> None:
    """It says what the robots said; resumed, the campaign goes on with another cycle."""
    bench.queued(2)
    _refuse(bench, bench.robot(), 2)
    bench.do(campaigns.close_cycle, CAMPAIGN, 1, ADVICE)

    assert CampaignState.PAUSED == bench.state(t.campaigns, CAMPAIGN)
    (entry,) = bench.journal("campaign.b", CAMPAIGN)
    assert "every robot refused every job of cycle 1: no such lid" == entry.facts["reason"]
    assert "wait" == bench.do(campaigns.next_step, CAMPAIGN, "algorithmic").action

    bench.do(steering.resume, CAMPAIGN, "the lid is there now")

    step = bench.do(campaigns.next_step, CAMPAIGN, "algorithmic")
    assert ("cycle", 2) == (step.action, step.cycle)


@pytest.mark.parametrize("refused", [0, 1])
def test_a_cycle_of_which_something_came_goes_on(bench: Bench, refused: int) -> None:
    """One job that was done, or cancelled for another reason, is no refusal of the whole."""
    bench.queued(2)
    robot = bench.robot()
    _refuse(bench, robot, refused)
    for number in range(2 - refused):
        bench.finish(robot, bench.running(robot, f"request-done-{number}"))
    bench.do(campaigns.close_cycle, CAMPAIGN, 1, ADVICE)

    assert CampaignState.RUNNING == bench.state(t.campaigns, CAMPAIGN)
