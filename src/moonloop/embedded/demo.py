"""`moonloop demo`: one command from nothing to the report of a real campaign."""

import asyncio
import secrets
import shlex
import shutil
import sys
import time
from dataclasses import replace
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from threading import Event

import typer

from moonloop.agents.models_commands import MODELS_VARIABLE
from moonloop.cli.campaign_file import CampaignFile, open_campaign_file
from moonloop.cli.documents import bring
from moonloop.cli.reviews import ReviewWithPlan, say_plan, send_decision
from moonloop.cli.watching import Watcher
from moonloop.client.http import Connection, asking_again_helps
from moonloop.client.terminal import say
from moonloop.domain.errors import MoonloopError, SetupProblem
from moonloop.domain.facts import CampaignFacts, CampaignSummary, IssuedToken, JournalEntry
from moonloop.domain.lifecycles import ReviewState
from moonloop.domain.reviews import DeciderKind, DecisionVerdict
from moonloop.domain.values import Reply
from moonloop.embedded.asking import agrees
from moonloop.embedded.scripted import MODULE, scripted_models, with_agents
from moonloop.embedded.stack import Stack, running
from moonloop.embedded.temporal import free_port, taken
from moonloop.embedded.up import at_home
from moonloop.service.settings import Settings

__all__ = ["UNATTENDED", "DemoOutcome", "run_demo"]

UNATTENDED = "moonloop demo, no person present"
"""Who decides when nobody can be asked: named for what it is, and for computational plans only."""

_TOKEN_S = 3600.0
_REPORT = "report.html"
_AGAIN_S = 1.0
_SCRIPT = "scripted-endpoint"


class DemoOutcome(Reply):
    """What the demo came to, and where it is."""

    campaign: CampaignSummary
    home: Path
    """Folder of the ledger, the artifacts and the logs."""
    report: Path
    took_s: float


def example(name: str) -> Path:
    """Return a campaign file that ships with Moonloop."""
    installed = Path(str(files("moonloop"))) / "examples" / name
    checkout = Path(__file__).parents[3] / "examples" / name
    for path in (installed, checkout):
        if path.exists():
            return path
    raise SetupProblem(problem=f"The example {name} is not installed.", remedy="Reinstall Moonloop.")


def run_demo(
    file: Path | None, home: Path | None, robots: int, seed: int | None, *, scripted: bool = False
) -> DemoOutcome:
    """Start the stack, run the campaign, write the report, stop; return where it all is."""
    campaign = _campaign_of(file, seed, scripted=scripted)
    folder = home or Path(".moonloop") / f"demo-{datetime.now():%Y%m%d-%H%M%S}"  # noqa: DTZ005 -- for people here
    settings = Settings.from_environment(home=folder.absolute(), port=free_port())
    script = free_port(settings.port) if scripted else None
    if script:
        settings = settings.model_copy(update={"models": str(scripted_models(settings.home, script))})
    try:
        try:
            return asyncio.run(_demo(settings, campaign, robots, script))
        except SetupProblem:
            if not taken(settings.port):
                raise
        say(f"Something else listens on port {settings.port} by now; starting again with another one.")
        settings = settings.model_copy(update={"port": free_port(settings.port, script or 0)})
        return asyncio.run(_demo(settings, campaign, robots, script))
    except KeyboardInterrupt:
        _say_how_to_go_on(settings, script)
        raise typer.Exit(130) from None


def _campaign_of(file: Path | None, seed: int | None, *, scripted: bool) -> CampaignFile:
    campaign = open_campaign_file(file or example("quinone_catholyte.yaml"))
    spec = campaign.spec
    if seed is not None:
        spec = spec.model_copy(update={"design": spec.design.model_copy(update={"seed": seed})})
    return replace(campaign, spec=with_agents(spec) if scripted else spec)


def _say_how_to_go_on(settings: Settings, script: int | None) -> None:
    here = at_home(settings.home)
    command = "moonloop" if shutil.which("moonloop") else f"{shlex.quote(sys.executable)} -m moonloop"
    say(f"Interrupted. The ledger and the logs are in {shlex.quote(str(settings.home))}.")
    models = ""
    if script:
        say(f"The script first, in a terminal: {shlex.quote(sys.executable)} -m {MODULE} --port {script}")
        models = f"; export {MODELS_VARIABLE}={shlex.quote(settings.models)}"
    # At the same port: it is where its robots ask for work.
    say(f"To go on: {here}{models}; {command} up --port {settings.port}")
    robots = sorted(file.parent.name for file in settings.home.glob("robots/*/robot.json"))
    for name in robots:
        say(f"Robot {name} again, in another terminal: {here}; {command} robot run xtb --name {name}")
    say(f"What waits for you then: {here}; {command} review list")


async def _demo(settings: Settings, campaign: CampaignFile, robots: int, script: int | None) -> DemoOutcome:
    began = time.monotonic()
    names = [f"xtb-{number}" for number in range(1, robots + 1)]
    async with running(settings, say) as stack:
        owner = Connection(stack.settings.url, stack.settings.owner_token.read_text().strip())
        say(f"The stack is up after {time.monotonic() - began:.0f} s; starting {robots} xtb robots.")
        stop = Event()
        try:
            if script:
                await _script(stack, script)
            await asyncio.gather(*(_robot(stack, owner, name) for name in names))
            summary = await asyncio.to_thread(_campaign, owner, campaign, settings.home, stop)
        except asyncio.CancelledError:
            say("\nInterrupted: each robot finishes its job first if that takes no longer than 10 s.")
            raise
        finally:
            stop.set()
            await stack.end(*names, _SCRIPT)
    took_s = time.monotonic() - began
    say(f"The whole demo took {took_s:.0f} s.")
    return DemoOutcome(campaign=summary, home=settings.home, report=settings.home / _REPORT, took_s=took_s)


