"""The ledger as the loop uses it: what activities and the relay ask for, each call idempotent."""

import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection, select

from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.canonical import seal
from moonloop.domain.claims import Evidence, Hypothesis
from moonloop.domain.facts import CampaignFacts
from moonloop.domain.history import Advice, History
from moonloop.domain.lifecycles import CampaignState, ReviewState
from moonloop.domain.plans import JobSpec, Plan
from moonloop.domain.steps import BatchStatus, CampaignStep
from moonloop.store import Ledger, Tx, campaigns, histories, hypotheses, jobs, outbox, plans, reviews, views
from moonloop.store.artifacts import ArtifactFiles
from moonloop.store.database import now as read_clock
from moonloop.store.tables import cycles as cycles_table
from moonloop.store.tables import plans as plans_table
from moonloop.store.tables import reviews as reviews_table
from moonloop.workflows.contracts import ReviewStatus

__all__ = ["Loop", "Outgoing", "Renderer"]

_WORKER = "worker"


class Renderer(Protocol):
    """Whatever makes a report of facts."""

    async def render(self, facts: CampaignFacts) -> dict[str, str]:
        """Return the report by media type."""
        ...


class Loop:
    """The steps of the loop, on the ledger."""

    def __init__(self, ledger: Ledger, files: ArtifactFiles, renderer: Renderer, proposer: str) -> None:
        self._ledger = ledger
        self._files = files
        self._renderer = renderer
        self._proposer = proposer

    async def next_step(self, campaign: str) -> CampaignStep:
        """Return the next step, opening a cycle where that is due."""
        return await self._ledger.write(campaigns.next_step, _WORKER, campaign, self._proposer)

    async def spec_and_history(self, campaign: str, cycle: int) -> tuple[CampaignSpec, History]:
        """Return what the scientist may know, as of one moment."""
        return await self._ledger.read(
            lambda connection: (
                histories.read_spec(connection, campaign),
                histories.history(connection, campaign, cycle),
            )
        )

    async def plan_of(self, campaign: str, cycle: int) -> str | None:
        """Return the id of the cycle's plan when it has one."""
        query = select(plans_table.c.id).where(
            plans_table.c.campaign_id == campaign, plans_table.c.cycle == cycle
        )
        return await self._ledger.read(lambda connection: connection.execute(query).scalar_one_or_none())

    async def purpose_of(self, campaign: str, cycle: int) -> str:
        """Return `search` or `confirmation`."""
        query = select(cycles_table.c.purpose).where(
            cycles_table.c.campaign_id == campaign, cycles_table.c.number == cycle
        )
        return await self._ledger.read(lambda connection: connection.execute(query).scalar_one())

    async def is_stopping(self, campaign: str) -> bool:
        """Say whether nothing new is to be planned."""
        return await self._ledger.write(campaigns.is_stopping, _WORKER, campaign)

    async def register(self, campaign: str, found: Sequence[Hypothesis]) -> None:
        """Register hypotheses."""
        if found:
            await self._ledger.write(hypotheses.register, _WORKER, campaign, found)

    async def record_plan(self, plan: Plan, specs: Sequence[JobSpec]) -> None:
        """Record a plan and reserve its costs."""
        sealed = [(spec, seal(spec)) for spec in specs]
        await self._ledger.write(plans.record_plan, _WORKER, plan, seal(plan), sealed)

    async def screen_and_open(self, plan: str) -> str:
        """Store the hazard report and open the review; return the review's id."""
        return await self._ledger.write(_screen_and_open, _WORKER, plan)

    async def review_status(self, review: str) -> ReviewStatus:
        """Return where a review stands, in durations: clocks of other machines play no part."""
        return await self._ledger.read(_review_status, review)

    async def remind(self, review: str) -> bool:
        """Record that the deciders were reminded."""
        return await self._ledger.write(reviews.remind, _WORKER, review)

    async def expire(self, review: str) -> bool:
        """Record that a review is out of time."""
        return await self._ledger.write(reviews.expire, _WORKER, review)

    async def queue(self, plan: str) -> BatchStatus:
        """Queue the jobs of an approved plan, and say how many are open."""
        return await self._ledger.write(jobs.queue, _WORKER, plan)

    async def close_cycle(self, campaign: str, cycle: int, found: Sequence[Evidence], advice: Advice) -> None:
        """Record the analysis and close the cycle, in one transaction."""
        await self._ledger.write(_record_analysis, _WORKER, campaign, cycle, found, advice)

    async def conclude(self, campaign: str) -> bool:
        """Write the report and end the campaign; False while an attempt is not settled."""
        await self._ledger.write(campaigns.settle_claims, _WORKER, campaign)
        facts = await self._ledger.read(views.campaign_facts, campaign)
        if facts.summary.state is not CampaignState.STOPPING:
            return facts.summary.state is CampaignState.DONE
        now = await self._ledger.read(read_clock)
        report = await self._renderer.render(_as_done(facts, now))
        written = {
            media_type: self._files.put(f"report.{media_type.partition('/')[2]}", body.encode())
            for media_type, body in report.items()
        }
        return await self._ledger.write(campaigns.conclude, _WORKER, campaign, written)

    async def fail(self, campaign: str, why: str) -> None:
        """Stop a campaign that cannot go on."""
        await self._ledger.write(campaigns.fail, _WORKER, campaign, why)


