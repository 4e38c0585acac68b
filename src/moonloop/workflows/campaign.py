"""The campaign as an entity: one cycle after another for as long as the ledger says so."""

from temporalio import workflow
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    ChildWorkflowError,
    FailureError,
    WorkflowAlreadyStartedError,
)

with workflow.unsafe.imports_passed_through():
    from moonloop.domain.steps import CampaignStep
    from moonloop.workflows import contracts
    from moonloop.workflows.contracts import CampaignArgs, CampaignRef, CycleArgs, Failure, Wake
    from moonloop.workflows.thinking import think
    from moonloop.workflows.waiting import compute, control, task_timeout, wait_for

__all__ = ["CampaignWorkflow"]


@workflow.defn(name=contracts.CAMPAIGN_WORKFLOW)
class CampaignWorkflow:
    """Asks the ledger for the next step, does it, and asks again; it holds no fact of its own."""

    def __init__(self) -> None:
        self._woken = False

    @workflow.signal(name=contracts.WAKE)
    def wake(self, _message: Wake) -> None:
        """Read the ledger again."""
        self._woken = True

    @workflow.run
    async def run(self, args: CampaignArgs) -> None:
        """Drive the campaign to its end."""
        ref = CampaignRef(campaign_id=args.campaign_id)
        cycles = 0
        while True:
            self._woken = False
            try:
                step = await control(contracts.NEXT_STEP, ref, CampaignStep, args)
                if step.action == "end":
                    return
                await self._take(step, args)
                cycles += step.action == "cycle"
            except (ActivityError, ChildWorkflowError, WorkflowAlreadyStartedError) as error:
                await self._cope(error, args)
                await workflow.sleep(1)  # whatever is wrong, do not spin on it
            if cycles >= args.cycles_per_run or workflow.info().is_continue_as_new_suggested():
                await workflow.wait_condition(workflow.all_handlers_finished)
                workflow.continue_as_new(args)

    async def _cope(self, error: FailureError, args: CampaignArgs) -> None:
        why = _sentence(error)
        # Where no activity failed, something befell a workflow, as when it is ended by hand: go on.
        if why is not None:
            await control(contracts.FAIL, Failure(campaign_id=args.campaign_id, why=why), bool, args)

    async def _take(self, step: CampaignStep, args: CampaignArgs) -> None:
        if step.action == "wait":
            await wait_for(lambda: self._woken, args.reread_s)
        elif step.action == "conclude":
            for role in step.roles:
                await think(args.campaign_id, step.cycle, role, args)
            await compute(contracts.CONCLUDE, CampaignRef(campaign_id=args.campaign_id), bool, args)
        else:
            await workflow.execute_child_workflow(
                contracts.CYCLE_WORKFLOW,
                CycleArgs(
                    campaign_id=args.campaign_id,
                    cycle=step.cycle,
                    roles=step.roles,
                    **contracts.pace_of(args),
                ),
                id=contracts.cycle_workflow(args.campaign_id, step.cycle),
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                task_timeout=task_timeout(args),
            )


def _sentence(error: BaseException | None) -> str | None:
    """Return what an activity said was wrong; None when no activity said anything."""
    while error is not None and not isinstance(error, ApplicationError):
        error = error.__cause__
    return None if error is None else error.message
