"""Carrying out a batch: the jobs are queued, robots do them, and the last one that is settled wakes us."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from moonloop.domain.steps import BatchStatus
    from moonloop.workflows import contracts
    from moonloop.workflows.contracts import BatchArgs, PlanRef, Wake
    from moonloop.workflows.waiting import control, wait_for

__all__ = ["BatchWorkflow"]


@workflow.defn(name=contracts.BATCH_WORKFLOW)
class BatchWorkflow:
    """Queues once, then waits until no job of the plan is open."""

    def __init__(self) -> None:
        self._woken = False

    @workflow.signal(name=contracts.WAKE)
    def wake(self, _message: Wake) -> None:
        """Read the batch again."""
        self._woken = True

    @workflow.run
    async def run(self, args: BatchArgs) -> None:
        """Return when every job of the plan is final."""
        ref = PlanRef.model_validate(args.model_dump())
        while True:
            self._woken = False
            status = await control(contracts.QUEUE_JOBS, ref, BatchStatus, args)
            if status.queued and not status.open:
                await workflow.wait_condition(workflow.all_handlers_finished)
                return
            await wait_for(lambda: self._woken, args.reread_s)
            if workflow.info().is_continue_as_new_suggested():  # a batch may take weeks
                await workflow.wait_condition(workflow.all_handlers_finished)
                workflow.continue_as_new(args)
