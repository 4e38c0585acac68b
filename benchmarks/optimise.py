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
import csv
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from ruamel.yaml import YAML
from scipy import stats

from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.canonical import canonical_json, derive_seed, digest
from moonloop.domain.claims import Effect, Hypothesis, ProposedClaim, Verdict
from moonloop.domain.errors import SpaceImpossible
from moonloop.domain.history import History, Observation
from moonloop.domain.plans import JobSpec, Measure
from moonloop.domain.results import ArtifactRef
from moonloop.domain.robots import Requires
from moonloop.domain.space import Candidate, RGroupSpace
from moonloop.lab_adapters.xtb import XtbAdapter
from moonloop.lab_adapters.xtb.calibration import calibration
from moonloop.scientist import judge, plan_search, propose
from moonloop.tools.spaces import Contrast, pool_for

EXAMPLES = Path(__file__).parent.parent / "examples"
MARKS = (25, 50)
SEARCHES = 100
"""Random searches of each seed; their mean is what the campaign of that seed is compared with."""
QUINONES = "quinones"
Courses = np.ndarray[tuple[int, int], np.dtype[np.float64]]


@dataclass(frozen=True)
class Case:
    """A campaign and the values that its runs may give."""

    name: str
    spec: CampaignSpec
    values: Mapping[str, Sequence[float]]
    """Repeats of each candidate, by key."""

    def truth(self, key: str) -> float:
        """Return the mean over the repeats, signed so that more is better."""
        return self.spec.objective.sign * fmean(self.values[key])


@dataclass(frozen=True)
class Course:
    """How one campaign went."""

    best: list[float]
    """Signed true value of the best feasible candidate after each experiment."""
    planning: list[float]
    """CPU seconds of planning each batch."""
    verdicts: list[tuple[Hypothesis, Verdict]]


def main() -> None:
    """Run the cases that can be run and print one table."""
    arguments = _arguments()
    cases = _cases(arguments.only)
    seeds = 3 if arguments.quick else arguments.seeds
    _print_heads(seeds)
    for case in cases:
        _print_case(case, seeds, arguments.quick)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Experiments saved against random search.")
    parser.add_argument("--quick", action="store_true", help="3 seeds and 25 experiments: a smoke test")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--only", nargs="*", default=[], help="names of cases")
    return parser.parse_args()


# Cases


def _cases(only: Sequence[str]) -> list[Case]:
    cases: list[Case] = []
    data = os.environ.get("MOONLOOP_DATA")
    if data is None:
        print("SKIPPED: all measured tables; set MOONLOOP_DATA to the folder that holds them")
    else:
        folders = [meta.parent for meta in sorted(Path(data).glob("*/meta.json"))]
        cases += [measured_table(folder) for folder in folders if not only or folder.name in only]
    if not only or QUINONES in only:
        cases += [_quinones()] if find_spec("tblite") else []
        if not find_spec("tblite"):
            print('SKIPPED: quinones; the computation needs pip install "moonloop[xtb]"')
    return cases


