"""Answers from a table of known results: a simulated instrument, for rehearsals and for tests of the loop."""

import csv
import io
import math
import random
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import Field, ValidationError

from moonloop.domain.canonical import derive_seed, digest
from moonloop.domain.errors import InvalidInput
from moonloop.domain.ids import Name
from moonloop.domain.plans import JobSpec
from moonloop.domain.results import FinishReport, Outcome, ReportedMeasurement
from moonloop.domain.robots import Capabilities, ProtocolName, RobotKind
from moonloop.domain.space import Candidate
from moonloop.domain.units import Unit
from moonloop.domain.values import Scalar, Value
from moonloop.lab_adapters.adapter import Adapter, Context, JobRefused

__all__ = ["KIND", "TableAdapter", "TableOptions", "build"]

KIND = RobotKind.SIMULATED
"""What a robot with this adapter is."""

_SMILES = "smiles"
_STEP_S = 0.1
"""How often a pause or a stop is looked for during the delay."""

Key = tuple[str | float, ...]


class TableOptions(Value):
    """What a person sets when they start this robot."""

    csv: Path
    """The table, with a header; one row per known result."""
    value: str
    """The column of results."""
    unit: Unit
    """UCUM code of the results."""
    name: Name | None = None
    """Of the measurement; by default that of the column."""
    protocol: ProtocolName = "table.lookup/1"
    noise: Annotated[float, Field(ge=0)] = 0.0
    """Standard deviation of the normal noise that is added, in `unit`."""
    delay: Annotated[float, Field(ge=0)] = 0.0
    """How long a job takes, in seconds."""
    fail_rate: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of jobs that fail for no other reason."""

    @property
    def quantity(self) -> str:
        """Name of the measurement."""
        return self.name or self.value


class _Row(NamedTuple):
    cells: Mapping[str, str]
    result: float


def build(options: Mapping[str, str]) -> Adapter:
    """Return the adapter that the options describe; raise `InvalidInput` with a sentence when they do not."""
    try:
        return TableAdapter(TableOptions.model_validate(options))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        known = f"options are {', '.join(TableOptions.model_fields)}"
        raise InvalidInput(
            where=f"option {first['loc'][0]} of the table adapter", why=f"{first['msg']}; {known}"
        ) from None


class TableAdapter:
    """A robot that looks its results up.

    A row answers a candidate when its SMILES is the candidate's, in a table that has a column `smiles`, and
    otherwise when the columns named like the factors hold the candidate's levels. Several such rows are
    replicates. What is random comes from the job's seed alone.
    """

    name = "table"
    version = "1"

    def __init__(self, options: TableOptions) -> None:
        self._options = options
        body = _body(options.csv)
        self._sha256 = digest(body)
        self._columns, self._rows = _parsed(_text(body, options.csv), options)
        self._indexes: dict[tuple[str, ...], dict[Key, list[_Row]]] = {}

    def capabilities(self) -> Capabilities:
        """Return the capability document."""
        return Capabilities(protocols=(self._options.protocol,))

    def check(self, spec: JobSpec) -> None:
        """Check protocol, parameters and measures; raise `JobRefused` with a sentence."""
        ours = self._options
        if spec.protocol != ours.protocol:
            raise JobRefused(f"this robot does {ours.protocol}, the job asks for {spec.protocol}")
        if spec.parameters:
            raise JobRefused(
                f"a table takes no parameters; the job gives {', '.join(sorted(spec.parameters))}"
            )
        for asked in spec.measures:
            if (asked.name, asked.unit) != (ours.quantity, ours.unit):
                raise JobRefused(
                    f"the table has {ours.quantity} in {ours.unit}, not {asked.name} in {asked.unit}"
                )

    def run(self, spec: JobSpec, context: Context) -> FinishReport:
        """Look the candidate up and report what is found; `RunStopped` passes through."""
        try:
            self.check(spec)
            rows = self._matching(spec.candidate)
        except JobRefused as refused:
            return self._report(
                FinishReport(outcome=Outcome.FAILED, failure=str(refused), failure_kind="input")
            )
        _wait(min(self._options.delay, spec.timeout_s), context)
        return self._report(self._outcome(rows, spec))

    def close(self) -> None:
        """Nothing was started."""

    def _matching(self, candidate: Candidate) -> list[_Row]:
        wanted: Mapping[str, Scalar] = candidate.settings
        if _SMILES in self._columns and candidate.smiles is not None:
            wanted = {_SMILES: candidate.smiles}
        if missing := sorted(set(wanted) - self._columns):
            raise JobRefused(f"the table has no column {missing[0]}")
        names = tuple(sorted(wanted))
        if names not in self._indexes:
            self._indexes[names] = self._index(names)
        rows = self._indexes[names].get(tuple(_level(wanted[name]) for name in names))
        if rows is None:
            settings = ", ".join(f"{name} {wanted[name]}" for name in names)
            raise JobRefused(f"the table has no row with {settings}")
        return rows

    def _index(self, names: tuple[str, ...]) -> dict[Key, list[_Row]]:
        index: dict[Key, list[_Row]] = {}
        for row in self._rows:
            index.setdefault(tuple(_level(row.cells[name]) for name in names), []).append(row)
        return index

    def _outcome(self, rows: list[_Row], spec: JobSpec) -> FinishReport:
        if self._options.delay > spec.timeout_s:
            why = f"no answer within {spec.timeout_s:g} s"
            return FinishReport(outcome=Outcome.FAILED, failure=why, failure_kind="timeout")
        if _random(spec.seed, "failure").random() < self._options.fail_rate:
            why = "a failure was simulated"
            return FinishReport(outcome=Outcome.FAILED, failure=why, failure_kind="instrument")
        noise = self._options.noise
        number = ReportedMeasurement(
            name=self._options.quantity,
            value=_random(spec.seed, "row").choice(rows).result
            + _random(spec.seed, "noise").gauss(0.0, noise),
            unit=self._options.unit,
            uncertainty=noise or None,
        )
        return FinishReport(outcome=Outcome.SUCCEEDED, measurements=(number,))

    def _report(self, report: FinishReport) -> FinishReport:
        versions = {"adapter": f"{self.name} {self.version}", "csv_sha256": self._sha256}
        return report.model_copy(update={"versions": versions})


def _body(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(where=str(path), why=error.strerror or str(error)) from None


def _text(body: bytes, path: Path) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise InvalidInput(where=f"{path}, line {line}", why="the text is not UTF-8") from None


def _parsed(text: str, options: TableOptions) -> tuple[set[str], list[_Row]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), restval="")
    try:
        columns = set(reader.fieldnames or ())
        if options.value not in columns:
            raise InvalidInput(where=str(options.csv), why=f"there is no column {options.value}")
        rows = [_Row(cells, _result(cells, reader.line_num, options)) for cells in reader]
    except csv.Error as error:
        where = f"{options.csv}, line {reader.reader.line_num}"
        raise InvalidInput(where=where, why=f"it cannot be read as CSV: {error}") from None
    if not rows:
        raise InvalidInput(where=str(options.csv), why="there is no row below the header")
    return columns, rows


def _result(cells: Mapping[str, str], line: int, options: TableOptions) -> float:
    text = cells[options.value]
    try:
        result = _number(text)
    except ValueError:
        result = math.nan
    if not math.isfinite(result):
        raise InvalidInput(
            where=f"{options.csv}, line {line}", why=f"{options.value} is not a number: {text[:80]!r}"
        )
    return result


def _number(text: str) -> float:
    """Read a number as instruments write it; Python would also take `1_000` and digits of other scripts."""
    if "_" in text or not text.isascii():
        raise ValueError("not a plain number")
    return float(text)


def _level(given: Scalar) -> str | float:
    """Return what two equal levels have in common: 5, 5.0 and "5" are one, and so are true and "True"."""
    text = str(given).strip()
    try:
        # Twelve digits: a level that was computed as low + n * step equals the one that was typed.
        number = float(f"{_number(text):.12g}")
    except ValueError:
        return text.lower() if text.lower() in {"true", "false"} else text
    return number if math.isfinite(number) else text


def _random(seed: int, purpose: str) -> random.Random:
    return random.Random(derive_seed(seed, purpose))  # noqa: S311  # noise, not a secret


def _wait(seconds: float, context: Context) -> None:
    begun = time.monotonic()
    while (left := seconds - (time.monotonic() - begun)) > 0:
        context.progress("waiting", 1.0 - left / seconds)
        before = time.monotonic()
        context.checkpoint()
        begun += time.monotonic() - before  # a pause is not part of the delay
        time.sleep(min(left, _STEP_S))
