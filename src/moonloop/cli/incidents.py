"""`moonloop incident …`: what a person must settle."""

from typing import Annotated

import typer

from moonloop.client.session import connect
from moonloop.client.terminal import JsonFlag, ago, print_json, print_table, say
from moonloop.domain.errors import InvalidInput
from moonloop.domain.facts import IncidentFact
from moonloop.domain.reviews import Resolution

__all__ = ["add_to"]

IncidentArgument = Annotated[str, typer.Argument(help="Id of the incident, inc_…", metavar="INCIDENT")]

app = typer.Typer(help="See and settle what only a person can.", no_args_is_help=True)


def add_to(main: typer.Typer) -> None:
    """Add the commands."""
    main.add_typer(app, name="incident")


@app.command(name="list")
def list_incidents(
    everything: Annotated[bool, typer.Option("--all", help="Also those that are settled.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """List the incidents, the oldest first."""
    with connect() as server:
        found = server.get("/v1/incidents", list[IncidentFact], state=None if everything else "open")
    if as_json:
        print_json(found)
        return
    rows = [
        (one.id, one.kind, one.state, one.job_id, one.robot_id, ago(one.opened_at), one.resolution or "")
        for one in found
    ]
    empty = "Nothing waits to be settled."
    print_table(("INCIDENT", "KIND", "STATE", "JOB", "ROBOT", "OPENED", "SETTLED AS"), rows, empty)


@app.command()
def show(incident: IncidentArgument, as_json: JsonFlag = False) -> None:
    """Show what happened, and what can be done about it."""
    with connect() as server:
        one = server.get(f"/v1/incidents/{incident}", IncidentFact)
    if as_json:
        print_json(one)
        return
    say(f"{one.id}: {one.state}")
    say(
        f"Robot {one.robot_id} fell silent {ago(one.opened_at)}, "
        f"after it had started {one.job_id} ({one.attempt_id})."
    )
    if one.resolution is not None:
        say(f"Settled as {one.resolution} by {one.by}: {one.reason}")
        return
    say("Find out what became of it, then say one of:")
    say(f"  moonloop incident reconcile {one.id} --rerun --reason …   it is to be run again")
    if one.late_result:
        say(f"  moonloop incident reconcile {one.id} --adopt --reason …   its late result is good")
    say(f"  moonloop incident reconcile {one.id} --fail --reason …    it is lost for good")


@app.command()
def reconcile(
    incident: IncidentArgument,
    reason: Annotated[str, typer.Option("--reason", "-m", help="What you found; it is kept.")],
    rerun: Annotated[
        bool, typer.Option("--rerun", help="Run the job again, by one more use of its approval.")
    ] = False,
    adopt: Annotated[bool, typer.Option("--adopt", help="Count the late result.")] = False,
    fail: Annotated[bool, typer.Option("--fail", help="The job has failed.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Say what became of a lost job; this also lifts the robot's quarantine."""
    asked = [
        resolution
        for resolution, chosen in (
            (Resolution.RERUN, rerun),
            (Resolution.ADOPT, adopt),
            (Resolution.FAIL, fail),
        )
        if chosen
    ]
    if len(asked) != 1:
        raise InvalidInput(where="reconcile", why="give just one of --rerun, --adopt and --fail")
    body = {"resolution": asked[0].value, "reason": reason}
    with connect() as server:
        one = server.post(f"/v1/incidents/{incident}/reconcile", body, IncidentFact)
    if as_json:
        print_json(one)
    else:
        say(f"{one.id} is settled: {one.resolution}.")
