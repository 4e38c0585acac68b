"""What a bad proposer costs and a good one saves: experiments to the target, against no proposer at all.

    python benchmarks/trust.py [--quick] [--starts N] [--jobs N] [--only NAME ...] [--fresh]

Proposers of known worth (bench_support/proposers.py) take part in whole campaigns through the real functions
of the scientist: their claims are registered and tested, their candidates displace picks, as far as the
rule of trust lets them. Cases are those of benchmarks/optimise.py: complete tables, without claims of a
file (with them test runs are made anyway, and an agent's claim costs less), and the quinones with theirs.

A start is a seed. In every start each proposer is paired with the same campaign without one: same seed, same
outcome whenever the same candidate is run for the same time. The target is the best per cent of the
candidates within the limits, set by the table alone. The statistic is the ratio of the mean number of
experiments to it, censored at the budget of 50, over that without a proposer; its upper bound is the 95 %
point of 2,000 bootstrap resamples of the starts. The bound lies about 1/sqrt(starts) above the ratio: 0.07
for 200 starts, so that a bad proposer's own ratio has to be below 1.03; --starts 800 halves that width, and
is to be chosen before anything is looked at. Aims: below 1.10 for the bad proposers, below
1 for the informed one, and no more wrong verdicts (share of those on effects that contradict the whole
table: not above alpha, and its difference to none's not above 0 by the lower bound). A campaign ends when
the target is reached; every fourth goes on to the end of its budget, and verdicts are counted in these. The
evasive proposer knows the rule and works round it: it is shown, in every fourth start, and has no aim. The
exit status is 1 when an aim is missed.

Each campaign's result is kept in the user's cache, so that a run that was interrupted goes on; results are
keyed by the settings and by VERSION, not by the code: raise VERSION, or give --fresh, after a change.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import json
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from bench_support.campaigns import Course, drive
from bench_support.cases import EXPERIMENTS, Case, cache, cases, is_wrong, target
from bench_support.proposers import PROPOSERS, Knowledge, agents, knowledge
from moonloop.domain.canonical import derive_seed
from moonloop.domain.claims import Verdict
from moonloop.domain.plans import Run
from moonloop.domain.trust import ALGORITHM, candidate_scores, history_standings
from moonloop.tools.spaces import pool_for

VERSION = "5"
ARMS = ("none", *PROPOSERS)
AIMS = {"random": 1.10, "constant": 1.10, "adversarial": 1.10, "informed": 1.0}
RESAMPLES = 2000
WHOLE = 4
"""Every fourth start is played to the end of its budget; the others until the target is reached."""


@dataclass(frozen=True)
class Result:
    """What is kept of one campaign."""

    case: str
    arm: str
    start: int
    reached: int
    """Experiments to the target; the budget when it was not reached."""
    hit: bool
    claims: int
    """Claims of the agents' that were registered."""
    verdicts: int
    wrong: int
    suggested: int
    """Candidates of the agents' that were run."""
    better: int
    """Those of them that did better than their bar."""
    picks: int
    """Picks of the algorithm's own."""
    picks_better: int
    """Those of them that did better than expected."""
    share: float
    """Of the advisor, after the campaign."""
    seconds: float
    """CPU time."""


