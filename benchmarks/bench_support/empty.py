"""A workflow whose one activity does nothing: the bound of anything that Temporal orchestrates."""

from datetime import timedelta

from temporalio import activity, workflow

__all__ = ["EmptyWorkflow", "nothing"]


@activity.defn
async def nothing() -> None:
    """Do nothing."""


@workflow.defn
class EmptyWorkflow:
    """Calls the activity."""

    @workflow.run
    async def run(self) -> None:
        """Wait for nothing to be done."""
        await workflow.execute_activity(nothing, start_to_close_timeout=timedelta(seconds=10))
