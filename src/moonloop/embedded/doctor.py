"""`moonloop doctor`: every component, whether it is well, and what to do when it is not."""

import asyncio
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from moonloop.agents.door.file import load_models
from moonloop.agents.models_commands import MODELS_VARIABLE, models_file
from moonloop.client.http import Connection
from moonloop.client.session import connect, home_folder, server_url
from moonloop.client.terminal import print_json, print_table, say
from moonloop.domain.errors import InvalidInput, MoonloopError, ServerUnreachable, Unauthenticated
from moonloop.domain.facts import CampaignSummary, RobotFact

if TYPE_CHECKING:
    from moonloop.agents.door.config import ModelsFile
    from moonloop.agents.door.probe import Probed

__all__ = ["Finding", "examine", "report"]

_EXTRAS = {
    "server": (
        "sqlalchemy",
        "alembic",
        "temporalio",
        "fastapi",
        "uvicorn",
        "jinja2",
        "scipy",
        "rdkit",
        "matplotlib",
        "langgraph",
        "openai",
    ),
    "mcp": ("mcp",),
    "xtb": ("tblite", "rdkit", "numpy"),
    "postgres": ("psycopg",),
}
_LEAST_FREE = 1024**3
_LEAST_SQLITE = (3, 38)
_PROBE_S = 15.0
"""For all that a model is asked; a person waits for the doctor."""

