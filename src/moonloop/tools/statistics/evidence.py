"""The evidence of the registered claims, as the ledger has it."""

from moonloop.domain.claims import Evidence, Hypothesis
from moonloop.domain.errors import InvalidInput, ToolRefused
from moonloop.domain.ids import HypothesisId, MeasurementId
from moonloop.domain.values import Value
from moonloop.tools.asking.arguments import EvidenceOf
from moonloop.tools.asking.offer import Snapshot

__all__ = ["ClaimEvidence", "Claims", "evidence"]

_NAMED = 12
_CLAIMS = 20


class ClaimEvidence(Value):
    """A claim with its verdict and what that rests on."""

    hypothesis_id: HypothesisId
    statement: str
    proposer: str
    probability: float
    verdict: str
    """`untested` where there is no evidence yet."""
    n: int = 0
    e_support: float | None = None
    e_refute: float | None = None
    threshold: float | None = None
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    measurements: tuple[MeasurementId, ...] = ()
    """The first of them."""


class Claims(Value):
    """The claims of a campaign."""

    claims: tuple[ClaimEvidence, ...]
    note: str = (
        "A claim is decided when an e-value reaches its threshold; `undecided` means that the test goes on."
    )


def evidence(asked: EvidenceOf, snapshot: Snapshot) -> Claims:
    """Report one claim or all of them; raise `InvalidInput` for an id that is none."""
    if snapshot.history is None:
        raise ToolRefused(tool="statistics_evidence", why="no campaign is open here")
    known = {one.hypothesis_id: one for one in snapshot.history.evidence}
    wanted = [one for one in snapshot.history.hypotheses if asked.hypothesis_id in ("", one.id)]
    if asked.hypothesis_id and not wanted:
        ids = ", ".join(one.id for one in snapshot.history.hypotheses) or "none is registered"
        raise InvalidInput(
            where="hypothesis_id", why=f"{asked.hypothesis_id!r} is no claim here; there are: {ids}"
        )
    return Claims(claims=tuple(_claim(one, known.get(one.id)) for one in wanted[-_CLAIMS:]))


def _claim(one: Hypothesis, found: Evidence | None) -> ClaimEvidence:
    said = one.proposed
    untested = ClaimEvidence(
        hypothesis_id=one.id,
        statement=said.statement,
        proposer=said.proposer,
        probability=said.probability,
        verdict="untested",
    )
    if found is None:
        return untested
    return untested.model_copy(
        update={
            **{name: getattr(found, name) for name in _FIGURES},
            "measurements": found.measurements[:_NAMED],
        }
    )


_FIGURES = ("verdict", "n", "e_support", "e_refute", "threshold", "estimate", "low", "high")
