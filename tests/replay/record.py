"""Record the histories that the replay tests replay: real campaigns on a real Temporal server.

python tests/replay/record.py [SCENARIO ...]
"""

import asyncio
import gzip
import json
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from moonloop.agents.door.config import from_single
from moonloop.agents.door.door import ModelDoor
from moonloop.agents.scripted.answers import ScriptedAnswer
from moonloop.agents.scripted.faults import Fault
from moonloop.domain.agents import Role
from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.history import History
from moonloop.domain.lifecycles import CampaignState
from moonloop.domain.reviews import DecisionVerdict
from moonloop.embedded.temporal import TemporalServer, find_server
from moonloop.service.loop import Loop
from moonloop.workflows.contracts import (
    agent_workflow,
    batch_workflow,
    campaign_workflow,
    cycle_workflow,
    review_workflow,
)
from support.lab import Lab, OpenLab, Scientist, open_lab
from support.playing import doubles
from support.scripted import MODEL, running_scripted
from support.tables import table_spec

HISTORIES = Path(__file__).with_name("histories")
EVERY_CYCLE = {"simulated": "every_cycle"}
_KINDS: Mapping[str, Callable[..., str]] = {
    "cycle": cycle_workflow,
    "review": review_workflow,
    "batch": batch_workflow,
    **{role.value: partial(agent_workflow, role=role) for role in Role},
}


async def finished(open_a_lab: OpenLab) -> None:
    """A campaign of two reviewed cycles, from its start to its end."""
    async with open_a_lab() as lab:
        await lab.robots()
        campaign = await lab.start(table_spec(reviews=EVERY_CYCLE, budget={"experiments": 4}))
        for cycle in (1, 2):
            await lab.decide(await lab.review(campaign, cycle))
        await lab.done(campaign)
        await lab.workflow(campaign).result()
        await _keep(lab, campaign, "finished", "campaign", "cycle", "review", "batch")


async def continued(open_a_lab: OpenLab) -> None:
    """A campaign that continues as new after each of its three cycles: every run."""
    async with open_a_lab(cycles_per_run=1) as lab:
        await lab.robots()
        campaign = await lab.start(table_spec(design={"batch_size": 1, "seed": 1}, budget={"experiments": 3}))
        await lab.done(campaign)
        await lab.workflow(campaign).result()
        await _keep(lab, campaign, "continued", "campaign")


async def in_review(open_a_lab: OpenLab) -> None:
    """A review that is open, after its reminder and a re-reading."""
    async with open_a_lab(reread=0.5) as lab:
        campaign = await lab.start(table_spec(reviews=EVERY_CYCLE | {"remind_after": 0.2}))
        await lab.review(campaign)
        await lab.happened(campaign, "review.reminded")
        await lab.workflow_has(review_workflow(campaign, 1), "TimerFired")
        await _keep(lab, campaign, "in_review", "campaign", "cycle", "review")


async def expired(open_a_lab: OpenLab) -> None:
    """A review that nobody decided in time; the campaign waits, paused."""
    times = {"remind_after": 0.2, "expires_after": 2.0}
    async with open_a_lab() as lab:
        campaign = await lab.start(table_spec(reviews=EVERY_CYCLE | times))
        await lab.until(campaign, lambda facts: facts.cycles and facts.cycles[0].closed_at)
        await lab.workflow_has(campaign_workflow(campaign), "ChildWorkflowExecutionCompleted")
        await _keep(lab, campaign, "expired", "campaign", "cycle", "review")


async def paused(open_a_lab: OpenLab) -> None:
    """A campaign that was paused after a rejection and resumed, then paused in the middle of a batch."""
    async with open_a_lab() as lab:
        hands = await lab.hands()
        campaign = await lab.start(table_spec(reviews=EVERY_CYCLE))
        await lab.decide(await lab.review(campaign), DecisionVerdict.REJECT, "too hot")
        await lab.until(campaign, lambda facts: facts.cycles[0].closed_at)
        await lab.campaigns.resume("alice", campaign, "")
        await lab.decide(await lab.review(campaign, 2))
        offer = await hands.start()
        await lab.campaigns.pause("alice", campaign, "to look")
        await hands.finish(offer)
        await lab.workflow_has(batch_workflow(campaign, 2), "ActivityTaskCompleted")
        await _keep(lab, campaign, "paused", "campaign", "cycle", "batch", cycle=2)


async def failed(open_a_lab: OpenLab) -> None:
    """A campaign that an unforeseen error ends."""

    class Broken(Loop):
        async def spec_and_history(self, campaign: str, cycle: int) -> tuple[CampaignSpec, History]:
            del campaign, cycle
            raise KeyError("hyp_unheard_of")

    async with open_a_lab(loop=Broken) as lab:
        campaign = await lab.start(table_spec())
        await lab.done(campaign)
        await lab.workflow(campaign).result()
        await _keep(lab, campaign, "failed", "campaign", "cycle")