Health = Literal["well", "absent", "ill"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one component."""

    component: str
    health: Health
    """`absent` is no fault: not everybody needs every part."""
    found: str
    remedy: str = ""


def examine() -> list[Finding]:
    """Look at everything; a check that fails is a finding too."""
    checks: Sequence[Callable[[], list[Finding]]] = (
        _python, _extras, _sqlite, _disk, _temporal, _server, _models,
    )  # fmt: skip
    found: list[Finding] = []
    for check in checks:
        try:
            found += check()
        except Exception as error:  # noqa: BLE001 -- a doctor who falls ill still reports
            name = check.__name__.strip("_")
            found.append(Finding(name, "ill", f"{type(error).__name__}: {error}", "Report this to us."))
    return found


def report(findings: Sequence[Finding], *, as_json: bool) -> int:
    """Print the findings; return 0 when nothing is ill, else 6."""
    ill = [one for one in findings if one.health == "ill"]
    if as_json:
        print_json([asdict(one) for one in findings])
    else:
        marks = {"well": "ok", "absent": "-", "ill": "!!"}
        rows = [(marks[one.health], one.component, one.found, one.remedy) for one in findings]
        print_table(("", "COMPONENT", "FOUND", "WHAT TO DO"), rows, "Nothing to look at.")
        say(f"{len(ill)} of {len(findings)} need attention." if ill else "All well.")
    return 6 if ill else 0


def _python() -> list[Finding]:
    version = ".".join(str(part) for part in sys.version_info[:3])
    return [Finding("Python", "well", f"{version} at {sys.executable}")]


def _extras() -> list[Finding]:
    found: list[Finding] = []
    for extra, modules in _EXTRAS.items():
        missing = [module for module in modules if find_spec(module) is None]
        if not missing:
            found.append(Finding(f"extra {extra}", "well", "installed"))
        else:
            remedy = f'pip install "moonloop[{extra}]", if you need it.'
            found.append(Finding(f"extra {extra}", "absent", f"lacks {', '.join(missing)}", remedy))
    return found


def _sqlite() -> list[Finding]:
    if sqlite3.sqlite_version_info < _LEAST_SQLITE:
        remedy = "Use a Python built with SQLite 3.38 or later, or PostgreSQL (MOONLOOP_DATABASE)."
        return [Finding("SQLite", "ill", sqlite3.sqlite_version, remedy)]
    return [Finding("SQLite", "well", sqlite3.sqlite_version)]


def _disk() -> list[Finding]:
    home = home_folder()
    nearest = next(folder for folder in (home, *home.absolute().parents) if folder.exists())
    if not os.access(nearest, os.W_OK):
        remedy = "Give it to this account, or set MOONLOOP_HOME to another folder."
        return [Finding("home folder", "ill", f"{nearest} cannot be written to", remedy)]
    free = shutil.disk_usage(nearest).free
    words = f"{home}, {free / 1024**3:.1f} GiB free"
    if free < _LEAST_FREE:
        return [
            Finding("home folder", "ill", words, "Free some space, or set MOONLOOP_HOME to another disk.")
        ]
    return [Finding("home folder", "well", words)]


def _temporal() -> list[Finding]:
    if find_spec("temporalio") is None:
        return [Finding("Temporal server", "absent", "not looked for without the server extra")]
    from moonloop.embedded.temporal import VERSION, Search, server_version  # noqa: PLC0415 -- needs the extra

    search = Search.by(os.environ)
    on_path = shutil.which("temporal", path=search.path)
    for place in (search.chosen, on_path, search.cache / VERSION / "temporal"):
        version = server_version(Path(place)) if place else None
        if version is not None:
            return [Finding("Temporal server", "well", f"{version} at {place}")]
    if search.chosen:
        remedy = "Set it to the `temporal` program, or unset it to have one found or built."
        found = f"MOONLOOP_TEMPORAL names {search.chosen}, which does not run"
        return [Finding("Temporal server", "ill", found, remedy)]
    go = shutil.which("go")
    if go is None:
        remedy = "Install Go, or a `temporal` command line, or set MOONLOOP_TEMPORAL to one."
        return [Finding("Temporal server", "absent", "none found, and no Go to build one", remedy)]
    remedy = "It is fetched or built by itself when it is first needed; that takes some minutes, once."
    return [Finding("Temporal server", "absent", f"none yet; {go} can build one", remedy)]


def _server() -> list[Finding]:
    url = server_url()
    try:
        with Connection(url) as anybody:
            health: dict[str, Any] = anybody.get("/v1/health", dict[str, Any])
    except ServerUnreachable:
        return [Finding("server", "absent", f"none answers at {url}", "Start one with `moonloop up`.")]
    except MoonloopError as error:
        return [Finding("server", "ill", str(error), "Look at its log.")]
    found = [Finding("server", "well", f"version {health['version']} at {url}")]
    try:
        with connect() as server:
            found += _laboratory(server)
    except Unauthenticated as error:
        found.append(Finding("token", "ill", str(error), "Ask the owner: moonloop token issue …"))
    return found


def _laboratory(server: Connection) -> list[Finding]:
    robots = server.get("/v1/robots", list[RobotFact])
    working = [one for one in robots if one.state == "active"]
    quarantined = [one for one in robots if one.state == "quarantined"]
    found = [Finding("token", "well", "accepted")]
    if quarantined:
        remedy = "Settle their incidents: moonloop incident list"
        found.append(Finding("robots", "ill", f"{len(quarantined)} in quarantine", remedy))
    elif working:
        found.append(Finding("robots", "well", f"{len(working)} active"))
    else:
        found.append(Finding("robots", "absent", "none active", "moonloop robot enroll ADAPTER --kind KIND"))
    waiting = [
        one.waiting_for for one in server.get("/v1/campaigns", list[CampaignSummary]) if one.state != "done"
    ]
    return found + [Finding("campaign", "well", sentence) for sentence in waiting]


def _models() -> list[Finding]:
    file = models_file()
    if not file.exists() and not os.environ.get(MODELS_VARIABLE):
        found = "no models file: campaigns go on without agents"
        return [Finding("models", "absent", found, f"Write {file}, if you want agents.")]
    try:
        models = load_models(file)
    except InvalidInput as error:
        return [Finding("models", "ill", " ".join(str(error).split()), "Correct it there.")]
    found = [Finding("models", "well", f"{len(models.endpoints)} endpoints in {file}")]
    if find_spec("openai") is None:
        return [*found, Finding("endpoints", "absent", "not tried without the server extra")]
    return found + asyncio.run(_endpoints(models, file))


async def _endpoints(models: "ModelsFile", file: Path) -> list[Finding]:
    asked = [(name, model) for name, wanted in models.models().items() for model in wanted]
    return list(await asyncio.gather(*(_endpoint(models, file, *one) for one in asked)))


async def _endpoint(models: "ModelsFile", file: Path, name: str, model: str) -> Finding:
    from moonloop.agents.door.probe import probe  # noqa: PLC0415 -- needs the extra

    component = f"endpoint {name}"
    try:
        async with asyncio.timeout(_PROBE_S):
            probed = await probe(name, models.endpoints[name], model)
    except TimeoutError:
        found = f"{model} did not answer all that it was asked within {_PROBE_S:g} s"
        remedy = "See whether it is up and has room; `moonloop models check` waits for as long as it takes."
        return Finding(component, "ill", found, remedy)
    if probed.works:
        return Finding(component, "well", _working(probed))
    bad = [one for one in probed.findings if one.standing == "bad"]
    remedy = _REMEDIES.get(bad[0].subject, "Look at its log; `moonloop models check` says more.")
    return Finding(component, "ill", "; ".join(one.sentence for one in bad), remedy.format(file=file))


def _working(probed: "Probed") -> str:
    words = f"{probed.model} works"
    if probed.latency_s is not None:
        words += f", a short answer took {probed.latency_s:.2f} s"
    notes = sum(one.standing == "note" for one in probed.findings)
    if probed.scripted:
        words += " (a script answers there, no model)"
    return words + (f"; what it lacks: moonloop models check ({notes})" if notes else "")


_REMEDIES = {
    "key": "Set what `key_env` or `key_file` of the endpoint in {file} names.",
    "reachable": "Start it, or correct its base_url in {file}.",
    "model": "Correct its name in {file}, or load it there: moonloop models load",
    "context": "Lower its `context` in {file}.",
}
"""What to do, by what of an endpoint is bad."""
