"""Earned trust: what a proposer's record is worth, as a share of the picks.

Per scored event with stated probability p, clipped to [0.02, 0.98]: base rate r = (successes of the
algorithm's own + 2) / (number + 4), q = r + 0.5 (p - r); the wealth W, 1 at the start, is multiplied by q/r
on a hit and by (1 - q)/(1 - r) on a miss: betting against a base-rate forecaster at half Kelly. A proposer's
share of the picks is 0.6 W/(W + 11), that of the i-th of M is 0.6 W_i/(11 M + sum of W); none below W = 0.05.
So whoever has proven nothing has a twentieth at the most, which bounds what it can cost whatever it says.
It is a share of the batch's picks: the test runs of claims, its own among them, are nobody's to give away.

Events and their order. A claim's event is its verdict, in the order of decision over all campaigns of the
ledger; its base rate is that of the verdicts on the algorithm's own claims before it. A candidate's event
is its outcome, in this campaign; its base rate is that of the algorithm's own picks of earlier cycles, so
that it was fixed when the candidate was suggested and is the same for all of one batch. An own pick
succeeds when it does better than was expected of it. A failed run is a miss, a cancelled one no event.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from moonloop.domain.ids import Principal
from moonloop.domain.values import Reply, Value

if TYPE_CHECKING:  # the history has the record in it, and is made of the scores here
    from moonloop.domain.campaigns import CampaignSpec
    from moonloop.domain.history import History, Observation

__all__ = [
    "ALGORITHM",
    "LEAST",
    "CandidateScore",
    "ClaimScore",
    "Standing",
    "base_rate",
    "candidate_scores",
    "clipped",
    "history_standings",
    "pick_rate",
    "shares",
    "standings",
    "weighed",
]

ALGORITHM = "algorithmic"
"""The proposer whose success is the base rate of all others."""
LEAST = 0.05
"""The wealth below which a proposer has no say."""
_MOST = 0.6
"""Share of the picks that no wealth goes beyond: the rest is the algorithm's."""
_UNPROVEN = 11.0
"""Sets the share of a wealth of 1, which is what everyone begins with: 0.6 / (1 + 11), a twentieth."""
_STEP = 0.5
_CLIP = (0.02, 0.98)


class ClaimScore(Value):
    """A verdict on a claim, and what its proposer had said."""

    proposer: Principal
    probability: Annotated[float, Field(ge=0, le=1)]
    supported: bool


class CandidateScore(Value):
    """The outcome of a candidate that was suggested, or of a pick of the algorithm's own."""

    cycle: Annotated[int, Field(ge=1)]
    proposer: Principal
    probability: Annotated[float, Field(ge=0, le=1)] | None = None
    """That it does better, as the proposer said; absent for the algorithm's own picks."""
    better: bool
    """Than the surrogate expected: of the displaced pick for a suggestion, of the run itself for a pick."""


class Standing(Reply):
    """Where a proposer stands."""

    proposer: Principal
    weight: float
    """The wealth W."""
    share: float
    """Of the picks of a batch, from 0 to 0.6."""
    claims: int = 0
    """Verdicts on its claims."""
    claims_supported: int = 0
    candidates: int = 0
    """Its candidates that were run."""
    candidates_better: int = 0
    """Those that did better than what was expected of the picks that they displaced."""


def base_rate(successes: int, number: int) -> float:
    """Return the forecast that a proposer bets against, after so many successes of the algorithm's own."""
    return (successes + 2) / (number + 4)


def clipped(probability: float) -> float:
    """Return a stated probability as it is taken: nobody is thought to be surer than 0.98."""
    return min(max(probability, _CLIP[0]), _CLIP[1])


def weighed(weight: float, probability: float, rate: float, *, hit: bool) -> float:
    """Return the wealth after an event of a stated probability, at a base rate."""
    forecast = rate + _STEP * (clipped(probability) - rate)
    return weight * (forecast / rate if hit else (1.0 - forecast) / (1.0 - rate))


def shares(some: Sequence[Standing]) -> Mapping[str, float]:
    """Return the shares of proposers who want places in the same batch, by name."""
    whole = _UNPROVEN * len(some) + sum(one.weight for one in some)
    return {one.proposer: _MOST * one.weight / whole if one.weight >= LEAST else 0.0 for one in some}


