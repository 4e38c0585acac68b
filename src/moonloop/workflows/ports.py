"""What the activities need of the outside, handed in by wiring."""

from collections.abc import Sequence
from typing import Protocol

from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.claims import Evidence, Hypothesis
from moonloop.domain.history import Advice, History
from moonloop.domain.plans import JobSpec, Plan
from moonloop.domain.steps import BatchStatus, CampaignStep
from moonloop.workflows.contracts import ReviewStatus

__all__ = ["LoopLedger", "Planned", "Thinker"]


class Planned(Protocol):
    """A plan with its job specs."""

    @property
    def plan(self) -> Plan:
        """The plan."""
        ...

    @property
    def specs(self) -> tuple[JobSpec, ...]:
        """The specs of its jobs."""
        ...


class LoopLedger(Protocol):
    """The ledger as the loop uses it; each call is idempotent."""

    async def next_step(self, campaign: str) -> CampaignStep:
        """Return the next step, opening a cycle where that is due."""
        ...

    async def spec_and_history(self, campaign: str, cycle: int) -> tuple[CampaignSpec, History]:
        """Return what the scientist may know."""
        ...

    async def plan_of(self, campaign: str, cycle: int) -> str | None:
        """Return the id of the cycle's plan when it has one."""
        ...

    async def purpose_of(self, campaign: str, cycle: int) -> str:
        """Return `search` or `confirmation`."""
        ...

    async def is_stopping(self, campaign: str) -> bool:
        """Say whether nothing new is to be planned."""
        ...

    async def register(self, campaign: str, found: Sequence[Hypothesis]) -> None:
        """Register hypotheses."""
        ...

    async def record_plan(self, plan: Plan, specs: Sequence[JobSpec]) -> None:
        """Record a plan and reserve its costs."""
        ...

    async def screen_and_open(self, plan: str) -> str:
        """Store the hazard report and open the review; return the review's id."""
        ...

    async def review_status(self, review: str) -> ReviewStatus:
        """Return where a review stands."""
        ...

    async def remind(self, review: str) -> bool:
        """Record that the deciders were reminded."""
        ...

    async def expire(self, review: str) -> bool:
        """Record that a review is out of time."""
        ...

    async def queue(self, plan: str) -> BatchStatus:
        """Queue the jobs of an approved plan, and say how many are open."""
        ...

    async def close_cycle(self, campaign: str, cycle: int, found: Sequence[Evidence], advice: Advice) -> None:
        """Record the analysis and close the cycle, in one transaction."""
        ...

    async def conclude(self, campaign: str) -> bool:
        """Write the report and end the campaign; False while an attempt is not settled."""
        ...

    async def fail(self, campaign: str, why: str) -> None:
        """Stop a campaign that cannot go on."""
        ...


class Thinker(Protocol):
    """The scientist, in another process: pure functions of what is handed over."""

    async def propose(self, spec: CampaignSpec, history: History) -> tuple[Hypothesis, ...]:
        """Return the hypotheses to be registered now."""
        ...

    async def plan(self, spec: CampaignSpec, history: History, purpose: str) -> Planned | None:
        """Return the next batch; None when there is nothing to run."""
        ...

    async def analyse(self, spec: CampaignSpec, history: History) -> tuple[tuple[Evidence, ...], Advice]:
        """Return what the data say of the claims, and what to do next."""
        ...
