"""A storm: one campaign after another, while a random process is killed at random moments."""

import asyncio
import random
from collections.abc import Callable, Coroutine, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from moonloop.domain.campaigns import CampaignSpec
from support.site import Site
from support.tables import table_spec
from support.tours import approving, settling, start
from support.watching import Journal

__all__ = ["Kill", "kills", "storm"]


@dataclass(frozen=True, slots=True)
class Kill:
    """Somebody is to be killed, after a while."""

    victim: str
    after_s: float


def kills(seed: int, count: int, victims: Sequence[str], within_s: float) -> list[Kill]:
    """Draw so many kills, each within some seconds of the one before."""
    draw = random.Random(seed)
    return [Kill(victim=draw.choice(victims), after_s=draw.uniform(0, within_s)) for _ in range(count)]


async def storm(
    site: Site,
    journal: Journal,
    planned: Sequence[Kill],
    *,
    at_once: int,
    say: Callable[[int, int], None] = lambda _killed, _campaigns: None,
) -> dict[str, str]:
    """Kill as planned while so many campaigns run at once; return why each of them must have ended.

    A process that is down when its time has come is killed when it is up again. Campaigns are begun for as
    long as the kills last; `say` is told how many of each there have been.
    """
    over = asyncio.Event()
    reasons: dict[str, str] = {}

    async def strike() -> None:
        for done, kill in enumerate(planned):
            say(done, len(reasons))
            await asyncio.sleep(kill.after_s)  # the moment is to be random
            while not site.kill(kill.victim):  # noqa: ASYNC110  another process's state sets no event
                await asyncio.sleep(0.02)
        over.set()

    async def run_campaigns(first: int) -> None:
        number = first
        while not over.is_set():
            campaign = await start(site, _spec(number))
            reasons[campaign] = "budget_spent"
            async with approving(site, journal, campaign) if _asks(number) else nullcontext():
                await journal.until("campaign.e", campaign=campaign, patience=None)
            number += at_once

    work: list[Coroutine[Any, Any, None]] = [run_campaigns(first) for first in range(at_once)]
    async with settling(site, journal):
        await asyncio.gather(strike(), *work)
    await journal.numbered()
    return reasons


def _spec(number: int) -> CampaignSpec:
    """Return a campaign: every other one asks a person for each plan."""
    policy = "every_cycle" if _asks(number) else "none"
    return table_spec(reviews={"simulated": policy}, design={"batch_size": 2, "seed": number})


def _asks(number: int) -> bool:
    return number % 2 == 1
