"""`moonloop robot …`: enrol a device, run it, see what robots there are."""

import hashlib
import os
import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Annotated
from urllib.parse import quote

import typer

from moonloop.client.http import Connection
from moonloop.client.jobs import JobClient
from moonloop.client.session import connect, home_folder, server_url
from moonloop.client.terminal import JsonFlag, ago, as_given, print_json, print_table, say
from moonloop.domain.errors import SetupProblem
from moonloop.domain.facts import RobotFact
from moonloop.domain.messages import EnrolRequest
from moonloop.domain.robots import RobotKind
from moonloop.domain.values import Reply
from moonloop.lab_adapters.adapter import Adapter
from moonloop.lab_adapters.loading import load
from moonloop.lab_adapters.memory import Credentials, Memory
from moonloop.lab_adapters.robot import Robot

__all__ = ["add_to", "folder_of"]

_LONGEST = 150
"""Of a folder's name; file systems end at 255."""
_ENDING = b"moonloop: ends after the job in hand; a second signal ends it at once\n"

app = typer.Typer(help="Enrol robots, run them, see what they do.", no_args_is_help=True)

AdapterArgument = Annotated[
    str, typer.Argument(help="Adapter: xtb, table, or module:build.", metavar="ADAPTER")
]
NameOption = Annotated[
    str, typer.Option("--name", "-n", help="Name of the device; by default the adapter's.")
]
CodeOption = Annotated[str, typer.Option("--code", help="One-time enrolment code.", envvar="MOONLOOP_CODE")]
OptionsOption = Annotated[
    list[str] | None, typer.Option("--option", "-o", help="key=value for the adapter; may be given again.")
]
RobotArgument = Annotated[str, typer.Argument(help="Id of the robot, rob_…", metavar="ROBOT")]


class Code(Reply):
    """A one-time enrolment code."""

    code: str
    kind: RobotKind


def add_to(main: typer.Typer) -> None:
    """Add the commands."""
    main.add_typer(app, name="robot")


@app.command()
def code(
    kind: Annotated[RobotKind, typer.Argument(help="What the robot is; its results carry it for good.")],
    as_json: JsonFlag = False,
) -> None:
    """Issue a one-time enrolment code, valid for an hour."""
    with connect() as server:
        issued = server.post("/v1/robots/codes", {"kind": kind.value}, Code)
    if as_json:
        print_json(issued)
    else:
        say(issued.code)


