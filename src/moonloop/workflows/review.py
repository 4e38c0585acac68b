"""Waiting for a decision: reminds, and at the deadline records that nobody decided, which is a rejection."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from moonloop.domain.lifecycles import ReviewState
    from moonloop.workflows import contracts
    from moonloop.workflows.contracts import PlanRef, ReviewArgs, ReviewStatus, Wake
    from moonloop.workflows.waiting import control, wait_for

__all__ = ["ReviewWorkflow"]


@workflow.defn(name=contracts.REVIEW_WORKFLOW)
class ReviewWorkflow:
    """A dead worker delays a reminder, never a decision: the decision is in the ledger."""

    def __init__(self) -> None:
        self._woken = False

    @workflow.signal(name=contracts.WAKE)
    def wake(self, _message: Wake) -> None:
        """Read the review again."""
        self._woken = True

    @workflow.run
    async def run(self, args: ReviewArgs) -> ReviewStatus:
        """Return where the review stands once it is no longer open."""
        ref = PlanRef.model_validate(args.model_dump())
        while True:
            self._woken = False
            status = await control(contracts.REVIEW_STATUS, ref, ReviewStatus, args)
            if status.state != ReviewState.OPEN:
                await workflow.wait_condition(workflow.all_handlers_finished)
                return status
            if status.expires_in_s is not None and status.expires_in_s <= 0:
                await control(contracts.EXPIRE, ref, bool, args)
            elif status.remind_in_s is not None and status.remind_in_s <= 0:
                await control(contracts.REMIND, ref, bool, args)
            else:
                times = (status.expires_in_s, status.remind_in_s, args.reread_s)
                await wait_for(lambda: self._woken, min(time for time in times if time is not None))
            if workflow.info().is_continue_as_new_suggested():  # people may take weeks
                await workflow.wait_condition(workflow.all_handlers_finished)
                workflow.continue_as_new(args)
