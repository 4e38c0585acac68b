"""Facts of the ledger as people and programs read them; the report is made of these and of nothing else."""

from collections.abc import Mapping
from datetime import datetime

from moonloop.domain.agents import AgentStatus, Message, Role
from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.claims import Evidence, Hypothesis
from moonloop.domain.history import Advice
from moonloop.domain.lifecycles import (
    AttemptState,
    CampaignState,
    DoneReason,
    HypothesisState,
    IncidentState,
    JobState,
    ReviewState,
)
from moonloop.domain.plans import Plan
from moonloop.domain.proposals import Decision
from moonloop.domain.results import ArtifactRef, Quality
from moonloop.domain.reviews import DeciderKind, DecisionVerdict, HazardOutcome, Resolution
from moonloop.domain.robots import RobotKind, RobotState
from moonloop.domain.trust import Standing
from moonloop.domain.values import Reply

__all__ = [
    "AgentFact",
    "AttemptFact",
    "BudgetFact",
    "CampaignFacts",
    "CampaignSummary",
    "CycleFact",
    "DecisionFact",
    "HoldFact",
    "HypothesisFact",
    "IncidentFact",
    "IssuedToken",
    "JobFact",
    "JournalEntry",
    "MeasurementFact",
    "ModelCallFact",
    "PlanFact",
    "ReviewFact",
    "RobotFact",
    "ThreadFact",
    "TranscriptEntry",
]


class JournalEntry(Reply):
    """One transition: who did what to what, and when."""

    number: int
    """Gapless; given by the sealer."""
    at: datetime
    who: str
    what: str
    subject: str
    campaign_id: str | None = None
    before: str | None = None
    after: str | None = None
    facts: Mapping[str, object] = {}
    """Hashes and reasons."""


class MeasurementFact(Reply):
    """A measured value and where it comes from."""

    id: str
    attempt_id: str
    name: str
    value: float
    unit: str
    uncertainty: float | None = None
    parts: Mapping[str, float] = {}
    quality: Quality
    received_at: datetime
    reported_value: float
    """As the robot told it, before conversion."""
    reported_unit: str


class AttemptFact(Reply):
    """One robot's try at a job."""

    id: str
    robot_id: str
    robot_kind: RobotKind
    fence: int
    state: AttemptState
    offered_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    failure: str = ""
    review_id: str | None = None
    """The approval whose use the start took."""
    versions: Mapping[str, str] = {}
    artifacts: tuple[ArtifactRef, ...] = ()


class JobFact(Reply):
    """A job with its attempts and what was measured."""

    id: str
    cycle: int
    index: int
    state: JobState
    spec_sha256: str
    attempts: tuple[AttemptFact, ...] = ()
    measurements: tuple[MeasurementFact, ...] = ()
    """Those that count."""


class DecisionFact(Reply):
    """What was said of a plan, by whom."""

    id: str
    verdict: DecisionVerdict
    by: str
    by_kind: DeciderKind
    policy: str | None = None
    policy_version: str | None = None
    plan_sha256: str
    at: datetime
    comment: str = ""


class ReviewFact(Reply):
    """A review with the decisions on it."""

    id: str
    campaign_id: str
    campaign_name: str
    cycle: int
    plan_id: str
    plan_sha256: str
    state: ReviewState
    hazard: HazardOutcome
    opened_at: datetime
    expires_at: datetime
    approval_expires_at: datetime | None = None
    decisions: tuple[DecisionFact, ...] = ()


class PlanFact(Reply):
    """A plan, its hash and its reviews."""

    plan: Plan
    sha256: str
    reviews: tuple[ReviewFact, ...] = ()


class AgentFact(Reply):
    """One task of an agent: who it was, what came of it, and what it took."""

    thread: str
    cycle: int
    role: Role
    status: AgentStatus
    why: str = ""
    """One sentence, where nothing was decided."""
    proposer: str = "-"
    """The role with the model and prompt version that decided, or that answered last."""
    scripted: bool = False
    """A scripted endpoint answered, no model."""
    decision: Decision | None = None
    turns: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    opened_at: datetime
    ended_at: datetime | None = None


