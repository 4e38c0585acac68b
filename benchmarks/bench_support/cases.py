"""Campaigns whose every outcome is known: complete tables of measurements, and quinones computed once.

The tables lie below MOONLOOP_DATA, one folder each, with meta.json and data.csv. The quinones are all the
molecules of examples/quinone_catholyte.yaml; what computing them gave is kept in the user's cache.
"""

import csv
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from ruamel.yaml import YAML

from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.canonical import canonical_json, derive_seed, digest
from moonloop.domain.claims import Effect, Hypothesis, Verdict
from moonloop.domain.errors import SpaceImpossible
from moonloop.domain.plans import JobSpec, Measure
from moonloop.domain.results import ArtifactRef
from moonloop.domain.robots import Requires
from moonloop.domain.space import Candidate
from moonloop.lab_adapters.xtb import XtbAdapter
from moonloop.lab_adapters.xtb.calibration import calibration
from moonloop.tools.spaces import Contrast, pool_for

__all__ = ["EXPERIMENTS", "Case", "cache", "cases", "gain", "is_wrong", "measured_table", "target"]

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
EXPERIMENTS = 50
"""The budget that a table's campaign is given."""
QUINONES = "quinones"


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


def cases(only: Sequence[str] = ()) -> list[Case]:
    """Return the cases of these names, or all that can be run here; say which cannot.

    Ends the program when a name is none.
    """
    found: list[Case] = []
    known = {QUINONES}
    data = os.environ.get("MOONLOOP_DATA")
    if data is None:
        print("SKIPPED: all measured tables; set MOONLOOP_DATA to the folder that holds them")
    else:
        folders = [meta.parent for meta in sorted(Path(data).glob("*/meta.json"))]
        known |= {folder.name for folder in folders}
        found += [measured_table(folder) for folder in folders if not only or folder.name in only]
    if unknown := set(only) - known:
        sys.exit(f"no case is named {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}")
    if not only or QUINONES in only:
        found += [_quinones()] if find_spec("tblite") else []
        if not find_spec("tblite"):
            print('SKIPPED: quinones; the computation needs pip install "moonloop[xtb]"')
    return found


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
            "budget": {"experiments": EXPERIMENTS},
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


def target(case: Case) -> float:
    """Return the signed true value that the best per cent of the candidates within the limits reach."""
    pool = pool_for(case.spec)
    truths = [
        case.truth(candidate.key)
        for candidate, within in zip(pool.candidates, pool.feasible, strict=True)
        if within and case.values[candidate.key]
    ]
    return float(np.quantile(truths, 0.99))


def gain(case: Case, contrast: Contrast, cap: float) -> float | None:
    """Return the capped mean advantage of a contrast over the whole table, without noise, if it has pairs."""
    pairs = pool_for(case.spec).atlas.pairs(contrast) or ()
    whole = [pair for pair in pairs if case.values[pair[0].key] and case.values[pair[1].key]]
    gains = [case.truth(one.key) - case.truth(other.key) for one, other in whole]
    return float(np.clip(gains, -cap, cap).mean()) if gains else None


def is_wrong(case: Case, hypothesis: Hypothesis, verdict: Verdict) -> bool:
    """Say whether a verdict on an effect contradicts the capped mean of the whole table, without noise."""
    claim = hypothesis.proposed.claim
    if not isinstance(claim, Effect) or verdict is Verdict.UNDECIDED:
        return False
    theta = gain(case, Contrast(claim.factor, claim.level_a, claim.level_b), hypothesis.cap)
    if theta is None:
        raise SpaceImpossible(why=f"no matched pair for {hypothesis.proposed.statement}")
    return theta <= 0 if verdict is Verdict.SUPPORTED else theta >= hypothesis.delta


def cache() -> Path:
    """Return the folder of the user's cache where benchmarks keep what takes long."""
    folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "moonloop" / "benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


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
    kept = cache() / f"quinones-{name}.json"
    values: dict[str, list[float]] = json.loads(kept.read_text()) if kept.exists() else {}
    todo = [candidate for candidate in pool_for(spec).candidates if candidate.key not in values]
    if todo:
        print(f"computing {len(todo)} quinones once, to be kept in {kept}", flush=True)
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
