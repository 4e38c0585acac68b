"""`moonloop campaign …`."""

import hashlib
import secrets
from pathlib import Path
from typing import Annotated, Any

import typer

from moonloop.cli import agents
from moonloop.cli.campaign_file import file_schema, open_campaign_file, read_campaign_file
from moonloop.cli.documents import bring
from moonloop.cli.watching import watch
from moonloop.client.session import connect
from moonloop.client.terminal import JsonFlag, ago, print_json, print_table, say
from moonloop.domain.errors import InvalidInput, ServerUnreachable, Unauthenticated
from moonloop.domain.facts import AgentFact, CampaignFacts, CampaignSummary, ThreadFact

__all__ = ["add_to"]

CampaignArgument = Annotated[str, typer.Argument(help="Id of the campaign, cmp_…", metavar="CAMPAIGN")]
FileArgument = Annotated[Path, typer.Argument(help="The campaign file, YAML or JSON.", metavar="FILE")]
ReasonOption = Annotated[str, typer.Option("--reason", "-m", help="Why; it is kept in the journal.")]

app = typer.Typer(help="Start campaigns, watch and steer them, read their reports.", no_args_is_help=True)


def add_to(main: typer.Typer) -> None:
    """Add the commands."""
    main.add_typer(app, name="campaign")


@app.command()
def validate(file: FileArgument, as_json: JsonFlag = False) -> None:
    """Check a campaign file, and its space where a server is at hand to look into it."""
    spec = read_campaign_file(file)
    try:
        with connect() as server:
            survey: dict[str, Any] | None = server.post(
                "/v1/campaigns/validate", spec, dict[str, Any], wait_s=120
            )
    except (ServerUnreachable, Unauthenticated):
        survey = None
    if as_json:
        print_json({"valid": True, "survey": survey})
        return
    say(f"{file} is valid: {spec.name}.")
    if survey is None:
        say(
            "No server is running, so its structures and constraints were not looked into "
            "(`moonloop up` starts one)."
        )
    else:
        _say_survey(survey)


def _say_survey(survey: dict[str, Any]) -> None:
    counted = "" if survey["candidates"] is None else f", {survey['candidates']} candidates"
    say(f"  {survey['settings']} combinations of levels{counted}.")
    if not survey["complete"]:
        say(f"  Of a random subset of {survey['pool']}:")
    for constraint in survey["constraints"]:
        say(f"  {constraint['name']}: leaves {constraint['leaves']}.")
    if survey["constraints"]:
        say(f"  All constraints together leave {survey['feasible']}.")
    for claim in survey["claims"]:
        pairs = "" if claim["pairs"] is None else f" It can be tested on {claim['pairs']} matched pairs."
        say(f"  Claim: {claim['statement']}{pairs}")
    for note in survey["notes"]:
        say(f"  {note}")


@app.command()
def schema(_as_json: JsonFlag = True) -> None:
    """Print the JSON Schema of campaign files, for editors; it is JSON either way."""
    print_json(file_schema())


@app.command()
def start(
    file: FileArgument,
    follow: Annotated[bool, typer.Option("--watch", "-w", help="Watch it to its end.")] = False,
    request: Annotated[str, typer.Option(help="Id of this request: sent again, it starts nothing new.")] = "",
    as_json: JsonFlag = False,
) -> None:
    """Start a campaign; documents that its file gives by path are brought first."""
    given = open_campaign_file(file)
    body = {"request_id": request or secrets.token_hex(16), "spec": given.spec.model_dump(mode="json")}
    with connect() as server:
        brought = bring(server, given.documents)
        summary = server.post("/v1/campaigns", body, CampaignSummary, wait_s=120)
    if as_json:
        print_json(summary, in_one_line=follow)
    else:
        for document in brought:
            say(f"Brought {document.name}.")
        say(f"Started {summary.id}: {summary.name}.")
    if follow:
        watch(summary.id, as_json=as_json)
    elif not as_json:
        say(f"Watch it with: moonloop campaign watch {summary.id}")


@app.command(name="list")
def list_campaigns(as_json: JsonFlag = False) -> None:
    """List the campaigns, the newest first."""
    with connect() as server:
        found = server.get("/v1/campaigns", list[CampaignSummary])
    if as_json:
        print_json(found)
        return
    rows = [
        (
            one.id,
            one.name,
            one.state,
            f"{one.experiments_done}/{one.experiments_limit}",
            _best(one),
            ago(one.created_at),
        )
        for one in found
    ]
    empty = "There are no campaigns yet. Start one with: moonloop campaign start FILE"
    print_table(("CAMPAIGN", "NAME", "STATE", "DONE", "BEST", "STARTED"), rows, empty)


def _best(one: CampaignSummary) -> str:
    return "" if one.best_value is None else f"{one.best_value:.4g} {one.unit}"