@app.command()
def enroll(
    adapter: AdapterArgument,
    code: CodeOption = "",
    name: NameOption = "",
    option: OptionsOption = None,
    kind: Annotated[
        RobotKind | None, typer.Option(help="Without a code: issue one for this kind first (administrators).")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Enrol this device at the server; its credentials stay in a file that only its owner can read."""
    made = load(adapter, _options(option))
    try:
        with Memory(folder_of(name or made.name)).alone():
            credentials = _enrol(made, adapter, name or made.name, code or _issue(kind))
    finally:
        made.close()
    if as_json:
        print_json(credentials.model_dump(mode="json", exclude={"token"}))
    else:
        say(f"{credentials.robot_id} is enrolled as {credentials.kind}.")


@app.command()
def run(
    adapter: AdapterArgument,
    name: NameOption = "",
    code: CodeOption = "",
    option: OptionsOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Run a device: claim jobs, do them, report. Ends after the job in hand on the first signal."""
    made = load(adapter, _options(option))
    memory = Memory(folder_of(name or made.name))
    stop = threading.Event()
    try:
        with memory.alone():
            if not memory.enrolled and code:
                _enrol(made, adapter, name or made.name, code)
            credentials = memory.credentials()
            with Connection(credentials.url, credentials.token) as connection:
                robot = Robot(JobClient(connection), made, credentials, memory, stop)
                _stop_on_signals(robot, stop)
                _greet(credentials, as_json)
                robot.run()
    finally:
        made.close()


def _greet(credentials: Credentials, as_json: bool) -> None:
    if as_json:
        who = credentials.model_dump(mode="json", include={"robot_id", "kind", "url"})
        print_json(who, in_one_line=True)
    else:
        say(f"{credentials.robot_id} ({credentials.kind}) asks {credentials.url} for work.")


def _stop_on_signals(robot: Robot, stop: threading.Event) -> None:
    def asked(_signal: int, _frame: FrameType | None) -> None:
        if robot.idle or stop.is_set():
            raise SystemExit(0)
        stop.set()
        os.write(2, _ENDING)  # not by way of a stream or a log: they may be in the middle of a line

    signal.signal(signal.SIGTERM, asked)
    signal.signal(signal.SIGINT, asked)


@app.command(name="list")
def list_robots(
    as_json: JsonFlag = False,
) -> None:
    """List the robots that the server knows."""
    with connect() as server:
        found = server.get("/v1/robots", list[RobotFact])
    if as_json:
        print_json(found)
        return
    rows = [
        (one.id, one.name, one.kind, one.adapter, one.state, ago(one.last_seen), one.attempt_id or "")
        for one in found
    ]
    empty = "No robot is enrolled. Issue a code with: moonloop robot code KIND"
    print_table(("ROBOT", "NAME", "KIND", "ADAPTER", "STATE", "LAST SEEN", "DOING"), rows, empty)


@app.command()
def admit(robot: RobotArgument, as_json: JsonFlag = False) -> None:
    """Let a physical robot that waits do work."""
    with connect() as server:
        server.post(f"/v1/robots/{robot}/admit", None, type(None))
    if as_json:
        print_json({"robot_id": robot, "admitted": True})
    else:
        say(f"{robot} is admitted.")


@app.command()
def revoke(
    robot: RobotArgument,
    reason: Annotated[str, typer.Option("--reason", "-m", help="Why.")] = "",
    as_json: JsonFlag = False,
) -> None:
    """End a robot's access for good."""
    with connect() as server:
        server.post(f"/v1/robots/{robot}/revoke", {"reason": reason}, type(None))
    if as_json:
        print_json({"robot_id": robot, "revoked": True})
    else:
        say(f"{robot} is revoked.")


def _options(given: list[str] | None) -> dict[str, str]:
    pairs = [text.partition("=") for text in given or []]
    bad = [key for key, equals, _ in pairs if not equals]
    if bad:
        raise SetupProblem(problem=f"--option {bad[0]} has no value.", remedy="Write it as key=value.")
    return {key: value for key, _, value in pairs}


def folder_of(name: str) -> Path:
    """Return where the robot of a name keeps what it knows: one folder for each name, no way out of it."""
    quoted = quote(name, safe="", errors="surrogatepass").replace(".", "%2E")
    if len(quoted) > _LONGEST:
        quoted = f"{quoted[:_LONGEST]}-{hashlib.sha256(quoted.encode()).hexdigest()}"
    return home_folder() / "robots" / quoted


def _issue(kind: RobotKind | None) -> str:
    if kind is None:
        raise SetupProblem(
            problem="An enrolment needs a code.", remedy="Give --code, or --kind to issue one."
        )
    with connect() as server:
        return server.post("/v1/robots/codes", {"kind": kind.value}, Code).code


def _enrol(made: Adapter, adapter: str, name: str, code: str) -> Credentials:
    url = server_url()
    with as_given():
        request = EnrolRequest(
            code=code, name=name, adapter=adapter, version=made.version, capabilities=made.capabilities()
        )
    with Connection(url) as connection:
        enrolled = JobClient(connection).enrol(request)
    credentials = Credentials(
        url=url,
        robot_id=enrolled.robot_id,
        kind=enrolled.kind,
        token=enrolled.token,
        adapter=adapter,
        lease_ttl_s=enrolled.lease_ttl_s,
        beat_every_s=enrolled.beat_every_s,
        claim_wait_s=enrolled.claim_wait_s,
    )
    Memory(folder_of(name)).remember(credentials)
    return credentials
