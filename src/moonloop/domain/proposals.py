"""What agents decide, as typed and validated data: one kind of decision for each role."""

from typing import Annotated, Literal

from pydantic import Field

from moonloop.domain.claims import ProposedClaim
from moonloop.domain.ids import MeasurementId, Name, Principal, ThreadId
from moonloop.domain.space import Candidate
from moonloop.domain.values import Scalar, Value

__all__ = [
    "Avoidance",
    "Comparison",
    "Critique",
    "Decision",
    "DesignAdvice",
    "Finding",
    "Findings",
    "Hypotheses",
    "Narrative",
    "Objection",
    "Proposal",
    "Sentence",
    "Suggestion",
    "Utility",
]

Probability = Annotated[float, Field(ge=0, le=1)]
Words = Annotated[str, Field(max_length=600)]


class Hypotheses(Value):
    """The proposer's claims, best first as it sees them."""

    kind: Literal["proposer"] = "proposer"
    claims: Annotated[tuple[ProposedClaim, ...], Field(max_length=4)] = ()


class Objection(Value):
    """What the critic says of one of the proposer's claims."""

    claim: Annotated[int, Field(ge=0)]
    """Its place among them."""
    testable: bool
    new: bool
    """Neither registered before nor implied by what was refuted."""
    why: Words = ""


class Comparison(Value):
    """One claim is more worth a test than another."""

    better: Annotated[int, Field(ge=0)]
    worse: Annotated[int, Field(ge=0)]


class Critique(Value):
    """The critic's judgement: objections, and comparisons by pairs (Bradley and Terry, Biometrika 1952)."""

    kind: Literal["critic"] = "critic"
    objections: Annotated[tuple[Objection, ...], Field(max_length=4)] = ()
    comparisons: Annotated[tuple[Comparison, ...], Field(max_length=24)] = ()


class Utility(Value):
    """What the advisor expects of a level, from -1 (bad) to 1 (good)."""

    factor: Name
    level: Scalar
    utility: Annotated[float, Field(ge=-1, le=1)]


class Suggestion(Value):
    """A candidate that the advisor would run."""

    candidate: Candidate
    probability: Probability
    """That it does better than the surrogate expects of the pick that it displaces."""
    reason: Words = ""


class Avoidance(Value):
    """A level that the advisor would not run; it filters the advisor's own candidates only."""

    factor: Name
    level: Scalar
    why: Words = ""


class DesignAdvice(Value):
    """The advisor's word to the designer."""

    kind: Literal["advisor"] = "advisor"
    utilities: Annotated[tuple[Utility, ...], Field(max_length=40)] = ()
    suggestions: Annotated[tuple[Suggestion, ...], Field(max_length=10)] = ()
    avoidances: Annotated[tuple[Avoidance, ...], Field(max_length=20)] = ()


class Finding(Value):
    """Something that the analyst sees in the data; not a verdict."""

    statement: Annotated[str, Field(min_length=1, max_length=600)]
    measurements: Annotated[tuple[MeasurementId, ...], Field(min_length=1, max_length=12)]
    probability: Probability


class Findings(Value):
    """The analyst's findings."""

    kind: Literal["analyst"] = "analyst"
    findings: Annotated[tuple[Finding, ...], Field(max_length=8)] = ()


class Sentence(Value):
    """A sentence of the narrative; `{name}` stands for a figure that code prints."""

    text: Annotated[str, Field(max_length=600)]
    """Empty when it was struck: what was there is in the transcript and goes no further."""
    struck: bool = False
    """It named a figure that does not resolve, and was struck."""


class Narrative(Value):
    """The reporter's text."""

    kind: Literal["reporter"] = "reporter"
    sentences: Annotated[tuple[Sentence, ...], Field(max_length=30)] = ()


Decision = Annotated[Hypotheses | Critique | DesignAdvice | Findings | Narrative, Field(discriminator="kind")]


class Proposal(Value):
    """A decision with who made it and where."""

    thread: ThreadId
    proposer: Principal
    decision: Decision