@app.command()
def show(campaign: CampaignArgument, as_json: JsonFlag = False) -> None:
    """Show where a campaign stands, and why."""
    with connect() as server:
        facts = server.get(f"/v1/campaigns/{campaign}/facts", CampaignFacts)
    if as_json:
        print_json(facts)
        return
    summary = facts.summary
    say(f"{summary.name} ({summary.id}): {summary.state}")
    say(summary.waiting_for)
    if summary.best_key is not None:
        say(f"Best so far: {summary.best_key}, {_best(summary)}")
    print_table(
        ("BUDGET LINE", "SPENT", "RESERVED", "LIMIT", "UNIT"),
        [
            (
                line.line,
                f"{line.spent:g}",
                f"{line.reserved:g}",
                "none" if line.limit is None else f"{line.limit:g}",
                line.unit,
            )
            for line in facts.budgets
            if line.counts
        ],
        "No budget lines.",
    )
    print_table(
        ("CLAIM", "SAID", "STATE", "E FOR", "E AGAINST", "N"),
        [
            (
                one.hypothesis.id,
                agents.claim(facts, one.hypothesis.proposed),
                one.state,
                f"{one.evidence[-1].e_support:.3g}" if one.evidence else "",
                f"{one.evidence[-1].e_refute:.3g}" if one.evidence else "",
                one.evidence[-1].n if one.evidence else 0,
            )
            for one in facts.hypotheses
        ],
        "No claims are registered.",
    )
    agents.say_agents(facts)


@app.command()
def transcript(
    campaign: CampaignArgument,
    thread: Annotated[
        str,
        typer.Argument(help="Id of a task's thread, thr_…; without it they are listed.", metavar="[THREAD]"),
    ] = "",
    full: Annotated[bool, typer.Option("--full", help="Print messages whole, however long.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Show what the agents of a campaign were told, asked for and said."""
    with connect() as server:
        path = f"/v1/campaigns/{campaign}/threads"
        found = server.get(f"{path}/{thread}", ThreadFact) if thread else server.get(path, list[AgentFact])
    if as_json:
        print_json(found)
    elif isinstance(found, ThreadFact):
        agents.say_thread(found, full=full)
    else:
        agents.say_threads(campaign, found)


@app.command(name="watch")
def watch_campaign(campaign: CampaignArgument, as_json: JsonFlag = False) -> None:
    """Follow a campaign to its end; a connection that is cut is made again where it broke."""
    watch(campaign, as_json=as_json)


def _steer(verb: str, campaign: str, reason: str, as_json: bool) -> None:
    with connect() as server:
        summary = server.post(f"/v1/campaigns/{campaign}/{verb}", {"reason": reason}, CampaignSummary)
    if as_json:
        print_json(summary)
    else:
        say(f"{summary.id} is {summary.state}. {summary.waiting_for}")


@app.command()
def pause(campaign: CampaignArgument, reason: ReasonOption = "", as_json: JsonFlag = False) -> None:
    """Queue no new job; what moves finishes."""
    _steer("pause", campaign, reason, as_json)


@app.command()
def resume(campaign: CampaignArgument, reason: ReasonOption = "", as_json: JsonFlag = False) -> None:
    """Go on with a paused campaign."""
    _steer("resume", campaign, reason, as_json)


@app.command()
def stop(campaign: CampaignArgument, reason: ReasonOption = "", as_json: JsonFlag = False) -> None:
    """Cancel what waits, let what moves finish, and write the report."""
    _steer("stop", campaign, reason, as_json)


@app.command()
def budget(
    campaign: CampaignArgument,
    line: Annotated[str, typer.Argument(help="The budget line, such as experiments.")],
    limit: Annotated[float, typer.Argument(help="Its new limit.")],
    as_json: JsonFlag = False,
) -> None:
    """Change the limit of a budget line; what has started goes on."""
    with connect() as server:
        server.put_json(f"/v1/campaigns/{campaign}/budget", {"line": line, "limit": limit})
    if as_json:
        print_json({"campaign_id": campaign, "line": line, "limit": limit})
    else:
        say(f"The limit of {line} is now {limit:g}.")


_SUFFIX = {"html": ".html", "md": ".md"}


@app.command()
def report(
    campaign: CampaignArgument,
    to: Annotated[
        Path | None, typer.Option("--to", "-o", help="File to write; by default in this folder.")
    ] = None,
    style: Annotated[str, typer.Option("--format", help="html or md.")] = "html",
    as_json: JsonFlag = False,
) -> None:
    """Write the report: of the whole campaign when it is done, of how things stand before that."""
    if style not in _SUFFIX:
        raise InvalidInput(where="--format", why="it is html or md")
    with connect() as server:
        body = server.bytes(f"/v1/campaigns/{campaign}/report", style=style)
    _write(to or Path(f"{campaign}{_SUFFIX[style]}"), body, "The report", as_json)


@app.command()
def export(
    campaign: CampaignArgument,
    to: Annotated[
        Path | None, typer.Option("--to", "-o", help="Zip to write; by default in this folder.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Write a zip of the records, the artifacts and a manifest with every hash."""
    with connect() as server:
        body = server.bytes(f"/v1/campaigns/{campaign}/export")
    _write(to or Path(f"{campaign}.zip"), body, "The export", as_json)


@app.command(name="import")
def import_campaign(
    file: Annotated[Path, typer.Argument(help="A zip made by `campaign export`.")], as_json: JsonFlag = False
) -> None:
    """Take in an exported campaign, checking every hash."""
    try:
        body = file.read_bytes()
    except OSError as error:
        raise InvalidInput(where=str(file), why=error.strerror or str(error)) from error
    with connect() as server:
        summary = server.put("/v1/imports", body, {"Content-Type": "application/zip"}, CampaignSummary)
    if as_json:
        print_json(summary)
    else:
        say(f"Imported {summary.id}: {summary.name}.")


def _write(path: Path, body: bytes, what: str, as_json: bool) -> None:
    try:
        path.write_bytes(body)
    except OSError as error:
        raise InvalidInput(where=str(path), why=error.strerror or str(error)) from error
    if as_json:
        print_json({"path": str(path), "size": len(body), "sha256": hashlib.sha256(body).hexdigest()})
    else:
        say(f"{what} is in {path}")
