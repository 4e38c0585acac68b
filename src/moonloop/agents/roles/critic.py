"""The critic: whether the proposer's claims can be tested and are new, and which is more worth a test."""

from typing import Annotated

from pydantic import Field

from moonloop.agents.ports import Context
from moonloop.agents.roles.briefs import composed, described_claim
from moonloop.agents.roles.fences import plain, shortened
from moonloop.agents.roles.forms import Form, Long, Sieve, filled
from moonloop.domain.claims import ProposedClaim
from moonloop.domain.errors import AnswerRefused
from moonloop.domain.proposals import Comparison, Critique, Hypotheses, Objection

__all__ = ["CritiqueForm", "brief", "is_due", "read"]


class ObjectionForm(Form):
    """The critic's word on a claim."""

    claim: int
    testable: bool
    new: bool
    why: Long


class ComparisonForm(Form):
    """One claim before another."""

    better: int
    worse: int


class CritiqueForm(Form):
    """The critic's answer."""

    objections: Annotated[list[ObjectionForm], Field(max_length=4)]
    comparisons: Annotated[list[ComparisonForm], Field(max_length=12)]


def is_due(context: Context) -> bool:
    """Say whether there are claims to judge."""
    return bool(_claims(context))


def brief(context: Context) -> str:
    """Return what the critic is told."""
    claims = _claims(context)
    rows = [_row(place, proposed) for place, proposed in enumerate(claims)]
    task = (
        f"Judge the {len(claims)} proposed claims by their numbers, from 0: one objection for each, and, "
        "where there are two or more, comparisons of pairs."
    )
    return composed(context, ("Proposed claims", "proposed_claims", rows), task)


def read(
    text: str,
    context: Context,
    *,
    last: bool,
    passages: frozenset[str],  # noqa: ARG001  one call for all roles
) -> Critique:
    """Return the judgement of an answer.

    Raises:
        AnswerRefused: for a claim that does not exist, one judged twice, or one compared with itself.
    """
    number, judged = len(_claims(context)), set[int]()

    def objection(form: ObjectionForm) -> Objection:
        _require_claim(form.claim, number)
        if form.claim in judged:
            raise AnswerRefused(why=f"claim {form.claim} is judged twice")
        judged.add(form.claim)
        return Objection(claim=form.claim, testable=form.testable, new=form.new, why=plain(form.why))

    def comparison(form: ComparisonForm) -> Comparison:
        _require_claim(form.better, number)
        _require_claim(form.worse, number)
        if form.better == form.worse:
            raise AnswerRefused(why=f"claim {form.better} is compared with itself")
        return Comparison(better=form.better, worse=form.worse)

    form, sieve = filled(CritiqueForm, text), Sieve(last=last)
    objections = sieve.passed("objections", form.objections, objection)
    comparisons = sieve.passed("comparisons", form.comparisons, comparison)
    sieve.settle()
    return Critique(objections=objections, comparisons=comparisons)


def _claims(context: Context) -> tuple[ProposedClaim, ...]:
    """Return the proposer's claims of this cycle."""
    made = (one.decision for one in context.history.proposals)
    return next((decision.claims for decision in made if isinstance(decision, Hypotheses)), ())


def _row(place: int, proposed: ProposedClaim) -> dict[str, object]:
    return {
        "number": place,
        **described_claim(proposed.claim, proposed.statement),
        "mechanism": shortened(proposed.mechanism, 400),
        "probability": proposed.probability,
        "evidence": list(proposed.evidence),
    }


def _require_claim(place: int, number: int) -> None:
    if not number:
        raise AnswerRefused(why="there are no claims to judge")
    if not 0 <= place < number:
        raise AnswerRefused(why=f"there is no claim {place}; they are numbered from 0 to {number - 1}")