async def ended_by_hand(open_a_lab: OpenLab) -> None:
    """A campaign whose cycle an operator ended in Temporal, and which began it again."""
    async with open_a_lab() as lab:
        hands = await lab.hands()
        campaign = await lab.start(table_spec(budget={"experiments": 1}))
        offer = await hands.start()
        await lab.forget(cycle_workflow(campaign, 1))
        await hands.finish(offer)
        await lab.until(campaign, lambda facts: facts.summary.state is CampaignState.DONE)
        await lab.workflow(campaign).result()
        await _keep(lab, campaign, "ended_by_hand", "campaign", "cycle")


def _with_agents(*roles: Role) -> CampaignSpec:
    rules = {"kind": "llm", "roles": list(roles or Role)}
    return table_spec(scientist=rules, budget={"experiments": 14}, design={"batch_size": 7, "seed": 1})


async def with_agents(open_a_lab: OpenLab) -> None:
    """A campaign in which every role takes part, with tools and a correction, from its start to its end."""
    faults = [Fault("answer", answer=ScriptedAnswer(text="not what was asked for"))]
    async with (
        running_scripted(doubles(), faults=faults) as server,
        ModelDoor(from_single(server.url, MODEL)) as door,
        open_a_lab(model=door) as lab,
    ):
        await lab.robots()
        campaign = await lab.start(_with_agents())
        facts = await lab.done(campaign)
        await lab.workflow(campaign).result()
        await _keep(
            lab, campaign, "with_agents", "campaign", "cycle", "proposer", "critic", "advisor", "analyst"
        )
        await _keep(lab, campaign, "with_agents", "reporter", cycle=facts.summary.cycle)


async def thinking(open_a_lab: OpenLab) -> None:
    """A task whose second call the endpoint has in hand."""
    async with (
        running_scripted(doubles()) as server,
        ModelDoor(from_single(server.url, MODEL)) as door,
        open_a_lab(model=door) as lab,
    ):
        server.faults.extend([Fault("delay", seconds=0.0), Fault("hang")])
        campaign = await lab.start(_with_agents(Role.PROPOSER))
        await server.until(lambda counts: counts.requests == 2)
        await _keep(lab, campaign, "thinking", "campaign", "cycle", "proposer")
        await lab.campaigns.stop("alice", campaign, "enough was seen")
        await lab.done(campaign)
        await lab.workflow(campaign).result()
        await _keep(lab, campaign, "thinking_stopped", "cycle", "proposer")


async def without_models(open_a_lab: OpenLab) -> None:
    """A campaign with agents at a site that has no models."""
    async with open_a_lab() as lab:
        await lab.robots()
        campaign = await lab.start(_with_agents(Role.ADVISOR))
        await lab.done(campaign)
        await lab.workflow(campaign).result()
        await _keep(lab, campaign, "without_models", "campaign", "cycle", "advisor")


SCENARIOS = (
    finished,
    continued,
    in_review,
    expired,
    paused,
    failed,
    ended_by_hand,
    with_agents,
    thinking,
    without_models,
)


async def _keep(lab: Lab, campaign: str, scenario: str, *kinds: str, cycle: int = 1) -> None:
    for kind in kinds:
        workflow = campaign_workflow(campaign) if kind == "campaign" else _KINDS[kind](campaign, cycle)
        for place, run in enumerate(reversed(await lab.runs(workflow)), start=1):
            body = {"workflow": workflow, "history": _without_machine(run.to_json_dict())}
            text = json.dumps(body, sort_keys=True, separators=(",", ":"))
            path = HISTORIES / f"{scenario}.{kind}.{place}.json.gz"
            path.write_bytes(gzip.compress(text.encode(), mtime=0))
            print(f"{path.name}: {len(run.events)} events")  # noqa: T201  a script for people


Json = dict[str, "Json"] | list["Json"] | str | float | bool | None


def _without_machine(given: Json) -> Json:
    """Return a history without the names and paths of the machine that it was recorded on."""
    if isinstance(given, list):
        return [_without_machine(item) for item in given]
    if not isinstance(given, dict):
        return given
    found = {key: _without_machine(value) for key, value in given.items()}
    if "identity" in found:
        found["identity"] = "worker"
    if "stackTrace" in found:
        found["stackTrace"] = ""
    if found.get("kind") == "TASK_QUEUE_KIND_STICKY":
        found["name"] = "sticky"
    return found


async def record() -> None:
    """Run every scenario, or those that are named, one after another."""
    chosen = [
        scenario for scenario in SCENARIOS if scenario.__name__ in (sys.argv[1:] or [scenario.__name__])
    ]
    for scenario in chosen:
        for old in HISTORIES.glob(f"{scenario.__name__}*.json.gz"):
            old.unlink()
    scientist = Scientist(1)
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder)
        server = TemporalServer(program=find_server(), database=at / "temporal.db", log=at / "temporal.log")
        async with server.running():
            for scenario in chosen:
                open_a_lab = partial(open_lab, at / scenario.__name__, server, scientist)
                await scenario(open_a_lab)
    scientist.close()


if __name__ == "__main__":
    asyncio.run(record())
