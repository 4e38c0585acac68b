"""One pass of the loop: propose, design, screen, review, execute, analyse."""

from collections.abc import Iterable

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from moonloop.domain.agents import Role
    from moonloop.domain.lifecycles import ReviewState
    from moonloop.workflows import contracts
    from moonloop.workflows.contracts import BatchArgs, CycleArgs, PlanRef, ReviewArgs, ReviewStatus
    from moonloop.workflows.thinking import think
    from moonloop.workflows.waiting import compute, control, task_timeout

__all__ = ["CycleWorkflow"]

_NEVER_RAN = (ReviewState.REJECTED, ReviewState.CHANGES_REQUESTED, ReviewState.WITHDRAWN)
"""Reviews of plans without a job. One that was revoked or has expired may have jobs that still move."""

_BEFORE = (Role.PROPOSER, Role.CRITIC, Role.ADVISOR)
"""Who speaks before the plan, in this order: the critic judges what the proposer has said."""


@workflow.defn(name=contracts.CYCLE_WORKFLOW)
class CycleWorkflow:
    """Every step is idempotent by (campaign, cycle): begun again, a cycle goes on where the ledger stands."""

    @workflow.run
    async def run(self, args: CycleArgs) -> None:
        """Take the steps of one cycle."""
        await self._think(args, _BEFORE)
        plan = await compute(contracts.PROPOSE_AND_DESIGN, args, PlanRef, args)
        if plan.plan_id:
            await self._carry_out(plan, args)
        await self._think(args, (Role.ANALYST,))
        await compute(contracts.ANALYSE, args, bool, args)

    async def _think(self, args: CycleArgs, roles: Iterable[Role]) -> None:
        for role in roles:
            if role in args.roles:
                await think(args.campaign_id, args.cycle, role, args)

    async def _carry_out(self, plan: PlanRef, args: CycleArgs) -> None:
        plan = await control(contracts.SCREEN_AND_OPEN, plan, PlanRef, args)
        status = await control(contracts.REVIEW_STATUS, plan, ReviewStatus, args)
        known = plan.model_dump() | contracts.pace_of(args)
        if status.state == ReviewState.OPEN:
            status = await workflow.execute_child_workflow(
                contracts.REVIEW_WORKFLOW,
                ReviewArgs(**known),
                id=contracts.review_workflow(args.campaign_id, args.cycle),
                result_type=ReviewStatus,
                task_timeout=task_timeout(args),
            )
        if status.state not in _NEVER_RAN:
            await workflow.execute_child_workflow(
                contracts.BATCH_WORKFLOW,
                BatchArgs(**known),
                id=contracts.batch_workflow(args.campaign_id, args.cycle),
                task_timeout=task_timeout(args),
            )
