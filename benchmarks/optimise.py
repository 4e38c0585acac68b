"""How many experiments the scientist saves: whole campaigns, claims included, against random search.

    OPENBLAS_NUM_THREADS=1 python benchmarks/optimise.py [--quick] [--seeds N] [--only NAME ...]

Every campaign drives the real functions of the scientist (propose, plan_search, judge) in batches of 5;
outcomes come from complete tables of real measurements below MOONLOOP_DATA (one folder each, with meta.json
and data.csv), and for the quinones from computing every molecule of examples/quinone_catholyte.yaml once,
which is kept in the user's cache. Claims are random ones on two factors, drawn anew for each seed (quinones:
those of the file). Random search draws from the candidates within the goal constraints, without replacement.
Each seed's campaign is paired with the mean of 100 random searches of that seed, so that the luck of a
single search adds no noise; intervals are 95 % by Student's t of the paired differences. "best" is the true
value (mean over the table's repeats) of the best setting run so far.
"""

import argparse
from collections.abc import Sequence

import numpy as np
from scipy import stats

from bench_support.campaigns import Course, drive
from bench_support.cases import EXPERIMENTS, Case, cases, is_wrong, target
from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.canonical import derive_seed
from moonloop.domain.claims import Effect, ProposedClaim, Verdict
from moonloop.domain.plans import Run
from moonloop.domain.space import RGroupSpace
from moonloop.tools.spaces import Contrast, pool_for

MARKS = (25, EXPERIMENTS)
SEARCHES = 100
"""Random searches of each seed; their mean is what the campaign of that seed is compared with."""
Courses = np.ndarray[tuple[int, int], np.dtype[np.float64]]


def main() -> None:
    """Run the cases that can be run and print one table."""
    arguments = _arguments()
    found = cases(arguments.only)
    seeds = 3 if arguments.quick else arguments.seeds
    _print_heads(seeds)
    for case in found:
        _print_case(case, seeds, arguments.quick)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Experiments saved against random search.")
    parser.add_argument("--quick", action="store_true", help="3 seeds and 25 experiments: a smoke test")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--only", nargs="*", default=[], help="names of cases")
    return parser.parse_args()


# Campaigns


def _claims(spec: CampaignSpec, seed: int) -> tuple[ProposedClaim, ...]:
    """Return random claims about two random factors, of those whose levels have matched pairs."""
    rng = np.random.default_rng(derive_seed("claims", spec.name, seed))
    claims: list[ProposedClaim] = []
    factors = () if isinstance(spec.space, RGroupSpace) else spec.space.factors
    for place in rng.permutation(len(factors)):
        factor = factors[int(place)]
        one, other = (factor.levels[int(level)] for level in rng.permutation(len(factor.levels))[:2])
        if len(claims) < 2 and pool_for(spec).atlas.pairs(Contrast(factor.name, one, other)):
            effect = Effect(factor=factor.name, level_a=one, level_b=other)
            statement = f"{factor.name}: {one} is better than {other}."
            claims.append(ProposedClaim(claim=effect, statement=statement, probability=0.5))
    return tuple(claims)


def _campaign(case: Case, seed: int, experiments: int) -> Course:
    design = case.spec.design.model_copy(update={"seed": seed})
    claims = case.spec.claims or _claims(case.spec, seed)
    spec = case.spec.model_copy(update={"design": design, "claims": claims})
    rng = np.random.default_rng(derive_seed("outcomes", case.name, seed))

    def outcome(run: Run) -> float | None:
        repeats = case.values[run.candidate.key]
        return float(repeats[int(rng.integers(len(repeats)))]) if repeats else None

    return drive(case, spec, f"cmp_bench{seed:04d}", experiments, outcome)


def _random_searches(case: Case, seed: int, experiments: int) -> Courses:
    """Return the courses of many random searches, shape (searches, experiments)."""
    pool = pool_for(case.spec)
    rng = np.random.default_rng(derive_seed("random search", case.name, seed))
    places = np.flatnonzero(pool.feasible)
    truths = np.full(len(pool.candidates), -np.inf)
    for place in places:
        key = pool.candidates[int(place)].key
        truths[place] = case.truth(key) if case.values[key] else -np.inf
    orders = rng.permuted(np.tile(places, (SEARCHES, 1)), axis=1)[:, :experiments]
    return np.maximum.accumulate(truths[orders], axis=1)


# Figures


def _print_heads(seeds: int) -> None:
    print(
        f"\n{seeds} paired seeds; difference: campaign minus random search, more is better, 95 % interval"
        "\ntarget: the best per cent of the candidates; runs to it: median, campaign and random search"
        "\nwrong: verdicts on effects that contradict the whole table; plan CPU s: mean/max per batch\n"
        f"{'case':<18}{'pool':>6}{'at':>4}{'campaign':>10}{'random':>10}{'difference':>12}{'interval':>20}"
        f"{'target':>9}{'runs to it':>12}{'random':>8}{'verdicts':>10}{'wrong':>7}{'plan CPU s':>12}"
    )


def _print_case(case: Case, seeds: int, quick: bool) -> None:
    budget = MARKS[0] if quick else case.spec.budget.experiments
    courses = [_campaign(case, seed, budget) for seed in range(seeds)]
    others = [_random_searches(case, seed, 10 * budget) for seed in range(seeds)]
    pool, sign = pool_for(case.spec), case.spec.objective.sign
    aim = target(case)
    verdicts = [one for course in courses for one in course.verdicts]
    decided = [one for one in verdicts if one[1] is not Verdict.UNDECIDED]
    wrong = sum(1 for claim, verdict in decided if is_wrong(case, claim, verdict))
    planning = [seconds for course in courses for seconds in course.planning[1:]]
    for mark in (mark for mark in (*MARKS, budget) if mark <= budget):
        mine = np.asarray([course.best[mark - 1] for course in courses])
        theirs = np.asarray([other[:, mark - 1].mean() for other in others])
        low, high = _interval(mine - theirs)
        head = f"{case.name:<18}{len(pool.candidates):>6}" if mark == MARKS[0] else " " * 24
        line = (
            f"{head}{mark:>4}{sign * mine.mean():>10.4g}{sign * theirs.mean():>10.4g}"
            f"{(mine - theirs).mean():>12.3g}{f'{low:.3g} to {high:.3g}':>20}"
        )
        if mark == MARKS[0]:
            line += (
                f"{sign * aim:>9.4g}{_runs_to([c.best for c in courses], aim):>12}"
                f"{_runs_to(np.vstack(others), aim):>8}{f'{len(decided)}/{len(verdicts)}':>10}{wrong:>7}"
                f"{np.mean(planning):>6.3f}/{max(planning):.3f}"
            )
        print(line, flush=True)
        if mark == budget:
            break


def _interval(differences: np.ndarray[tuple[int], np.dtype[np.float64]]) -> tuple[float, float]:
    mean, error = float(differences.mean()), float(differences.std(ddof=1)) / np.sqrt(len(differences))
    reach = float(stats.t.ppf(0.975, len(differences) - 1)) * error
    return mean - reach, mean + reach


def _runs_to(courses: Sequence[Sequence[float]] | Courses, target: float) -> str:
    """Return the median number of experiments until a candidate of the best per cent is found."""
    reached = np.asarray(courses, dtype=np.float64) >= target
    longest = reached.shape[1]
    counts = [int(course.argmax()) + 1 if course.any() else longest + 1 for course in reached]
    middle = float(np.median(counts))
    return f">{longest}" if middle > longest else f"{middle:.0f}"


if __name__ == "__main__":
    main()
