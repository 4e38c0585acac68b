"""Budget lines: reserved when a plan is made, checked again at start, settled at finish."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, bindparam, insert, select, update

from moonloop.domain.budgets import BudgetSpec, Line, reagent_line
from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.errors import BudgetSpent, NotFound
from moonloop.domain.plans import Run
from moonloop.store.tables import budgets, spend
from moonloop.store.transaction import Level, Tx

__all__ = ["change_limit", "lines_of", "open_lines", "overdrawn", "release", "reserve", "settle"]

_SLACK = 1e-9
"""Share of a limit: rounding of sums of reservations is no overspending."""


_ENTRIES = select(spend).where(spend.c.job_id == bindparam("job"))
_LINES = select(budgets.c.line).where(
    budgets.c.campaign_id == bindparam("campaign"), budgets.c.line.in_(bindparam("lines", expanding=True))
)
_CHANGE = (
    update(budgets)
    .where(budgets.c.campaign_id == bindparam("of_campaign"), budgets.c.line == bindparam("of_line"))
    .values(
        reserved=budgets.c.reserved + bindparam("more_reserved"),
        spent=budgets.c.spent + bindparam("more_spent"),
    )
)


def open_lines(tx: Tx, campaign: str, spec: CampaignSpec) -> None:
    """Make the lines of a campaign; a line without a limit is kept too, so that spending shows."""
    for line, unit, limit in _limits(spec.budget, spec):
        tx.add(budgets, campaign_id=campaign, line=line, unit=unit, limit=limit, reserved=0.0, spent=0.0)


def _limits(budget: BudgetSpec, spec: CampaignSpec) -> list[tuple[str, str, float | None]]:
    fixed: list[tuple[str, str, float | None]] = [
        (Line.EXPERIMENTS, "1", budget.experiments),
        (Line.CONFIRMATION, "1", spec.confirmation_runs),
        (Line.REFERENCE, "1", spec.reference_runs),
        (Line.INSTRUMENT_TIME, "s", budget.instrument_time),
        (Line.MONEY, budget.currency, budget.money),
        (Line.TOKENS, "1", budget.tokens),
    ]
    reagents = {
        substance: amount.unit
        for protocol in [spec.protocol, *(run.protocol for run in _confirmations(spec))]
        for substance, amount in protocol.cost.reagents.items()
    } | {substance: amount.unit for substance, amount in budget.reagents.items()}
    limits = {substance: amount.value for substance, amount in budget.reagents.items()}
    return fixed + [
        (reagent_line(substance), unit, limits.get(substance)) for substance, unit in reagents.items()
    ]


def _confirmations(spec: CampaignSpec) -> Sequence[Any]:
    return spec.confirmation.runs if spec.confirmation else ()


def lines_of(run: Run) -> dict[str, float]:
    """Return what one run takes from each line."""
    amounts: dict[str, float] = {run.purpose.line: 1.0}
    if run.cost.money:
        amounts[Line.MONEY] = run.cost.money
    if run.cost.instrument_time:
        amounts[Line.INSTRUMENT_TIME] = run.cost.instrument_time
    for substance, amount in run.cost.reagents.items():
        amounts[reagent_line(substance)] = amount.value
    return amounts


def reserve(tx: Tx, campaign: str, by_job: Mapping[str, Mapping[str, float]]) -> None:
    """Reserve what the jobs of a plan, or a turn of an agent, will take; each of them by its own key.

    Raises `BudgetSpent` naming the line that forbids it, before anything is reserved.
    """
    rows = {row.line: row for row in tx.lock(Level.BUDGET, campaign, write=True)}
    asked: dict[str, float] = {}
    for amounts in by_job.values():
        for line, amount in amounts.items():
            asked[line] = asked.get(line, 0.0) + amount
    for line, amount in asked.items():
        _require(rows[line], amount)
    for line in sorted(asked):
        _add(tx, campaign, line, reserved=asked[line])
    now = tx.now()
    entries = [
        {"campaign_id": campaign, "line": line, "job_id": job, "kind": "reserve", "amount": amount, "at": now}
        for job, amounts in by_job.items()
        for line, amount in amounts.items()
    ]
    tx.connection.execute(insert(spend), entries)


def _over(row: Row[Any], amount: float = 0.0) -> bool:
    return row.limit is not None and row.spent + row.reserved + amount > row.limit * (1 + _SLACK)


def _require(row: Row[Any], amount: float) -> None:
    if _over(row, amount):
        raise BudgetSpent(
            line=row.line, asked=f"{amount:g}", spent=f"{row.spent:g}", reserved=f"{row.reserved:g}",
            limit=f"{row.limit:g}",
        )  # fmt: skip


def overdrawn(rows: Sequence[Row[Any]]) -> Row[Any] | None:
    """Return the first line that is over its limit, or None; no job takes of the tokens of models."""
    return next((row for row in rows if row.line != Line.TOKENS and _over(row)), None)


def settle(tx: Tx, campaign: str, job: str, used: Mapping[str, float] | None = None) -> None:
    """Turn a job's reservation into spending, with the amounts that were really used where they are known."""
    _close(tx, campaign, job, "settle", used or {})


def release(tx: Tx, campaign: str, job: str) -> None:
    """Give a job's reservation back: it was cancelled before any start."""
    _close(tx, campaign, job, "release", {})


def _close(tx: Tx, campaign: str, job: str, kind: str, used: Mapping[str, float]) -> None:
    entries = tx.all(_ENTRIES, job=job)
    if any(entry.kind != "reserve" for entry in entries):
        return  # settled or released before: nothing is spent twice
    reserved = {entry.line: entry.amount for entry in entries}
    made: list[dict[str, Any]] = []
    for line in sorted(reserved.keys() | _touched(tx, campaign, used)):
        given_back = reserved.get(line, 0.0)
        amount = 0.0 if kind == "release" else used.get(line, given_back)
        _add(tx, campaign, line, reserved=-given_back, spent=amount)
        entry = {"campaign_id": campaign, "line": line, "job_id": job, "kind": kind, "amount": amount}
        made.append(entry | {"at": tx.now()})
    tx.add_all(spend, made)


def _touched(tx: Tx, campaign: str, used: Mapping[str, float]) -> set[str]:
    """Return the lines on which something was used, whether or not that had been planned."""
    some = [line for line, amount in used.items() if amount]
    if not some:
        return set()
    return {row.line for row in tx.all(_LINES, campaign=campaign, lines=some)}


def _add(tx: Tx, campaign: str, line: str, *, reserved: float = 0.0, spent: float = 0.0) -> None:
    values = {"of_campaign": campaign, "of_line": line, "more_reserved": reserved, "more_spent": spent}
    tx.connection.execute(_CHANGE, values)


def change_limit(tx: Tx, campaign: str, line: str, limit: float) -> None:
    """Change a limit; what has started goes on, what has not is checked against the new one."""
    tx.lock_one(Level.CAMPAIGN, campaign)
    rows = {row.line: row for row in tx.lock(Level.BUDGET, campaign, write=True)}
    if line not in rows:
        raise NotFound(kind="budget line", id=line)
    tx.announces = True  # robots that wait for work look again
    tx.run(
        update(budgets).where(budgets.c.campaign_id == campaign, budgets.c.line == line).values(limit=limit)
    )
    tx.journal(
        "budget.changed", f"{campaign}/{line}", campaign, facts={"from": rows[line].limit, "to": limit}
    )
