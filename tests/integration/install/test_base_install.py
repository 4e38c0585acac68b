"""`pip install moonloop`: what is published is whole, and its base does what a laboratory's PC has to do."""

import json
import os
import subprocess
import tarfile
import zipfile
from collections.abc import Callable, Generator
from importlib.metadata import PathDistribution, distributions
from pathlib import Path

import pytest

from moonloop import __version__
from moonloop.service.settings import Settings
from moonloop.store import Ledger
from moonloop.store import tables as t
from support.campaigns import Bench, ShiftedClock, make_spec
from support.devices import Site
from support.interleaving import until
from support.serving import serving

ROOT = Path(__file__).parents[3]
BASE = {"cryptography", "httpx", "pydantic", "rfc8785", "rich", "ruamel-yaml", "typer"}
HEAVY = {
    "sqlalchemy", "alembic", "fastapi", "uvicorn", "temporalio", "numpy", "scipy", "rdkit", "matplotlib",
    "pint",
    "jinja2", "tblite",
}  # fmt: skip

Moonloop = Callable[..., subprocess.CompletedProcess[str]]


def _sources() -> set[str]:
    """Return every file of the import package, as the checkout has it."""
    package = ROOT / "src" / "moonloop"
    return {
        str(path.relative_to(ROOT / "src"))
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.fixture
def moonloop(installed: Path, tmp_path: Path) -> Moonloop:
    """Run the installed command in a folder that has nothing of the checkout's."""

    def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [installed / "bin" / "moonloop", *words],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "MOONLOOP_HOME": str(tmp_path / "home"), "COLUMNS": "200"}
            | environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run


def test_the_source_distribution_holds_every_file_once(sdist: Path) -> None:
    """The links at the top level of the checkout are not followed, and the real files are all there."""
    with tarfile.open(sdist) as archive:
        names = [member.name.split("/", 1)[1] for member in archive.getmembers() if not member.isdir()]
        links = [member.name for member in archive.getmembers() if member.islnk() or member.issym()]

    assert [] == links
    assert sorted(set(names)) == sorted(names)
    tops = {name.split("/")[0] for name in names}
    assert {"src", "examples", "deploy", "LICENSE", "README.md", "pyproject.toml"} <= tops
    assert set() == tops & {"agents", "workflows", "tools", "lab_adapters", "tests", "benchmarks", ".venv"}
    assert _sources() == {name.removeprefix("src/") for name in names if name.startswith("src/")}


def test_the_wheel_holds_what_runs(wheel: Path) -> None:
    """The package with its data, the examples, and what the Temporal server is built from."""
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}

    examples = {f"moonloop/examples/{path.name}" for path in (ROOT / "examples").iterdir() if path.is_file()}
    go = {"moonloop/embedded/temporal_cli/go.mod", "moonloop/embedded/temporal_cli/go.sum"}
    assert _sources() | examples <= names
    assert go <= names
    data = {"py.typed", "report/templates/report.html.j2", "store/migrations/env.py"}
    assert {f"moonloop/{name}" for name in data} <= names


def test_the_base_is_light(installed: Path) -> None:
    """What is installed is what is declared and what that needs; nothing of the server's."""
    [site] = installed.glob("lib/python*/site-packages")
    found = {str(one.metadata["Name"]).lower().replace(".", "-") for one in distributions(path=[str(site)])}

    assert BASE | {"moonloop"} <= found
    assert set() == found & HEAVY
    [package] = site.glob("moonloop-*.dist-info")
    assert __version__ == PathDistribution(package).version


def test_the_base_has_the_command_line(moonloop: Moonloop) -> None:
    """Help, version, completion, and the check of every example that ships."""
    assert f"moonloop {__version__}\n" == moonloop("--version").stdout
    assert "Exit codes: 0 done" in moonloop("--help").stdout
    completion = moonloop(_MOONLOOP_COMPLETE="source_bash").stdout
    assert "complete -o default -F _moonloop_completion moonloop" in completion


def test_the_base_checks_the_examples(moonloop: Moonloop, installed: Path) -> None:
    """Without a server: what only a server could look into is said to be left open."""
    [folder] = installed.glob("lib/python*/site-packages/moonloop/examples")
    examples = sorted(folder.glob("*.yaml"))
    assert examples
    for example in examples:
        ran = moonloop("campaign", "validate", str(example), "--json")
        assert (0, {"valid": True, "survey": None}) == (ran.returncode, json.loads(ran.stdout)), ran.stderr


def test_the_base_says_what_is_missing(moonloop: Moonloop) -> None:
    """A command of the server's names the extra; the doctor knows which ones are absent, and is content."""
    for words, extra in (("serve", "server"), ("demo", "server,xtb"), ("robot run xtb", "xtb")):
        ran = moonloop(*words.split())
        assert (6, "") == (ran.returncode, ran.stdout)
        assert f"moonloop[{extra}]" in ran.stderr
    told = json.loads(moonloop("doctor", "--json").stdout)
    assert {"absent"} == {one["health"] for one in told if one["component"].startswith("extra")}


@pytest.fixture
def site(sqlite_url: str, tmp_path: Path) -> Generator[Site]:
    """A laboratory with one job in its queue."""
    ledger = Ledger(sqlite_url)
    bench = Bench(ledger, make_spec(), ShiftedClock())
    bench.start()
    bench.queued(1)
    settings = Settings(home=tmp_path / "site", claim_wait=5.0)
    with serving(settings, ledger) as url, Site(url, bench) as made:
        yield made
    ledger.close()


def test_the_base_is_a_robot(site: Site, installed: Path, tmp_path: Path) -> None:
    """The table adapter enrols, does a job over HTTP, and ends when asked."""
    table = tmp_path / "table.csv"
    table.write_text("solvent,temperature,yield\nwater,20,10\n")
    command = [installed / "bin" / "moonloop", "robot", "run", "table", "--code", site.code()]
    for option in (f"csv={table}", "value=yield", "unit=%"):
        command += ["--option", option]
    home = {"MOONLOOP_HOME": str(tmp_path / "home"), "MOONLOOP_URL": site.url, "PATH": os.environ["PATH"]}

    with subprocess.Popen(command, cwd=tmp_path, env=home) as robot:
        until(lambda: site.bench.count(t.measurements) == 1, "the job is done")
        robot.terminate()
        assert 0 == robot.wait(30)

    assert [10.0] == [row.value for row in site.bench.all(t.measurements.select())]
