"""A cycle whose steps were changed without a patch: what the replay tests must catch."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from moonloop.workflows import contracts
    from moonloop.workflows.contracts import CycleArgs, PlanRef
    from moonloop.workflows.waiting import compute, control

__all__ = ["ChangedCycle"]


@workflow.defn(name=contracts.CYCLE_WORKFLOW)
class ChangedCycle:
    """Analyses before the plan is screened."""

    @workflow.run
    async def run(self, args: CycleArgs) -> None:
        """Take the steps in another order."""
        plan = await compute(contracts.PROPOSE_AND_DESIGN, args, PlanRef, args)
        await compute(contracts.ANALYSE, args, bool, args)
        await control(contracts.SCREEN_AND_OPEN, plan, PlanRef, args)
