"""The relay: from the outbox to Temporal, until the server takes it or says that the workflow is over."""

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from moonloop.domain.errors import MoonloopError
from moonloop.workflows import contracts
from moonloop.workflows.contracts import CampaignArgs, Wake, campaign_workflow
from moonloop.workflows.waiting import task_timeout

__all__ = ["Announced", "Outbox", "Relay"]

_log = logging.getLogger(__name__)


class Announced(Protocol):
    """All that is unsent for one workflow."""

    @property
    def ids(self) -> tuple[int, ...]:
        """Rows of the outbox."""
        ...

    @property
    def campaign(self) -> str:
        """The campaign it is about."""
        ...

    @property
    def workflow(self) -> str:
        """The workflow to be told."""
        ...

    @property
    def start(self) -> bool:
        """Whether the workflow is to be started."""
        ...

    @property
    def topic(self) -> str:
        """What changed."""
        ...

    @property
    def key(self) -> str:
        """Which one changed."""
        ...

    @property
    def live(self) -> bool:
        """Whether the campaign still needs its workflow."""
        ...


class Outbox(Protocol):
    """The ledger as the relay uses it."""

    async def lead(self) -> bool:
        """Become or stay the leading relay; False while another leads."""
        ...

    async def pending(self) -> Sequence[Announced]:
        """Return what is unsent, one entry per workflow."""
        ...

    async def mark_sent(self, ids: tuple[int, ...]) -> None:
        """Record that these were taken."""
        ...

    async def put_back_start(self, campaign: str) -> None:
        """Ask again for the workflow of a live campaign."""
        ...

    async def live_campaigns(self) -> list[str]:
        """Return the campaigns that must have a workflow."""
        ...

    def mark(self) -> int:
        """Return where the ledger's changes stand."""
        ...

    async def changed(self, since: int, at_most_s: float) -> bool:
        """Wait for the ledger to change after the mark."""
        ...


class Relay:
    """Sends what the outbox holds, and now and then makes sure that every live campaign has its workflow."""

    def __init__(
        self, client: Client, outbox: Outbox, *, args: CampaignArgs, idle_s: float, check_every_s: float
    ) -> None:
        self._client = client
        self._outbox = outbox
        self._args = args
        self._idle_s = idle_s
        self._check_every_s = check_every_s
        self._checked = 0.0

    async def run(self) -> None:
        """Relay for ever; a server or ledger that is away is tried again, and nothing is marked sent."""
        while True:
            mark = self._outbox.mark()
            try:
                busy = await self._outbox.lead() and await self._round()
            except (RPCError, MoonloopError) as error:
                _log.warning("the relay waits: %s", error)
                await asyncio.sleep(self._idle_s)
                continue
            if not busy:
                await self._outbox.changed(mark, self._idle_s)

    async def _round(self) -> bool:
        pending = await self._outbox.pending()
        for announced in pending:
            await self._send(announced)
        if time.monotonic() - self._checked >= self._check_every_s:
            self._checked = time.monotonic()
            await self.check()
        return bool(pending)

    async def _send(self, announced: Announced) -> None:
        if announced.start and announced.live:
            await self._start(announced)
        elif announced.live and not await self._wake(announced):
            await self._outbox.put_back_start(announced.campaign)
        await self._outbox.mark_sent(announced.ids)

    async def _start(self, announced: Announced) -> None:
        # With a signal: where the workflow runs already, a wake-up that was coalesced into this is not lost.
        with suppress(WorkflowAlreadyStartedError):
            await self._client.start_workflow(
                contracts.CAMPAIGN_WORKFLOW,
                self._args.model_copy(update={"campaign_id": announced.campaign}),
                id=campaign_workflow(announced.campaign),
                task_queue=contracts.CONTROL_QUEUE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                task_timeout=task_timeout(self._args),
                start_signal=contracts.WAKE,
                start_signal_args=[Wake(topic=announced.topic, key=announced.key)],
            )

    async def _wake(self, announced: Announced) -> bool:
        handle = self._client.get_workflow_handle(announced.workflow)
        try:
            await handle.signal(contracts.WAKE, Wake(topic=announced.topic, key=announced.key))
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return False
        return True

    async def check(self) -> None:
        """Put a start back for each live campaign whose workflow is not running."""
        for campaign in await self._outbox.live_campaigns():
            handle = self._client.get_workflow_handle(campaign_workflow(campaign))
            try:
                status = (await handle.describe()).status
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise
                status = None
            if status is not WorkflowExecutionStatus.RUNNING:
                _log.warning("campaign %s has no running workflow; starting it again", campaign)
                await self._outbox.put_back_start(campaign)
