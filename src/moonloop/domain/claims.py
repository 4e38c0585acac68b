"""Claims: a closed, versioned union, each with its estimand, so that code decides and prose does not.

The statistics are those of betting e-processes (Waudby-Smith and Ramdas, J. R. Stat. Soc. B 86, 1, 2024).
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal, Self, cast

from pydantic import BeforeValidator, Field, model_validator

from moonloop.domain.errors import ClaimWithoutRule
from moonloop.domain.ids import CampaignId, HypothesisId, MeasurementId, Name, Principal
from moonloop.domain.values import Scalar, Value

__all__ = [
    "Claim",
    "ClaimKind",
    "Effect",
    "Evidence",
    "Hypothesis",
    "Prediction",
    "ProposedClaim",
    "Verdict",
    "available_kinds",
]


class ClaimKind(StrEnum):
    """Every kind of claim that the language of claims has."""

    EFFECT = "effect"
    TREND = "trend"
    NEAR_BEST = "near_best"
    REACH = "reach"
    INTERACTION = "interaction"
    PREDICTION = "prediction"


class Effect(Value):
    """The capped mean advantage of level A over level B of a factor, over the rest of the space, is positive.

    Estimand: theta = E[clip(y(A, x) - y(B, x), -c, c)] for c = 2 delta and x uniform over the valid matched
    pairs; "advantage" has the sign of the objective's direction. Supported when theta <= 0 is rejected,
    refuted when theta >= delta is.
    """

    kind: Literal["effect"] = "effect"
    version: Literal[1] = 1
    factor: Name
    """A factor of the space; for R-groups `scaffold`, or `substituent` for a swap at any one position."""
    level_a: Scalar
    """The level that is claimed to be better."""
    level_b: Scalar
    """The level that it is compared with."""
    delta: Annotated[float, Field(gt=0)] | None = None
    """Smallest effect of interest, in the objective's unit; default a tenth of the objective's range."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.level_a == self.level_b:
            raise ValueError("level_a and level_b are the same level")
        return self


class Prediction(Value):
    """The surrogate, frozen at registration, predicts random unseen settings with a small mean error.

    Estimand: theta = E[min(|y - yhat|, 2 error)] for settings uniform over the space. Supported when
    theta >= error is rejected, refuted when theta <= 0.75 error is.
    """

    kind: Literal["prediction"] = "prediction"
    version: Literal[1] = 1
    error: Annotated[float, Field(gt=0)]
    """The mean absolute error claimed, in the objective's unit."""
    trained_through: Annotated[int, Field(ge=0)]
    """The surrogate is that of all measurements up to and with this cycle."""


_WITH_RULE: dict[ClaimKind, type[Value]] = {ClaimKind.EFFECT: Effect, ClaimKind.PREDICTION: Prediction}


def available_kinds() -> tuple[str, ...]:
    """Return the kinds that have a verdict rule."""
    return tuple(kind.value for kind in _WITH_RULE)


def _with_rule(given: Any) -> Any:
    kind = cast("Mapping[str, Any]", given).get("kind") if isinstance(given, Mapping) else None
    if isinstance(kind, str) and kind not in _WITH_RULE:
        raise ValueError(str(ClaimWithoutRule(kind=kind, available=", ".join(available_kinds()))))
    return cast("Any", given)


Claim = Annotated[Annotated[Effect | Prediction, Field(discriminator="kind")], BeforeValidator(_with_rule)]

Probability = Annotated[float, Field(ge=0, le=1)]


class ProposedClaim(Value):
    """A claim with the words, the probability and the proposer that go with it."""

    claim: Claim
    """What is claimed, in a form that can be tested."""
    statement: Annotated[str, Field(min_length=1, max_length=500)]
    """The claim in one sentence."""
    mechanism: Annotated[str, Field(max_length=2000)] = ""
    """Why it should be so."""
    probability: Probability
    """The proposer's probability that the claim is supported."""
    proposer: Principal = "campaign file"
    """A person, in a campaign file; else `algorithmic`, or an agent's role with its model and prompt."""
    evidence: tuple[Annotated[str, Field(max_length=80)], ...] = Field(default=(), max_length=16)
    """Ids of the measurements and of the passages of documents that it rests on."""


class Hypothesis(Value):
    """A claim as registered: all that its verdict rule needs, fixed before any datum that tests it."""

    id: HypothesisId
    campaign_id: CampaignId
    number: Annotated[int, Field(ge=1)]
    proposed: ProposedClaim
    alpha: Annotated[float, Field(gt=0, lt=1)]
    """Bound on the expected share of wrong verdicts in the campaign."""
    weight: Annotated[float, Field(gt=0, le=1)]
    """This claim's share of alpha; the shares of a campaign sum to at most 1."""
    delta: Annotated[float, Field(gt=0)]
    """Smallest effect of interest (effect) or the error claimed (prediction), in the objective's unit."""
    cap: Annotated[float, Field(gt=0)]
    """Differences and errors count at most this much."""
    seed: Annotated[int, Field(ge=0, lt=2**53)]
    """Draws the test's settings; fixed now, used only after registration."""
    registered_in: Annotated[int, Field(ge=1)]
    """The cycle of registration; only runs planned from this cycle on count."""


class Verdict(StrEnum):
    """What a test said."""

    SUPPORTED = "supported"
    REFUTED = "refuted"
    UNDECIDED = "undecided"


class Evidence(Value):
    """What a verdict rests on."""

    hypothesis_id: HypothesisId
    verdict: Verdict
    """`undecided` while the test goes on, and when the campaign ends without a decision."""
    e_support: Annotated[float, Field(ge=0)]
    """E-value against the null that supporting would deny."""
    e_refute: Annotated[float, Field(ge=0)]
    """E-value against the null that refuting would deny."""
    threshold: Annotated[float, Field(gt=0)]
    """The e-value that decides, 1 / (alpha weight (V + 1)) for V verdicts before it."""
    n: Annotated[int, Field(ge=0)]
    """Matched pairs (effect) or predicted runs (prediction) that count."""
    failed: Annotated[int, Field(ge=0)] = 0
    """How many of them count by the rule for failed runs."""
    estimate: float | None = None
    """Mean of the capped values, in the objective's unit; absent while n is 0."""
    low: float | None = None
    """Lower end of the confidence sequence of the capped mean at level 1 - alpha."""
    high: float | None = None
    """Upper end of it."""
    projected: Annotated[int, Field(ge=0)] | None = None
    """More pairs or runs needed at the present rate of evidence; absent when it does not grow."""
    measurements: tuple[MeasurementId, ...] = ()
    """What was counted, in order."""
