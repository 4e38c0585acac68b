"""Upkeep: leases that ran out, reviews and campaigns out of time, and the numbering of the journal."""

import asyncio
import logging

from moonloop.domain.errors import MoonloopError
from moonloop.store import Ledger, deadlines, losses, reviews, sealing

__all__ = ["Sealer", "Sweeper"]

_log = logging.getLogger(__name__)

_IDLE_S = 1.0


class Sweeper:
    """Settles what time has decided. Several may run: each settlement is a compare-and-set."""

    def __init__(self, ledger: Ledger, every_s: float) -> None:
        self._ledger = ledger
        self._every_s = every_s

    async def run(self) -> None:
        """Sweep for ever; a ledger that is away is tried again."""
        while True:
            try:
                await self.sweep()
            except MoonloopError as error:
                _log.warning("sweeping waits: %s", error)
            await asyncio.sleep(self._every_s)

    async def sweep(self) -> int:
        """Settle everything that is due now; return how much that was."""
        settled = 0
        for attempt in await self._ledger.read(losses.sweepable):
            settled += await self._ledger.write(losses.sweep, "sweeper", attempt)
        for review in await self._ledger.read(reviews.due):
            settled += await self._ledger.write(reviews.expire, "sweeper", review)
        for campaign in await self._ledger.read(deadlines.due):
            settled += await self._ledger.write(deadlines.stop_spent, "sweeper", campaign)
        return settled


class Sealer:
    """Numbers the journal soon after it grows."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def run(self) -> None:
        """Seal for ever."""
        while True:
            mark = self._ledger.changes.mark()
            try:
                if await self._ledger.read(sealing.unsealed):
                    await self._ledger.write(sealing.seal_journal, "sealer")
                    continue
            except MoonloopError as error:
                _log.warning("sealing waits: %s", error)
                await asyncio.sleep(_IDLE_S)
            await self._ledger.changes.wait(mark, _IDLE_S)
