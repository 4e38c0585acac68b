"""What the agents of a campaign may know, and what they said."""

from typing import Annotated

from fastapi import APIRouter, Depends

from moonloop.api.access import Use, caller
from moonloop.api.bodies import JsonRoute
from moonloop.domain.access import Identity, Scope
from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.facts import AgentFact, ThreadFact
from moonloop.domain.history import History
from moonloop.domain.ids import CampaignId, ThreadId
from moonloop.domain.values import Reply

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["agents"], route_class=JsonRoute)

Reader = Annotated[Identity, Depends(caller(Scope.READ))]


class SeenSoFar(Reply):
    """A campaign as its scientist sees it."""

    spec: CampaignSpec
    history: History


@router.get("/campaigns/{campaign}/history")
async def history(use: Use, _by: Reader, campaign: CampaignId) -> SeenSoFar:
    """Show what the scientist may know of a campaign by now, and nothing else."""
    spec, seen = await use.campaigns.history(campaign)
    return SeenSoFar(spec=spec, history=seen)


@router.get("/campaigns/{campaign}/threads")
async def threads(use: Use, _by: Reader, campaign: CampaignId) -> list[AgentFact]:
    """List the tasks of a campaign's agents, in the order of their opening."""
    return await use.campaigns.threads(campaign)


@router.get("/campaigns/{campaign}/threads/{thread}")
async def thread(use: Use, _by: Reader, campaign: CampaignId, thread: ThreadId) -> ThreadFact:
    """Show a task of an agent with its messages, and the calls of models that made them."""
    return await use.campaigns.thread(campaign, thread)
