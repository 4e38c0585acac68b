"""Campaigns for scientists and programs, and the journal as it grows."""

import re
from collections.abc import AsyncGenerator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import Field

from moonloop.api.access import Use, caller
from moonloop.api.bodies import JsonRoute, bytes_of
from moonloop.domain.access import Identity, Scope
from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.facts import CampaignFacts, CampaignSummary, JournalEntry
from moonloop.domain.ids import CampaignId, Name, Sha256
from moonloop.domain.messages import RequestId
from moonloop.domain.values import Value

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["campaigns"], route_class=JsonRoute)

Reader = Annotated[Identity, Depends(caller(Scope.READ))]
Scientist = Annotated[Identity, Depends(caller(Scope.CAMPAIGN))]
Administrator = Annotated[Identity, Depends(caller(Scope.ADMINISTER))]

JournalNumber = Annotated[int, Query(ge=0, lt=2**53)]

_MEDIA_TYPES = {"html": "text/html", "md": "text/markdown"}
_NUMBER = re.compile("[0-9]{1,15}")


class StartRequest(Value):
    """A campaign to be started; the same `request_id` starts it once."""

    request_id: RequestId
    spec: CampaignSpec


class Reason(Value):
    """Why."""

    reason: Annotated[str, Field(max_length=500)] = ""


class NewLimit(Value):
    """A new limit of a budget line."""

    line: Name
    limit: Annotated[float, Field(ge=0)]


@router.post("/campaigns/validate")
async def validate(use: Use, _by: Scientist, spec: CampaignSpec) -> dict[str, Any]:
    """Look into the space of a campaign without starting it."""
    return await use.campaigns.survey(spec)


@router.post("/campaigns", status_code=201)
async def start(use: Use, by: Scientist, request: StartRequest) -> CampaignSummary:
    """Start a campaign."""
    return await use.campaigns.start(by.principal, request.spec, request.request_id)


@router.get("/campaigns")
async def list_campaigns(use: Use, _by: Reader) -> list[CampaignSummary]:
    """List the campaigns, the newest first."""
    return await use.campaigns.all()


@router.get("/campaigns/{campaign}")
async def show(use: Use, _by: Reader, campaign: CampaignId) -> CampaignSummary:
    """Show a campaign in one line."""
    return await use.campaigns.summary(campaign)


@router.get("/campaigns/{campaign}/facts")
async def facts(use: Use, _by: Reader, campaign: CampaignId) -> CampaignFacts:
    """Show all that the ledger knows of a campaign."""
    return await use.campaigns.facts(campaign)


@router.post("/campaigns/{campaign}/pause")
async def pause(use: Use, by: Scientist, campaign: CampaignId, why: Reason) -> CampaignSummary:
    """Queue no new job; what moves finishes."""
    return await use.campaigns.pause(by.principal, campaign, why.reason)


@router.post("/campaigns/{campaign}/resume")
async def resume(use: Use, by: Scientist, campaign: CampaignId, why: Reason) -> CampaignSummary:
    """Go on."""
    return await use.campaigns.resume(by.principal, campaign, why.reason)


@router.post("/campaigns/{campaign}/stop")
async def stop(use: Use, by: Scientist, campaign: CampaignId, why: Reason) -> CampaignSummary:
    """Cancel what waits, let what moves finish, write the report."""
    return await use.campaigns.stop(by.principal, campaign, why.reason)


@router.put("/campaigns/{campaign}/budget", status_code=204)
async def change_limit(use: Use, by: Administrator, campaign: CampaignId, new: NewLimit) -> None:
    """Change the limit of a budget line."""
    await use.campaigns.change_limit(by.principal, campaign, new.line, new.limit)


@router.get("/campaigns/{campaign}/report", response_class=Response)
async def report(
    use: Use, _by: Reader, campaign: CampaignId, style: Annotated[str, Query(pattern="^(html|md)$")] = "html"
) -> Response:
    """Return the report: the one that was written, or one of how things stand now."""
    media_type = _MEDIA_TYPES[style]
    return Response(await use.campaigns.report(campaign, media_type), media_type=media_type)


@router.get("/campaigns/{campaign}/export", response_class=Response)
async def export(use: Use, _by: Reader, campaign: CampaignId) -> Response:
    """Return a zip of the campaign's records and artifacts, with a manifest of hashes."""
    body = await use.exports.export(campaign)
    name = f'attachment; filename="{campaign}.zip"'
    return Response(body, media_type="application/zip", headers={"Content-Disposition": name})


@router.put("/imports", status_code=201, openapi_extra=bytes_of("application/zip"))
async def import_campaign(use: Use, by: Administrator, request: Request) -> CampaignSummary:
    """Take in an exported campaign, checking every hash."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        use.exports.check_size(len(body))
    return await use.campaigns.summary(await use.exports.take_in(by.principal, bytes(body)))


@router.get("/artifacts/{sha256}", response_class=Response)
async def artifact(use: Use, _by: Reader, sha256: Sha256) -> Response:
    """Return an artifact by its hash."""
    body, media_type = await use.campaigns.artifact(sha256)
    # Bytes from instruments are never shown as a page of ours.
    headers = {"Content-Disposition": f'attachment; filename="{sha256}"', "X-Content-Type-Options": "nosniff"}
    return Response(body, media_type=media_type, headers=headers)


@router.get("/journal")
async def journal(
    use: Use,
    _by: Reader,
    after: JournalNumber = 0,
    campaign: CampaignId | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> list[JournalEntry]:
    """Return journal entries above a number."""
    return await use.campaigns.entries(after, campaign, limit)


@router.get("/journal/stream", response_class=StreamingResponse)
async def stream(
    use: Use,
    _by: Reader,
    campaign: CampaignId | None = None,
    after: JournalNumber = 0,
    last_event_id: Annotated[str | None, Header()] = None,
) -> StreamingResponse:
    """Follow the journal as server-sent events; `Last-Event-ID` resumes where a reader was cut off."""
    begin = int(last_event_id) if last_event_id and _NUMBER.fullmatch(last_event_id) else after

    async def lines() -> AsyncGenerator[str]:
        async for entry in use.campaigns.follow(begin, campaign):
            yield (
                ": still here\n\n"
                if entry is None
                else f"id: {entry.number}\ndata: {entry.model_dump_json()}\n\n"
            )

    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(lines(), media_type="text/event-stream", headers=headers)
