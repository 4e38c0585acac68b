"""Histories stay small: campaigns, reviews and batches continue as new, and carry references only."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest_asyncio
from temporalio.client import WorkflowHistory

from moonloop.domain.lifecycles import DoneReason
from moonloop.domain.reviews import DecisionVerdict
from moonloop.embedded.processes import Supervisor
from moonloop.embedded.temporal import TemporalServer, find_server
from moonloop.workflows.contracts import batch_workflow, campaign_workflow, cycle_workflow, review_workflow
from support.lab import OpenLab, Scientist, open_lab
from support.tables import table_spec

EVERY_CYCLE = {"simulated": "every_cycle"}


def _size(history: WorkflowHistory) -> int:
    return sum(event.ByteSize() for event in history.events)


@pytest_asyncio.fixture
async def hasty_temporal(tmp_path: Path) -> AsyncGenerator[TemporalServer]:
    """A server that suggests to continue as new after few events instead of thousands."""
    server = TemporalServer(program=find_server(), database=tmp_path / "t.db", log=tmp_path / "temporal.log")
    program = server.supervised()
    hasty = ("--dynamic-config-value", "limit.historyCount.suggestContinueAsNew=25")
    async with Supervisor() as supervisor:
        await supervisor.start(replace(program, command=(*program.command, *hasty)))
        yield server


async def test_a_campaign_continues_as_new_every_few_cycles(open_a_lab: OpenLab) -> None:
    """Six cycles at two a run are three runs and one for the end, and the campaign notices nothing of it."""
    async with open_a_lab(cycles_per_run=2) as lab:
        await lab.robots()
        campaign = await lab.start(table_spec(design={"batch_size": 1, "seed": 1}))

        facts = await lab.done(campaign)
        await lab.workflow(campaign).result()
        runs = await lab.runs(campaign_workflow(campaign))

        assert DoneReason.BUDGET_SPENT is facts.summary.done_reason
        assert 6 == len(facts.cycles)
        assert 4 == len(runs)


async def test_histories_hold_references_only(open_a_lab: OpenLab) -> None:
    """A cycle costs its campaign's history a few kilobytes whatever its plan, and a batch no more per job."""
    async with open_a_lab() as lab:
        await lab.robots(2)
        campaign = await lab.start(
            table_spec(design={"batch_size": 12, "seed": 1}, budget={"experiments": 12})
        )
        await lab.done(campaign)
        await lab.workflow(campaign).result()

        sizes = {
            name: _size((await lab.runs(workflow))[0])
            for name, workflow in (
                ("campaign", campaign_workflow(campaign)),
                ("cycle", cycle_workflow(campaign, 1)),
                ("batch", batch_workflow(campaign, 1)),
            )
        }

        assert {} == {name: size for name, size in sizes.items() if size > 10_000}


async def test_a_long_wait_continues_as_new(
    hasty_temporal: TemporalServer, scientist: Scientist, tmp_path: Path
) -> None:
    """A review and a batch that take weeks never fill their histories, and end as those that take minutes."""
    async with open_lab(tmp_path / "home", hasty_temporal, scientist, reread=0.05) as lab:
        hands = await lab.hands()
        campaign = await lab.start(table_spec(reviews=EVERY_CYCLE, budget={"experiments": 1}))
        review = await lab.review(campaign)
        await lab.continued(review_workflow(campaign, 1), 1)
        await lab.decide(review)
        offer = await hands.start()
        await lab.continued(batch_workflow(campaign, 1), 1)
        await hands.finish(offer)

        facts = await lab.done(campaign)

        assert DoneReason.BUDGET_SPENT is facts.summary.done_reason


async def test_a_long_pause_continues_as_new(
    hasty_temporal: TemporalServer, scientist: Scientist, tmp_path: Path
) -> None:
    """A campaign that is paused for weeks reads the ledger now and then, in a history that stays small."""
    async with open_lab(tmp_path / "home", hasty_temporal, scientist, reread=0.05) as lab:
        campaign = await lab.start(table_spec(reviews=EVERY_CYCLE, budget={"experiments": 1}))
        await lab.decide(await lab.review(campaign), DecisionVerdict.REJECT)
        await lab.continued(campaign_workflow(campaign), 1)

        await lab.campaigns.resume("alice", campaign, "")

        assert "open" == (await lab.review(campaign, 2)).state
