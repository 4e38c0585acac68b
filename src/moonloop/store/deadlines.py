"""Campaigns whose budget is spent while work waits: the wall clock ran out, or a line is overdrawn."""

from sqlalchemy import Connection, select

from moonloop.domain.budgets import Line
from moonloop.domain.lifecycles import CampaignState, DoneReason, JobState
from moonloop.store.budgets import overdrawn
from moonloop.store.campaigns import stop
from moonloop.store.database import now as read_clock
from moonloop.store.tables import budgets, campaigns, jobs
from moonloop.store.transaction import Level, Tx

__all__ = ["due", "stop_spent"]


def due(connection: Connection) -> list[str]:
    """Return running campaigns in which nothing more may start."""
    now = read_clock(connection)
    rows = connection.execute(
        select(campaigns.c.id).where(
            campaigns.c.state.in_((CampaignState.RUNNING, CampaignState.PAUSED)), campaigns.c.deadline <= now
        )
    )
    found = list(rows.scalars())
    over = connection.execute(
        select(budgets, campaigns.c.id)
        .join(campaigns, campaigns.c.id == budgets.c.campaign_id)
        .where(
            campaigns.c.state == CampaignState.RUNNING,
            budgets.c.line != Line.TOKENS,  # no job takes of it
            budgets.c.spent + budgets.c.reserved > budgets.c.limit,
            select(jobs.c.id)
            .where(jobs.c.campaign_id == campaigns.c.id, jobs.c.state == JobState.QUEUED)
            .exists(),
        )
    )
    return found + [row.id for row in over if overdrawn([row]) is not None]


def stop_spent(tx: Tx, campaign: str) -> bool:
    """Stop a campaign whose budget is spent, naming the line; what moves finishes."""
    row = tx.lock_one(Level.CAMPAIGN, campaign, write=True)
    if row.state not in (CampaignState.RUNNING, CampaignState.PAUSED):
        return False
    over = overdrawn(tx.all(select(budgets).where(budgets.c.campaign_id == campaign)))
    if row.deadline is not None and tx.now() >= row.deadline:
        stop(tx, campaign, DoneReason.BUDGET_SPENT, "the wall clock of the budget ran out")
    elif over is not None:
        figures = f"{over.spent:g} spent and {over.reserved:g} reserved of {over.limit:g} {over.unit}"
        stop(tx, campaign, DoneReason.BUDGET_SPENT, f"the budget line {over.line} is overdrawn: {figures}")
    else:
        return False
    return True
