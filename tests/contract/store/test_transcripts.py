"""What agents said and came to, as the scientist and people read it; and the record that it makes."""

from collections.abc import Callable

import pytest
from sqlalchemy import update

from moonloop.domain import ids
from moonloop.domain.agents import Role, proposer_name
from moonloop.domain.canonical import seal
from moonloop.domain.claims import Evidence, Hypothesis
from moonloop.domain.errors import NotFound
from moonloop.domain.facts import AgentFact
from moonloop.domain.history import Advice, History, NextStep
from moonloop.domain.plans import Suggested
from moonloop.domain.proposals import Findings, Hypotheses
from moonloop.domain.trust import ClaimScore
from moonloop.store import Tx, campaigns, histories, hypotheses, jobs, plans, transcripts, views
from moonloop.store import tables as t
from support.campaigns import CAMPAIGN, Bench, make_plan
from support.thinking import Thinking, claims, findings

Make = Callable[..., Bench]
OTHER = "cmp_0000000000000002"
AGENT = proposer_name(Role.PROPOSER, "scripted-one", "a" * 64)


@pytest.fixture
def bench(with_agents: Make) -> Bench:
    """A campaign with agents, in its first cycle."""
    return with_agents()


def _task(bench: Bench, role: Role = Role.PROPOSER, cycle: int = 1) -> Thinking:
    thinking = Thinking(bench, role, cycle)
    thinking.open()
    return thinking


def _history(bench: Bench, cycle: int = 1) -> History:
    return bench.ledger.read_now(histories.history, bench.campaign, cycle)


def test_a_transcript_has_every_message_and_the_calls_that_made_some(bench: Bench) -> None:
    """In their order, with what each call took."""
    thinking = _task(bench)
    thinking.turn()
    thinking.tool("forty-two")
    entries = bench.ledger.read_now(transcripts.transcript, thinking.id)

    assert [0, 1, 2, 3] == [entry.position for entry in entries]
    assert ["system", "user", "assistant", "tool"] == [entry.message.speaker for entry in entries]
    assert [None, None, 120, None] == [
        entry.call and entry.call.prompt_tokens + entry.call.completion_tokens for entry in entries
    ]
    with pytest.raises(NotFound):
        bench.ledger.read_now(transcripts.transcript, "thr_0000000000000009_0001_critic")


def test_a_cycle_tells_of_its_agents(bench: Bench) -> None:
    """Who it was, what was decided or why nothing was, and what it took."""
    _task(bench).decide(claims("water"))
    _task(bench, Role.ADVISOR).close("unavailable", "no endpoint answers")
    facts = bench.ledger.read_now(views.campaign_facts, CAMPAIGN)
    proposer, advisor = facts.cycles[0].agents

    assert (Role.PROPOSER, "decided", AGENT, 1, 100, 80, 20, 0.5) == (
        proposer.role, proposer.status, proposer.proposer, proposer.turns, proposer.prompt_tokens,
        proposer.cached_tokens, proposer.completion_tokens, proposer.cost,
    )  # fmt: skip
    assert isinstance(proposer.decision, Hypotheses)
    assert ("unavailable", "no endpoint answers", "-", None) == (
        advisor.status, advisor.why, advisor.proposer, advisor.decision,
    )  # fmt: skip
    assert all(isinstance(fact, AgentFact) and fact.ended_at is not None for fact in (proposer, advisor))


def test_the_scientist_hears_what_was_decided_in_the_cycle(bench: Bench) -> None:
    """Of its own campaign and cycle, and nothing that is not decided."""
    _task(bench).decide(claims("water"))
    _task(bench, Role.ANALYST).decide(findings())
    _task(bench, Role.CRITIC).turn()
    _task(bench, Role.ADVISOR).close("exhausted", "no decision in 12 turns")
    heard = _history(bench).proposals

    assert [(f"thr_{ids.stem(CAMPAIGN)}_0001_{role}") for role in ("proposer", "analyst")] == [
        proposal.thread for proposal in heard
    ]
    assert [Hypotheses, Findings] == [type(proposal.decision) for proposal in heard]
    assert AGENT == heard[0].proposer
    assert () == _history(bench, 2).proposals


