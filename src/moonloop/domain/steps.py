"""What a campaign's workflow does next, as the ledger says."""

from typing import Literal

from moonloop.domain.agents import Role
from moonloop.domain.values import Value

__all__ = ["SITE", "BatchStatus", "CampaignStep", "scope_of_campaign", "scope_of_mission", "scope_of_robot"]

SITE = "site"
"""The scope of everything."""


def scope_of_mission(institute: str, mission: str) -> str:
    """Return the hold scope of a mission."""
    return f"mission:{institute}/{mission}"


def scope_of_campaign(campaign: str) -> str:
    """Return the hold scope of a campaign."""
    return f"campaign:{campaign}"


def scope_of_robot(robot: str) -> str:
    """Return the hold scope of a device."""
    return f"device:{robot}"


class CampaignStep(Value):
    """The next step of a campaign."""

    action: Literal["cycle", "wait", "conclude", "end"]
    cycle: int = 0
    """The cycle to run, for `cycle`."""
    purpose: Literal["search", "confirmation"] = "search"
    roles: tuple[Role, ...] = ()
    """The agents that have a task in this step."""


class BatchStatus(Value):
    """Where the jobs of a plan stand."""

    queued: bool
    """Whether they were put into the queue; not while the campaign is paused."""
    open: int
    """Jobs that are not final."""
