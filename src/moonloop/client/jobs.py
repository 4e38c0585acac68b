"""The robot job protocol as a robot speaks it."""

import hashlib

from moonloop.client.http import Connection
from moonloop.domain.ids import AttemptId
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
from moonloop.domain.results import ArtifactRef

__all__ = ["JobClient"]


class JobClient:
    """The calls of one robot."""

    def __init__(self, connection: Connection) -> None:
        self._http = connection

    def enrol(self, request: EnrolRequest) -> Enrolled:
        """Enrol with a one-time code."""
        return self._http.post("/v1/robots/enroll", request, Enrolled)

    def claim(self, request: ClaimRequest) -> Offer | None:
        """Ask for a job; waits as long as the request says."""
        return self._http.post_or_none("/v1/jobs/claim", request, Offer, wait_s=request.wait_s)

    def accept(self, attempt: AttemptId, fence: int) -> Accepted:
        """The job is checked."""
        return self._http.post(f"/v1/attempts/{attempt}/accept", Fenced(fence=fence), Accepted)

    def start(self, attempt: AttemptId, fence: int) -> Started:
        """Pass the point of no return."""
        return self._http.post(f"/v1/attempts/{attempt}/start", Fenced(fence=fence), Started)

    def beat(self, attempt: AttemptId, beat: Beat) -> BeatReply:
        """Give a sign of life."""
        return self._http.post(f"/v1/attempts/{attempt}/heartbeat", beat, BeatReply)

    def release(self, attempt: AttemptId, fence: int, reason: str, *, refused: bool = False) -> None:
        """Give a job back that was not started; `refused`: this device cannot do it."""
        request = ReleaseRequest(fence=fence, reason=reason[:500], refused=refused)
        self._http.post(f"/v1/attempts/{attempt}/release", request, type(None))

    def events(self, attempt: AttemptId, events: list[EventIn]) -> None:
        """Tell what happened."""
        body = [event.model_dump(mode="json") for event in events]
        self._http.post(f"/v1/attempts/{attempt}/events", body, dict[str, int])

    def store(self, attempt: AttemptId, name: str, body: bytes, media_type: str) -> ArtifactRef:
        """Store an artifact."""
        sha256 = hashlib.sha256(body).hexdigest()
        ref = ArtifactRef(name=name, sha256=sha256, size=len(body), media_type=media_type)
        headers = {
            "Content-Type": media_type,
            "X-Content-SHA256": sha256,
            "X-Content-Size": str(len(body)),
        }
        self._http.put(f"/v1/attempts/{attempt}/artifacts/{name}", body, headers, ArtifactStored)
        return ref

    def finish(self, attempt: AttemptId, request: FinishRequest) -> FinishReply:
        """Report the result."""
        return self._http.post(f"/v1/attempts/{attempt}/finish", request, FinishReply)