def measured_table(folder: Path) -> Case:
    """Return the campaign of a folder with meta.json and data.csv, without claims."""
    meta = json.loads((folder / "meta.json").read_text())
    with (folder / "data.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    target = meta["targets"][0]
    factors = [_factor(name, about, rows) for name, about in meta["params"].items()]
    repeats: dict[tuple[str | float, ...], list[float]] = {}
    for row in rows:
        setting = tuple(
            float(row[name]) if about["kind"] == "numeric" else row[name]
            for name, about in meta["params"].items()
        )
        repeats.setdefault(setting, []).append(float(row[target["name"]]))
    every = [value for values in repeats.values() for value in values]
    spec = CampaignSpec.model_validate(
        {
            "moonloop": 1,
            "name": meta["name"],
            "space": {"kind": "table", "factors": factors, "rows": list(repeats)},
            "objective": {
                "name": target["name"],
                "unit": "1",
                "direction": {"max": "maximise", "min": "minimise"}[target["mode"]],
                "range": (min(every), max(every)),
            },
            "protocol": {"name": "table.lookup/1", "robot": "simulated"},
            "budget": {"experiments": MARKS[-1]},
        }
    )
    keys = [candidate.key for candidate in pool_for(spec).candidates]
    return Case(meta["name"], spec, dict(zip(keys, repeats.values(), strict=True)))


def _factor(name: str, about: Mapping[str, str], rows: Sequence[Mapping[str, str]]) -> dict[str, object]:
    if about["kind"] == "numeric":
        levels = sorted({float(row[name]) for row in rows})
        return {"kind": "discrete", "name": name, "unit": "1", "levels": levels}
    substances = {row[name]: row[about["smiles_column"]] for row in rows}
    return {"kind": "categorical", "name": name, "levels": sorted(substances), "substances": substances}


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


# Quinones, computed once


def _quinones() -> Case:
    with (EXAMPLES / "quinone_catholyte.yaml").open() as file:
        yaml: Any = YAML(typ="safe")
        # Without its references: they are no experiments, and would help the campaign against its rival.
        spec = CampaignSpec.model_validate(yaml.load(file)).model_copy(update={"references": ()})
    values = _computed(spec)
    missing = [candidate.key for candidate in pool_for(spec).candidates if not values.get(candidate.key)]
    if missing:
        print(f"quinones: {len(missing)} of the molecules have no value; a run of one is a failed run")
    return Case(QUINONES, spec, values)


def _computed(spec: CampaignSpec) -> dict[str, list[float]]:
    adapter = XtbAdapter()
    parameters = dict(spec.protocol.parameters)
    name = digest(canonical_json([adapter.version, calibration().version, parameters]))[:16]
    root = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "moonloop" / "benchmarks"
    kept = root / f"quinones-{name}.json"
    values: dict[str, list[float]] = json.loads(kept.read_text()) if kept.exists() else {}
    todo = [candidate for candidate in pool_for(spec).candidates if candidate.key not in values]
    if todo:
        print(f"computing {len(todo)} quinones once, to be kept in {kept}", flush=True)
        root.mkdir(parents=True, exist_ok=True)
    for number, candidate in enumerate(todo, start=1):
        values[candidate.key] = _compute(adapter, spec, candidate)
        if number % 100 == 0 or number == len(todo):
            kept.write_text(json.dumps(values))
    adapter.close()
    return values


def _compute(adapter: XtbAdapter, spec: CampaignSpec, candidate: Candidate) -> list[float]:
    job = JobSpec(
        job_id="job_benchmark_0001_0000",
        campaign_id="cmp_benchmark",
        cycle=1,
        protocol=spec.protocol.name,
        parameters=spec.protocol.parameters,
        candidate=candidate,
        seed=derive_seed("benchmark", candidate.key),
        measures=(Measure(name=spec.objective.name, unit=spec.objective.unit),),
        requires=Requires(kind=spec.protocol.robot, protocol=spec.protocol.name),
        timeout_s=spec.protocol.timeout,
    )
    return [measurement.value for measurement in adapter.run(job, _Quiet()).measurements]


class _Quiet:
    """A context that keeps nothing."""

    def progress(self, step: str, fraction: float | None = None) -> None:
        """Say nothing."""

    def checkpoint(self) -> None:
        """Go on."""

    def store(self, name: str, body: bytes, media_type: str) -> ArtifactRef:
        """Return the reference of bytes that are dropped."""
        return ArtifactRef(name=name, sha256=digest(body), size=len(body), media_type=media_type)


# Campaigns


def _campaign(case: Case, seed: int, experiments: int) -> Course:
    design = case.spec.design.model_copy(update={"seed": seed})
    claims = case.spec.claims or _claims(case.spec, seed)
    spec = case.spec.model_copy(update={"design": design, "claims": claims})
    pool = pool_for(spec)
    feasible = {candidate.key for candidate in np.asarray(pool.candidates, dtype=object)[pool.feasible]}
    rng = np.random.default_rng(derive_seed("outcomes", case.name, seed))
    history = History(campaign_id=f"cmp_bench{seed:04d}", cycle=1, experiments_left=experiments)
    best: list[float] = []
    planning: list[float] = []
    while history.experiments_left:
        registered = (*history.hypotheses, *propose(spec, history))
        history = history.model_copy(update={"hypotheses": registered})
        started = time.process_time()
        planned = plan_search(spec, history)
        planning.append(time.process_time() - started)
        seen: list[Observation] = []
        for run in planned.plan.runs:
            repeats = case.values[run.candidate.key]
            value = float(repeats[int(rng.integers(len(repeats)))]) if repeats else None
            seen.append(
                Observation(
                    cycle=history.cycle,
                    index=run.index,
                    job_id=run.job_id,
                    purpose=run.purpose,
                    candidate=run.candidate,
                    outcome="failed" if value is None else "measured",
                    value=value,
                    test=run.test,
                )
            )
            counts = value is not None and run.candidate.key in feasible
            known = best[-1] if best else -np.inf
            best.append(max(known, case.truth(run.candidate.key)) if counts else known)
        history = history.model_copy(
            update={
                "observations": (*history.observations, *seen),
                "experiments_left": history.experiments_left - len(seen),
            }
        )
        history = history.model_copy(update={"evidence": judge(spec, history), "cycle": history.cycle + 1})
    by_id = {evidence.hypothesis_id: evidence.verdict for evidence in history.evidence}
    return Course(best, planning, [(claim, by_id[claim.id]) for claim in history.hypotheses])


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
    truths = [
        case.truth(candidate.key)
        for candidate, within in zip(pool.candidates, pool.feasible, strict=True)
        if within and case.values[candidate.key]
    ]
    target = float(np.quantile(truths, 0.99))
    verdicts = [one for course in courses for one in course.verdicts]
    decided = [one for one in verdicts if one[1] is not Verdict.UNDECIDED]
    wrong = sum(1 for claim, verdict in decided if _is_wrong(case, claim, verdict))
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
                f"{sign * target:>9.4g}{_runs_to([c.best for c in courses], target):>12}"
                f"{_runs_to(np.vstack(others), target):>8}{f'{len(decided)}/{len(verdicts)}':>10}{wrong:>7}"
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


def _is_wrong(case: Case, hypothesis: Hypothesis, verdict: Verdict) -> bool:
    """Say whether a verdict on an effect contradicts the capped mean of the whole table, without noise."""
    claim = hypothesis.proposed.claim
    if not isinstance(claim, Effect):
        return False
    contrast = Contrast(claim.factor, claim.level_a, claim.level_b)
    pairs = pool_for(case.spec).atlas.pairs(contrast)
    if not pairs:
        raise SpaceImpossible(why=f"no matched pair for {hypothesis.proposed.statement}")
    whole = [pair for pair in pairs if case.values[pair[0].key] and case.values[pair[1].key]]
    gains = [case.truth(one.key) - case.truth(other.key) for one, other in whole]
    theta = float(np.clip(gains, -hypothesis.cap, hypothesis.cap).mean())
    return theta <= 0 if verdict is Verdict.SUPPORTED else theta >= hypothesis.delta


if __name__ == "__main__":
    main()
