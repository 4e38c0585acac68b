"""Many claims at once: the running e-BH rule.

With V verdicts so far, claim k is decided when its e-value is at least 1 / (alpha w_k (V + 1)), the weights
w_k being fixed at registration and summing to at most 1. A wrong verdict k then has
E_k >= 1 / (alpha w_k R) for the final number R of verdicts, so that the expected share of wrong ones is at
most sum_k alpha w_k E[E_k] <= alpha, under any dependence and any stopping (the argument of e-BH: Wang and
Ramdas, J. R. Stat. Soc. B 84, 822-852, 2022). When V rises, the claims that are open are looked at again with
their present e-values, never with their largest so far.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from moonloop.domain.claims import Hypothesis, Verdict
from moonloop.tools.inference.claims import Counted, EValues, e_values

__all__ = ["Standing", "standings", "threshold"]


@dataclass(frozen=True, slots=True)
class Standing:
    """How a hypothesis stands after a number of its blocks."""

    verdict: Verdict
    n: int
    """How many of its blocks count: all so far, or those up to its verdict."""
    threshold: float


def threshold(hypothesis: Hypothesis, verdicts: int) -> float:
    """Return the e-value that decides, after `verdicts` others."""
    return 1.0 / (hypothesis.alpha * hypothesis.weight * (verdicts + 1))


def standings(hypotheses: Sequence[Hypothesis], stream: Iterable[tuple[str, Counted]]) -> dict[str, Standing]:
    """Return the standing of each hypothesis, by its id, after a stream of (id, what a block counts).

    Claims are looked at after every block, in the order of the stream; blocks of a decided claim are passed
    over.
    """
    counted: dict[str, list[Counted]] = {hypothesis.id: [] for hypothesis in hypotheses}
    by_id = {hypothesis.id: hypothesis for hypothesis in hypotheses}
    now = {hypothesis.id: e_values(hypothesis, ()) for hypothesis in hypotheses}
    decided: dict[str, Standing] = {}
    for name, block in stream:
        if name in decided:
            continue
        counted[name].append(block)
        now[name] = e_values(by_id[name], counted[name])
        while (found := _ready(hypotheses, now, decided)) is not None:
            verdict = Verdict.SUPPORTED if now[found.id].support >= now[found.id].refute else Verdict.REFUTED
            decided[found.id] = Standing(verdict, len(counted[found.id]), threshold(found, len(decided)))
    return {
        hypothesis.id: decided.get(hypothesis.id)
        or Standing(Verdict.UNDECIDED, len(counted[hypothesis.id]), threshold(hypothesis, len(decided)))
        for hypothesis in hypotheses
    }


def _ready(
    hypotheses: Sequence[Hypothesis], now: Mapping[str, EValues], decided: Mapping[str, Standing]
) -> Hypothesis | None:
    """Return the first open hypothesis whose present evidence is enough."""
    for hypothesis in hypotheses:
        values = now[hypothesis.id]
        enough = max(values.support, values.refute) >= threshold(hypothesis, len(decided))
        if enough and hypothesis.id not in decided:
            return hypothesis
    return None
