"""Calibrate the xTB reduction potentials, and say how good they are.

Fits E = a + b x for each protocol through the references of the package: quinones whose potential for two
electrons and two protons at pH 0 could be confirmed in a source. One value a molecule: a handbook's before
a review's before a paper's. Left out is what a source marks as approximate, gives without an uncertainty
where it gives others one, or gives with more than 10 mV.

    python benchmarks/calibrate_xtb.py             the tables
    python benchmarks/calibrate_xtb.py --write     and the package's calibration.json
    MOONLOOP_DATA=DIR ...                          and a comparison on DIR/quinone_potentials/data.csv
"""

import argparse
import csv
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.metadata import version
from itertools import product
from pathlib import Path
from statistics import fmean, median, quantiles, stdev
from typing import NamedTuple

# Before numpy and tblite are loaded: on molecules this small several threads only wait for each other.
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

from moonloop.domain.canonical import digest
from moonloop.lab_adapters import xtb
from moonloop.lab_adapters.xtb.calibration import Calibration, Line, calibration, leave_one_out
from moonloop.lab_adapters.xtb.half_reaction import Reporter, half_reaction
from moonloop.lab_adapters.xtb.measurement import measurement
from moonloop.lab_adapters.xtb.messages import Answer
from moonloop.lab_adapters.xtb.request import Parameters, Request

PACKAGE = Path(xtb.__file__).parent
REFERENCES = PACKAGE / "references.csv"
SILENT = Reporter(progress=lambda _step, _fraction: None, log=lambda _text: None)
VERSION = "1"


class Reference(NamedTuple):
    """A quinone of published potential."""

    name: str
    smiles: str
    potential: float
    """V against SHE, pH 0."""


class Computed(NamedTuple):
    """One reference under one protocol, by several conformer seeds."""

    answers: tuple[Answer, ...]
    cpu_s: float
    """Per answer."""

    @property
    def x(self) -> float:
        """Mean of minus the reaction energy per electron, in V."""
        return fmean(answer.half_reaction for answer in self.answers)


