"""Lifecycles as data: every state machine of the domain, with the letters that the documents use.

campaign    draft -a-> running <-b/c-> paused ; running|paused -d-> stopping -e-> done
hypothesis  registered -a-> testing -b-> supported|refuted|undecided ; registered -c-> withdrawn|undecided
job         queued -b-> active -h-> succeeded|failed|cancelled ; active -i/j-> queued ; active -k-> lost
            lost -l-> queued|succeeded|failed ; queued -g-> cancelled
attempt     offered -c-> accepted -d-> running <-e/f-> paused ; any of these -g-> cancelling
            -h-> succeeded|failed|cancelled|aborted ; -i-> released ; -j-> expired
            -k-> lost -l-> reconciled
review      open -a/r/q/x/w-> approved|rejected|changes_requested|expired|withdrawn
            approved -v-> revoked ; approved -x-> expired
incident    open -s-> settled
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from moonloop.domain.errors import IllegalTransition

__all__ = [
    "ATTEMPT",
    "CAMPAIGN",
    "HYPOTHESIS",
    "INCIDENT",
    "JOB",
    "LIFECYCLES",
    "REVIEW",
    "AttemptState",
    "CampaignState",
    "DoneReason",
    "Edge",
    "HypothesisState",
    "IncidentState",
    "JobState",
    "Lifecycle",
    "ReviewState",
]


class CampaignState(StrEnum):
    """States of a campaign."""

    DRAFT = "draft"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPING = "stopping"
    DONE = "done"


class DoneReason(StrEnum):
    """Why a campaign ended."""

    GOAL_MET = "goal_met"
    BUDGET_SPENT = "budget_spent"
    NO_CANDIDATES = "no_candidates"
    STOPPED_BY = "stopped_by"
    FAILED = "failed"


class HypothesisState(StrEnum):
    """States of a hypothesis."""

    REGISTERED = "registered"
    TESTING = "testing"
    SUPPORTED = "supported"
    REFUTED = "refuted"
    UNDECIDED = "undecided"
    WITHDRAWN = "withdrawn"


class JobState(StrEnum):
    """States of a job."""

    QUEUED = "queued"
    ACTIVE = "active"
    LOST = "lost"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class AttemptState(StrEnum):
    """States of an attempt."""

    OFFERED = "offered"
    ACCEPTED = "accepted"
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    ABORTED = "aborted"
    RELEASED = "released"
    EXPIRED = "expired"
    LOST = "lost"
    RECONCILED = "reconciled"


class ReviewState(StrEnum):
    """States of a review; an approval is a review that is `approved`."""

    OPEN = "open"
    APPROVED = "approved"
    REJECTED = "rejected"
    CHANGES_REQUESTED = "changes_requested"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    REVOKED = "revoked"


class IncidentState(StrEnum):
    """States of an incident."""

    OPEN = "open"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True)
class Edge:
    """One allowed step, with the cause that a reader of the journal sees."""

    letter: str
    source: str
    target: str
    cause: str


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """A state machine: its states, where it begins, and its edges."""

    name: str
    states: tuple[str, ...]
    initial: str
    edges: tuple[Edge, ...]

    @property
    def finals(self) -> frozenset[str]:
        """States that no edge leaves."""
        return frozenset(self.states) - {edge.source for edge in self.edges}

    def allows(self, source: str, letter: str, target: str) -> bool:
        """Say whether the edge exists."""
        return any((edge.source, edge.letter, edge.target) == (source, letter, target) for edge in self.edges)

    def check(self, source: str, letter: str, target: str) -> None:
        """Refuse an edge that does not exist."""
        if not self.allows(source, letter, target):
            raise IllegalTransition(machine=self.name, state=source, edge=f"{letter} to {target}")

    def sources(self, letter: str) -> frozenset[str]:
        """Return the states from which an edge of this letter leads."""
        return frozenset(edge.source for edge in self.edges if edge.letter == letter)


def _edges(letter: str, sources: Iterable[str], targets: Iterable[str], cause: str) -> tuple[Edge, ...]:
    ends = tuple(targets)
    return tuple(Edge(letter, source, target, cause) for source in sources for target in ends)


_C, _H, _J, _A, _R = CampaignState, HypothesisState, JobState, AttemptState, ReviewState

CAMPAIGN = Lifecycle(
    "campaign",
    tuple(_C),
    _C.DRAFT,
    (
        *_edges("a", [_C.DRAFT], [_C.RUNNING], "started"),
        *_edges("b", [_C.RUNNING], [_C.PAUSED], "paused"),
        *_edges("c", [_C.PAUSED], [_C.RUNNING], "resumed"),
        *_edges("d", [_C.RUNNING, _C.PAUSED], [_C.STOPPING], "stop asked, goal met or budget spent"),
        *_edges("e", [_C.STOPPING], [_C.DONE], "last attempt settled and report written"),
    ),
)

HYPOTHESIS = Lifecycle(
    "hypothesis",
    tuple(_H),
    _H.REGISTERED,
    (
        *_edges("a", [_H.REGISTERED], [_H.TESTING], "a first datum that counts"),
        *_edges("b", [_H.TESTING], [_H.SUPPORTED, _H.REFUTED, _H.UNDECIDED], "its registered stopping rule"),
        *_edges("c", [_H.REGISTERED], [_H.WITHDRAWN, _H.UNDECIDED], "no datum"),
    ),
)

JOB = Lifecycle(
    "job",
    tuple(_J),
    _J.QUEUED,
    (
        *_edges("b", [_J.QUEUED], [_J.ACTIVE], "claimed"),
        *_edges("g", [_J.QUEUED], [_J.CANCELLED], "cancelled before any start"),
        *_edges("h", [_J.ACTIVE], [_J.SUCCEEDED, _J.FAILED, _J.CANCELLED], "finished"),
        *_edges("i", [_J.ACTIVE], [_J.QUEUED], "released before start"),
        *_edges("j", [_J.ACTIVE], [_J.QUEUED], "lease ran out before start"),
        *_edges("k", [_J.ACTIVE], [_J.LOST], "lease ran out after start"),
        *_edges("l", [_J.LOST], [_J.QUEUED, _J.SUCCEEDED, _J.FAILED], "reconciled"),
    ),
)

_BEFORE_START = (_A.OFFERED, _A.ACCEPTED)
_MOVING = (_A.RUNNING, _A.PAUSED, _A.CANCELLING)

ATTEMPT = Lifecycle(
    "attempt",
    tuple(_A),
    _A.OFFERED,
    (
        *_edges("c", [_A.OFFERED], [_A.ACCEPTED], "accepted"),
        *_edges("d", [_A.ACCEPTED], [_A.RUNNING], "started"),
        *_edges("e", [_A.RUNNING], [_A.PAUSED], "paused at a checkpoint"),
        *_edges("f", [_A.PAUSED], [_A.RUNNING], "resumed"),
        *_edges("g", [*_BEFORE_START, _A.RUNNING, _A.PAUSED], [_A.CANCELLING], "cancel or abort asked"),
        *_edges("h", _MOVING, [_A.SUCCEEDED, _A.FAILED, _A.CANCELLED, _A.ABORTED], "finished"),
        *_edges("i", _BEFORE_START, [_A.RELEASED], "released before start"),
        *_edges("j", _BEFORE_START, [_A.EXPIRED], "lease ran out before start"),
        *_edges("k", _MOVING, [_A.LOST], "lease ran out after start"),
        *_edges("l", [_A.LOST], [_A.RECONCILED], "reconciled"),
    ),
)

REVIEW = Lifecycle(
    "review",
    tuple(_R),
    _R.OPEN,
    (
        *_edges("a", [_R.OPEN], [_R.APPROVED], "approved"),
        *_edges("r", [_R.OPEN], [_R.REJECTED], "rejected"),
        *_edges("q", [_R.OPEN], [_R.CHANGES_REQUESTED], "changes requested"),
        *_edges("x", [_R.OPEN, _R.APPROVED], [_R.EXPIRED], "out of time"),
        *_edges("w", [_R.OPEN], [_R.WITHDRAWN], "withdrawn with its campaign"),
        *_edges("v", [_R.APPROVED], [_R.REVOKED], "revoked"),
    ),
)

INCIDENT = Lifecycle(
    "incident",
    tuple(IncidentState),
    IncidentState.OPEN,
    _edges("s", [IncidentState.OPEN], [IncidentState.SETTLED], "settled"),
)

LIFECYCLES = (CAMPAIGN, HYPOTHESIS, JOB, ATTEMPT, REVIEW, INCIDENT)
