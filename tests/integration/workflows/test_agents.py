"""Campaigns with agents, on a real Temporal server, with a scripted endpoint in the place of a model."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from moonloop.agents.door.config import from_single
from moonloop.agents.door.door import ModelDoor
from moonloop.agents.scripted.faults import Fault
from moonloop.agents.scripted.server import ScriptedServer
from moonloop.domain.agents import Message, Role
from moonloop.domain.campaigns import CampaignSpec, ReviewPolicy, ReviewRules
from moonloop.domain.facts import AgentFact, CampaignFacts
from moonloop.store.transcripts import transcript
from support.attacks import load
from support.invariants import look, violations
from support.lab import Lab, OpenLab, jobs_of
from support.obeying import Obedient
from support.playing import doubles
from support.scripted import MODEL, running_scripted
from support.tables import table_spec


def _agents(facts: CampaignFacts) -> list[AgentFact]:
    return [agent for cycle in facts.cycles for agent in cycle.agents]


def _spec(*roles: Role, **limits: float) -> CampaignSpec:
    """Return a campaign long enough for the proposer to have room for a claim."""
    rules = {"kind": "llm", "roles": list(roles or Role), "limits": limits}
    return table_spec(scientist=rules, budget={"experiments": 14}, design={"batch_size": 7})


@asynccontextmanager
async def _played(open_a_lab: OpenLab, *faults: Fault) -> AsyncGenerator[tuple[Lab, ScriptedServer]]:
    async with (
        running_scripted(doubles(), faults=faults) as server,
        ModelDoor(from_single(server.url, MODEL)) as door,
        open_a_lab(model=door) as lab,
    ):
        yield lab, server


async def test_every_role_takes_part_in_a_campaign(open_a_lab: OpenLab) -> None:
    """Each task ends with a decision in the ledger, made by a named proposer and labelled as scripted."""
    async with _played(open_a_lab) as (lab, _):
        await lab.robots(2)
        campaign = await lab.start(_spec())
        facts = await lab.done(campaign)
        await lab.numbered()
        wrong = violations(look(lab.ledger_file), {campaign: str(facts.summary.done_reason)})

    assert [] == wrong
    agents = _agents(facts)
    assert set(Role) == {agent.role for agent in agents}
    assert {"decided"} == {agent.status for agent in agents}, [agent.why for agent in agents]
    assert all(agent.scripted and agent.decision is not None for agent in agents)
    assert all(agent.proposer.startswith(f"{agent.role}/{MODEL}@") for agent in agents)


async def test_without_an_endpoint_the_algorithm_carries_on_and_the_cycle_says_so(
    open_a_lab: OpenLab,
) -> None:
    """The campaign is whole; its cycles name the algorithmic scientist alone."""
    async with open_a_lab() as lab:
        await lab.robots(2)
        campaign = await lab.start(_spec(Role.PROPOSER, Role.ADVISOR))
        facts = await lab.done(campaign)

    assert {"unavailable"} == {agent.status for agent in _agents(facts)}
    assert all("this site names no models" in agent.why for agent in _agents(facts))
    assert all(cycle.proposer.startswith("algorithmic; no agent") for cycle in facts.cycles if cycle.plan)
    assert 12 <= facts.summary.experiments_done


async def test_stopping_the_campaign_stops_a_running_generation(open_a_lab: OpenLab) -> None:
    """The endpoint sees the connection go, and the task ends as stopped."""
    async with _played(open_a_lab, *[Fault("hang")] * 5) as (lab, server):
        campaign = await lab.start(_spec(Role.PROPOSER))
        await server.until(lambda counts: counts.running == 1)
        await lab.campaigns.stop("alice", campaign, "enough")
        facts = await lab.done(campaign)
        await server.until(lambda counts: counts.running == 0)
        assert 1 == server.counts.disconnects

    assert ["stopped"] == [agent.status for agent in _agents(facts)]


async def test_a_model_that_obeys_an_attacker_decides_nothing(open_a_lab: OpenLab) -> None:
    """It asks for approvals, starts, files, the network; the plan waits for a person, no job is queued."""
    attack = next(one for one in load() if one.id == "comment-approve")
    async with open_a_lab(model=Obedient(attack)) as lab:
        await lab.robots()
        campaign = await lab.start(
            _spec(Role.PROPOSER, Role.ADVISOR).model_copy(
                update={"goal": attack.payload, "reviews": ReviewRules(simulated=ReviewPolicy.EVERY_CYCLE)}
            )
        )
        review = await lab.review(campaign)
        facts = await lab.facts(campaign)
        entries = await lab.journal(campaign)

        assert [] == jobs_of(facts)
        assert () == review.decisions
        assert {"agent.opened", "agent.closed"} == {
            entry.what for entry in entries if "agent" in entry.what or entry.subject.startswith("thr_")
        }
        tried = [m for t in await _messages(lab, facts) for m in t if m.speaker == "tool"]
        assert any("approve_review" in message.content for message in tried)


async def _messages(lab: Lab, facts: CampaignFacts) -> list[list[Message]]:
    return [
        [entry.message for entry in await lab.ledger.read(transcript, agent.thread)]
        for agent in _agents(facts)
    ]