def test_the_scientist_sees_whose_candidate_a_run_was(bench: Bench) -> None:
    """With what was said of it beforehand, as the plan has it."""
    plan, _, specs = make_plan(bench.spec, size=1)
    said = Suggested(proposer="advisor/m@0", probability=0.6, bar=10.0, displaces="another")
    plan = plan.model_copy(update={"runs": (plan.runs[0].model_copy(update={"suggested": said}),)})
    bench.do(plans.record_plan, plan, seal(plan), specs)
    bench.do(plans.screen, plan.id)
    bench.review(plan)
    bench.do(jobs.queue, plan.id)
    robot = bench.robot()
    bench.finish(robot, bench.running(robot))

    assert [said] == [seen.suggested for seen in _history(bench).observations]


# The record.


def _claim(bench: Bench, number: int, proposer: str, probability: float = 0.7) -> Hypothesis:
    return Hypothesis.model_validate(
        {
            "id": ids.hypothesis_id(bench.campaign, number),
            "campaign_id": bench.campaign,
            "number": number,
            "proposed": {
                "claim": {"kind": "effect", "factor": "solvent", "level_a": "water", "level_b": "ethanol"},
                "statement": "Water is better.",
                "probability": probability,
                "proposer": proposer,
            },
            "alpha": 0.05,
            "weight": 0.2,
            "delta": 10,
            "cap": 20,
            "seed": 7,
            "registered_in": 1,
        }
    )


def _decide(bench: Bench, number: int, verdict: str, cycle: int = 1) -> None:
    found = Evidence.model_validate(
        {
            "hypothesis_id": ids.hypothesis_id(bench.campaign, number),
            "verdict": verdict,
            "e_support": 2.0,
            "e_refute": 0.5,
            "threshold": 40,
            "n": 3,
        }
    )
    bench.do(hypotheses.record_evidence, bench.campaign, cycle, [found])
    bench.clock.advance(1)


def test_the_record_is_every_verdict_on_a_claim_of_agents_and_algorithm(
    bench: Bench, with_agents: Make
) -> None:
    """Over all campaigns, in the order of the verdicts; no one else's, and none that is not decided."""
    other = with_agents(campaign=OTHER)
    for one in (bench, other):
        _task(one).decide(claims("water"))
        proposers = (AGENT, "algorithmic", "campaign file", "algorithmic")
        made = [_claim(one, number, name, number / 10) for number, name in enumerate(proposers, 1)]
        one.do(hypotheses.register, one.campaign, made)
    _decide(other, 2, "refuted")
    _decide(bench, 1, "supported")
    _decide(bench, 3, "supported")
    _decide(other, 1, "refuted", 2)
    _decide(bench, 4, "undecided")

    assert (
        (
            ClaimScore(proposer="algorithmic", probability=0.2, supported=False),
            ClaimScore(proposer=AGENT, probability=0.1, supported=True),
            ClaimScore(proposer=AGENT, probability=0.1, supported=False),
        )
        == _history(bench).record
        == _history(other, 2).record
    )


def test_a_record_is_not_brought_along(bench: Bench) -> None:
    """What was earned elsewhere counts there."""
    _task(bench).decide(claims("water"))
    bench.do(hypotheses.register, CAMPAIGN, [_claim(bench, 1, AGENT)])
    _decide(bench, 1, "supported")
    assert 1 == len(_history(bench).record)

    bench.do(_bring)

    assert () == _history(bench).record


def _bring(tx: Tx) -> None:
    tx.run(update(t.campaigns).values(imported=True))


def test_no_campaign_file_speaks_for_an_agent(bench: Bench) -> None:
    """A claim under an agent's name counts only where that agent has decided in the campaign."""
    _task(bench).close("exhausted", "no decision in 12 turns")
    bench.do(hypotheses.register, CAMPAIGN, [_claim(bench, 1, AGENT), _claim(bench, 2, "carol/private")])
    _decide(bench, 1, "supported")
    _decide(bench, 2, "supported")

    assert () == _history(bench).record