def standings(
    claims: Sequence[ClaimScore], candidates: Sequence[CandidateScore], proposers: Iterable[str] = ()
) -> tuple[Standing, ...]:
    """Return the standing of everyone who was scored, and of `proposers`, by name; the algorithm has none.

    The wealth is the product over claims and candidates; the share is that of the proposer alone.

    Args:
        claims: In the order of decision, those of the algorithm among them.
        candidates: In the order of planning, the algorithm's own picks among them.
        proposers: Who is to be listed, scored or not.
    """
    found = {name: Standing(proposer=name, weight=1.0, share=0.0) for name in proposers}
    _score_claims(found, claims)
    _score_candidates(found, candidates)
    return tuple(
        found[name].model_copy(update={"share": shares([found[name]])[name]})
        for name in sorted(found)
        if name != ALGORITHM
    )


def _score_claims(found: dict[str, Standing], claims: Sequence[ClaimScore]) -> None:
    own: list[bool] = []
    for score in claims:
        if score.proposer == ALGORITHM:
            own.append(score.supported)
            continue
        known = _known(found, score.proposer)
        rate = base_rate(sum(own), len(own))
        found[score.proposer] = known.model_copy(
            update={
                "weight": weighed(known.weight, score.probability, rate, hit=score.supported),
                "claims": known.claims + 1,
                "claims_supported": known.claims_supported + score.supported,
            }
        )


def _score_candidates(found: dict[str, Standing], candidates: Sequence[CandidateScore]) -> None:
    for cycle, scores in groupby(
        sorted(candidates, key=lambda score: score.cycle), lambda score: score.cycle
    ):
        rate = pick_rate(candidates, cycle)
        for score in scores:
            if score.proposer == ALGORITHM or score.probability is None:
                continue
            known = _known(found, score.proposer)
            found[score.proposer] = known.model_copy(
                update={
                    "weight": weighed(known.weight, score.probability, rate, hit=score.better),
                    "candidates": known.candidates + 1,
                    "candidates_better": known.candidates_better + score.better,
                }
            )


def _known(found: Mapping[str, Standing], proposer: str) -> Standing:
    return found.get(proposer) or Standing(proposer=proposer, weight=1.0, share=0.0)


def pick_rate(candidates: Sequence[CandidateScore], cycle: int) -> float:
    """Return the base rate of the candidates of a cycle."""
    own = [score.better for score in candidates if score.proposer == ALGORITHM and score.cycle < cycle]
    return base_rate(sum(own), len(own))


def candidate_scores(spec: "CampaignSpec", history: "History") -> tuple[CandidateScore, ...]:
    """Return the scores of a campaign's suggested candidates and own picks, in the order of planning."""
    scores = (_candidate_score(spec, seen) for seen in history.observations)
    return tuple(score for score in scores if score is not None)


def _candidate_score(spec: "CampaignSpec", seen: "Observation") -> CandidateScore | None:
    if seen.outcome == "cancelled" or seen.purpose != "pick":
        return None
    said = seen.suggested
    bar = said.bar if said is not None else seen.expected.mean if seen.expected is not None else None
    if bar is None:
        return None
    return CandidateScore(
        cycle=seen.cycle,
        proposer=said.proposer if said is not None else ALGORITHM,
        probability=said.probability if said is not None else None,
        better=seen.value is not None and spec.objective.sign * (seen.value - bar) > 0.0,
    )


def history_standings(spec: "CampaignSpec", history: "History") -> tuple[Standing, ...]:
    """Return the standings of the agents that take part in a campaign, by name.

    Those whose claims or candidates it has, and those who propose some in this cycle. Their claims count
    over all campaigns, their candidates in this one.
    """
    of_file = len(spec.claims)
    there = {
        *(one.proposed.proposer for one in history.hypotheses if one.number > of_file),
        *(seen.suggested.proposer for seen in history.observations if seen.suggested is not None),
        *(one.proposer for one in history.proposals if one.decision.kind in {"proposer", "advisor"}),
    }
    every = standings(history.record, candidate_scores(spec, history), there)
    return tuple(standing for standing in every if standing.proposer in there)
