"""The table adapter: answers from known results, and says when it has none."""

import subprocess
import sys
from pathlib import Path
from statistics import stdev

import pytest

from moonloop.domain.errors import InvalidInput
from moonloop.domain.plans import JobSpec, Measure
from moonloop.domain.results import Outcome
from moonloop.lab_adapters.adapter import Adapter, JobRefused, RunStopped
from moonloop.lab_adapters.table import build
from support.recorder import JobMaker, Recorder

YIELD = Measure(name="yield", unit="%")
PROTOCOL = "table.lookup/1"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A small table: two factors, one setting measured three times."""
    path = tmp_path / "known.csv"
    path.write_text("base,temperature,yield\nDBU,80,41\nDBU,80,43\nDBU,80,45\nDBU,100.0,60.5\nKOAc,80,12\n")
    return path


@pytest.fixture
def molecules(tmp_path: Path) -> Path:
    """A table of molecules."""
    path = tmp_path / "molecules.csv"
    path.write_text("smiles,group,yield\nCCO,alcohol,10\nCC=O,aldehyde,20\n")
    return path


def built(path: Path, **options: str) -> Adapter:
    """Build an adapter on a table of yields."""
    return build({"csv": str(path), "value": "yield", "unit": "%", **options})


def at(
    job: JobMaker, base: str, temperature: float | str, *, seed: int = 7, timeout_s: float = 60.0
) -> JobSpec:
    """Make a job for one setting of the two factors."""
    settings = {"base": base, "temperature": temperature}
    return job(PROTOCOL, YIELD, settings=settings, seed=seed, timeout_s=timeout_s)


@pytest.mark.parametrize("temperature", [100, 100.0, "100", "1e2", 99.99999999999999])
def test_numbers_are_compared_as_numbers(
    table: Path, job: JobMaker, recorder: Recorder, temperature: float | str
) -> None:
    """However a level is written, and however it was computed, the same number finds the same row."""
    report = built(table).run(at(job, "DBU", temperature), recorder)
    assert [each.value for each in report.measurements] == [60.5]


def test_the_seed_picks_one_of_the_replicates(table: Path, job: JobMaker, recorder: Recorder) -> None:
    """Every replicate is drawn sooner or later, and equal seeds draw the same."""
    adapter = built(table)
    drawn = [adapter.run(at(job, "DBU", 80, seed=seed), recorder).measurements[0].value for seed in range(40)]
    assert {41.0, 43.0, 45.0} == set(drawn)
    again = [adapter.run(at(job, "DBU", 80, seed=seed), recorder).measurements[0].value for seed in range(40)]
    assert drawn == again


def test_a_molecule_is_found_by_its_smiles(molecules: Path, job: JobMaker, recorder: Recorder) -> None:
    """In a table of molecules the factors of the space play no part."""
    spec = job(PROTOCOL, YIELD, smiles="CC=O", settings={"scaffold": "C"})
    assert [each.value for each in built(molecules).run(spec, recorder).measurements] == [20.0]


def test_noise_is_drawn_from_the_seed_and_reported(table: Path, job: JobMaker, recorder: Recorder) -> None:
    """Over many seeds the scatter is the one that was set, and each report states it as its uncertainty."""
    adapter = built(table, noise="2.0")
    reports = [adapter.run(at(job, "KOAc", 80, seed=seed), recorder) for seed in range(300)]
    values = [report.measurements[0].value for report in reports]
    assert pytest.approx(2.0, rel=0.15) == stdev(values)
    assert {2.0} == {report.measurements[0].uncertainty for report in reports}
    assert values[5] == adapter.run(at(job, "KOAc", 80, seed=5), recorder).measurements[0].value


@pytest.mark.parametrize(
    ("base", "temperature", "sentence"),
    [("DBU", 90, "no row with base DBU, temperature 90"), ("Et3N", 80, "no row with base Et3N")],
)
def test_what_is_not_in_the_table_is_a_failed_run(
    table: Path, job: JobMaker, recorder: Recorder, base: str, temperature: float, sentence: str
) -> None:
    """The report names the setting that has no row."""
    report = built(table).run(at(job, base, temperature), recorder)
    assert (report.outcome, report.failure_kind) == (Outcome.FAILED, "input")
    assert sentence in report.failure


def test_a_factor_without_a_column_is_a_failed_run(table: Path, job: JobMaker, recorder: Recorder) -> None:
    """A row that says nothing about a factor does not answer for it."""
    report = built(table).run(job(PROTOCOL, YIELD, settings={"base": "DBU", "solvent": "DMF"}), recorder)
    assert (report.failure_kind, report.failure) == ("input", "the table has no column solvent")


def test_failures_come_at_the_rate_that_was_set(table: Path, job: JobMaker, recorder: Recorder) -> None:
    """The share of failed jobs is near the rate, and a job that failed fails again."""
    adapter = built(table, fail_rate="0.3")
    failed = [
        adapter.run(at(job, "DBU", 80, seed=seed), recorder).failure_kind == "instrument"
        for seed in range(300)
    ]
    assert 60 < sum(failed) < 120
    assert failed[:50] == [
        adapter.run(at(job, "DBU", 80, seed=seed), recorder).failure_kind == "instrument"
        for seed in range(50)
    ]


def test_the_delay_reports_progress(table: Path, job: JobMaker, recorder: Recorder) -> None:
    """A job that takes its time says how far it is."""
    assert built(table, delay="0.02").run(at(job, "DBU", 80), recorder).outcome == Outcome.SUCCEEDED
    assert (recorder.steps[0][0], pytest.approx(recorder.steps[0][1] or 0.0, abs=0.5)) == ("waiting", 0.0)


def test_a_stop_ends_the_delay(table: Path, job: JobMaker, recorder: Recorder) -> None:
    """When the context says stop, a long job ends at once."""

    def stop() -> None:
        raise RunStopped

    recorder.on_checkpoint = stop
    with pytest.raises(RunStopped):
        built(table, delay="3600").run(at(job, "DBU", 80), recorder)


def test_a_delay_beyond_the_time_limit_is_a_timeout(table: Path, job: JobMaker, recorder: Recorder) -> None:
    """The job's own limit counts, not the table's patience."""
    report = built(table, delay="3600").run(at(job, "DBU", 80, timeout_s=0.02), recorder)
    assert (report.failure_kind, report.failure) == ("timeout", "no answer within 0.02 s")


def test_the_report_names_the_table_by_its_hash(table: Path, job: JobMaker, recorder: Recorder) -> None:
    """A simulated result can be traced to the bytes that it came from."""
    report = built(table).run(at(job, "DBU", 80), recorder)
    assert {"adapter", "csv_sha256"} == set(report.versions)
    assert len(report.versions["csv_sha256"]) == 64


def test_options_name_measurement_and_protocol(table: Path, job: JobMaker, recorder: Recorder) -> None:
    """The table can stand in for another instrument."""
    adapter = built(table, name="assay yield", protocol="lab.coupling/2")
    assert adapter.capabilities().protocols == ("lab.coupling/2",)
    measure = Measure(name="assay yield", unit="%")
    report = adapter.run(
        job("lab.coupling/2", measure, settings={"base": "KOAc", "temperature": 80}), recorder
    )
    assert [each.name for each in report.measurements] == ["assay yield"]


@pytest.mark.parametrize(
    ("protocol", "measure", "parameters", "sentence"),
    [
        ("other/1", YIELD, {}, "this robot does table.lookup/1"),
        (PROTOCOL, Measure(name="purity", unit="%"), {}, "the table has yield in %, not purity"),
        (PROTOCOL, Measure(name="yield", unit="1"), {}, "not yield in 1"),
        (PROTOCOL, YIELD, {"speed": 3}, "takes no parameters"),
    ],
)
def test_a_job_that_the_table_cannot_do_is_refused(
    table: Path, job: JobMaker, protocol: str, measure: Measure, parameters: dict[str, int], sentence: str
) -> None:
    """The refusal says what the job asks for and what the table has."""
    spec = job(protocol, measure, settings={"base": "DBU", "temperature": 80}, parameters=parameters)
    with pytest.raises(JobRefused, match=sentence):
        built(table).check(spec)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"value": "purity"}, "there is no column purity"),
        ({"value": "base"}, "base is not a number: 'DBU'"),
        ({"unit": "parsec"}, "option unit of the table adapter"),
        ({"noise": "-1"}, "option noise of the table adapter"),
        ({"fail_rate": "2"}, "option fail_rate"),
        ({"speed": "3"}, "option speed of the table adapter"),
        ({"csv": "nowhere.csv"}, "nowhere.csv: No such file"),
    ],
)
def test_wrong_options_are_explained(table: Path, options: dict[str, str], sentence: str) -> None:
    """Each error names the option or the place in the table."""
    with pytest.raises(InvalidInput, match=sentence):
        built(table, **options)


def test_a_table_without_rows_is_refused(tmp_path: Path) -> None:
    """A robot that could answer nothing does not start."""
    path = tmp_path / "empty.csv"
    path.write_text("base,yield\n")
    with pytest.raises(InvalidInput, match="no row below the header"):
        built(path)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"base,yield\nDBU,41\nK\xe9Ac,12\n", "known.csv, line 3: the text is not UTF-8"),
        ("base,yield\nDBU,41\n".encode("utf-16"), "known.csv, line 1: the text is not UTF-8"),
        (b"base,yield\nDBU,41\n" + b"x" * 131_073 + b",12\n", "known.csv, line 3: it cannot be read as CSV"),
        (b"y" * 131_073 + b"\n41\n", "known.csv, line 1: it cannot be read as CSV"),
    ],
)
def test_an_unreadable_table_is_explained(tmp_path: Path, body: bytes, sentence: str) -> None:
    """One sentence with the file and the line, whatever the bytes are."""
    path = tmp_path / "known.csv"
    path.write_bytes(body)
    with pytest.raises(InvalidInput, match=sentence):
        built(path)


@pytest.mark.parametrize("text", ["1_000", "\u0664\u0661", "\uff14\uff11", "4\u0661.5"])
def test_only_plain_digits_are_numbers(tmp_path: Path, text: str) -> None:
    """What only a programming language would read as a number is none; the place is named."""
    path = tmp_path / "known.csv"
    path.write_text(f"base,yield\nDBU,{text}\n", encoding="utf-8")
    with pytest.raises(InvalidInput, match=f"known.csv, line 2: yield is not a number: '{text}'"):
        built(path)


def test_a_level_that_is_no_plain_number_is_a_word(tmp_path: Path, job: JobMaker, recorder: Recorder) -> None:
    """The level `1_000` is found by its own spelling, and is not the number 1000."""
    path = tmp_path / "known.csv"
    path.write_text("base,temperature,yield\nDBU,1_000,41\nDBU,1000,12\n")
    adapter = built(path)
    found = [adapter.run(at(job, "DBU", level), recorder).measurements for level in ("1_000", 1000)]
    assert [[41.0], [12.0]] == [[each.value for each in measurements] for measurements in found]


def test_the_adapter_is_light() -> None:
    """On a lab PC it needs nothing beyond the base installation."""
    code = "import sys, moonloop.lab_adapters.table; print({'numpy', 'rdkit', 'tblite'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "set()\n"