def test_no_claim_of_a_file_is_in_a_record(with_agents: Make) -> None:
    """Whatever name it was given, and though an agent of that name decided later."""
    effect = {"kind": "effect", "factor": "solvent", "level_a": "water", "level_b": "ethanol"}
    stated = {"claim": effect, "statement": "Water is better.", "probability": 0.9}
    files = [{**stated, "proposer": name} for name in ("algorithmic", AGENT)]
    bench = with_agents(claims=files)
    _task(bench).decide(claims("water"))
    names = ("algorithmic", AGENT, AGENT)
    made = [_claim(bench, number, name, number / 10) for number, name in enumerate(names, 1)]
    bench.do(hypotheses.register, CAMPAIGN, made)
    for number in (1, 2, 3):
        _decide(bench, number, "supported")

    assert (ClaimScore(proposer=AGENT, probability=0.3, supported=True),) == _history(bench).record


def test_people_are_told_where_the_agents_stand(bench: Bench) -> None:
    """With the weight that their record is worth now."""
    _task(bench).decide(claims("water"))
    bench.do(hypotheses.register, CAMPAIGN, [_claim(bench, 1, AGENT, 0.9)])
    before = bench.ledger.read_now(views.campaign_facts, CAMPAIGN).standings
    _decide(bench, 1, "supported")
    after = bench.ledger.read_now(views.campaign_facts, CAMPAIGN).standings

    assert [AGENT] == [one.proposer for one in before] == [one.proposer for one in after]
    assert (0, 1) == (before[0].claims, after[0].claims_supported)
    assert after[0].weight > before[0].weight


def test_without_agents_nobody_stands_anywhere(new_bench: Make) -> None:
    """A campaign of the algorithm alone tells of no standings and no agents."""
    bench = new_bench()
    bench.do(campaigns.next_step, CAMPAIGN, "algorithmic")
    facts = bench.ledger.read_now(views.campaign_facts, CAMPAIGN)

    assert ((), ()) == (facts.standings, facts.cycles[0].agents)


# What the cycle says.


def _planned(bench: Bench, cycle: int = 1) -> str:
    plan, sealed, specs = make_plan(bench.spec, cycle, campaign=bench.campaign)
    bench.do(plans.record_plan, plan, sealed, specs)
    return bench.ledger.read_now(views.campaign_facts, CAMPAIGN).cycles[-1].proposer


def test_a_cycle_names_those_who_had_a_say(bench: Bench) -> None:
    """Beside the algorithm, which always has; more names than once fitted the column."""
    for role, decision in ((Role.PROPOSER, claims("water")), (Role.ANALYST, findings())):
        _task(bench, role).decide(decision)
    _task(bench, Role.ADVISOR).close("exhausted", "no decision in 12 turns")
    assert f"algorithmic; {AGENT}, analyst/scripted-one@aaaaaaaa" == _planned(bench)
    assert f"algorithmic; {AGENT}, analyst/scripted-one@aaaaaaaa" == _planned(bench)


def test_a_cycle_says_why_no_agent_had_a_say(bench: Bench) -> None:
    """The campaign goes on, and tells it."""
    _task(bench).close("unavailable", "no endpoint answers for the role proposer")

    assert "algorithmic; no agent answered: no endpoint answers for the role proposer" == _planned(bench)


def test_a_cycle_in_which_no_agent_was_asked_says_so(bench: Bench) -> None:
    """As when there is no worker for them."""
    assert "algorithmic; no agent answered: none was asked" == _planned(bench)


def test_a_cycle_without_agents_is_the_algorithms(with_agents: Make, new_bench: Make) -> None:
    """Where none take part, and where a confirmation runs what the campaign file says."""
    bench = new_bench()
    bench.do(campaigns.next_step, CAMPAIGN, "algorithmic")
    assert "algorithmic" == _planned(bench)

    other = with_agents(campaign=OTHER)
    advice = Advice(step=NextStep.CONFIRM, reason="goal_met", sentence="Confirm it.")
    other.do(campaigns.close_cycle, OTHER, 1, seal(advice))
    other.do(campaigns.next_step, OTHER, "algorithmic")
    plan, sealed, specs = make_plan(other.spec, 2, campaign=OTHER)
    other.do(plans.record_plan, plan, sealed, specs)
    assert "algorithmic" == other.ledger.read_now(views.campaign_facts, OTHER).cycles[-1].proposer
