"""What goes wrong in the workers: what passes is waited for, what does not ends the campaign."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.errors import LedgerBusy, ResultInvalid, StorageFull
from moonloop.domain.history import History
from moonloop.domain.lifecycles import DoneReason
from moonloop.domain.steps import CampaignStep
from moonloop.embedded.temporal import TemporalServer, find_server
from moonloop.service.loop import Loop
from moonloop.service.settings import Settings
from moonloop.service.wiring import run_worker
from moonloop.workflows.contracts import ReviewStatus
from support.invariants import look
from support.lab import PATIENCE_S, OpenLab, Scientist, jobs_of
from support.tables import table_spec

EVERY_CYCLE = {"simulated": "every_cycle"}


async def test_a_scientist_that_is_killed_is_replaced(open_a_lab: OpenLab, scientist: Scientist) -> None:
    """The process that thinks dies between two thoughts and during one: the thought is begun again."""

    class Murdered(Loop):
        async def spec_and_history(self, campaign: str, cycle: int) -> tuple[CampaignSpec, History]:
            for pid in scientist.processes:
                os.kill(pid, signal.SIGKILL)
            return await super().spec_and_history(campaign, cycle)

    async with open_a_lab(loop=Murdered) as lab:
        await lab.robots()
        campaign = await lab.start(table_spec(budget={"experiments": 2}))

        facts = await lab.done(campaign)

        assert DoneReason.BUDGET_SPENT is facts.summary.done_reason
        assert 2 == len(jobs_of(facts))


async def test_an_error_that_nobody_foresaw_ends_the_campaign_with_its_sentence(open_a_lab: OpenLab) -> None:
    """After a few tries the campaign ends as failed, and the tries end with it."""
    tries = 0

    class Broken(Loop):
        async def spec_and_history(self, campaign: str, cycle: int) -> tuple[CampaignSpec, History]:
            del campaign, cycle
            nonlocal tries
            tries += 1
            raise KeyError("hyp_unheard_of")

    async with open_a_lab(loop=Broken) as lab:
        campaign = await lab.start(table_spec())

        facts = await lab.done(campaign)
        await lab.workflow(campaign).result()

        assert (DoneReason.FAILED, "KeyError: 'hyp_unheard_of'") == (
            facts.summary.done_reason,
            facts.stop_reason,
        )
        assert 5 == tries


async def test_an_error_before_the_first_step_ends_the_campaign_too(open_a_lab: OpenLab) -> None:
    """Not even the question what to do next may fail for ever."""

    class Lost(Loop):
        lost = True

        async def next_step(self, campaign: str) -> CampaignStep:
            if self.lost:
                raise ZeroDivisionError("of a cycle by nothing")
            return await super().next_step(campaign)

        async def fail(self, campaign: str, why: str) -> None:
            self.lost = False
            await super().fail(campaign, why)

    async with open_a_lab(loop=Lost) as lab:
        campaign = await lab.start(table_spec())

        facts = await lab.done(campaign)

        assert (DoneReason.FAILED, "ZeroDivisionError: of a cycle by nothing") == (
            facts.summary.done_reason,
            facts.stop_reason,
        )


async def test_a_report_that_cannot_be_written_does_not_keep_a_campaign(open_a_lab: OpenLab) -> None:
    """The campaign ends for its own reason, without a report, and the journal says why."""

    class Unwritten(Loop):
        async def conclude(self, campaign: str) -> bool:
            del campaign
            raise RuntimeError("the pen is dry")

    async with open_a_lab(loop=Unwritten) as lab:
        await lab.robots()
        campaign = await lab.start(table_spec(budget={"experiments": 2}))

        facts = await lab.done(campaign)
        told = {entry.what: entry.facts for entry in await lab.journal(campaign)}

        assert DoneReason.BUDGET_SPENT is facts.summary.done_reason
        assert {"reason": "RuntimeError: the pen is dry"} == told["report.failed"]


async def test_numbers_of_any_size_do_not_end_a_campaign(open_a_lab: OpenLab) -> None:
    """What is beyond the bounds is refused, what is at them is analysed; the campaign spends its budget."""
    async with open_a_lab() as lab:
        hands = await lab.hands()
        campaign = await lab.start(table_spec(budget={"experiments": 6}))
        for value in (1e100, -1e100, None, 5e-324, None, None):
            offer = await hands.start()
            with pytest.raises(ResultInvalid, match="no number may be beyond"):
                await hands.finish(offer, 1e308)
            await hands.finish(offer, value)

        facts = await lab.done(campaign)

        assert DoneReason.BUDGET_SPENT is facts.summary.done_reason
        assert "report.failed" not in {entry.what for entry in await lab.journal(campaign)}


async def test_what_passes_by_itself_is_waited_for(open_a_lab: OpenLab) -> None:
    """A full disk and a busy ledger cost tries, never the campaign, however many they are."""
    tries = 0

    class Patient(Loop):
        async def next_step(self, campaign: str) -> CampaignStep:
            nonlocal tries
            tries += 1
            if tries <= 5:
                raise StorageFull(what="the ledger") if tries % 2 else LedgerBusy()
            return await super().next_step(campaign)

    async with open_a_lab(loop=Patient) as lab:
        campaign = await lab.start(table_spec(reviews=EVERY_CYCLE))

        await lab.review(campaign)

        assert tries > 5


async def test_a_failure_under_review_withdraws_the_plan(open_a_lab: OpenLab) -> None:
    """A campaign that fails asks nobody any more, and gives back what it had reserved."""

    class Blind(Loop):
        async def review_status(self, review: str) -> ReviewStatus:
            del review
            raise ValueError("cannot read")

    async with open_a_lab(loop=Blind) as lab:
        campaign = await lab.start(table_spec(reviews=EVERY_CYCLE))

        facts = await lab.done(campaign)

        assert DoneReason.FAILED is facts.summary.done_reason
        assert 0 == sum(line.reserved for line in facts.budgets)


async def test_a_worker_that_starts_before_temporal_waits_for_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It says that it waits, and begins when the server is there: nobody has to start it a second time."""
    server = TemporalServer(program=find_server(), database=tmp_path / "t.db", log=tmp_path / "temporal.log")
    settings = Settings(home=tmp_path, temporal_address=server.address)
    worker = asyncio.ensure_future(run_worker(settings, ("relay",)))
    try:
        async with asyncio.timeout(PATIENCE_S):
            while "waits for Temporal" not in caplog.text:  # noqa: ASYNC110  nothing tells of it
                await asyncio.sleep(0.02)
            async with server.running():
                leads = look(tmp_path / "ledger.db")
                while not leads("SELECT holder FROM leaders"):  # noqa: ASYNC110  nothing tells of it
                    await asyncio.sleep(0.02)
                assert not worker.done()
    finally:
        worker.cancel()
        await asyncio.wait({worker})
