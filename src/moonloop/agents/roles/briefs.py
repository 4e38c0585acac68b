"""What every brief tells of a campaign, in one fixed order, what changes least first.

So the prompts of a campaign's cycles begin alike, and a server that keeps prefixes computes them once.
"""

from collections.abc import Sequence
from typing import Any

from moonloop.agents.ports import Context
from moonloop.agents.roles.fences import fenced, shortened
from moonloop.agents.roles.levels import as_written
from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.claims import Claim, Effect, Hypothesis
from moonloop.domain.history import History, Observation
from moonloop.domain.limits import SubstructureLimit
from moonloop.domain.space import (
    CandidateTable,
    ContinuousFactor,
    Exclusion,
    Factor,
    FactorSpace,
    RGroupSpace,
    SpaceConstraint,
    level_text,
)

__all__ = ["MOST", "composed", "described_claim", "digest_rows"]

MOST = 12_000
"""Characters of a brief, about."""
_ROOMS = {"goal": 2_400, "space": 2_600, "objective": 500, "constraints": 1_000, "claims": 1_900}
_BEST = 12
"""Best observations that are shown when not all can be."""
_LEVELS = 60


def composed(context: Context, data: tuple[str, str, Sequence[Any]], task: str) -> str:
    """Return a brief: the campaign, its claims and verdicts, the role's own data, and the task.

    Args:
        context: of the task.
        data: what the role is given besides: a heading, the name of the block, its rows.
        task: what is asked now, in our own words.
    """
    spec, history = context.spec, context.history
    parts = [
        _section("Goal", "goal", _goal(spec)),
        _section("Space", "space", _space(spec)),
        _section("Objective", "objective", [_objective(spec)]),
        _section("Constraints of the goal", "constraints", _constraints(spec)),
        _section("Claims and verdicts", "claims", claim_rows(spec, history)),
    ]
    told = "\n\n".join(parts)
    heading, name, rows = data
    closing = f"## Your task in cycle {context.task.cycle}\n{task}"
    room = max(1_500, MOST - len(told) - len(closing) - len(heading) - 200)
    return f"{told}\n\n## {heading}\n{fenced(name, rows, room)}\n\n{closing}"


def digest_rows(context: Context) -> list[Any]:
    """Return what was measured, a row for each run after one with the names of the columns.

    All in the order of planning while they are few; of many the best first, then the latest.
    """
    spec, history = context.spec, context.history
    columns = ["measurement", "cycle", "purpose", "settings", spec.objective.name, "sd", "outcome"]
    seen = list(history.observations)
    if len(seen) > 3 * _BEST:
        seen = _telling(spec, seen)
    return [columns, *(_observed(spec, one) for one in seen)]


def _telling(spec: CampaignSpec, seen: list[Observation]) -> list[Observation]:
    valued = [one for one in seen if one.value is not None]
    best = sorted(valued, key=lambda one: -spec.objective.sign * (one.value or 0.0))[:_BEST]
    chosen = {one.job_id for one in best}
    return [*best, *(one for one in reversed(seen) if one.job_id not in chosen)]


def _observed(spec: CampaignSpec, one: Observation) -> list[Any]:
    settings = as_written(one.candidate.settings)
    if isinstance(spec.space, RGroupSpace):
        bare = spec.space.unsubstituted
        settings = {factor: level for factor, level in settings.items() if level != bare}
    if not settings:
        settings = {"smiles": one.candidate.smiles or one.candidate.key}
    purpose = f"{one.purpose}: {shortened(one.label, 60)}" if one.label else str(one.purpose)
    value, sd = _short(one.value), _short(one.sd)
    return [one.measurement_id or "", one.cycle, purpose, settings, value, sd, one.outcome]


def claim_rows(spec: CampaignSpec, history: History) -> list[Any]:
    """Return the registered claims with what is known of them; before that, those of the file."""
    if not history.hypotheses:
        return [{"registered": False, **described_claim(one.claim, one.statement)} for one in spec.claims]
    return [_claim(history, hypothesis) for hypothesis in history.hypotheses]


