"""Ids: typed, sortable strings; within a campaign derived from (campaign, cycle, index), never random."""

from typing import Annotated

from pydantic import StringConstraints

__all__ = [
    "AttemptId",
    "CampaignId",
    "DecisionId",
    "HypothesisId",
    "IncidentId",
    "JobId",
    "MeasurementId",
    "Name",
    "PlanId",
    "Principal",
    "ReviewId",
    "RobotId",
    "Sha256",
    "ThreadId",
    "attempt_id",
    "hypothesis_id",
    "incident_id",
    "job_id",
    "measurement_id",
    "mint",
    "plan_id",
    "review_id",
    "stem",
    "thread_id",
]

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32: sorts like the number, has no letters that look like digits."""
_DIGITS = 16

CampaignId = Annotated[str, StringConstraints(pattern=r"^cmp_[0-9a-z]{4,32}$")]
PlanId = Annotated[str, StringConstraints(pattern=r"^pln_[0-9a-z]{4,32}_\d{4}$")]
ReviewId = Annotated[str, StringConstraints(pattern=r"^rev_[0-9a-z]{4,32}_\d{4}_\d{2}$")]
JobId = Annotated[str, StringConstraints(pattern=r"^job_[0-9a-z]{4,32}_\d{4}_\d{4}$")]
AttemptId = Annotated[str, StringConstraints(pattern=r"^att_[0-9a-z]{4,32}_\d{4}_\d{4}_\d{2,}$")]
MeasurementId = Annotated[str, StringConstraints(pattern=r"^mea_[0-9a-z_]{4,64}$")]
HypothesisId = Annotated[str, StringConstraints(pattern=r"^hyp_[0-9a-z]{4,32}_\d{2,}$")]
IncidentId = Annotated[str, StringConstraints(pattern=r"^inc_[0-9a-z_]{4,64}$")]
RobotId = Annotated[str, StringConstraints(pattern=r"^rob_[0-9a-z]{4,32}$")]
DecisionId = Annotated[str, StringConstraints(pattern=r"^dec_[0-9a-z_]{4,64}$")]
ThreadId = Annotated[str, StringConstraints(pattern=r"^thr_[0-9a-z]{4,32}_\d{4}_[a-z]{3,12}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
_IN_ONE_LINE = "^[^\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]+$"
"""No control character, and none that turns the direction of writing: a terminal would obey it."""
Principal = Annotated[str, StringConstraints(min_length=1, max_length=80, pattern=_IN_ONE_LINE)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=120, pattern=_IN_ONE_LINE)]


def mint(prefix: str, milliseconds: int, randomness: int) -> str:
    """Return a new id that sorts by time: 48 bits of Unix milliseconds, then 32 bits of randomness."""
    number = ((milliseconds & (1 << 48) - 1) << 32) | (randomness & (1 << 32) - 1)
    digits = [_ALPHABET[(number >> shift) & 31] for shift in range(5 * (_DIGITS - 1), -1, -5)]
    return f"{prefix}_{''.join(digits)}"


def stem(of: str) -> str:
    """Return an id without its prefix."""
    return of.split("_", 1)[1]


def plan_id(campaign: str, cycle: int) -> str:
    """Return the id of the plan of a cycle."""
    return f"pln_{stem(campaign)}_{cycle:04d}"


def review_id(plan: str, number: int) -> str:
    """Return the id of the `number`-th review of a plan."""
    return f"rev_{stem(plan)}_{number:02d}"


def job_id(plan: str, index: int) -> str:
    """Return the id of the job of run `index` of a plan."""
    return f"job_{stem(plan)}_{index:04d}"


def attempt_id(job: str, number: int) -> str:
    """Return the id of the `number`-th attempt at a job."""
    return f"att_{stem(job)}_{number:02d}"


def measurement_id(attempt: str, index: int) -> str:
    """Return the id of the `index`-th measurement of an attempt."""
    return f"mea_{stem(attempt)}_{index}"


def incident_id(attempt: str) -> str:
    """Return the id of the incident that the loss of an attempt opens."""
    return f"inc_{stem(attempt)}"


def hypothesis_id(campaign: str, number: int) -> str:
    """Return the id of the `number`-th hypothesis of a campaign."""
    return f"hyp_{stem(campaign)}_{number:02d}"


def thread_id(campaign: str, cycle: int, role: str) -> str:
    """Return the id of the conversation in which a role does its task of a cycle."""
    return f"thr_{stem(campaign)}_{cycle:04d}_{role}"
