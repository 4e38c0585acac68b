"""Campaigns over the table in which agents take part, and what their tasks came to."""

from collections.abc import Mapping, Sequence

from moonloop.domain.agents import Role
from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.facts import AgentFact, CampaignFacts, ModelCallFact
from moonloop.store.transcripts import transcript
from support.invariants import look, violations
from support.lab import Lab, ended
from support.tables import table_spec

__all__ = ["calls_of", "ended_in_steps", "task_of", "tasks_of", "thinking_spec", "wrongs"]


def thinking_spec(
    *roles: Role, limits: Mapping[str, float] | None = None, batch: int = 7, seed: int = 1
) -> CampaignSpec:
    """Return a campaign with these agents, or all.

    It is long enough for the proposer to have room for a claim, and its tokens and money are counted.
    """
    return table_spec(
        scientist={"kind": "llm", "roles": list(roles or Role), "limits": limits or {}},
        budget={"experiments": 14, "tokens": 10_000_000, "money": 10.0},
        design={"batch_size": batch, "seed": seed},
    )


def tasks_of(facts: CampaignFacts) -> list[AgentFact]:
    """Return the agents' tasks of a campaign, cycle by cycle."""
    return [agent for cycle in facts.cycles for agent in cycle.agents]


def task_of(facts: CampaignFacts, role: Role, cycle: int) -> AgentFact | None:
    """Return the task of a role in a cycle, once it was opened."""
    return next((task for task in tasks_of(facts) if (task.role, task.cycle) == (role, cycle)), None)


async def calls_of(lab: Lab, tasks: Sequence[AgentFact]) -> list[ModelCallFact]:
    """Return the calls of models that were paid for in these tasks."""
    threads = [await lab.ledger.read(transcript, task.thread) for task in tasks]
    return [entry.call for thread in threads for entry in thread if entry.call is not None]


async def ended_in_steps(lab: Lab, campaign: str) -> CampaignFacts:
    """Wait for the end of a campaign for as long as one turn or run follows another in time."""
    facts = await lab.facts(campaign)
    while not ended(facts):
        known = _progress(facts)
        facts = await lab.until(campaign, lambda now, known=known: ended(now) or known != _progress(now))
    return facts


def _progress(facts: CampaignFacts) -> tuple[int, ...]:
    tasks = tasks_of(facts)
    return len(facts.cycles), len(tasks), sum(task.turns for task in tasks), facts.summary.experiments_done


async def wrongs(lab: Lab, campaigns: Sequence[CampaignFacts]) -> list[str]:
    """Return what is wrong in the ledger of these campaigns, all that it has, now that they have ended."""
    await lab.numbered()
    reasons = {facts.summary.id: str(facts.summary.done_reason) for facts in campaigns}
    return violations(look(lab.ledger_file), reasons)
