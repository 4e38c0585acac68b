"""What every workflow here shares: activities called by name, and waits that a lost wake-up cannot break."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from pydantic import BaseModel

    from moonloop.workflows.contracts import COMPUTE_QUEUE, CONTROL_QUEUE, MODELS_QUEUE, Pace

__all__ = ["compute", "control", "model_call", "task_timeout", "wait_for"]

Result = TypeVar("Result")

_RETRIES = RetryPolicy(
    initial_interval=timedelta(milliseconds=200),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(seconds=15),
)
"""Without end: activities that cannot succeed say so themselves (`non_retryable`)."""


_UNTAKEN_S = 180.0
"""After which a call that no worker takes is given up: the algorithmic scientist goes on without it."""

_TASK_S = 10.0
"""Temporal's own patience with a worker that has a workflow in hand."""


async def control(name: str, argument: BaseModel, result: type[Result], pace: Pace) -> Result:
    """Call a light activity on the ledger."""
    return await workflow.execute_activity(
        name,
        argument,
        result_type=result,
        task_queue=CONTROL_QUEUE,
        start_to_close_timeout=timedelta(seconds=pace.silence_s),
        retry_policy=_RETRIES,
    )


async def compute(name: str, argument: BaseModel, result: type[Result], pace: Pace) -> Result:
    """Call an activity that thinks; it beats, so that a dead worker is noticed."""
    return await workflow.execute_activity(
        name,
        argument,
        result_type=result,
        task_queue=COMPUTE_QUEUE,
        start_to_close_timeout=timedelta(minutes=30),
        heartbeat_timeout=timedelta(seconds=pace.silence_s),
        retry_policy=_RETRIES,
    )


async def model_call(name: str, argument: BaseModel, result: type[Result], pace: Pace) -> Result:
    """Call an activity that waits for a model or uses a tool; it beats, and is told when it is cancelled."""
    return await workflow.execute_activity(
        name,
        argument,
        result_type=result,
        task_queue=MODELS_QUEUE,
        schedule_to_start_timeout=timedelta(seconds=_UNTAKEN_S),
        cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        start_to_close_timeout=timedelta(minutes=30),
        heartbeat_timeout=timedelta(seconds=pace.silence_s),
        retry_policy=_RETRIES,
    )


def task_timeout(pace: Pace) -> timedelta:
    """Return how long a worker may take over one step of a workflow."""
    return timedelta(seconds=min(_TASK_S, pace.silence_s))


async def wait_for(woken: Callable[[], bool], at_most_s: float) -> None:
    """Return when woken, or when it is time to read the ledger again anyway."""
    try:
        await workflow.wait_condition(woken, timeout=timedelta(seconds=at_most_s))
    except asyncio.TimeoutError:  # noqa: UP041 -- what temporalio raises, whichever name Python gives it
        return
