"""The activities: each an idempotent arrow into the ledger, or a thought in another process."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import wraps
from typing import Any, TypeVar

from temporalio import activity
from temporalio.exceptions import ApplicationError

from moonloop.domain.errors import BudgetSpent, MoonloopError, SpaceImpossible
from moonloop.domain.history import Advice, NextStep
from moonloop.domain.steps import BatchStatus, CampaignStep
from moonloop.workflows import contracts
from moonloop.workflows.contracts import CampaignRef, CycleArgs, Failure, PlanRef, ReviewStatus
from moonloop.workflows.ports import LoopLedger, Thinker

__all__ = ["ComputeActivities", "ControlActivities", "beating", "guarded"]

Argument = TypeVar("Argument")
Result = TypeVar("Result")

_PATIENCE = 5
"""Attempts after which an error that nobody foresaw counts as permanent."""
_BEATS = 4
"""Beats in the time that a worker may be silent."""
_PASSING = frozenset({503, 507})
"""Errors that end by themselves or by an operator's hand: retried for as long as it takes."""


def guarded(
    call: Callable[[Any, Argument], Awaitable[Result]],
) -> Callable[[Any, Argument], Awaitable[Result]]:
    """Tell Temporal which errors pass and which do not."""

    @wraps(call)
    async def told(self: Any, argument: Argument) -> Result:
        try:
            return await call(self, argument)
        except ApplicationError:
            raise
        except MoonloopError as error:
            lasting = error.status not in _PASSING
            raise ApplicationError(str(error), type=error.slug, non_retryable=lasting) from error
        except Exception as error:
            lasting = activity.info().attempt >= _PATIENCE
            said = f"{type(error).__name__}: {error}"
            raise ApplicationError(said, type="unforeseen", non_retryable=lasting) from error

    return told


class ControlActivities:
    """Light ones, on the ledger."""

    def __init__(self, ledger: LoopLedger) -> None:
        self._ledger = ledger

    @activity.defn(name=contracts.NEXT_STEP)
    @guarded
    async def next_step(self, ref: CampaignRef) -> CampaignStep:
        """Ask the ledger what to do next."""
        return await self._ledger.next_step(ref.campaign_id)

    @activity.defn(name=contracts.SCREEN_AND_OPEN)
    @guarded
    async def screen_and_open(self, plan: PlanRef) -> PlanRef:
        """Screen the plan and open its review."""
        review = await self._ledger.screen_and_open(plan.plan_id)
        return plan.model_copy(update={"review_id": review})

    @activity.defn(name=contracts.REVIEW_STATUS)
    @guarded
    async def review_status(self, plan: PlanRef) -> ReviewStatus:
        """Read the review."""
        return await self._ledger.review_status(plan.review_id)

    @activity.defn(name=contracts.REMIND)
    @guarded
    async def remind(self, plan: PlanRef) -> bool:
        """Remind the deciders."""
        return await self._ledger.remind(plan.review_id)

    @activity.defn(name=contracts.EXPIRE)
    @guarded
    async def expire(self, plan: PlanRef) -> bool:
        """End the review: nobody decided in time."""
        return await self._ledger.expire(plan.review_id)

    @activity.defn(name=contracts.QUEUE_JOBS)
    @guarded
    async def queue_jobs(self, plan: PlanRef) -> BatchStatus:
        """Queue the jobs, once, and read how many are open."""
        return await self._ledger.queue(plan.plan_id)

    @activity.defn(name=contracts.FAIL)
    @guarded
    async def fail(self, failure: Failure) -> bool:
        """Stop the campaign: it cannot go on."""
        await self._ledger.fail(failure.campaign_id, failure.why)
        return True

    def all(self) -> Sequence[Callable[..., Any]]:
        """Return the activities, for a worker."""
        return [
            self.next_step, self.screen_and_open, self.review_status, self.remind, self.expire,
            self.queue_jobs, self.fail,
        ]  # fmt: skip


class ComputeActivities:
    """Those that think. They beat while they do, so that a dead worker is noticed."""

    def __init__(self, ledger: LoopLedger, thinker: Thinker) -> None:
        self._ledger = ledger
        self._thinker = thinker

    @activity.defn(name=contracts.PROPOSE_AND_DESIGN)
    @guarded
    async def propose_and_design(self, args: CycleArgs) -> PlanRef:
        """Register hypotheses, then record a plan; a cycle that has a plan keeps it."""
        async with beating():
            plan = await self._planned(args.campaign_id, args.cycle)
        return PlanRef(campaign_id=args.campaign_id, cycle=args.cycle, plan_id=plan or "")

    async def _planned(self, campaign: str, cycle: int) -> str | None:
        known = await self._ledger.plan_of(campaign, cycle)
        if known is not None or await self._ledger.is_stopping(campaign):
            return known
        purpose = await self._ledger.purpose_of(campaign, cycle)
        if purpose == "search":
            spec, history = await self._ledger.spec_and_history(campaign, cycle)
            await self._ledger.register(campaign, await self._thinker.propose(spec, history))
        spec, history = await self._ledger.spec_and_history(campaign, cycle)
        try:
            batch = await self._thinker.plan(spec, history, purpose)
            if batch is None:
                return None
            await self._ledger.record_plan(batch.plan, batch.specs)
        except (BudgetSpent, SpaceImpossible) as error:
            reason = "budget_spent" if isinstance(error, BudgetSpent) else "no_candidates"
            advice = Advice(step=NextStep.STOP, reason=reason, sentence=str(error))
            await self._ledger.close_cycle(campaign, cycle, (), advice)
            return None
        return batch.plan.id

    @activity.defn(name=contracts.ANALYSE)
    @guarded
    async def analyse(self, args: CycleArgs) -> bool:
        """Judge the claims, advise, and close the cycle."""
        async with beating():
            spec, history = await self._ledger.spec_and_history(args.campaign_id, args.cycle)
            evidence, advice = await self._thinker.analyse(spec, history)
            await self._ledger.close_cycle(args.campaign_id, args.cycle, evidence, advice)
        return True

    @activity.defn(name=contracts.CONCLUDE)
    @guarded
    async def conclude(self, ref: CampaignRef) -> bool:
        """Write the report and end the campaign."""
        async with beating():
            return await self._ledger.conclude(ref.campaign_id)

    def all(self) -> Sequence[Callable[..., Any]]:
        """Return the activities, for a worker."""
        return [self.propose_and_design, self.analyse, self.conclude]


class beating:  # noqa: N801 -- used as a statement
    """Heartbeats for as long as the block lasts, a few in the time that a worker may be silent."""

    def __init__(self, at_most_s: float = float("inf")) -> None:
        self._at_most_s = at_most_s

    async def __aenter__(self) -> None:
        self._task = asyncio.ensure_future(self._beat())

    async def _beat(self) -> None:
        silence = activity.info().heartbeat_timeout
        assert silence is not None
        while True:
            activity.heartbeat()
            await asyncio.sleep(min(silence.total_seconds() / _BEATS, self._at_most_s))

    async def __aexit__(self, *_error: object) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
