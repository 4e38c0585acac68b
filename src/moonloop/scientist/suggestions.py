"""The agents' candidates: which of them are run in place of the designer's picks."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from math import floor, log

import numpy as np
from scipy.special import log_ndtr

from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.canonical import derive_seed
from moonloop.domain.errors import MoonloopError
from moonloop.domain.history import History
from moonloop.domain.plans import Expectation, Suggested
from moonloop.domain.proposals import Avoidance, DesignAdvice, Suggestion
from moonloop.domain.space import Candidate
from moonloop.domain.trust import (
    ALGORITHM,
    Standing,
    candidate_scores,
    clipped,
    history_standings,
    pick_rate,
    shares,
)
from moonloop.scientist.batch import Draft
from moonloop.tools.design import Position

__all__ = ["with_suggestions"]


@dataclass(frozen=True, slots=True)
class _Usable:
    """A suggestion that may be run, with the candidate as the space itself has it."""

    candidate: Candidate
    probability: float
    """As stated."""
    expected: Expectation


def with_suggestions(
    spec: CampaignSpec,
    history: History,
    position: Position,
    picks: Sequence[Draft],
    drawn: Sequence[Candidate],
) -> tuple[Draft, ...]:
    """Return the picks, the last of them displaced by what the advisors of this cycle suggest.

    An advisor gets its share of the picks, rounded at random by the campaign's seed; all of them together
    at most three in five. Of what it suggests with a probability p of at least the algorithm's own base
    rate r, those come first that are likeliest when both are believed: the surrogate, and the advisor as
    evidence that the surrogate lacks. With P the surrogate's probability that the run does better than the
    pick that it would displace, the odds are P/(1 - P) times p/(1 - p) over r/(1 - r); a candidate for
    which they are below r/(1 - r), those of the pick itself, takes no place.

    They are open candidates within the goal constraints that no other run of the batch measures and that
    the advisor would not avoid itself; others are passed over. Its utilities of levels take no place: a run
    for which no probability was stated could not be scored, and would be free to one who only wastes them.

    Args:
        spec: The campaign.
        history: Up to this batch, with what the agents have decided in its cycle.
        position: That of the history, with what is drawn in its pool.
        picks: The designer's, in the order of choice.
        drawn: The candidates of this batch's test runs.
    """
    advice = _advice_in(history)
    if not advice or not picks:
        return tuple(picks)
    standing = {one.proposer: one for one in history_standings(spec, history)}
    advisors = sorted((standing[name] for name in advice), key=lambda one: (-one.weight, one.proposer))
    rate = pick_rate(candidate_scores(spec, history), history.cycle)
    kept, placed = list(picks), list[Draft]()
    for advisor, slots in zip(advisors, _slots(spec, history, advisors, len(picks)), strict=True):
        taken = {candidate.key for candidate in drawn} | {draft.candidate.key for draft in (*kept, *placed)}
        usable = _usable(position, advice[advisor.proposer], rate, taken)
        for _ in range(min(slots, 3 * len(picks) // 5 - len(placed))):
            best = _likeliest(spec, position, usable, kept[-1], rate)
            if best is None:
                break
            usable.remove(best)
            placed.append(_in_place_of(kept.pop(), spec, advisor, best))
    return (*kept, *reversed(placed))


def _advice_in(history: History) -> Mapping[str, DesignAdvice]:
    """Return what the agents of this cycle advise, by proposer."""
    return {
        one.proposer: one.decision
        for one in history.proposals
        if isinstance(one.decision, DesignAdvice) and one.proposer != ALGORITHM
    }


def _slots(spec: CampaignSpec, history: History, advisors: Sequence[Standing], picks: int) -> list[int]:
    share = shares(advisors)
    return [floor(share[one.proposer] * picks + _uniform(spec, history, one.proposer)) for one in advisors]


def _uniform(spec: CampaignSpec, history: History, proposer: str) -> float:
    seed = derive_seed(spec.design.seed, history.campaign_id, history.cycle, "suggestions", proposer)
    return float(np.random.default_rng(seed).random())


def _usable(position: Position, advice: DesignAdvice, rate: float, taken: Collection[str]) -> list[_Usable]:
    """Return what may be run, in the order of stated probability."""
    likely = [one for one in advice.suggestions if one.probability >= rate]
    known = {one.candidate.key: _in_space(position, one.candidate) for one in likely}
    there = {key: candidate for key, candidate in known.items() if candidate is not None}
    wider = position.extended(tuple(there.values()))
    free = {wider.pool.candidates[int(place)].key for place in wider.open} - set(taken)
    stated = {key: one.probability for key, one in _best_of_each(likely).items() if key in free & set(there)}
    expected = wider.expectations([there[key] for key in stated])
    return [
        _Usable(there[key], probability, expectation)
        for (key, probability), expectation in zip(stated.items(), expected, strict=True)
        if expectation is not None and not _avoided(there[key], advice.avoidances)
    ]


def _likeliest(
    spec: CampaignSpec, position: Position, usable: Sequence[_Usable], displaced: Draft, rate: float
) -> _Usable | None:
    """Return what is likeliest to do better than a pick, if that is as likely as it is of the pick."""
    if position.surrogate is None or not usable:
        return None
    gains = np.asarray([spec.objective.sign * (one.expected.mean - _bar(displaced)) for one in usable])
    spread = np.hypot([one.expected.sd for one in usable], position.surrogate.noise)
    odds = log_ndtr(gains / spread) - log_ndtr(-gains / spread)
    odds += [_log_odds(clipped(one.probability)) - _log_odds(rate) for one in usable]
    best = int(np.argmax(odds))
    return usable[best] if odds[best] >= _log_odds(rate) else None


def _log_odds(probability: float) -> float:
    return log(probability / (1.0 - probability))


def _bar(displaced: Draft) -> float:
    assert displaced.expected is not None  # a pick is made from a surrogate, which expects something of it
    return displaced.expected.mean


def _best_of_each(likely: Sequence[Suggestion]) -> Mapping[str, Suggestion]:
    """Return the suggestions by candidate, the likeliest first; of two for one candidate the likelier."""
    best: dict[str, Suggestion] = {}
    for one in sorted(likely, key=lambda one: -one.probability):
        best.setdefault(one.candidate.key, one)
    return best


def _in_space(position: Position, said: Candidate) -> Candidate | None:
    """Return the space's own candidate of that key; what lies outside a pool must be a neighbour's neighbour.

    A step there and a step back lead to nothing but candidates of the space, whatever was said of this one.
    """
    pool = position.pool
    if said.key in pool.index:
        return pool.candidates[pool.index[said.key]]
    if pool.complete:
        return None
    source = pool.atlas.source
    try:
        beside = source.neighbours(said)[:1]
    except (MoonloopError, KeyError, ValueError, TypeError, IndexError):
        return None
    back = (one for neighbour in beside for one in source.neighbours(neighbour) if one.key == said.key)
    return next(back, None)


def _avoided(candidate: Candidate, avoidances: Sequence[Avoidance]) -> bool:
    return any(
        avoidance.level == level
        for avoidance in avoidances
        for factor, level in candidate.settings.items()
        if avoidance.factor == factor or (avoidance.factor == "substituent" and factor.isdecimal())
    )


def _in_place_of(displaced: Draft, spec: CampaignSpec, advisor: Standing, best: _Usable) -> Draft:
    record = (
        f"{advisor.candidates_better} of its {advisor.candidates} candidates so far were"
        if advisor.candidates
        else "none of its candidates has been run yet"
    )
    return replace(
        displaced,
        candidate=best.candidate,
        reason=(
            f"Suggested by {advisor.proposer}, with a probability of {best.probability:.2g} that it is "
            f"better than the {_bar(displaced):.4g} {spec.objective.unit} expected of the pick that it "
            f"displaces; {record}."
        ),
        expected=best.expected,
        suggested=Suggested(
            proposer=advisor.proposer,
            probability=best.probability,
            bar=_bar(displaced),
            displaces=displaced.candidate.key,
        ),
    )