def main() -> None:
    """Print the tables; write the calibration when asked to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="replace the package's calibration.json")
    parser.add_argument("--repeats", type=int, default=20, help="conformer seeds per single-point protocol")
    parser.add_argument("--relaxed-repeats", type=int, default=3, help="seeds per relaxed protocol")
    given = parser.parse_args()
    references = read(REFERENCES, "name", "smiles", "potential_V")
    computed = {
        parameters: compute(
            parameters, references, given.relaxed_repeats if parameters.optimise else given.repeats
        )
        for parameters in protocols()
    }
    lines = {parameters: line(parameters, references, rows) for parameters, rows in computed.items()}
    print_lines(f"{len(references)} confirmed references", lines, computed)
    routine = Parameters()
    print_references(references, computed[routine], lines[routine])
    print_noise(computed[routine], lines[routine])
    if given.write:
        write(tuple(lines.values()))
    if directory := os.environ.get("MOONLOOP_DATA"):
        compare(Path(directory) / "quinone_potentials" / "data.csv", lines)


def protocols() -> Iterator[Parameters]:
    """Yield every method with and without water and relaxation."""
    for optimise, method, solvent in product((False, True), ("GFN2-xTB", "GFN1-xTB"), ("water", "none")):
        yield Parameters.model_validate({"method": method, "solvent": solvent, "optimise": optimise})


def read(path: Path, name: str, smiles: str, potential: str) -> list[Reference]:
    """Read references by the names of their columns."""
    with path.open(newline="", encoding="utf-8") as file:
        return [Reference(row[name], row[smiles], float(row[potential])) for row in csv.DictReader(file)]


def compute(parameters: Parameters, references: Sequence[Reference], repeats: int) -> list[Computed]:
    """Compute every reference with the seeds 0 to repeats - 1."""
    rows: list[Computed] = []
    for number, each in enumerate(references, start=1):
        print(f"{label(parameters)}: {number} of {len(references)}, {each.name}", file=sys.stderr, flush=True)
        rows.append(Computed(*timed(partial(answers, parameters, each, repeats), repeats)))
    return rows


def answers(parameters: Parameters, reference: Reference, repeats: int) -> tuple[Answer, ...]:
    """Compute one reference once per seed."""
    requests = (
        Request(smiles=reference.smiles, seed=seed, **parameters.model_dump()) for seed in range(repeats)
    )
    return tuple(half_reaction(each, max_atoms=1000, reporter=SILENT) for each in requests)


def timed(job: Callable[[], tuple[Answer, ...]], repeats: int) -> tuple[tuple[Answer, ...], float]:
    """Return what the job returns with its CPU seconds per repeat."""
    before = time.process_time()
    result = job()
    return result, (time.process_time() - before) / repeats


def line(parameters: Parameters, references: Sequence[Reference], rows: Sequence[Computed]) -> Line:
    """Fit one protocol."""
    return Line.through(parameters, [row.x for row in rows], [each.potential for each in references])


def label(parameters: Parameters | Line) -> str:
    """Name a protocol in a table."""
    return f"{parameters.method} {parameters.solvent:5s} {'relaxed' if parameters.optimise else 'single'}"


def print_lines(
    title: str, lines: dict[Parameters, Line], computed: dict[Parameters, list[Computed]]
) -> None:
    """Print the quality and the cost of every protocol."""
    print(
        f"\n{title}\n{'protocol':24s}      a      b     R2  MAE mV  LOO mV   sd mV  CPU s mean / max  seeds"
    )
    for parameters, fitted in lines.items():
        cost = [row.cpu_s for row in computed[parameters]]
        print(
            f"{label(parameters):24s} {fitted.intercept:6.3f} {fitted.slope:6.3f} {fitted.r2:6.3f}"
            f" {1e3 * fitted.mean_absolute_error:7.0f} {1e3 * fitted.leave_one_out_error:7.0f}"
            f" {1e3 * fitted.residual_sd:7.0f}  {fmean(cost):8.2f} / {max(cost):.2f}"
            f" {len(computed[parameters][0].answers):6d}"
        )


def print_references(references: Sequence[Reference], rows: Sequence[Computed], fitted: Line) -> None:
    """Print each reference beside its prediction by the line through the others."""
    guesses = leave_one_out([row.x for row in rows], [each.potential for each in references])
    print(f"\n{label(fitted)}: leave-one-out\n{'quinone':52s} published predicted  difference, V")
    for each, guess in zip(references, guesses, strict=True):
        print(f"{each.name:52s} {each.potential:9.3f} {guess:9.3f} {guess - each.potential:+11.3f}")


def print_noise(rows: Sequence[Computed], fitted: Line) -> None:
    """Print how far a potential moves with the conformer seed, and what its report says about that."""
    seen = [1e3 * abs(fitted.slope) * stdev(answer.half_reaction for answer in row.answers) for row in rows]
    said = [
        1e3 * fmean(measurement(a, fitted).parts["conformer_spread"] for a in row.answers) for row in rows
    ]
    print(f"\nscatter over {len(rows[0].answers)} conformer seeds, mV: median, 90th percentile, largest")
    for name, values in (("observed", seen), ("reported", said)):
        print(f"{name:10s} {median(values):6.1f} {quantiles(values, n=10)[8]:6.1f} {max(values):6.1f}")


def write(lines: tuple[Line, ...]) -> None:
    """Replace the calibration that ships with the package."""
    made = Calibration(
        version=VERSION,
        conformers=Parameters().conformers,
        references_sha256=digest(REFERENCES.read_bytes()),
        programs={name: version(name) for name in ("tblite", "rdkit")},
        lines=lines,
    )
    (PACKAGE / "calibration.json").write_text(made.model_dump_json(indent=1) + "\n", encoding="utf-8")
    calibration.cache_clear()


def compare(path: Path, shipped: dict[Parameters, Line]) -> None:
    """Print fits through another set of potentials, and how the confirmed lines do on it."""
    others = read(path, "name", "smiles", "potential_V_vs_SHE_pH0")
    computed = {parameters: compute(parameters, others, 1) for parameters in shipped}
    lines = {parameters: line(parameters, others, rows) for parameters, rows in computed.items()}
    print_lines(
        f"for comparison only: {len(others)} unconfirmed values, fitted by themselves", lines, computed
    )
    print("\nthe same by the lines through the confirmed references: mean and mean absolute error, mV")
    for parameters, fitted in shipped.items():
        errors = [
            1e3 * (fitted.potential(row.x) - each.potential)
            for row, each in zip(computed[parameters], others, strict=True)
        ]
        print(f"{label(parameters):24s} {fmean(errors):+7.0f} {fmean(abs(error) for error in errors):7.0f}")


if __name__ == "__main__":
    main()
