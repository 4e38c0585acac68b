"""The verdict rules of claims: what one block of a test counts, and the e-values of all of them.

- effect: z = clip(y(A, x) - y(B, x), -c, c), signed so that more is better. Supported when "theta <= 0" is
  rejected, refuted when "theta >= delta" is. As delta > 0, at most one of the two nulls is true.
- prediction: z = min(|y - yhat|, c). Supported when "theta >= error" is rejected, refuted when
  "theta <= 0.75 error" is.

A failed run leaves z unknown between its bounds; each inequality counts the end that speaks against it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, log

from moonloop.domain.claims import Effect, Evidence, Hypothesis, Verdict
from moonloop.tools.inference.betting import e_above, e_below, lower_bound, upper_bound

__all__ = ["Counted", "EValues", "counted_effect", "counted_error", "e_values", "evidence", "projected"]

_REFUTED_ABOVE = 0.75
"""A prediction is refuted when its error is shown to be above this share of the one claimed."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What one pair or predicted run counts: an exact value, or all that a failed run leaves possible."""

    low: float
    high: float

    @property
    def failed(self) -> bool:
        """Whether the value is not known."""
        return self.low < self.high


@dataclass(frozen=True, slots=True)
class EValues:
    """The evidence for either verdict."""

    support: float
    refute: float


def counted_effect(advantage: float | None, cap: float) -> Counted:
    """Return what a matched pair counts; `advantage` is None when either of its runs failed."""
    if advantage is None:
        return Counted(-cap, cap)
    clipped = min(max(advantage, -cap), cap)
    return Counted(clipped, clipped)


def counted_error(error: float | None, cap: float) -> Counted:
    """Return what a predicted run counts; `error` is y - yhat, or None when the run failed."""
    if error is None:
        return Counted(0.0, cap)
    clipped = min(abs(error), cap)
    return Counted(clipped, clipped)


def e_values(hypothesis: Hypothesis, counted: Sequence[Counted]) -> EValues:
    """Return the e-values of a hypothesis after `counted`."""
    lows, highs = _ends(counted)
    delta, cap = hypothesis.delta, hypothesis.cap
    if isinstance(hypothesis.proposed.claim, Effect):
        return EValues(e_above(lows, 0.0, -cap), e_below(highs, delta, cap))
    return EValues(e_below(highs, delta, cap), e_above(lows, _REFUTED_ABOVE * delta, 0.0))


def projected(e_value: float, threshold: float, n: int) -> int | None:
    """Return how many more blocks are needed if the evidence keeps its pace, None when it does not grow.

    log(threshold / E) / (log(E) / n), rounded up.
    """
    if e_value >= threshold:
        return 0
    if n == 0 or e_value <= 1.0:
        return None
    return ceil(log(threshold / e_value) / (log(e_value) / n))


def evidence(
    hypothesis: Hypothesis,
    counted: Sequence[Counted],
    measurements: Sequence[str],
    *,
    verdict: Verdict,
    threshold: float,
) -> Evidence:
    """Return what is known of a hypothesis: e-values, mean, confidence sequence and projected need.

    The confidence sequence of the mean is at level 1 - alpha, each end at alpha / 2, by inverting the
    e-processes. The mean is that of the values that are known; the confidence sequence spans the others.
    """
    found = e_values(hypothesis, counted)
    known = [one.low for one in counted if not one.failed]
    low, high = _confidence(hypothesis, counted) if counted else (None, None)
    return Evidence(
        hypothesis_id=hypothesis.id,
        verdict=verdict,
        e_support=found.support,
        e_refute=found.refute,
        threshold=threshold,
        n=len(counted),
        failed=len(counted) - len(known),
        estimate=sum(known) / len(known) if known else None,
        low=low,
        high=high,
        projected=projected(max(found.support, found.refute), threshold, len(counted)),
        measurements=tuple(measurements),
    )


def _confidence(hypothesis: Hypothesis, counted: Sequence[Counted]) -> tuple[float, float]:
    lows, highs = _ends(counted)
    floor = -hypothesis.cap if isinstance(hypothesis.proposed.claim, Effect) else 0.0
    level = hypothesis.alpha / 2.0
    return (
        lower_bound(lows, floor, hypothesis.cap, level),
        upper_bound(highs, floor, hypothesis.cap, level),
    )


def _ends(counted: Sequence[Counted]) -> tuple[list[float], list[float]]:
    return [one.low for one in counted], [one.high for one in counted]
