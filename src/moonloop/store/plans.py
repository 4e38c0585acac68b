"""Plans: recorded with their job specs, screened, and paid for in advance."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, insert, select, update

from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.canonical import Sealed, unseal
from moonloop.domain.errors import InvalidInput, NotFound
from moonloop.domain.plans import JobSpec, Plan
from moonloop.domain.reviews import HazardOutcome
from moonloop.domain.robots import RobotKind
from moonloop.store import budgets
from moonloop.store.agent_gate import roles_of
from moonloop.store.tables import cycles, hazard_reports, plans, specs, threads
from moonloop.store.transaction import Level, Tx

__all__ = ["RULES_VERSION", "record_plan", "screen"]

RULES_VERSION = "unscreened-1"
"""Version of the hazard rules: until there is a screen, physical plans are unknown and a person decides."""


def record_plan(tx: Tx, plan: Plan, sealed: Sealed, job_specs: Sequence[tuple[JobSpec, Sealed]]) -> str:
    """Record a plan with its specs and reserve its costs; a cycle that has a plan keeps it.

    Returns the hash of the cycle's plan.
    """
    campaign = tx.lock_one(Level.CAMPAIGN, plan.campaign_id, write=True)
    known = tx.scalar(select(plans.c.sha256).where(plans.c.id == plan.id))
    if known is not None:
        return known
    _check_specs(plan, job_specs)
    tx.add(
        plans,
        id=plan.id,
        campaign_id=plan.campaign_id,
        cycle=plan.cycle,
        body=sealed.body,
        sha256=sealed.sha256,
        created_at=tx.now(),
    )
    lines = {run.job_id: budgets.lines_of(run) for run in plan.runs}
    budgets.reserve(tx, plan.campaign_id, lines)
    positions = {run.job_id: run.index for run in plan.runs}
    rows = [
        {
            "job_id": spec.job_id,
            "plan_id": plan.id,
            "position": positions[spec.job_id],
            "body": body.body,
            "sha256": body.sha256,
            "kind": spec.requires.kind,
            "protocol": spec.protocol,
            "requires": spec.requires.model_dump(mode="json"),
            "lines": lines[spec.job_id],
        }
        for spec, body in job_specs
    ]
    tx.connection.execute(insert(specs), rows)
    _name_proposers(tx, campaign, plan.cycle)
    facts = {"sha256": sealed.sha256, "author": plan.author, "jobs": len(plan.runs)}
    tx.journal("plan.recorded", plan.id, plan.campaign_id, after="recorded", facts=facts)
    return sealed.sha256


def _name_proposers(tx: Tx, campaign: Row[Any], number: int) -> None:
    """Say in the cycle which agents had a say in its plan, or that none had and why."""
    here = (cycles.c.campaign_id == campaign.id, cycles.c.number == number)
    cycle = tx.one(select(cycles).where(*here))
    spec = unseal(campaign.spec, campaign.spec_sha256, CampaignSpec)
    if cycle is None or not roles_of(spec, cycle.purpose):
        return
    asked = tx.all(
        select(threads)
        .where(threads.c.campaign_id == campaign.id, threads.c.cycle == number)
        .order_by(threads.c.opened_at, threads.c.id)
    )
    names = ", ".join(row.proposer for row in asked if row.status == "decided")
    if not names and cycle.purpose == "confirmation":
        return  # its plan is the campaign file's
    why = next((row.why for row in asked if row.why), "none was asked")
    did = "decided" if any(row.status not in ("unavailable", "open") for row in asked) else "answered"
    who = names or f"no agent {did}: {why}"
    tx.run(update(cycles).where(*here).values(proposer=f"{cycle.proposer}; {who}"))


def _check_specs(plan: Plan, job_specs: Sequence[tuple[JobSpec, Sealed]]) -> None:
    promised = {run.job_id: run.spec_sha256 for run in plan.runs}
    given = {spec.job_id: body.sha256 for spec, body in job_specs}
    if promised != given:
        raise InvalidInput(where=plan.id, why="the plan's job hashes are not those of its job specs")
    # The review policy goes by what the plan says of its jobs: it must be true.
    kinds = {spec.requires.kind for spec, _ in job_specs}
    protocols = {spec.protocol for spec, _ in job_specs} | {spec.requires.protocol for spec, _ in job_specs}
    if kinds != set(plan.robot_kinds) or protocols != set(plan.protocols):
        raise InvalidInput(where=plan.id, why="its robot kinds and protocols are not those of its job specs")
    if any((spec.campaign_id, spec.cycle) != (plan.campaign_id, plan.cycle) for spec, _ in job_specs):
        raise InvalidInput(where=plan.id, why="a job spec is of another campaign or cycle")


def screen(tx: Tx, plan: str) -> HazardOutcome:
    """Store the hazard report of a plan under the current rules; once."""
    row = tx.one(select(plans).where(plans.c.id == plan))
    if row is None:
        raise NotFound(kind="plan", id=plan)
    known = tx.scalar(
        select(hazard_reports.c.outcome).where(
            hazard_reports.c.plan_id == plan, hazard_reports.c.rules_version == RULES_VERSION
        )
    )
    if known is not None:
        return HazardOutcome(known)
    kinds = {kind.kind for kind in tx.all(select(specs.c.kind).where(specs.c.plan_id == plan))}
    physical = RobotKind.PHYSICAL in kinds
    outcome = HazardOutcome.UNKNOWN if physical else HazardOutcome.NOT_APPLICABLE
    tx.add(
        hazard_reports,
        plan_id=plan,
        plan_sha256=row.sha256,
        rules_version=RULES_VERSION,
        outcome=outcome,
        at=tx.now(),
    )
    facts = {"plan": row.sha256, "rules": RULES_VERSION}
    tx.journal("plan.screened", plan, row.campaign_id, after=outcome, facts=facts)
    return outcome