def described_claim(claim: Claim, statement: str) -> dict[str, Any]:
    """Return a claim as a row."""
    form = {"kind": claim.kind, "statement": shortened(statement, 240)}
    if isinstance(claim, Effect):
        levels = {"level_a": level_text(claim.level_a), "level_b": level_text(claim.level_b)}
        return {**form, "factor": claim.factor, **levels}
    return {**form, "error": claim.error}


def _claim(history: History, hypothesis: Hypothesis) -> dict[str, Any]:
    proposed = hypothesis.proposed
    known = next((one for one in history.evidence if one.hypothesis_id == hypothesis.id), None)
    row: dict[str, Any] = {
        "id": hypothesis.id,
        **described_claim(proposed.claim, proposed.statement),
        "probability": proposed.probability,
        "verdict": str(known.verdict) if known else "undecided",
    }
    if known is not None:
        row |= {"n": known.n, "estimate": _short(known.estimate), "low": _short(known.low)}
        row |= {"high": _short(known.high)}
    return row


def _section(heading: str, name: str, rows: Sequence[Any]) -> str:
    return f"## {heading}\n{fenced(name, rows, _ROOMS[name])}"


def _goal(spec: CampaignSpec) -> list[Any]:
    return [{"name": spec.name, "goal": spec.goal, "documents": [one.name for one in spec.documents[:12]]}]


def _objective(spec: CampaignSpec) -> dict[str, Any]:
    told = spec.objective.model_dump(mode="json", exclude_none=True)
    return {**told, "protocol": spec.protocol.name, "batch_size": spec.design.batch_size}


def _space(spec: CampaignSpec) -> list[Any]:
    space = spec.space
    if isinstance(space, RGroupSpace):
        scaffolds = [{"scaffold": one.name, "smiles": one.smiles} for one in space.scaffolds]
        groups = [{"substituent": one.name, "smiles": one.smiles} for one in space.substituents]
        rule = {"unsubstituted": space.unsubstituted, "max_substituted": space.max_substituted}
        return [rule, *scaffolds, *groups]
    rows: list[Any] = [_factor(factor) for factor in space.factors]
    if isinstance(space, FactorSpace):
        return [*rows, *(_left_out(constraint) for constraint in space.constraints)]
    return [*rows, *_table(space)]


def _factor(factor: Factor) -> dict[str, Any]:
    unit = {} if factor.kind == "categorical" else {"unit": factor.unit}
    if isinstance(factor, ContinuousFactor):
        steps = {
            "low": level_text(factor.low),
            "high": level_text(factor.high),
            "step": level_text(factor.step),
        }
        return {"factor": factor.name, **unit, **steps}
    levels = [level_text(level) for level in factor.levels[:_LEVELS]]
    more = {"more_levels": len(factor.levels) - _LEVELS} if len(factor.levels) > _LEVELS else {}
    substances = (
        {"substances": dict(factor.substances)} if factor.kind == "categorical" and factor.substances else {}
    )
    return {"factor": factor.name, **unit, "levels": levels, **more, **substances}


def _left_out(constraint: SpaceConstraint) -> dict[str, Any]:
    if isinstance(constraint, Exclusion):
        return {"never_together": as_written(constraint.settings)}
    told = constraint.model_dump(mode="json", exclude_none=True)
    return {
        "weighted_sum": told["weights"],
        **{key: told[key] for key in ("at_least", "at_most") if key in told},
    }


def _table(space: CandidateTable) -> list[Any]:
    return [{"only_these": len(space.rows)}, *([level_text(level) for level in row] for row in space.rows)]


def _constraints(spec: CampaignSpec) -> list[Any]:
    rows: list[Any] = []
    for limit in spec.constraints:
        what = limit.smarts if isinstance(limit, SubstructureLimit) else limit.descriptor
        bounds = limit.model_dump(mode="json", include={"at_least", "at_most"}, exclude_none=True)
        rows.append({"name": limit.name, "limits": what, **bounds})
    return rows


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.6g}")
