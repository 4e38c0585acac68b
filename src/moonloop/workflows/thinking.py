"""An agent's task as a step of a workflow: it advises, so whatever becomes of it the step is over."""

from temporalio import workflow
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import (
    ActivityError,
    CancelledError,
    ChildWorkflowError,
    WorkflowAlreadyStartedError,
)

with workflow.unsafe.imports_passed_through():
    from moonloop.domain.agents import AgentTask, Outcome, Role
    from moonloop.workflows import contracts
    from moonloop.workflows.contracts import AgentArgs, Pace
    from moonloop.workflows.waiting import control, task_timeout

__all__ = ["think"]


async def think(campaign: str, cycle: int, role: Role, pace: Pace) -> None:
    """Let an agent do its task; what it decided is in the ledger, and so is why it did not."""
    task = AgentTask(campaign_id=campaign, cycle=cycle, role=role)
    try:
        await workflow.execute_child_workflow(
            contracts.AGENT_WORKFLOW,
            AgentArgs(task=task, **contracts.pace_of(pace)),
            id=contracts.agent_workflow(campaign, cycle, role),
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            result_type=Outcome,
            task_timeout=task_timeout(pace),
        )
    except ChildWorkflowError as error:
        # Cancelled or ended by hand: the campaign goes on without it. Its own cancellation is another matter.
        if isinstance(error.cause, CancelledError) and workflow.cancellation_reason() is not None:
            raise
        workflow.logger.warning("the %s of cycle %d ended without an outcome: %s", role, cycle, error.cause)
        await _close(task, pace)
    except WorkflowAlreadyStartedError:
        workflow.logger.warning("the %s of cycle %d is at work already", role, cycle)


async def _close(task: AgentTask, pace: Pace) -> None:
    """End a task whose workflow did not: what is reserved for it is given back."""
    ended = Outcome(task=task, status="failed", why="its workflow ended without an outcome")
    try:
        await control(contracts.CLOSE_TASK, ended, Outcome, pace)
    except ActivityError as error:  # it had not been opened
        workflow.logger.info("nothing to close: %s", error.cause)
