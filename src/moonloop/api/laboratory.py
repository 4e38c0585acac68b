"""Reviews, holds, incidents, robots and tokens, for people and programs."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import Field, StringConstraints

from moonloop.api.access import Use, caller
from moonloop.api.bodies import JsonRoute
from moonloop.domain.access import EVERYTHING, Identity, Scope
from moonloop.domain.errors import Forbidden
from moonloop.domain.facts import HoldFact, IncidentFact, IssuedToken, PlanFact, ReviewFact, RobotFact
from moonloop.domain.ids import CampaignId, IncidentId, Principal, ReviewId, RobotId
from moonloop.domain.lifecycles import IncidentState, ReviewState
from moonloop.domain.reviews import DeciderKind, NewDecision, Resolution
from moonloop.domain.robots import RobotKind
from moonloop.domain.values import Reply, Value

__all__ = ["router"]

TokenId = Annotated[str, StringConstraints(pattern=r"^tok_[0-9a-z]{4,32}$")]

router = APIRouter(prefix="/v1", tags=["laboratory"], route_class=JsonRoute)

Reader = Annotated[Identity, Depends(caller(Scope.READ))]
Decider = Annotated[Identity, Depends(caller(Scope.DECIDE))]
Holder = Annotated[Identity, Depends(caller(Scope.HOLD))]
Reconciler = Annotated[Identity, Depends(caller(Scope.RECONCILE))]
Administrator = Annotated[Identity, Depends(caller(Scope.ADMINISTER))]


class ReviewWithPlan(Reply):
    """A review and what it is of."""

    review: ReviewFact
    plan: PlanFact


class HoldRequest(Value):
    """A scope to be held or released, and why."""

    scope: Annotated[str, Field(min_length=1, max_length=80)]
    reason: Annotated[str, Field(min_length=1, max_length=500)]


class Settlement(Value):
    """What became of a lost job."""

    resolution: Resolution
    reason: Annotated[str, Field(min_length=1, max_length=500)]


class CodeRequest(Value):
    """A one-time enrolment code for a robot of a kind."""

    kind: RobotKind
    valid_s: Annotated[float, Field(gt=0, le=30 * 86_400)] = 3600.0


class Code(Reply):
    """The code, told once."""

    code: str
    kind: RobotKind


class TokenRequest(Value):
    """A token for somebody, with no more scopes than the asker has."""

    principal: Principal
    scopes: Annotated[frozenset[Scope], Field(min_length=1)]
    expires_in_s: Annotated[float, Field(gt=0, le=366 * 86_400)]
    decider: Literal[DeciderKind.PERSON, DeciderKind.UNATTENDED] = DeciderKind.PERSON
    """Policies decide in the ledger and have no token."""


class Reason(Value):
    """Why."""

    reason: Annotated[str, Field(max_length=500)] = ""


@router.get("/reviews")
async def list_reviews(
    use: Use, _by: Reader, state: ReviewState | None = None, campaign: CampaignId | None = None
) -> list[ReviewFact]:
    """List reviews, the longest open first."""
    return await use.reviews.all(state, campaign)


@router.get("/reviews/{review}")
async def show_review(use: Use, _by: Reader, review: ReviewId) -> ReviewWithPlan:
    """Show a review with its plan."""
    found, plan = await use.reviews.get(review)
    return ReviewWithPlan(review=found, plan=plan)


@router.post("/reviews/{review}/decisions", status_code=201)
async def decide(use: Use, by: Decider, review: ReviewId, decision: NewDecision) -> ReviewFact:
    """Decide on the plan whose hash is given; the same decision id again changes nothing."""
    return await use.reviews.decide(by, review, decision)


@router.get("/holds")
async def list_holds(use: Use, _by: Reader) -> list[HoldFact]:
    """List every scope, held or free."""
    return await use.laboratory.holds()


@router.post("/holds", status_code=204)
async def hold(use: Use, by: Holder, request: HoldRequest) -> None:
    """Stop every start in a scope."""
    await use.laboratory.hold(by.principal, request.scope, request.reason)


@router.post("/holds/release", status_code=204)
async def release(use: Use, by: Holder, request: HoldRequest) -> None:
    """Let a scope start again."""
    await use.laboratory.release(by.principal, request.scope, request.reason)


@router.get("/incidents")
async def list_incidents(
    use: Use, _by: Reader, state: IncidentState | None = None, campaign: CampaignId | None = None
) -> list[IncidentFact]:
    """List incidents, the oldest first."""
    return await use.incidents.all(campaign=campaign, state=state)


@router.get("/incidents/{incident}")
async def show_incident(use: Use, _by: Reader, incident: IncidentId) -> IncidentFact:
    """Show an incident."""
    return await use.incidents.get(incident)


@router.post("/incidents/{incident}/reconcile")
async def reconcile(use: Use, by: Reconciler, incident: IncidentId, said: Settlement) -> IncidentFact:
    """Say what became of a lost job: run it again, adopt its late result, or fail it."""
    return await use.incidents.reconcile(by.principal, incident, said.resolution, said.reason)


@router.get("/robots")
async def list_robots(use: Use, _by: Reader) -> list[RobotFact]:
    """List the robots."""
    return await use.laboratory.robots()


@router.post("/robots/codes", status_code=201)
async def issue_code(use: Use, by: Administrator, request: CodeRequest) -> Code:
    """Issue a one-time enrolment code."""
    code = await use.laboratory.issue_code(by.principal, request.kind, request.valid_s)
    return Code(code=code, kind=request.kind)


@router.post("/robots/{robot}/admit", status_code=204)
async def admit(use: Use, by: Administrator, robot: RobotId) -> None:
    """Let a waiting robot work."""
    await use.laboratory.admit(by.principal, robot)


@router.post("/robots/{robot}/revoke", status_code=204)
async def revoke(use: Use, by: Administrator, robot: RobotId, why: Reason) -> None:
    """End a robot's access for good."""
    await use.laboratory.revoke(by.principal, robot, why.reason)


@router.post("/tokens", status_code=201)
async def issue_token(use: Use, by: Administrator, request: TokenRequest) -> IssuedToken:
    """Issue a token; the secret is told once. An identity without a person behind it cannot issue any."""
    if by.decider is not DeciderKind.PERSON:
        why = "only a person may, or it could make itself one"
        raise Forbidden(principal=by.principal, action="issue a token", why=why)
    if not request.scopes <= (by.scopes & EVERYTHING):
        why = "a token may not have scopes that its issuer has not"
        raise Forbidden(principal=by.principal, action="issue this token", why=why)
    return await use.access.issue(
        by.principal, request.principal, request.scopes, request.expires_in_s, request.decider
    )


@router.post("/tokens/{token}/revoke", status_code=204)
async def revoke_token(use: Use, by: Administrator, token: TokenId) -> None:
    """End a token now."""
    await use.access.revoke(by.principal, token)
