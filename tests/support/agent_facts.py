"""Facts of agents, as a ledger would tell them of a campaign in which agents took part."""

from datetime import datetime, timedelta
from typing import Any

from moonloop.domain import ids
from moonloop.domain.agents import Role, proposer_name
from moonloop.domain.canonical import digest
from moonloop.domain.facts import AgentFact, CampaignFacts, CycleFact
from moonloop.domain.plans import Purpose, Run, Suggested
from moonloop.domain.proposals import DesignAdvice, Finding, Findings, Hypotheses, Narrative, Sentence
from moonloop.domain.trust import Standing

__all__ = ["ADVISOR", "MODEL", "PROPOSER", "REPORTER", "agent", "thinking"]

MODEL = "kestrel-8b"
PROMPT = digest(b"prompt")
PROPOSER, ADVISOR, ANALYST, REPORTER = (
    proposer_name(role, MODEL, PROMPT) for role in (Role.PROPOSER, Role.ADVISOR, Role.ANALYST, Role.REPORTER)
)


def agent(campaign: str, cycle: int, role: Role, at: datetime, **changes: Any) -> AgentFact:
    """Return a task that was decided, unless changed."""
    return AgentFact(
        thread=ids.thread_id(campaign, cycle, role), cycle=cycle, role=role, status="decided",
        proposer=proposer_name(role, MODEL, PROMPT), turns=3, prompt_tokens=4_000, cached_tokens=3_000,
        completion_tokens=250, cost=0.0125, opened_at=at, ended_at=at + timedelta(seconds=9),
    ).model_copy(update=changes)  # fmt: skip


def thinking(
    facts: CampaignFacts, *, scripted: bool = False, sentences: tuple[Sentence, ...] = ()
) -> CampaignFacts:
    """Return the same campaign with agents: decided at first, without an endpoint later.

    In cycle 2 the first two picks are the advisor's, and in the last cycle the reporter writes.
    """
    cycles = [_with_agents(facts, cycle, scripted=scripted, sentences=sentences) for cycle in facts.cycles]
    spec = facts.spec
    return facts.model_copy(
        update={
            "spec": spec.model_copy(update={"scientist": spec.scientist.model_copy(update={"kind": "llm"})}),
            "cycles": tuple(cycles),
            "hypotheses": tuple(_claimed(facts, place) for place, _ in enumerate(facts.hypotheses)),
            "standings": (
                Standing(proposer=ADVISOR, weight=1.31, share=0.2375, candidates=2, candidates_better=1),
                Standing(proposer=PROPOSER, weight=0.04, share=0.0, claims=3, claims_supported=1),
            ),
        }
    )


def _with_agents(
    facts: CampaignFacts, cycle: CycleFact, *, scripted: bool, sentences: tuple[Sentence, ...]
) -> CycleFact:
    def one(role: Role, **changes: Any) -> AgentFact:
        return agent(facts.summary.id, cycle.number, role, cycle.opened_at, scripted=scripted, **changes)

    if cycle is facts.cycles[-1]:
        told = (one(Role.REPORTER, decision=Narrative(sentences=sentences)),)
        return cycle.model_copy(update={"agents": told})
    if cycle.number > 2:
        down = {"status": "unavailable", "why": "no endpoint answers", "proposer": "-", "turns": 0}
        nothing = {"prompt_tokens": 0, "cached_tokens": 0, "completion_tokens": 0, "cost": 0.0}
        told = tuple(
            one(role, **down, **nothing).model_copy(update={"scripted": False}) for role in _SEARCHING
        )
        why = "algorithmic; no agent answered: no endpoint answers"
        return cycle.model_copy(update={"agents": told, "proposer": why})
    measured = tuple(fact.id for job in facts.cycles[0].jobs for fact in job.measurements)[:2]
    found = Finding(statement="The nitriles stand out.", measurements=measured, probability=0.6)
    told = (
        one(Role.PROPOSER, decision=Hypotheses()),
        one(Role.CRITIC, status="unusable", why="the answer is no JSON"),
        one(Role.ADVISOR, decision=DesignAdvice()),
        one(Role.ANALYST, decision=Findings(findings=(found,))),
    )
    by = f"algorithmic; {PROPOSER}, {ADVISOR}"
    changed = _suggesting(cycle) if cycle.number == 2 else cycle
    return changed.model_copy(update={"agents": told, "proposer": by})


_SEARCHING = (Role.PROPOSER, Role.ADVISOR)


def _suggesting(cycle: CycleFact) -> CycleFact:
    assert cycle.plan is not None
    plan = cycle.plan.plan
    picks = [run.index for run in plan.runs if run.purpose is Purpose.PICK][:2]
    runs = tuple(_suggested(run, picks.index(run.index)) if run.index in picks else run for run in plan.runs)
    fact = cycle.plan.model_copy(update={"plan": plan.model_copy(update={"runs": runs})})
    return cycle.model_copy(update={"plan": fact})


def _suggested(run: Run, place: int) -> Run:
    # One bar that every value is above, and one that none is.
    said = Suggested(proposer=ADVISOR, probability=0.7, bar=(-1e3, 1e3)[place], displaces="another")
    return run.model_copy(update={"suggested": said})


def _claimed(facts: CampaignFacts, place: int) -> Any:
    fact = facts.hypotheses[place]
    if place:
        return fact
    measured = next(one.id for job in facts.cycles[0].jobs for one in job.measurements)
    evidence = (measured, "lit_0a1b2c3d_4")
    proposed = fact.hypothesis.proposed.model_copy(update={"proposer": PROPOSER, "evidence": evidence})
    return fact.model_copy(update={"hypothesis": fact.hypothesis.model_copy(update={"proposed": proposed})})
