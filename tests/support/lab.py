"""The whole loop in one process: a ledger, its services, real workers on a real Temporal server, hands."""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHandle, WorkflowHistory
from temporalio.service import RPCError

from moonloop.agents.bench.workbench import InlineBench
from moonloop.agents.door.absent import NoModels
from moonloop.agents.ports import Bench as AgentBench
from moonloop.agents.ports import Model
from moonloop.agents.turning import Turner
from moonloop.domain.access import Identity, Scope
from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.errors import MoonloopError
from moonloop.domain.facts import AttemptFact, CampaignFacts, JobFact, JournalEntry, ReviewFact
from moonloop.domain.lifecycles import CampaignState, ReviewState
from moonloop.domain.messages import (
    ClaimRequest,
    EnrolRequest,
    FinishReply,
    FinishRequest,
    Offer,
    ReleaseRequest,
)
from moonloop.domain.plans import JobSpec
from moonloop.domain.results import FinishReport, Outcome, ReportedMeasurement
from moonloop.domain.reviews import DeciderKind, DecisionVerdict, NewDecision
from moonloop.domain.robots import Capabilities, RobotKind
from moonloop.embedded.temporal import TemporalServer
from moonloop.service.campaigns import CampaignService
from moonloop.service.laboratory import IncidentService, LaboratoryService, ReviewService
from moonloop.service.loop import Loop, Outgoing
from moonloop.service.robots import JobService
from moonloop.service.settings import Settings
from moonloop.service.thinking import Thoughts
from moonloop.service.threads import LedgerThreads
from moonloop.service.upkeep import Sealer, Sweeper
from moonloop.service.wiring import open_ledger
from moonloop.store import Ledger, sealing
from moonloop.store.artifacts import ArtifactFiles
from moonloop.workflows import worker
from moonloop.workflows.activities import ComputeActivities, ControlActivities
from moonloop.workflows.agent_activities import ModelActivities, TaskActivities
from moonloop.workflows.contracts import CampaignArgs, campaign_workflow
from moonloop.workflows.relay import Relay
from support.tables import PROTOCOL, TABLE, setting_of

__all__ = [
    "PATIENCE_S",
    "Hands",
    "Lab",
    "OpenLab",
    "Scientist",
    "attempts_of",
    "ended",
    "jobs_of",
    "open_lab",
]

PATIENCE_S = 60.0
"""After which a condition will never hold. Shorter than the re-reads: a lost wake-up fails a test."""
_REREAD_S = 600.0
_PERSON = Identity(principal="olga", decider=DeciderKind.PERSON, scopes=frozenset({Scope.DECIDE}))


class Scientist(Thoughts):
    """The real scientist, who also looks into spaces, so that a start needs no interpreter of its own."""

    async def survey(self, spec: CampaignSpec) -> dict[str, Any]:
        """Return what a campaign's space holds."""
        return await self._call("survey", spec)

    @property
    def processes(self) -> list[int]:
        """The ids of the processes that think."""
        return [] if self._pool is None else list(self._pool._processes or ())  # pyright: ignore[reportPrivateUsage]  there is no other way to know whom to kill


class Hands:
    """A robot that a test drives step by step, or lets work by itself."""

    def __init__(self, jobs: JobService, robot: str) -> None:
        self._jobs = jobs
        self.robot = robot

    async def claim(self, wait_s: float = 20.0) -> Offer:
        """Return the next offer; there must be one soon."""
        request = ClaimRequest(request_id=secrets.token_hex(8), wait_s=wait_s)
        offer = await self._jobs.claim(self.robot, request)
        assert offer is not None, "there is no job to claim"
        return offer

    async def finds_nothing(self) -> bool:
        """Say whether there is no job to claim now."""
        return await self._jobs.claim(self.robot, ClaimRequest(request_id=secrets.token_hex(8))) is None

    async def start(self) -> Offer:
        """Claim, accept and start a job."""
        offer = await self.claim()
        await self._jobs.accept(self.robot, offer.attempt_id, offer.fence)
        await self._jobs.start(self.robot, offer.attempt_id, offer.fence)
        return offer

    async def release(self, offer: Offer) -> None:
        """Give a job back before its start."""
        await self._jobs.release(self.robot, offer.attempt_id, ReleaseRequest(fence=offer.fence))

    async def finish(self, offer: Offer, value: float | None = None) -> FinishReply:
        """Report the table's value, or another."""
        candidate = JobSpec.model_validate_json(offer.spec).candidate
        number = ReportedMeasurement(
            name="yield", unit="%", value=TABLE[setting_of(candidate)] if value is None else value
        )
        report = FinishReport(outcome=Outcome.SUCCEEDED, measurements=(number,))
        return await self._jobs.finish(
            self.robot, offer.attempt_id, FinishRequest(fence=offer.fence, report=report)
        )

    async def work(self) -> None:
        """Carry out one job after another, for ever."""
        while True:
            request = ClaimRequest(request_id=secrets.token_hex(8), wait_s=5)
            with suppress(MoonloopError):  # a start may be refused: the job is given back by its lease
                offer = await self._jobs.claim(self.robot, request)
                if offer is not None:
                    await self._jobs.accept(self.robot, offer.attempt_id, offer.fence)
                    await self._jobs.start(self.robot, offer.attempt_id, offer.fence)
                    await self.finish(offer)


