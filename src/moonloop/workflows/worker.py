"""Workers: `control` runs the workflows and light activities, `compute` thinks, `models` waits for models."""

from collections.abc import Sequence
from datetime import timedelta

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from moonloop import __version__
from moonloop.workflows import contracts
from moonloop.workflows.activities import ComputeActivities, ControlActivities
from moonloop.workflows.agent import AgentWorkflow
from moonloop.workflows.agent_activities import ModelActivities, TaskActivities
from moonloop.workflows.batch import BatchWorkflow
from moonloop.workflows.campaign import CampaignWorkflow
from moonloop.workflows.cycle import CycleWorkflow
from moonloop.workflows.review import ReviewWorkflow

__all__ = ["WORKFLOWS", "compute_worker", "connect", "control_worker", "models_worker", "sandbox"]

_STICKY = timedelta(seconds=1)
"""How long a step waits for the worker that has its workflow in memory; after that any worker replays it.

Temporal's own ten seconds would be lost for each level of workflows when a worker dies.
"""

_SOON = timedelta(seconds=1)

_BUILD = f"moonloop-{__version__}"
"""Which code a worker runs, for whoever looks into Temporal.

Unnamed, Temporal hashes every module that is loaded, for which a worker takes twice as long to start.
"""

WORKFLOWS: Sequence[type] = (
    CampaignWorkflow,
    CycleWorkflow,
    ReviewWorkflow,
    BatchWorkflow,
    AgentWorkflow,
)


async def connect(address: str, namespace: str = "default") -> Client:
    """Connect to a Temporal server with the one data converter that everything here uses."""
    return await Client.connect(address, namespace=namespace, data_converter=pydantic_data_converter)


def sandbox() -> SandboxedWorkflowRunner:
    """Return the runner of workers and of the replayer; our value modules are passed through, being pure."""
    restrictions = SandboxRestrictions.default.with_passthrough_modules(
        "moonloop.domain",
        "moonloop.workflows.contracts",
        "moonloop.workflows.waiting",
        "moonloop.agents.graphs",
        "pydantic",
        "rfc8785",
        "langgraph",
        "langchain_core",
        "langsmith",
    )
    return SandboxedWorkflowRunner(restrictions=restrictions)


def control_worker(client: Client, activities: ControlActivities, tasks: TaskActivities) -> Worker:
    """Return the worker of workflows and of light activities."""
    return Worker(
        client,
        task_queue=contracts.CONTROL_QUEUE,
        workflows=WORKFLOWS,
        activities=[*activities.all(), *tasks.all()],
        workflow_runner=sandbox(),
        max_concurrent_activities=20,
        max_cached_workflows=200,
        sticky_queue_schedule_to_start_timeout=_STICKY,
        build_id=_BUILD,
    )


def compute_worker(client: Client, activities: ComputeActivities, at_once: int) -> Worker:
    """Return the worker of the activities that think; `at_once` is the size of its process pool."""
    return Worker(
        client,
        task_queue=contracts.COMPUTE_QUEUE,
        activities=activities.all(),
        max_concurrent_activities=at_once,
        build_id=_BUILD,
    )


def models_worker(client: Client, activities: ModelActivities, at_once: int) -> Worker:
    """Return the worker of the calls that wait for a model; `at_once` bounds how many do."""
    return Worker(
        client,
        task_queue=contracts.MODELS_QUEUE,
        activities=activities.all(),
        max_concurrent_activities=at_once,
        build_id=_BUILD,
        # A cancellation comes with the answer to a heartbeat: a generation that nobody wants ends soon after.
        max_heartbeat_throttle_interval=_SOON,
        default_heartbeat_throttle_interval=_SOON,
    )
