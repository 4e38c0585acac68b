"""How often verdicts come, how soon, and how often they are wrong, on complete tables of real measurements.

    OPENBLAS_NUM_THREADS=1 python benchmarks/verdicts.py [--quick]

Random comparisons of two levels (smallest effect of interest delta: a tenth of the table's range, cap twice
that, alpha 0.05, one claim alone) are tested on random matched pairs, at most 25, with a look after every
pair. Outcomes get normal noise of 5 % of the range; crossed_barrel has repeats of its own. Effects are those
of the whole table, capped as in the claim, in units of delta; a verdict is wrong when it contradicts them.
"""

import argparse
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from bench_support.cases import Case, measured_table
from moonloop.domain.canonical import derive_seed
from moonloop.domain.claims import Effect, Hypothesis, ProposedClaim, Verdict
from moonloop.tools.inference import counted_effect, standings
from moonloop.tools.spaces import Contrast, Pair, pool_for

MOST_PAIRS = 25
BINS = ((-2.0, -0.5), (-0.5, 0.0), (0.0, 0.5), (0.5, 1.0), (1.0, 1.5), (1.5, 2.0))
Outcome = tuple[float, Verdict, int]
"""The effect in units of delta, the verdict, and the pairs that it took."""


def main() -> None:
    """Test many claims on every table and print shares by the size of the effect."""
    parser = argparse.ArgumentParser(description="Power and errors of the verdict rule.")
    parser.add_argument("--quick", action="store_true", help="a tenth of the repeats: a smoke test")
    repeats = 5 if parser.parse_args().quick else 50
    data = os.environ.get("MOONLOOP_DATA")
    if data is None:
        print("SKIPPED: set MOONLOOP_DATA to the folder that holds the measured tables")
        return
    outcomes: list[Outcome] = []
    for meta in sorted(Path(data).glob("*/meta.json")):
        found = list(_outcomes(measured_table(meta.parent), repeats))
        print(f"{meta.parent.name}: {len(found)} tests", flush=True)
        outcomes += found
    _print(outcomes)


def _outcomes(case: Case, repeats: int) -> Iterator[Outcome]:
    rng = np.random.default_rng(derive_seed("verdicts", case.name))
    contrasts = _contrasts(case)
    for place in rng.permutation(len(contrasts))[:40]:
        contrast, pairs = contrasts[int(place)]
        claim = _hypothesis(case, contrast)
        gains = np.asarray([case.truth(one.key) - case.truth(other.key) for one, other in pairs])
        theta = float(np.clip(gains, -claim.cap, claim.cap).mean())
        for _ in range(repeats):
            drawn = [pairs[int(at)] for at in rng.integers(len(pairs), size=MOST_PAIRS)]
            blocks = [counted_effect(_gain(case, pair, rng), claim.cap) for pair in drawn]
            found = standings([claim], [(claim.id, block) for block in blocks])[claim.id]
            yield theta / claim.delta, found.verdict, found.n


def _contrasts(case: Case) -> list[tuple[Contrast, tuple[Pair, ...]]]:
    """Return the comparisons of a table with at least 20 matched pairs."""
    atlas = pool_for(case.spec).atlas
    paired = [(contrast, atlas.pairs(contrast) or ()) for contrast in atlas.source.contrasts()]
    return [(contrast, pairs) for contrast, pairs in paired if len(pairs) >= 20]


def _hypothesis(case: Case, contrast: Contrast) -> Hypothesis:
    delta = 0.1 * case.spec.objective.width
    effect = Effect(factor=contrast.factor, level_a=contrast.level_a, level_b=contrast.level_b, delta=delta)
    return Hypothesis(
        id="hyp_bench_01",
        campaign_id="cmp_bench",
        number=1,
        proposed=ProposedClaim(claim=effect, statement="A beats B.", probability=0.5),
        alpha=0.05,
        weight=1.0,
        delta=delta,
        cap=2.0 * delta,
        seed=1,
        registered_in=1,
    )


def _gain(case: Case, pair: Pair, rng: np.random.Generator) -> float:
    values = [_measured(case, candidate.key, rng) for candidate in pair]
    return case.spec.objective.sign * (values[0] - values[1])


def _measured(case: Case, key: str, rng: np.random.Generator) -> float:
    repeats = case.values[key]
    value = repeats[int(rng.integers(len(repeats)))]
    return value if len(repeats) > 1 else value + float(rng.normal(0.0, 0.05 * case.spec.objective.width))


def _print(outcomes: Sequence[Outcome]) -> None:
    heads = f"{'supported':>11}{'refuted':>9}{'undecided':>11}{'wrong':>8}{'pairs (median)':>16}"
    print(f"\n{'effect / delta':<16}{'tests':>7}{heads}")
    for low, high in BINS:
        some = [one for one in outcomes if low < one[0] <= high]
        if not some:
            continue
        shares = [sum(1 for one in some if one[1] is verdict) / len(some) for verdict in Verdict]
        wrong = sum(_is_wrong(one) for one in some) / len(some)
        taken = [n for _, verdict, n in some if verdict is not Verdict.UNDECIDED]
        pairs = f"{np.median(taken):.0f}" if taken else "-"
        span = f"{low:g} to {high:g}"
        print(
            f"{span:<16}{len(some):>7}{shares[0]:>11.3f}{shares[1]:>9.3f}{shares[2]:>11.3f}{wrong:>8.4f}{pairs:>16}"
        )
    every = sum(_is_wrong(one) for one in outcomes) / max(len(outcomes), 1)
    print(f"wrong over all {len(outcomes)} tests: {every:.4f} (promised: at most 0.05 for each claim)")


def _is_wrong(outcome: Outcome) -> bool:
    effect, verdict, _ = outcome
    return (verdict is Verdict.SUPPORTED and effect <= 0) or (verdict is Verdict.REFUTED and effect >= 1)


if __name__ == "__main__":
    main()