class ModelCallFact(Reply):
    """One call of a model, as it was paid for."""

    endpoint: str
    model: str
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    cost: float
    latency_s: float
    finish: str
    seed: int
    prompt_sha256: str
    schema_sha256: str
    tools_sha256: str
    scripted: bool = False


class TranscriptEntry(Reply):
    """One message of a thread, with the call that made it where a model did."""

    position: int
    message: Message
    at: datetime
    call: ModelCallFact | None = None


class ThreadFact(Reply):
    """A task of an agent with all its messages."""

    agent: AgentFact
    entries: tuple[TranscriptEntry, ...]


class CycleFact(Reply):
    """One pass of the loop."""

    number: int
    purpose: str
    """`search` or `confirmation`."""
    proposer: str
    opened_at: datetime
    closed_at: datetime | None = None
    plan: PlanFact | None = None
    jobs: tuple[JobFact, ...] = ()
    advice: Advice | None = None
    agents: tuple[AgentFact, ...] = ()
    """The tasks of its agents, in the order of their opening."""


class HypothesisFact(Reply):
    """A hypothesis with its evidence over time."""

    hypothesis: Hypothesis
    state: HypothesisState
    registered_at: datetime
    evidence: tuple[Evidence, ...] = ()
    """After each cycle that added to it; the last one stands."""
    decided_in: int | None = None
    """The cycle of the verdict."""


class BudgetFact(Reply):
    """One budget line."""

    line: str
    unit: str
    limit: float | None
    reserved: float
    spent: float

    @property
    def counts(self) -> bool:
        """Whether there is something to know of it: it has a limit, or was used."""
        return self.limit is not None or self.spent > 0 or self.reserved > 0


class IncidentFact(Reply):
    """Something that a person must settle, or has settled."""

    id: str
    kind: str
    state: IncidentState
    campaign_id: str
    job_id: str
    attempt_id: str
    robot_id: str
    opened_at: datetime
    settled_at: datetime | None = None
    resolution: Resolution | None = None
    by: str | None = None
    reason: str = ""
    late_result: bool = False
    """A result came after the lease was lost; it waits in quarantine."""


class RobotFact(Reply):
    """A robot and what it is doing."""

    id: str
    name: str
    kind: RobotKind
    adapter: str
    version: str
    state: RobotState
    protocols: tuple[str, ...]
    fence: int
    enrolled_at: datetime
    last_seen: datetime | None = None
    attempt_id: str | None = None
    """What it holds now."""


class IssuedToken(Reply):
    """A new token; the secret is told here and never again."""

    id: str
    secret: str
    principal: str
    expires_at: datetime | None = None


class HoldFact(Reply):
    """A hold on a scope."""

    scope: str
    active: bool
    reason: str = ""
    by: str = ""
    since: datetime | None = None


class CampaignSummary(Reply):
    """A campaign in one line."""

    id: str
    name: str
    state: CampaignState
    done_reason: DoneReason | None = None
    cycle: int
    experiments_done: int
    experiments_limit: int
    best_key: str | None = None
    best_value: float | None = None
    unit: str
    waiting_for: str
    """One plain sentence: what happens now, or why nothing does, and the next command."""
    created_at: datetime


class CampaignFacts(Reply):
    """All that the ledger knows of one campaign."""

    summary: CampaignSummary
    spec: CampaignSpec
    spec_sha256: str
    owner: str
    started_at: datetime | None = None
    ended_at: datetime | None = None
    stop_reason: str = ""
    """In words: who or what ended it, and why."""
    cycles: tuple[CycleFact, ...] = ()
    hypotheses: tuple[HypothesisFact, ...] = ()
    budgets: tuple[BudgetFact, ...] = ()
    incidents: tuple[IncidentFact, ...] = ()
    robots: tuple[RobotFact, ...] = ()
    standings: tuple[Standing, ...] = ()
    """What the record of each proposer is worth now."""