def _as_done(facts: CampaignFacts, now: datetime) -> CampaignFacts:
    """Return the facts as they will stand when the report has been written."""
    said = f"Done: {facts.stop_reason.rstrip('.')}."
    done = facts.summary.model_copy(update={"state": CampaignState.DONE, "waiting_for": said})
    return facts.model_copy(update={"summary": done, "ended_at": now})


def _screen_and_open(tx: Tx, plan: str) -> str:
    plans.screen(tx, plan)
    return reviews.open_review(tx, plan)


def _record_analysis(tx: Tx, campaign: str, cycle: int, found: Sequence[Evidence], advice: Advice) -> None:
    hypotheses.record_evidence(tx, campaign, cycle, found)
    campaigns.close_cycle(tx, campaign, cycle, seal(advice))


def _review_status(connection: Connection, review: str) -> ReviewStatus:
    row: Any = connection.execute(select(reviews_table).where(reviews_table.c.id == review)).one()
    if row.state != ReviewState.OPEN:
        return ReviewStatus(state=row.state)
    now = read_clock(connection)
    remind = None if row.reminded_at else (row.remind_at - now).total_seconds()
    return ReviewStatus(
        state=row.state, remind_in_s=remind, expires_in_s=(row.expires_at - now).total_seconds()
    )


class Outgoing:
    """The outbox as the relay uses it."""

    def __init__(self, ledger: Ledger, holder: str, leads_for_s: float) -> None:
        self._ledger = ledger
        self._holder = holder
        self._leads_for_s = leads_for_s
        self._ask_again = 0.0
        self._leads = False

    def mark(self) -> int:
        """Return where the ledger's changes stand."""
        return self._ledger.changes.mark()

    async def changed(self, since: int, at_most_s: float) -> bool:
        """Wait for the ledger to change after the mark."""
        return await self._ledger.changes.wait(since, at_most_s)

    async def lead(self) -> bool:
        """Become or stay the leading relay; False while another leads. Asks the ledger now and then only."""
        if time.monotonic() >= self._ask_again:
            self._leads = await self._ledger.write(
                outbox.lead, self._holder, "relay", self._holder, self._leads_for_s
            )
            self._ask_again = time.monotonic() + self._leads_for_s / 3
        return self._leads

    async def pending(self) -> list[outbox.Announcement]:
        """Return what is unsent, one entry per workflow."""
        return await self._ledger.read(outbox.pending)

    async def mark_sent(self, ids: tuple[int, ...]) -> None:
        """Record that these were taken."""
        await self._ledger.write(outbox.mark_sent, self._holder, ids)

    async def put_back_start(self, campaign: str) -> None:
        """Ask again for the workflow of a live campaign."""
        await self._ledger.write(outbox.put_back_start, self._holder, campaign)

    async def live_campaigns(self) -> list[str]:
        """Return the campaigns that must have a workflow."""
        return await self._ledger.read(outbox.live_campaigns)
