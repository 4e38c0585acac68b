"""Names of the workflows that the ledger's announcements go to."""

__all__ = ["agent_workflow", "batch_workflow", "campaign_workflow", "cycle_workflow", "review_workflow"]


def campaign_workflow(campaign: str) -> str:
    """Return the id of a campaign's workflow."""
    return f"campaign/{campaign}"


def cycle_workflow(campaign: str, cycle: int) -> str:
    """Return the id of the workflow of one cycle."""
    return f"{campaign_workflow(campaign)}/cycle/{cycle}"


def review_workflow(campaign: str, cycle: int) -> str:
    """Return the id of the workflow that waits for a review."""
    return f"{cycle_workflow(campaign, cycle)}/review"


def batch_workflow(campaign: str, cycle: int) -> str:
    """Return the id of the workflow that waits for a batch."""
    return f"{cycle_workflow(campaign, cycle)}/batch"


def agent_workflow(campaign: str, cycle: int, role: str) -> str:
    """Return the id of the workflow in which a role does its task of a cycle."""
    return f"{cycle_workflow(campaign, cycle)}/agent/{role}"