@dataclass
class Lab:
    """What a test of the loop uses."""

    settings: Settings
    client: Client
    ledger: Ledger
    scientist: Scientist
    campaigns: CampaignService
    reviews: ReviewService
    incidents: IncidentService
    laboratory: LaboratoryService
    jobs: JobService
    stack: AsyncExitStack

    # Doing.

    async def start(self, spec: CampaignSpec) -> str:
        """Start a campaign; return its id."""
        return (await self.campaigns.start("alice", spec, secrets.token_hex(8))).id

    async def decide(
        self, review: ReviewFact, verdict: DecisionVerdict = DecisionVerdict.APPROVE, comment: str = ""
    ) -> None:
        """Decide on a plan as a person."""
        decision = NewDecision(
            id=f"dec_{secrets.token_hex(8)}", verdict=verdict, plan_sha256=review.plan_sha256, comment=comment
        )
        await self.reviews.decide(_PERSON, review.id, decision)

    async def hands(self, protocol: str = PROTOCOL) -> Hands:
        """Enrol a simulated robot."""
        code = await self.laboratory.issue_code("alice", RobotKind.SIMULATED, 600)
        request = EnrolRequest(
            code=code,
            name="hands",
            adapter="test",
            version="1",
            capabilities=Capabilities(protocols=(protocol,)),
        )
        return Hands(self.jobs, (await self.jobs.enrol(request)).robot_id)

    async def robots(self, count: int = 1) -> None:
        """Let so many robots work until the laboratory closes."""
        for _ in range(count):
            self.run((await self.hands()).work())

    def run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something in the background until the laboratory closes; it must not fail."""
        task = asyncio.ensure_future(work)
        self.stack.push_async_callback(_ended, task)
        return task

    async def stopped(self, task: asyncio.Task[None]) -> None:
        """Stop something that runs in the background."""
        await _ended(task)

    def relay(self, outgoing: Outgoing | None = None) -> asyncio.Task[None]:
        """Run a relay in the background."""
        mine = outgoing or Outgoing(self.ledger, f"relay-{secrets.token_hex(4)}", self.settings.lead)
        pace = CampaignArgs(
            campaign_id="",
            reread_s=self.settings.reread,
            silence_s=self.settings.silence,
            cycles_per_run=self.settings.cycles_per_run,
        )
        relay = Relay(self.client, mine, args=pace, idle_s=0.2, check_every_s=self.settings.check)
        return self.run(relay.run())

    # Looking.

    async def facts(self, campaign: str) -> CampaignFacts:
        """Return all that the ledger knows of a campaign."""
        return await self.campaigns.facts(campaign)

    async def until(self, campaign: str, condition: Callable[[CampaignFacts], object]) -> CampaignFacts:
        """Wait until a condition on the facts holds, looking at every change; fail when it never does."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                mark = self.ledger.changes.mark()
                facts = await self.facts(campaign)
                if condition(facts):
                    return facts
                await self.ledger.changes.wait(mark, 1.0)

    async def done(self, campaign: str) -> CampaignFacts:
        """Wait for the end of a campaign."""
        return await self.until(campaign, ended)

    async def review(self, campaign: str, cycle: int = 0) -> ReviewFact:
        """Wait for an open review, of any cycle or of one."""

        def opened(facts: CampaignFacts) -> list[ReviewFact]:
            return [
                review
                for each in facts.cycles
                if each.plan is not None and cycle in (0, each.number)
                for review in each.plan.reviews
                if review.state is ReviewState.OPEN
            ]

        return opened(await self.until(campaign, opened))[0]

    async def numbered(self) -> None:
        """Wait until the whole journal is numbered."""
        async with asyncio.timeout(PATIENCE_S):
            while await self.ledger.read(sealing.unsealed):
                await self.ledger.changes.wait(self.ledger.changes.mark(), 0.05)

    @property
    def ledger_file(self) -> Path:
        """The ledger's database."""
        assert self.ledger.path is not None
        return self.ledger.path

    async def journal(self, campaign: str) -> list[JournalEntry]:
        """Return the campaign's journal."""
        await self.numbered()
        return await self.campaigns.entries(0, campaign, limit=10_000)

    def workflow(self, campaign: str) -> WorkflowHandle[Any, Any]:
        """Return the campaign's workflow."""
        return self.client.get_workflow_handle(campaign_workflow(campaign))

    async def workflow_has(self, workflow: str, event: str) -> None:
        """Wait until the history of a workflow, begun or not, has an event of a type."""
        handle = self.client.get_workflow_handle(workflow)
        async with asyncio.timeout(PATIENCE_S):
            while True:
                with suppress(RPCError):
                    events = (await handle.fetch_history()).events
                    if any(EventType.Name(found.event_type).endswith(_wire_name(event)) for found in events):
                        return
                await self.ledger.changes.wait(self.ledger.changes.mark(), 0.05)

    async def continued(self, workflow: str, times: int) -> None:
        """Wait until a workflow has continued as new so many times."""
        handle = self.client.get_workflow_handle(workflow)
        runs: set[str] = set()
        async with asyncio.timeout(PATIENCE_S):
            while len(runs) <= times:
                with suppress(RPCError):
                    runs.add((await handle.describe()).run_id)
                await self.ledger.changes.wait(self.ledger.changes.mark(), 0.05)

    async def happened(self, campaign: str, what: str) -> None:
        """Wait until the journal has an entry of a kind."""
        async with asyncio.timeout(PATIENCE_S):
            while all(entry.what != what for entry in await self.journal(campaign)):
                await self.ledger.changes.wait(self.ledger.changes.mark(), 0.05)

    async def runs(self, workflow: str) -> list[WorkflowHistory]:
        """Return the history of each run of a workflow, the last run first."""
        found: list[WorkflowHistory] = []
        run: str | None = None
        while run != "":
            found.append(await self.client.get_workflow_handle(workflow, run_id=run).fetch_history())
            begun = found[-1].events[0].workflow_execution_started_event_attributes
            run = begun.continued_execution_run_id
        return found

    async def forget(self, workflow: str) -> None:
        """Let Temporal forget a workflow and its children, as if its database had been lost."""
        await self.client.get_workflow_handle(workflow).terminate()


