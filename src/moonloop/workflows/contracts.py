"""Names, ids and messages of the workflows; no Temporal here, so that anyone may name a workflow."""

from typing import Any

from moonloop.domain.agents import AgentTask, Role
from moonloop.domain.values import Reply
from moonloop.domain.workflow_names import (
    agent_workflow,
    batch_workflow,
    campaign_workflow,
    cycle_workflow,
    review_workflow,
)

__all__ = [
    "AgentArgs",
    "BatchArgs",
    "CampaignArgs",
    "CampaignRef",
    "CycleArgs",
    "Failure",
    "Pace",
    "PlanRef",
    "ReviewArgs",
    "ReviewStatus",
    "Wake",
    "agent_workflow",
    "batch_workflow",
    "campaign_workflow",
    "cycle_workflow",
    "pace_of",
    "review_workflow",
]

CAMPAIGN_WORKFLOW = "CampaignWorkflow"
CYCLE_WORKFLOW = "CycleWorkflow"
REVIEW_WORKFLOW = "ReviewWorkflow"
BATCH_WORKFLOW = "BatchWorkflow"
AGENT_WORKFLOW = "AgentWorkflow"
WAKE = "wake"
CONTROL_QUEUE = "control"
COMPUTE_QUEUE = "compute"
MODELS_QUEUE = "models"

# Activities on the control queue: light, on the ledger.
NEXT_STEP = "next_step"
SCREEN_AND_OPEN = "screen_and_open_review"
REVIEW_STATUS = "review_status"
REMIND = "remind"
EXPIRE = "expire_review"
QUEUE_JOBS = "queue_jobs"
FAIL = "fail_campaign"
OPEN_TASK = "open_task"
CLOSE_TASK = "close_task"
# Activities on the compute queue: the scientist and the report, in a process pool.
PROPOSE_AND_DESIGN = "propose_and_design"
ANALYSE = "analyse"
CONCLUDE = "conclude"
# Activities on the models queue: what waits for a model or uses a tool.
LLM_TURN = "llm_turn"
TOOL_CALL = "tool_call"


class Wake(Reply):
    """Something changed in the ledger: read it again."""

    topic: str
    key: str


class Pace(Reply):
    """How patient a workflow is."""

    reread_s: float = 60.0
    """How long a wait lasts before the ledger is read again without a wake-up."""
    silence_s: float = 20.0
    """How long a worker that has something in hand may be silent before somebody else does it."""


def pace_of(args: Pace) -> dict[str, Any]:
    """Return the pace of a workflow as arguments of its children."""
    return args.model_dump(include=set(Pace.model_fields))


class CampaignRef(Reply):
    """A campaign."""

    campaign_id: str


class CampaignArgs(CampaignRef, Pace):
    """What a campaign's workflow starts with, and continues as new with."""

    cycles_per_run: int = 20
    """Cycles after which the workflow continues as new, so that its history stays small."""


class CycleArgs(CampaignRef, Pace):
    """One cycle."""

    cycle: int
    roles: tuple[Role, ...] = ()
    """The agents that have a task in it."""


class AgentArgs(Pace):
    """One task of an agent."""

    task: AgentTask


class PlanRef(CampaignRef):
    """The plan of a cycle; an empty id when there is nothing to run."""

    cycle: int
    plan_id: str
    review_id: str = ""


class ReviewStatus(Reply):
    """Where a review stands."""

    state: str
    remind_in_s: float | None = None
    """Until a reminder is due; None when it was sent or is not needed."""
    expires_in_s: float | None = None


class ReviewArgs(PlanRef, Pace):
    """A review to be waited for."""


class BatchArgs(PlanRef, Pace):
    """A batch to be carried out."""


class Failure(CampaignRef):
    """Why a campaign cannot go on."""

    why: str