def main() -> None:
    """Run what is not in the cache, print a table per case, and say whether the aims are met."""
    arguments = _arguments()
    starts = range(4 if arguments.quick else arguments.starts)
    found = cases(arguments.only)
    kept = cache() / "trust.jsonl"
    if arguments.fresh:
        kept.unlink(missing_ok=True)
    missed: list[str] = []
    for case in found:
        results = _results(case.name, starts, arguments.jobs, kept)
        missed += _print_case(case, results, starts)
    if arguments.quick:
        print("\n--quick: too few starts to judge the aims by")
    elif missed:
        print("\nMISSED: " + "; ".join(missed))
        sys.exit(1)
    else:
        print("\nAll aims are met.")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The cost of bad proposers and the worth of a good one.")
    parser.add_argument("--quick", action="store_true", help="4 starts: a smoke test")
    parser.add_argument("--starts", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--only", nargs="*", default=[], help="names of cases")
    parser.add_argument("--fresh", action="store_true", help="forget what is in the cache")
    return parser.parse_args()


# Campaigns


def _results(case: str, starts: Iterable[int], jobs: int, kept: Path) -> Mapping[tuple[str, int], Result]:
    """Return the results by arm and start: those in the cache, and those that are still to be had."""
    results = _read(case, kept)
    known = len(results)
    todo = {
        start: missing
        for start in starts
        if (missing := [arm for arm in _arms(start) if (arm, start) not in results])
    }
    began = time.monotonic()
    with ProcessPoolExecutor(jobs) as pool, kept.open("a") as file:
        running = [pool.submit(_start, case, start, arms) for start, arms in todo.items()]
        for number, done in enumerate(as_completed(running), start=1):
            for result in done.result():
                results[(result.arm, result.start)] = result
                file.write(json.dumps({**_settings(), **asdict(result)}) + "\n")
            file.flush()
            if number == 10:
                minutes = (time.monotonic() - began) / 10 * len(running) / 60
                print(f"{case}: {len(running)} starts take about {minutes:.0f} minutes", flush=True)
    if known:
        print(f"{case}: {known} campaigns were in {kept}")
    return results


def _arms(start: int) -> Sequence[str]:
    return [arm for arm in ARMS if arm in AIMS or arm == "none" or start % WHOLE == 0]


def _settings() -> Mapping[str, object]:
    return {"version": VERSION, "experiments": EXPERIMENTS, "whole": WHOLE}


def _read(case: str, kept: Path) -> dict[tuple[str, int], Result]:
    results: dict[tuple[str, int], Result] = {}
    for line in kept.read_text().splitlines() if kept.exists() else ():
        row = json.loads(line)
        if row["case"] == case and {name: row.pop(name, None) for name in _settings()} == _settings():
            results[(row["arm"], row["start"])] = Result(**row)
    return results


@lru_cache(maxsize=1)
def _known(case: str) -> Knowledge:
    (found,) = cases([case])
    return knowledge(found)


def _start(case: str, start: int, arms: Sequence[str]) -> list[Result]:
    known = _known(case)
    return [_campaign(known, arm, start) for arm in arms]


def _campaign(known: Knowledge, arm: str, start: int) -> Result:
    began = time.process_time()
    case = known.case
    design = case.spec.design.model_copy(update={"seed": start})
    spec = case.spec.model_copy(update={"design": design})
    runs: dict[str, int] = {}

    def outcome(run: Run) -> float | None:
        key, repeats = run.candidate.key, case.values[run.candidate.key]
        runs[key] = runs.get(key, 0) + 1
        drawn = derive_seed("outcome", case.name, start, key, runs[key])
        return repeats[drawn % len(repeats)] if repeats else None

    aim = target(case)
    whole = start % WHOLE == 0
    course = drive(
        case,
        spec,
        f"cmp_trust{start:04d}",
        EXPERIMENTS,
        outcome,
        agents(known, arm, start),
        until=np.inf if whole else aim,
    )
    reached = [number for number, best in enumerate(course.best, start=1) if best >= aim]
    return _result(known, arm, start, course, reached, time.process_time() - began)


def _result(
    known: Knowledge, arm: str, start: int, course: Course, reached: Sequence[int], seconds: float
) -> Result:
    case, history = known.case, course.history
    scores = candidate_scores(case.spec, history)
    theirs = [score for score in scores if score.proposer != ALGORITHM]
    own = [score for score in scores if score.proposer == ALGORITHM]
    verdicts = [one for one in course.verdicts if one[1] is not Verdict.UNDECIDED]
    standing = {one.proposer.split("/")[0]: one for one in history_standings(case.spec, history)}
    return Result(
        case=case.name,
        arm=arm,
        start=start,
        reached=reached[0] if reached else EXPERIMENTS,
        hit=bool(reached),
        claims=sum(1 for claim, _ in course.verdicts if claim.proposed.proposer.startswith("proposer/")),
        verdicts=len(verdicts),
        wrong=sum(1 for claim, verdict in verdicts if is_wrong(case, claim, verdict)),
        suggested=len(theirs),
        better=sum(score.better for score in theirs),
        picks=len(own),
        picks_better=sum(score.better for score in own),
        share=standing["advisor"].share if "advisor" in standing else 0.0,
        seconds=seconds,
    )


# Figures


def _print_case(case: Case, results: Mapping[tuple[str, int], Result], starts: Sequence[int]) -> list[str]:
    """Print the table of a case and return the aims that it misses."""
    pool, sign = pool_for(case.spec), case.spec.objective.sign
    print(
        f"\n{case.name}: {len(pool.candidates)} candidates, target {sign * target(case):.4g}, "
        f"{len(starts)} starts"
        "\nexperiments: mean to the target, censored; reached: share that did; bound: upper 95 % of the ratio"
        "\nsuggested: mean runs of agents' candidates; better: share of these, and of own picks, that were"
        "\nclaims: of agents; verdicts, wrong: on all claims; these in the campaigns played to the end"
        "\nshare: of the picks that it would have next, mean at the end\n"
        f"{'proposer':<12}{'experiments':>12}{'reached':>8}{'ratio':>7}{'bound':>7}{'aim':>6}{'suggested':>10}"
        f"{'better':>7}{'own':>6}{'share':>6}{'claims':>7}{'verdicts':>9}{'wrong':>6}{'CPU s':>7}"
    )
    missed: list[str] = []
    for arm in ARMS:
        played = [start for start in starts if arm in _arms(start)]
        mine, base = ([results[(each, start)] for start in played] for each in (arm, "none"))
        ratio, bound = _ratio(mine, base)
        aim = AIMS.get(arm)
        if aim is not None and bound >= aim:
            missed.append(f"{case.name}, {arm}: {bound:.3f} is not below {aim:g}")
        if aim is not None and _more_wrong(mine, base, case.spec.scientist.alpha):
            missed.append(f"{case.name}, {arm}: more wrong verdicts")
        print(_line(arm, mine, ratio, bound, aim), flush=True)
    return missed


def _line(arm: str, mine: Sequence[Result], ratio: float, bound: float, aim: float | None) -> str:
    none, whole = arm == "none", _whole(mine)
    suggested, picks = sum(one.suggested for one in mine), sum(one.picks for one in mine)
    better = sum(one.better for one in mine) / suggested if suggested else float("nan")
    own = sum(one.picks_better for one in mine) / picks if picks else float("nan")
    return (
        f"{arm:<12}{np.mean([one.reached for one in mine]):>12.2f}{np.mean([one.hit for one in mine]):>8.2f}"
        f"{'' if none else f'{ratio:.3f}':>7}{'' if none else f'{bound:.3f}':>7}"
        f"{'' if aim is None else f'{aim:.2f}':>6}{suggested / len(mine):>10.1f}"
        f"{'' if none else f'{better:.2f}':>7}{own:>6.2f}"
        f"{'' if none else f'{np.mean([one.share for one in mine]):.2f}':>6}"
        f"{sum(one.claims for one in whole):>7}{sum(one.verdicts for one in whole):>9}"
        f"{sum(one.wrong for one in whole):>6}{np.mean([one.seconds for one in mine]):>7.2f}"
    )


def _ratio(mine: Sequence[Result], base: Sequence[Result]) -> tuple[float, float]:
    """Return the ratio of mean experiments and its one-sided upper 95 % bound over paired resamples."""
    ours = np.asarray([one.reached for one in mine], dtype=np.float64)
    theirs = np.asarray([one.reached for one in base], dtype=np.float64)
    drawn = _resampled(len(ours))
    ratios = ours[drawn].mean(axis=1) / theirs[drawn].mean(axis=1)
    return float(ours.mean() / theirs.mean()), float(np.quantile(ratios, 0.95))


def _more_wrong(mine: Sequence[Result], base: Sequence[Result], alpha: float) -> bool:
    """Say whether wrong verdicts are above alpha, or surely a larger share than without a proposer."""
    counts = [np.asarray([(one.wrong, one.verdicts) for one in _whole(some)]) for some in (mine, base)]
    drawn = _resampled(len(counts[0]))
    shares = [_share(some[drawn].sum(axis=1)) for some in counts]
    above = float(_share(counts[0].sum(axis=0))) > alpha
    return above or float(np.quantile(shares[0] - shares[1], 0.05)) > 0.0


def _whole(some: Sequence[Result]) -> Sequence[Result]:
    return [one for one in some if one.start % WHOLE == 0]


def _share(counts: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> np.ndarray[tuple[int, ...]]:
    return counts[..., 0] / np.maximum(counts[..., 1], 1)


def _resampled(count: int) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    rng = np.random.default_rng(derive_seed("trust", count))
    return rng.integers(count, size=(RESAMPLES, count))


if __name__ == "__main__":
    main()
