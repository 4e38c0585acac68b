"""Campaigns as their scientists steer them: start, watch, pause, resume, stop, report."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, Protocol

from sqlalchemy import Connection, func, select

from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.canonical import seal
from moonloop.domain.errors import InvalidInput, NotFound
from moonloop.domain.facts import AgentFact, CampaignFacts, CampaignSummary, JournalEntry, ThreadFact
from moonloop.domain.history import History
from moonloop.domain.lifecycles import DoneReason
from moonloop.service.access import new_id
from moonloop.service.documents import DocumentService
from moonloop.store import (
    Ledger,
    budgets,
    campaigns,
    histories,
    sealing,
    steering,
    summaries,
    transcripts,
    views,
)
from moonloop.store.artifacts import ArtifactFiles
from moonloop.store.tables import artifacts, attempt_artifacts, cycles, reports
from moonloop.store.tables import campaigns as campaigns_table

__all__ = ["CampaignService", "Surveyor"]

_FOLLOW_S = 15.0


class Surveyor(Protocol):
    """Whoever looks into a space and draws reports, aside of this process."""

    async def survey(self, spec: CampaignSpec) -> dict[str, Any]:
        """Return what a campaign's space holds; raise what is wrong with it."""
        ...

    async def render(self, facts: CampaignFacts) -> dict[str, str]:
        """Return the report by media type."""
        ...


class CampaignService:
    """Commands and queries about campaigns."""

    def __init__(self, ledger: Ledger, files: ArtifactFiles, aside: Surveyor) -> None:
        self._ledger = ledger
        self._files = files
        self._aside = aside
        self.documents = DocumentService(ledger, files)

    async def survey(self, spec: CampaignSpec) -> dict[str, Any]:
        """Return what a campaign's space holds; raise what is wrong with it.

        Raises `InvalidInput` when a claim of the file is given a name that is not for files to give.
        """
        for place, why in spec.borrowed_names().items():
            raise InvalidInput(where=f"claims[{place}].proposer", why=why)
        return await self._aside.survey(spec)

    async def start(self, by: str, spec: CampaignSpec, request_id: str) -> CampaignSummary:
        """Start a campaign whose space can be worked on; the same request starts it once.

        Raises `AlreadyExists` for the id of a request that was about another campaign file, and
        `InvalidInput` as `survey` does, or when the bytes of one of its documents are not here.
        """
        sealed = seal(spec)
        known = await self._ledger.read(campaigns.started_by, request_id, sealed.sha256)
        if known is None:
            await self.survey(spec)
            await self.documents.require(by, spec)
            known = await self._ledger.write(campaigns.start, by, new_id("cmp"), request_id, sealed, spec)
        return await self.summary(known)

    async def all(self) -> list[CampaignSummary]:
        """Return every campaign, the newest first."""
        return await self._ledger.read(summaries.summaries)

    async def summary(self, campaign: str) -> CampaignSummary:
        """Return one campaign in one line."""
        return await self._ledger.read(_summary, campaign)

    async def facts(self, campaign: str) -> CampaignFacts:
        """Return all that the ledger knows of a campaign."""
        return await self._ledger.read(views.campaign_facts, campaign)

    async def history(self, campaign: str) -> tuple[CampaignSpec, History]:
        """Return a campaign's file, and what its scientist may know by now."""
        return await self._ledger.read(_history, campaign)

    async def threads(self, campaign: str) -> list[AgentFact]:
        """Return the tasks of a campaign's agents, in the order of their opening."""
        return await self._ledger.read(_threads, campaign)

    async def thread(self, campaign: str, thread: str) -> ThreadFact:
        """Return a task of a campaign with its messages; `NotFound` for one of another campaign."""
        return await self._ledger.read(_thread, campaign, thread)

    async def pause(self, by: str, campaign: str, reason: str) -> CampaignSummary:
        """Queue no new job."""
        await self._ledger.write(steering.pause, by, campaign, reason or f"paused by {by}")
        return await self.summary(campaign)

    async def resume(self, by: str, campaign: str, reason: str) -> CampaignSummary:
        """Go on."""
        await self._ledger.write(steering.resume, by, campaign, reason)
        return await self.summary(campaign)

    async def stop(self, by: str, campaign: str, reason: str) -> CampaignSummary:
        """Cancel what waits, let what moves finish, write the report."""
        why = f"stopped by {by}" + (f": {reason}" if reason else "")
        await self._ledger.write(campaigns.stop, by, campaign, DoneReason.STOPPED_BY, why)
        return await self.summary(campaign)

    async def change_limit(self, by: str, campaign: str, line: str, limit: float) -> None:
        """Change the limit of a budget line."""
        await self._ledger.write(budgets.change_limit, by, campaign, line, limit)

    async def report(self, campaign: str, media_type: str) -> bytes:
        """Return the report: the one that was written, or one of how things stand now."""
        sha256 = await self._ledger.read(_written, campaign, media_type)
        if sha256 is not None:
            return await asyncio.to_thread(self._files.read, sha256)
        found = await self._aside.render(await self.facts(campaign))
        return found[media_type].encode()

    async def artifact(self, sha256: str) -> tuple[bytes, str]:
        """Return an artifact's bytes and media type."""
        media_type = await self._ledger.read(_media_type, sha256)
        return await asyncio.to_thread(self._files.read, sha256), media_type

    async def head(self) -> int:
        """Return the highest number of the journal."""
        return await self._ledger.read(sealing.head)

    async def entries(self, after: int, campaign: str | None, limit: int = 200) -> list[JournalEntry]:
        """Return numbered journal entries above `after`."""
        return await self._ledger.read(sealing.entries, after, campaign, limit)

    async def follow(self, after: int, campaign: str | None) -> AsyncGenerator[JournalEntry | None]:
        """Yield journal entries as they are numbered, for ever; None now and then as a sign of life."""
        while True:
            mark = self._ledger.changes.mark()
            found = await self.entries(after, campaign)
            for entry in found:
                after = entry.number
                yield entry
            if not found and not await self._ledger.changes.wait(mark, _FOLLOW_S):
                yield None


