"""Proposers of known worth: what agents would put into a campaign's history, without an agent.

Each states one claim and ten candidates in every cycle, with probabilities.

- random: anything, with any probability.
- constant: the same claim and the same ten candidates in every cycle, drawn once, all with 0.8.
- adversarial: knows the truth and lies: a false claim and the ten worst open candidates, all with 0.98.
- informed: sees the truth through noise of half its spread, and says honestly what it makes of that.
- evasive: as adversarial, but it knows the rule of trust and states the very base rate, at which being wrong
  costs nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from bench_support.campaigns import Agents
from bench_support.cases import Case, gain
from moonloop.domain.canonical import derive_seed, digest
from moonloop.domain.claims import Effect, ProposedClaim
from moonloop.domain.history import History
from moonloop.domain.ids import thread_id
from moonloop.domain.proposals import DesignAdvice, Hypotheses, Proposal, Suggestion
from moonloop.domain.trust import ALGORITHM, base_rate, candidate_scores, pick_rate
from moonloop.tools.spaces import Contrast, pool_for

__all__ = ["PROPOSERS", "Knowledge", "agents", "knowledge"]

Numbers = np.ndarray[tuple[int], np.dtype[np.float64]]
Said = tuple[Sequence[tuple[Contrast, float]], Sequence[tuple[int, float]]]
"""Claims and candidates, each with its probability."""

_EACH = 10
_NOISE = 0.5
"""Of the informed one, as a share of the spread of what it sees."""
_SURE = 0.98
_CONSTANT = 0.8


@dataclass(frozen=True)
class Knowledge:
    """The truth of a case."""

    case: Case
    truths: Numbers
    """Signed, of every candidate of the pool; the lowest of all where a run gives no value."""
    contrasts: tuple[Contrast, ...]
    """All that have matched pairs."""
    gains: Numbers
    """Capped mean advantage of each."""


@dataclass(frozen=True)
class _Sight:
    """What a proposer has before it when it is asked."""

    known: Knowledge
    history: History
    open: np.ndarray[tuple[int], np.dtype[np.int64]]
    """Places of the candidates within the limits that were not run."""
    seed: int
    """Of the campaign."""

    def rng(self, *use: str) -> np.random.Generator:
        return np.random.default_rng(derive_seed("proposer", self.known.case.name, self.seed, *use))

    def rng_now(self) -> np.random.Generator:
        return self.rng(str(self.history.cycle))


def knowledge(case: Case) -> Knowledge:
    """Return the truth of a case: every candidate's value and every contrast's gain."""
    pool = pool_for(case.spec)
    values = [case.values[candidate.key] for candidate in pool.candidates]
    lowest = min(case.truth(c.key) for c, value in zip(pool.candidates, values, strict=True) if value)
    truths = [case.truth(c.key) if v else lowest for c, v in zip(pool.candidates, values, strict=True)]
    cap = 0.2 * case.spec.objective.width
    gains = {contrast: gain(case, contrast, cap) for contrast in pool.atlas.source.contrasts()}
    told = {contrast: theta for contrast, theta in gains.items() if theta is not None}
    return Knowledge(case, np.asarray(truths), tuple(told), np.asarray(list(told.values())))


def agents(known: Knowledge, name: str, seed: int) -> Agents | None:
    """Return what the proposer of a name decides in the cycles of a campaign; `none` is no proposer."""
    if name == "none":
        return None
    says = PROPOSERS[name]
    pool = pool_for(known.case.spec)
    version = digest(name.encode())[:8]

    def decide(history: History) -> tuple[Proposal, ...]:
        free = pool.feasible.copy()
        free[[pool.index[seen.candidate.key] for seen in history.observations]] = False
        claims, places = says(_Sight(known, history, np.flatnonzero(free), seed))
        hypotheses = Hypotheses(claims=tuple(_claim(one, p) for one, p in claims))
        suggestions = tuple(
            Suggestion(candidate=pool.candidates[place], probability=p) for place, p in places
        )
        return tuple(
            Proposal(
                thread=thread_id(history.campaign_id, history.cycle, role),
                proposer=f"{role}/{name}@{version}",
                decision=decision,
            )
            for role, decision in (
                ("proposer", hypotheses),
                ("advisor", DesignAdvice(suggestions=suggestions)),
            )
        )

    return decide


def _claim(contrast: Contrast, probability: float) -> ProposedClaim:
    effect = Effect(factor=contrast.factor, level_a=contrast.level_a, level_b=contrast.level_b)
    statement = f"{contrast.factor}: {contrast.level_a} is better than {contrast.level_b}."
    return ProposedClaim(claim=effect, statement=statement, probability=probability)


def _turned(contrast: Contrast) -> Contrast:
    return Contrast(contrast.factor, contrast.level_b, contrast.level_a)


def _random(sight: _Sight) -> Said:
    rng = sight.rng_now()
    claims = [(one, float(rng.random())) for one in _any_contrast(sight, rng)]
    return claims, [(int(place), float(rng.random())) for place in rng.permutation(sight.open)[:_EACH]]


def _any_contrast(sight: _Sight, rng: np.random.Generator) -> list[Contrast]:
    if not sight.known.contrasts:
        return []
    one = sight.known.contrasts[int(rng.integers(len(sight.known.contrasts)))]
    return [one if rng.random() < 0.5 else _turned(one)]


def _constant(sight: _Sight) -> Said:
    rng = sight.rng("constant")
    claims = [(one, _CONSTANT) for one in _any_contrast(sight, rng)]
    feasible = np.flatnonzero(pool_for(sight.known.case.spec).feasible)
    return claims, [(int(place), _CONSTANT) for place in rng.permutation(feasible)[:_EACH]]


def _adversarial(sight: _Sight) -> Said:
    return _lies(sight, _SURE, _SURE)


def _evasive(sight: _Sight) -> Said:
    scores = candidate_scores(sight.known.case.spec, sight.history)
    own = [one.supported for one in sight.history.record if one.proposer == ALGORITHM]
    return _lies(sight, base_rate(sum(own), len(own)), pick_rate(scores, sight.history.cycle))


def _lies(sight: _Sight, of_claim: float, of_candidate: float) -> Said:
    rng, known = sight.rng_now(), sight.known
    claims: list[tuple[Contrast, float]] = []
    if known.contrasts:
        place = int(rng.integers(len(known.contrasts)))
        one = known.contrasts[place]
        claims = [(one if known.gains[place] <= 0 else _turned(one), of_claim)]
    worst = sight.open[np.argsort(known.truths[sight.open], kind="stable")][:_EACH]
    return claims, [(int(place), of_candidate) for place in worst]


def _informed(sight: _Sight) -> Said:
    known = sight.known
    rng = sight.rng("informed")
    seen, doubt = _seen(known.truths, rng)
    gains, gain_doubt = _seen(known.gains, rng)
    measured = [one.value for one in sight.history.observations if one.value is not None]
    sign = known.case.spec.objective.sign
    best = max((sign * value for value in measured), default=float(known.truths.mean()))
    promising = sight.open[np.argsort(-seen[sight.open], kind="stable")][:_EACH]
    chances = ndtr((seen[promising] - best) / doubt)
    return (
        _likeliest(sight, gains, gain_doubt),
        [(int(place), float(chance)) for place, chance in zip(promising, chances, strict=True)],
    )


def _likeliest(sight: _Sight, gains: Numbers, doubt: float) -> list[tuple[Contrast, float]]:
    """State the largest gain of those that are not claimed yet."""
    claimed = {
        (one.factor, frozenset((one.level_a, one.level_b)))
        for one in (hypothesis.proposed.claim for hypothesis in sight.history.hypotheses)
        if isinstance(one, Effect)
    }
    for place in np.argsort(-np.abs(gains), kind="stable"):
        one = sight.known.contrasts[int(place)]
        if (one.factor, frozenset((one.level_a, one.level_b))) not in claimed:
            stated = one if gains[place] > 0 else _turned(one)
            return [(stated, float(ndtr(abs(gains[place]) / doubt)))]
    return []


def _seen(truths: Numbers, rng: np.random.Generator) -> tuple[Numbers, float]:
    """Return what is to be believed of normal truths seen through noise: the means, and their deviation."""
    if not len(truths):
        return truths, 1.0
    spread = max(float(truths.std()), 1e-12)
    noisy = truths + rng.normal(0.0, _NOISE * spread, len(truths))
    weight = 1.0 / (1.0 + _NOISE**2)
    means = truths.mean() + weight * (noisy - truths.mean())
    return means, spread * float(np.sqrt(1.0 - weight))


PROPOSERS: Mapping[str, Callable[[_Sight], Said]] = {
    "random": _random,
    "constant": _constant,
    "adversarial": _adversarial,
    "informed": _informed,
    "evasive": _evasive,
}
