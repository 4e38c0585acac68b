"""Messages of the robot job protocol, version 1: requests forbid unknown fields, replies ignore them."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from moonloop.domain.ids import AttemptId, JobId, Name, ReviewId, RobotId, Sha256
from moonloop.domain.results import FinishReport
from moonloop.domain.robots import Capabilities, RobotKind, RobotState
from moonloop.domain.values import Reply, Value

__all__ = [
    "Accepted",
    "Approval",
    "ArtifactStored",
    "Beat",
    "BeatReply",
    "ClaimRequest",
    "EnrolRequest",
    "Enrolled",
    "EventIn",
    "Fenced",
    "FinishReply",
    "FinishRequest",
    "Offer",
    "ReleaseRequest",
    "Started",
]

Fence = Annotated[int, Field(ge=1, lt=2**53)]
RequestId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{8,80}$")]


class EnrolRequest(Value):
    """A device asks to be known, with the one-time code that an administrator issued for its kind."""

    code: Annotated[str, StringConstraints(min_length=8, max_length=100)]
    name: Name
    adapter: Name
    version: Name
    capabilities: Capabilities
    public_key: str | None = None
    """Ed25519, for signed tokens; not yet used."""


class Enrolled(Reply):
    """The answer to an enrolment; the token is told once."""

    robot_id: RobotId
    kind: RobotKind
    state: RobotState
    token: str
    lease_ttl_s: float
    beat_every_s: float
    claim_wait_s: float


class ClaimRequest(Value):
    """A long poll for work; the same `request_id` gets the same offer."""

    request_id: RequestId
    wait_s: Annotated[float, Field(ge=0, le=30)] = 0
    capabilities: Capabilities | None = None
    """A new capability document; absent keeps the one on record."""


class Approval(Reply):
    """What allows the job to run."""

    review_id: ReviewId
    plan_sha256: Sha256
    decided_by: str
    expires_at: datetime


class Offer(Reply):
    """A job, offered to one device under a fence and a lease."""

    job_id: JobId
    attempt_id: AttemptId
    fence: Fence
    lease_ttl_s: float
    spec: str
    """The canonical JSON of the job spec, to be hashed as received and then parsed."""
    spec_sha256: Sha256
    approval: Approval


class Fenced(Value):
    """The body of accept and start."""

    fence: Fence


class ReleaseRequest(Fenced):
    """Give a job back before its start."""

    reason: Annotated[str, Field(max_length=500)] = ""
    refused: bool = False
    """The device cannot do this job: it is not offered the job again."""


class Accepted(Reply):
    """The adapter's checks are on record; this was the first beat."""

    lease_ttl_s: float
    received_at: datetime


class Started(Reply):
    """The point of no return is passed."""

    lease_ttl_s: float
    started_at: datetime


class Beat(Fenced):
    """A sign of life; it extends the lease."""

    seq: Annotated[int, Field(ge=0, lt=2**53)]
    step: Annotated[str, Field(max_length=200)] = ""
    progress: Annotated[float, Field(ge=0, le=1)] | None = None
    physical_state: Annotated[str, Field(max_length=200)] = ""
    acknowledged: str | None = None
    """Id of the command that is acknowledged; commands are not yet sent."""
    sent_at: datetime | None = None
    monotonic_ms: Annotated[int, Field(ge=0)] | None = None


class BeatReply(Reply):
    """The lease as a duration from the moment the beat was sent."""

    lease_ttl_s: float
    received_at: datetime
    command: dict[str, Any] | None = None
    """A pending command; none are sent yet."""


class EventIn(Value):
    """Something that happened on the device; stored once for each (attempt, seq)."""

    seq: Annotated[int, Field(ge=0, lt=2**53)]
    type: Annotated[str, StringConstraints(min_length=1, max_length=60)]
    step: Annotated[str, Field(max_length=200)] = ""
    data: dict[str, Any] = {}


class ArtifactStored(Reply):
    """The bytes are on disk under their hash."""

    sha256: Sha256
    size: int


class FinishRequest(Fenced):
    """The result; idempotent by the hash of its report."""

    report: FinishReport


class FinishReply(Reply):
    """What became of the result."""

    state: Literal["succeeded", "failed", "cancelled", "aborted", "quarantined"]
    """`quarantined`: it came after the lease was lost; a person decides whether it counts."""