def _summary(connection: Connection, campaign: str) -> CampaignSummary:
    row = connection.execute(select(campaigns_table).where(campaigns_table.c.id == campaign)).one_or_none()
    if row is None:
        raise NotFound(kind="campaign", id=campaign)
    return summaries.summary(connection, row)


def _history(connection: Connection, campaign: str) -> tuple[CampaignSpec, History]:
    begun = select(func.max(cycles.c.number)).where(cycles.c.campaign_id == campaign)
    spec = histories.read_spec(connection, campaign)
    return spec, histories.history(connection, campaign, connection.execute(begun).scalar_one() or 1)


def _threads(connection: Connection, campaign: str) -> list[AgentFact]:
    _require_campaign(connection, campaign)
    return transcripts.agent_facts(connection, campaign)


def _thread(connection: Connection, campaign: str, thread: str) -> ThreadFact:
    found = [fact for fact in _threads(connection, campaign) if fact.thread == thread]
    if not found:
        raise NotFound(kind="thread", id=thread)
    return ThreadFact(agent=found[0], entries=transcripts.transcript(connection, thread))


def _require_campaign(connection: Connection, campaign: str) -> None:
    query = select(campaigns_table.c.id).where(campaigns_table.c.id == campaign)
    if connection.execute(query).first() is None:
        raise NotFound(kind="campaign", id=campaign)


def _written(connection: Connection, campaign: str, media_type: str) -> str | None:
    query = select(reports.c.sha256).where(
        reports.c.campaign_id == campaign, reports.c.media_type == media_type
    )
    return connection.execute(query).scalar_one_or_none()


def _media_type(connection: Connection, sha256: str) -> str:
    if connection.execute(select(artifacts.c.sha256).where(artifacts.c.sha256 == sha256)).first() is None:
        raise NotFound(kind="artifact", id=sha256)
    query = select(attempt_artifacts.c.media_type).where(attempt_artifacts.c.sha256 == sha256).limit(1)
    return connection.execute(query).scalar_one_or_none() or "application/octet-stream"
