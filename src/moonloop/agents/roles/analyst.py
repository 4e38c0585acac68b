"""The analyst: what it sees in the data, each finding with the measurements that it rests on."""

from typing import Annotated

from pydantic import Field

from moonloop.agents.ports import Context
from moonloop.agents.roles.briefs import composed, digest_rows
from moonloop.agents.roles.evidence import measured
from moonloop.agents.roles.fences import plain, shortened
from moonloop.agents.roles.forms import Form, Long, Sieve, filled, within
from moonloop.domain.errors import AnswerRefused
from moonloop.domain.proposals import Finding, Findings

__all__ = ["FindingsForm", "brief", "is_due", "read"]


class FindingForm(Form):
    """A finding."""

    statement: Annotated[Long, Field(min_length=1)]
    measurements: Annotated[list[Annotated[str, Field(max_length=80)]], Field(min_length=1, max_length=8)]
    probability: float


class FindingsForm(Form):
    """The analyst's answer."""

    findings: Annotated[list[FindingForm], Field(max_length=5)]


def is_due(context: Context) -> bool:
    """Say whether anything has been measured."""
    return bool(measured(context.history))


def brief(context: Context) -> str:
    """Return what the analyst is told."""
    task = (
        "Say what stands out in the measurements: what seems to drive the objective, what contradicts a "
        "claim, which runs look wrong. Up to 5 findings, each with the ids of its measurements."
    )
    return composed(context, ("Measurements", "measurements", digest_rows(context)), task)


def read(
    text: str,
    context: Context,
    *,
    last: bool,
    passages: frozenset[str],  # noqa: ARG001  one call for all roles
) -> Findings:
    """Return the findings of an answer.

    Raises:
        AnswerRefused: for a measurement that does not exist or a probability out of range; when it is the
            last answer, only if no finding is good.
    """
    known = measured(context.history)

    def finding(form: FindingForm) -> Finding:
        for name in form.measurements:
            if name not in known:
                raise AnswerRefused(why=f'"{shortened(name, 80)}" is no measurement of the campaign')
        return Finding(
            statement=plain(form.statement),
            measurements=tuple(dict.fromkeys(form.measurements)),
            probability=within(form.probability, 0.0, 1.0, "probability"),
        )

    sieve = Sieve(last=last)
    findings = sieve.passed("findings", filled(FindingsForm, text).findings, finding)
    sieve.settle()
    return Findings(findings=findings)
