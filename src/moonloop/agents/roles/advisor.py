"""The advisor: what it expects of levels, which candidates it would run, and which levels it would not."""

from typing import Annotated

from pydantic import Field

from moonloop.agents.ports import Context
from moonloop.agents.roles.briefs import composed, digest_rows
from moonloop.agents.roles.fences import plain, shortened
from moonloop.agents.roles.forms import Form, Short, Sieve, filled, within
from moonloop.agents.roles.levels import resolve_level
from moonloop.domain.errors import AnswerRefused
from moonloop.domain.proposals import Avoidance, DesignAdvice, Suggestion, Utility
from moonloop.domain.space import RGroupSpace

__all__ = ["DesignAdviceForm", "brief", "is_due", "read"]

Reason = Annotated[str, Field(max_length=200)]


class UtilityForm(Form):
    """What is expected of a level."""

    factor: Short
    level: Short
    utility: float


class SettingForm(Form):
    """A level of a factor, or the substituent at a locant."""

    factor: Short
    level: Short


class SuggestionForm(Form):
    """A candidate to run."""

    settings: Annotated[list[SettingForm], Field(max_length=24)]
    smiles: Annotated[str, Field(max_length=300)]
    probability: float
    reason: Reason


class AvoidanceForm(Form):
    """A level not to run."""

    factor: Short
    level: Short
    why: Reason


class DesignAdviceForm(Form):
    """The advisor's answer."""

    utilities: Annotated[list[UtilityForm], Field(max_length=16)]
    suggestions: Annotated[list[SuggestionForm], Field(max_length=5)]
    avoidances: Annotated[list[AvoidanceForm], Field(max_length=6)]


def is_due(context: Context) -> bool:
    """Say whether another experiment can be designed."""
    return context.history.experiments_left > 0


def brief(context: Context) -> str:
    """Return what the advisor is told."""
    molecules = isinstance(context.spec.space, RGroupSpace)
    how = (
        "either by its SMILES with empty settings, or by settings (the scaffold, and the substituent at each "
        "locant that is not left unsubstituted) with an empty SMILES"
        if molecules
        else "by a level of every factor, with an empty SMILES"
    )
    task = (
        f"A batch of {context.spec.design.batch_size} runs is about to be designed. Suggest up to 5 "
        f"candidates of the space that have not been run and lie within the goal's constraints, each {how}."
    )
    return composed(context, ("Measurements", "measurements", digest_rows(context)), task)


def read(
    text: str,
    context: Context,
    *,
    last: bool,
    passages: frozenset[str],  # noqa: ARG001  one call for all roles
) -> DesignAdvice:
    """Return the advice of an answer.

    Raises:
        AnswerRefused: for what is not in the space, was run before or lies outside the goal's constraints,
            and for a utility or a probability out of range; when it is the last answer, only if nothing is
            good.
    """
    from moonloop.agents.roles.candidates import resolve_candidate  # noqa: PLC0415  it loads the chemistry

    spec, history = context.spec, context.history
    named = set[str]()

    def utility(form: UtilityForm) -> Utility:
        level = resolve_level(spec.space, form.factor, form.level)
        return Utility(factor=form.factor, level=level, utility=within(form.utility, -1.0, 1.0, "utility"))

    def suggestion(form: SuggestionForm) -> Suggestion:
        probability = within(form.probability, 0.0, 1.0, "probability")
        candidate = resolve_candidate(
            spec, history, [(one.factor, one.level) for one in form.settings], form.smiles
        )
        if candidate.key in named:
            raise AnswerRefused(why=f"{shortened(candidate.key, 80)} is suggested twice")
        named.add(candidate.key)
        return Suggestion(candidate=candidate, probability=probability, reason=plain(form.reason))

    def avoidance(form: AvoidanceForm) -> Avoidance:
        level = resolve_level(spec.space, form.factor, form.level)
        return Avoidance(factor=form.factor, level=level, why=plain(form.why))

    form, sieve = filled(DesignAdviceForm, text), Sieve(last=last)
    advice = DesignAdvice(
        utilities=sieve.passed("utilities", form.utilities, utility),
        suggestions=sieve.passed("suggestions", form.suggestions, suggestion),
        avoidances=sieve.passed("avoidances", form.avoidances, avoidance),
    )
    sieve.settle()
    return advice
