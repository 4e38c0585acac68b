"""`moonloop doctor`: every component, whether it is well, and what to do when it is not."""

import os
import shutil
import sqlite3
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from moonloop.client.http import Connection
from moonloop.client.session import connect, home_folder, server_url
from moonloop.client.terminal import print_json, print_table, say
from moonloop.domain.errors import MoonloopError, ServerUnreachable, Unauthenticated
from moonloop.domain.facts import CampaignSummary, RobotFact

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
    ),
    "xtb": ("tblite", "rdkit", "numpy"),
    "postgres": ("psycopg",),
}
_LEAST_FREE = 1024**3
_LEAST_SQLITE = (3, 38)

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
        _python, _extras, _sqlite, _disk, _temporal, _server,
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
