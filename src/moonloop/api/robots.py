"""The robot job protocol, version 1."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import JSONResponse
from pydantic import ValidationError

from moonloop.api.access import CalledByRobot, Use
from moonloop.api.bodies import JsonRoute, bytes_of
from moonloop.domain.errors import InvalidInput
from moonloop.domain.ids import AttemptId, Sha256
from moonloop.domain.messages import (
    Accepted,
    ArtifactStored,
    Beat,
    BeatReply,
    ClaimRequest,
    Enrolled,
    EnrolRequest,
    EventIn,
    Fenced,
    FinishReply,
    FinishRequest,
    Offer,
    ReleaseRequest,
    Started,
)
from moonloop.domain.results import ArtifactName, ArtifactRef

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["robots"], route_class=JsonRoute)


@router.post("/robots/enroll", status_code=201)
async def enroll(use: Use, request: EnrolRequest) -> Enrolled:
    """Enrol a device with its one-time code; the token is told once."""
    return await use.jobs.enrol(request)


@router.post("/jobs/claim", response_model=Offer, responses={204: {"description": "No job for this device."}})
async def claim(use: Use, robot: CalledByRobot, request: ClaimRequest) -> Any:
    """Ask for a job, waiting up to `wait_s`; the same `request_id` gets the same offer."""
    offer = await use.jobs.claim(robot, request)
    return Response(status_code=204) if offer is None else JSONResponse(offer.model_dump(mode="json"))


@router.post("/attempts/{attempt}/accept")
async def accept(use: Use, robot: CalledByRobot, attempt: AttemptId, request: Fenced) -> Accepted:
    """The adapter has checked the job; this is the first beat."""
    return await use.jobs.accept(robot, attempt, request.fence)


@router.post("/attempts/{attempt}/start")
async def start(use: Use, robot: CalledByRobot, attempt: AttemptId, request: Fenced) -> Started:
    """The point of no return: 409 with the reason when anything that a start needs does not hold."""
    return await use.jobs.start(robot, attempt, request.fence)


@router.post("/attempts/{attempt}/heartbeat")
async def heartbeat(use: Use, robot: CalledByRobot, attempt: AttemptId, request: Beat) -> BeatReply:
    """A sign of life; extends the lease."""
    return await use.jobs.beat(robot, attempt, request)


@router.post("/attempts/{attempt}/release", status_code=204)
async def release(use: Use, robot: CalledByRobot, attempt: AttemptId, request: ReleaseRequest) -> None:
    """Give the job back before its start."""
    await use.jobs.release(robot, attempt, request)


@router.post("/attempts/{attempt}/events")
async def events(
    use: Use, robot: CalledByRobot, attempt: AttemptId, request: list[EventIn]
) -> dict[str, int]:
    """Store events; each is known by its number, so a resend changes nothing."""
    return {"new": await use.jobs.events(robot, attempt, request)}


@router.put("/attempts/{attempt}/artifacts/{name}", status_code=201, openapi_extra=bytes_of("*/*"))
async def put_artifact(
    use: Use,
    robot: CalledByRobot,
    attempt: AttemptId,
    name: ArtifactName,
    request: Request,
    sha256: Annotated[Sha256, Header(alias="X-Content-SHA256")],
    size: Annotated[int, Header(alias="X-Content-Size", ge=0)],
) -> ArtifactStored:
    """Store a whole artifact; what arrives is hashed, and refused unless it is what was declared."""
    media_type = request.headers.get("content-type", "application/octet-stream").partition(";")[0].strip()
    try:
        ref = ArtifactRef(name=name, sha256=sha256, size=size, media_type=media_type.lower())
    except ValidationError as error:
        raise InvalidInput(where="Content-Type", why="it is no media type") from error
    incoming = await use.jobs.receive(robot, attempt, ref)
    if incoming is None:
        return await use.jobs.keep(robot, attempt, ref, None)
    with incoming:
        async for chunk in request.stream():
            incoming.write(chunk)
        return await use.jobs.keep(robot, attempt, ref, incoming)


@router.post("/attempts/{attempt}/finish")
async def finish(use: Use, robot: CalledByRobot, attempt: AttemptId, request: FinishRequest) -> FinishReply:
    """The result, once; the same body again is answered alike, another one with a conflict."""
    return await use.jobs.finish(robot, attempt, request)