def _wire_name(event: str) -> str:
    return "".join(f"_{letter}" if letter.isupper() else letter for letter in event).upper()


OpenLab = Callable[..., AbstractAsyncContextManager[Lab]]
"""Opens a laboratory, with changes to its settings."""


def ended(facts: CampaignFacts) -> bool:
    """Say whether a campaign is done."""
    return facts.summary.state is CampaignState.DONE


def jobs_of(facts: CampaignFacts) -> list[JobFact]:
    """Return the jobs of a campaign, in the order of planning."""
    return [job for cycle in facts.cycles for job in cycle.jobs]


def attempts_of(facts: CampaignFacts) -> list[AttemptFact]:
    """Return the attempts of a campaign."""
    return [attempt for job in jobs_of(facts) for attempt in job.attempts]


async def _ended(task: asyncio.Task[None]) -> None:
    while not task.done():  # on Python 3.11 wait_for may swallow a cancellation that comes with its result
        task.cancel()
        await asyncio.wait({task}, timeout=0.2)
    if not task.cancelled():
        task.result()


@asynccontextmanager
async def open_lab(
    home: Path,
    temporal: TemporalServer,
    scientist: Scientist,
    *,
    loop: type[Loop] = Loop,
    relay: bool = True,
    model: Model | None = None,
    bench: AgentBench | None = None,
    **changes: Any,
) -> AsyncGenerator[Lab]:
    """Open a laboratory on a ledger of its own, with workers, upkeep and, as a rule, a relay."""
    settings = Settings.model_validate(
        {"home": home, "reread": _REREAD_S, "presence": 0.5, "sweep": 0.05, "lead": 0.6, **changes}
    )
    ledger = open_ledger(settings)
    files = ArtifactFiles(settings.artifacts, settings.artifact_limit)
    client = await worker.connect(temporal.address)
    activities = loop(ledger, files, scientist, "algorithmic")
    async with AsyncExitStack() as stack:
        stack.callback(ledger.close)
        lab = Lab(
            settings=settings,
            client=client,
            ledger=ledger,
            scientist=scientist,
            campaigns=CampaignService(ledger, files, scientist),
            reviews=ReviewService(ledger),
            incidents=IncidentService(ledger),
            laboratory=LaboratoryService(ledger),
            jobs=JobService(ledger, files, settings),
            stack=stack,
        )
        stack.callback(lab.jobs.close)
        turner = Turner(
            LedgerThreads(ledger), model or NoModels(settings.models_file), bench or InlineBench()
        )
        models = worker.models_worker(client, ModelActivities(turner), 8)
        await stack.enter_async_context(models)
        control = worker.control_worker(client, ControlActivities(activities), TaskActivities(turner))
        compute = worker.compute_worker(client, ComputeActivities(activities, scientist), 2)
        await stack.enter_async_context(control)
        await stack.enter_async_context(compute)
        stack.push_async_callback(_end_workflows, lab)
        await lab.jobs.beat_presence()
        for upkeep in (lab.jobs.be_present(), Sweeper(ledger, settings.sweep).run(), Sealer(ledger).run()):
            lab.run(upkeep)
        if relay:
            lab.relay()
        yield lab


async def _end_workflows(lab: Lab) -> None:
    for campaign in await lab.campaigns.all():
        with suppress(RPCError):
            await lab.workflow(campaign.id).terminate()