async def _script(stack: Stack, port: int) -> None:
    say("A script answers for the agents. It is no model: what they say is made up beforehand.")
    up = f"http://127.0.0.1:{port}/health"
    await stack.add_program(_SCRIPT, MODULE, "--port", str(port), answers=up)


async def _robot(stack: Stack, owner: Connection, name: str) -> None:
    issued = await asyncio.to_thread(
        owner.post, "/v1/robots/codes", {"kind": "computational"}, dict[str, str]
    )
    environment = {"MOONLOOP_CODE": issued["code"], "OMP_NUM_THREADS": "1"}
    await stack.add(name, "robot", "run", "xtb", "--name", name, environment=environment)


def _campaign(owner: Connection, campaign: CampaignFile, folder: Path, stop: Event) -> CampaignSummary:
    for document in bring(owner, campaign.documents):
        say(f"Brought {document.name}.")
    body = {"request_id": f"demo-{time.time_ns()}", "spec": campaign.spec.model_dump(mode="json")}
    summary = owner.post("/v1/campaigns", body, CampaignSummary, wait_s=120)
    say(f"Campaign {summary.id}: {summary.name}.")
    watcher = Watcher(owner, summary.id)
    decider = _Decider(owner, watcher, stop)
    try:
        summary = watcher.run(decider.on_event, stop)
    finally:
        decider.close()
    if not stop.is_set():
        _write_report(owner, summary.id, folder)
    return summary


class _Decider:
    """Asks the person at the terminal about a plan; without one, the unattended identity decides."""

    def __init__(self, owner: Connection, watcher: Watcher, stop: Event) -> None:
        self._owner = owner
        self._watcher = watcher
        self._stop = stop
        self._token: IssuedToken | None = None

    def on_event(self, entry: JournalEntry) -> None:
        if entry.what != "review.opened" or self._stop.is_set():
            return
        found = self._owner.get(f"/v1/reviews/{entry.subject}", ReviewWithPlan)
        if found.review.state is not ReviewState.OPEN:
            return
        if sys.stdin.isatty() and sys.stdout.isatty():
            self._ask(found)
        else:
            self._decide_unattended(found)

    def _ask(self, found: ReviewWithPlan) -> None:
        self._watcher.hide()
        say_plan(found.review, found.plan)
        say("An approval of this plan also covers later ones of this campaign that ask for nothing new.")
        agreed = agrees("Approve this plan?", self._stop)
        if agreed:
            self._send(self._owner, found, DecisionVerdict.APPROVE, "")
        elif agreed is False:
            self._send(self._owner, found, DecisionVerdict.REJECT, "rejected at the terminal")
            self._owner.post(
                f"/v1/campaigns/{found.review.campaign_id}/stop", {"reason": ""}, CampaignSummary
            )

    def _decide_unattended(self, found: ReviewWithPlan) -> None:
        body = {
            "principal": UNATTENDED,
            "scopes": ["read", "decide"],
            "expires_in_s": _TOKEN_S,
            "decider": DeciderKind.UNATTENDED.value,
        }
        self._token = self._token or self._owner.post("/v1/tokens", body, IssuedToken)
        say("No terminal to ask at: an unattended identity approves the plan, and the report says so.")
        with Connection(self._owner.url, self._token.secret) as unattended:
            why = "no person was present; the plan is computational only"
            self._send(unattended, found, DecisionVerdict.APPROVE, why)

    def _send(
        self, server: Connection, found: ReviewWithPlan, verdict: DecisionVerdict, comment: str
    ) -> None:
        """Send a decision until the server has it: nobody is asked twice because the API was away."""
        decision = f"dec_{secrets.token_hex(12)}"
        while not self._stop.is_set():
            try:
                send_decision(server, found.review.id, verdict, found.plan.sha256, comment, decision)
            except MoonloopError as error:
                if not asking_again_helps(error):
                    raise
                self._stop.wait(_AGAIN_S)
            else:
                return

    def close(self) -> None:
        """Let nobody use the unattended identity after this."""
        if self._token is not None:
            try:
                self._owner.post(f"/v1/tokens/{self._token.id}/revoke", None, type(None))
            except MoonloopError as error:
                say(f"The unattended token could not be revoked ({error}); it ends within the hour.")


def _write_report(owner: Connection, campaign: str, folder: Path) -> None:
    facts = owner.get(f"/v1/campaigns/{campaign}/facts", CampaignFacts)
    for style, name in (("html", _REPORT), ("md", "report.md")):
        (folder / name).write_bytes(owner.bytes(f"/v1/campaigns/{campaign}/report", style=style))
    say("")
    say(facts.summary.waiting_for)
    if facts.summary.best_key is not None:
        say(f"Best: {facts.summary.best_key}, {facts.summary.best_value:.3f} {facts.summary.unit}")
    for one in facts.hypotheses:
        say(f"{one.state}: {one.hypothesis.proposed.statement}")
    say(f"The report is in {folder / _REPORT} (and report.md beside it).")
