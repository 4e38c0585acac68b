"""The proposer: from the brief and the data to claims that can be tested."""

from typing import Annotated

from pydantic import Field, WithJsonSchema

from moonloop.agents.ports import Context
from moonloop.agents.roles.briefs import composed, digest_rows
from moonloop.agents.roles.evidence import checked_evidence
from moonloop.agents.roles.fences import plain
from moonloop.agents.roles.forms import Form, Long, Short, Sieve, filled, within
from moonloop.agents.roles.levels import resolve_level
from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.claims import Effect, ProposedClaim, Verdict
from moonloop.domain.errors import AnswerRefused, ClaimWithoutRule
from moonloop.domain.history import History
from moonloop.domain.proposals import Hypotheses
from moonloop.domain.values import Scalar

__all__ = ["HypothesesForm", "brief", "is_due", "read"]

_FEWEST = 12
"""Runs below which no claim about an effect can come to a verdict: six pairs."""

Contrast = tuple[str, frozenset[Scalar]]


class ClaimForm(Form):
    """A claim as the proposer writes it."""

    kind: Annotated[str, WithJsonSchema({"type": "string", "enum": ["effect"]})]
    factor: Short
    level_a: Short
    level_b: Short
    delta: float
    """In the objective's unit; 0 for the campaign's own."""
    statement: Long
    mechanism: Long
    probability: float
    evidence: Annotated[list[Annotated[str, Field(max_length=80)]], Field(max_length=6)]


class HypothesesForm(Form):
    """The proposer's answer."""

    claims: Annotated[list[ClaimForm], Field(max_length=3)]


def is_due(context: Context) -> bool:
    """Say whether another claim may be registered and could come to a verdict."""
    registered = max(len(context.history.hypotheses), len(context.spec.claims))
    return registered < context.spec.scientist.claims_at_most and context.history.experiments_left >= _FEWEST


def brief(context: Context) -> str:
    """Return what the proposer is told."""
    room = context.spec.scientist.claims_at_most - max(
        len(context.history.hypotheses), len(context.spec.claims)
    )
    task = (
        f"Propose up to {min(3, max(room, 1))} claims of kind effect, the one most worth a test first. "
        f"{context.history.experiments_left} experiments are left. Do not repeat a pair of levels that a "
        "claim above is about, in either order. If nothing is worth a test, give an empty list."
    )
    return composed(context, ("Measurements", "measurements", digest_rows(context)), task)


def read(text: str, context: Context, *, last: bool, passages: frozenset[str]) -> Hypotheses:
    """Return the claims of an answer.

    Raises:
        AnswerRefused: for a claim that cannot be tested, is not new, or rests on what does not exist; when it
            is the last answer, only if no claim is good.
    """
    taken = _taken(context.spec, context.history)

    def convert(form: ClaimForm) -> ProposedClaim:
        claim = _effect(context.spec, form)
        contrast = _contrast(claim)
        if contrast in taken:
            raise AnswerRefused(
                why=f"{taken[contrast]}: {claim.level_a} and {claim.level_b} of {claim.factor}"
            )
        proposed = ProposedClaim(
            claim=claim,
            statement=plain(form.statement),
            mechanism=plain(form.mechanism),
            probability=within(form.probability, 0.0, 1.0, "probability"),
            evidence=checked_evidence(form.evidence, context.history, passages),
        )
        taken[contrast] = "another claim of this answer is about the same two levels"
        return proposed

    sieve = Sieve(last=last)
    claims = sieve.passed("claims", filled(HypothesesForm, text).claims, convert)
    sieve.settle()
    return Hypotheses(claims=claims)


def _effect(spec: CampaignSpec, form: ClaimForm) -> Effect:
    if form.kind != "effect":
        raise AnswerRefused(
            why=str(ClaimWithoutRule(kind=plain(form.kind)[:40], available="effect")).rstrip(".")
        )
    if form.delta < 0 or form.delta >= spec.objective.width:
        raise AnswerRefused(
            why=f"delta is {form.delta:g}, it must be above 0 (or 0 for the campaign's own) and below "
            f"{spec.objective.width:g} {spec.objective.unit}, the width of the objective's range"
        )
    if 0 < form.delta < spec.objective.least_delta:
        raise AnswerRefused(
            why=f"delta is {form.delta:g}, it must be at least {0.01 * spec.objective.width:g} "
            f"{spec.objective.unit}, a hundredth of the objective's range, or 0 for the campaign's own"
        )
    return Effect(
        factor=form.factor,
        level_a=resolve_level(spec.space, form.factor, form.level_a),
        level_b=resolve_level(spec.space, form.factor, form.level_b),
        delta=form.delta or None,
    )


def _contrast(claim: Effect) -> Contrast:
    return claim.factor, frozenset((claim.level_a, claim.level_b))


def _taken(spec: CampaignSpec, history: History) -> dict[Contrast, str]:
    """Return the contrasts that are claimed already, each with what there is to say of it."""
    taken: dict[Contrast, str] = {}
    for proposed in spec.claims:
        if isinstance(proposed.claim, Effect):
            taken[_contrast(proposed.claim)] = "a claim of the campaign file is about the same two levels"
    verdicts = {known.hypothesis_id: known.verdict for known in history.evidence}
    for hypothesis in history.hypotheses:
        claim, verdict = hypothesis.proposed.claim, verdicts.get(hypothesis.id, Verdict.UNDECIDED)
        if isinstance(claim, Effect):
            taken[_contrast(claim)] = f"{hypothesis.id} ({verdict}) is about the same two levels"
    return taken
