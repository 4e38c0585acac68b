"""What Moonloop costs beside the experiments themselves: latency, throughput, idling, memory, history.

Each figure stands beside a bound measured in the same run: an empty Temporal activity, and a bare FastAPI
handler that inserts one row into SQLite. Medians and ratios, since machines are noisy.
"""

import argparse
import asyncio
import csv
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil

SUPPORT = Path(__file__).parent / "bench_support"
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from bench_support.backlog import fill
from bench_support.empty import EmptyWorkflow, nothing
from moonloop.client.http import Connection
from moonloop.client.jobs import JobClient
from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.errors import MoonloopError
from moonloop.domain.facts import CampaignFacts, CampaignSummary, JournalEntry
from moonloop.domain.messages import ClaimRequest, EnrolRequest
from moonloop.domain.robots import Capabilities
from moonloop.embedded.stack import Stack, running
from moonloop.embedded.temporal import free_port
from moonloop.service.settings import Settings
from moonloop.workflows.worker import connect
from support.postgres import Cluster

Rows = list[tuple[str, str, str, str]]


def quiet(_sentence: str) -> None:
    """Say nothing."""


def show(title: str, rows: Rows) -> None:
    """Print one table."""
    head = ("figure", "measured", "aim or bound", "note")
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(4)]
    print(f"\n{title}")
    for row in [head, tuple("-" * width for width in widths), *rows]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


# A null experiment: a table of settings, answered at once.


def null_campaign(folder: Path, experiments: int, batch: int, policy: str) -> tuple[CampaignSpec, Path]:
    """Return a campaign over a table whose answers cost nothing, and the table."""
    side = 1
    while side**3 < 2 * experiments + 50:
        side += 1
    levels = [float(level) for level in range(side)]
    table = folder / "null.csv"
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["a", "b", "c", "y"])
        for a, b, c in itertools.product(levels, repeat=3):
            writer.writerow([a, b, c, round(a + b / 2 - c / 3, 3)])
    factors = [{"kind": "discrete", "name": name, "unit": "1", "levels": levels} for name in "abc"]
    spec = CampaignSpec.model_validate(
        {
            "moonloop": 1,
            "name": "null",
            "space": {"kind": "factors", "factors": factors},
            "objective": {"name": "y", "unit": "1", "direction": "maximise", "range": [-50, 100]},
            "protocol": {"name": "table.lookup/1", "robot": "simulated"},
            "scientist": {"claims_at_most": 0},
            "design": {"batch_size": batch},
            "budget": {"experiments": experiments},
            "reviews": {"simulated": policy},
            "on_lost": {"rerun": 3},
        }
    )
    return spec, table


@asynccontextmanager
async def stack(folder: Path, robots: int, table: Path) -> AsyncGenerator[tuple[Stack, Connection, float]]:
    """Run the stack with null robots; yield it, a connection as its owner, and the seconds to start it."""
    settings = Settings(home=folder / "home", port=free_port())
    began = time.perf_counter()
    async with running(settings, quiet) as made:
        started = time.perf_counter() - began
        owner = Connection(made.settings.url, made.settings.owner_token.read_text().strip())
        for number in range(robots):
            code = owner.post("/v1/robots/codes", {"kind": "simulated"}, dict[str, str])["code"]
            options = ["-o", f"csv={table}", "-o", "value=y", "-o", "unit=1"]
            await made.add(
                f"null-{number}",
                *("robot", "run", "table", "--name", f"null-{number}", *options),
                environment={"MOONLOOP_CODE": code},
            )
        yield made, owner, started


def start_campaign(owner: Connection, spec: CampaignSpec) -> str:
    """Start a campaign; return its id."""
    body = {"request_id": f"bench-{time.time_ns()}", "spec": spec.model_dump(mode="json")}
    return owner.post("/v1/campaigns", body, CampaignSummary, wait_s=120).id


def follow(owner: Connection, campaign: str, *, decide: bool = False) -> None:
    """Wait for a campaign to end, approving each plan the moment its review is open if that is asked."""
    with owner.stream("/v1/journal/stream", campaign=campaign) as response:
        for line in response.iter_lines():
            if not line.startswith("data: "):
                continue
            entry = JournalEntry.model_validate_json(line.removeprefix("data: "))
            if entry.what == "campaign.e":
                return
            if entry.what == "review.opened" and decide:
                decision = {
                    "id": f"dec_{entry.subject[4:]}",
                    "verdict": "approve",
                    "plan_sha256": entry.facts["plan"],
                }
                owner.post(f"/v1/reviews/{entry.subject}/decisions", decision, dict[str, Any])


# The figures.


async def latency(folder: Path, count: int) -> Rows:
    """From plan approved to result in the ledger, one null experiment at a time."""
    spec, table = null_campaign(folder, count, 1, "every_cycle")
    async with stack(folder, 1, table) as (made, owner, started):
        campaign = await asyncio.to_thread(start_campaign, owner, spec)
        await asyncio.to_thread(follow, owner, campaign, decide=True)
        facts = await asyncio.to_thread(owner.get, f"/v1/campaigns/{campaign}/facts", CampaignFacts)
        bound = await empty_activity(made, count)
        memory = memory_of(made)
    spans = [
        1e3 * (job.measurements[0].received_at - cycle.plan.reviews[0].decisions[0].at).total_seconds()
        for cycle in facts.cycles
        if cycle.plan is not None
        for job in cycle.jobs
        if job.measurements
    ]
    median = statistics.median(spans)
    worst = statistics.quantiles(spans, n=20)[-1]
    return [
        ("stack start-up", f"{started:.1f} s", "< 15 s", "Temporal, API and worker ready"),
        (
            "round trip of one null experiment",
            f"{median:.0f} ms",
            "< 250 ms",
            f"p95 {worst:.0f} ms, n = {len(spans)}; plan approved to result in the ledger",
        ),
        (
            "empty Temporal activity",
            f"{bound:.0f} ms",
            "bound",
            f"the round trip is {median / bound:.1f} of these",
        ),
        (
            "memory without Temporal",
            f"{memory:.0f} MB",
            "< 600 MB",
            "proportional set size: API, worker, thinker, 1 robot",
        ),
    ]


async def empty_activity(made: Stack, count: int) -> float:
    """Median milliseconds of a workflow whose one activity does nothing, on the same server."""
    client = await connect(made.settings.temporal_address)
    spans: list[float] = []
    worker = Worker(
        client,
        task_queue="bench",
        workflows=[EmptyWorkflow],
        activities=[nothing],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    async with worker:
        for number in range(count):
            began = time.perf_counter()
            await client.execute_workflow(EmptyWorkflow.run, id=f"empty-{number}", task_queue="bench")
            spans.append(1e3 * (time.perf_counter() - began))
    return statistics.median(spans)


def processes_of(made: Stack) -> list[psutil.Process]:
    """Return Moonloop's processes: those of the stack but Temporal, and this one is none of them."""
    roots = [psutil.Process(one.pid) for one in made.states() if one.pid and one.name != "temporal"]
    return [process for root in roots for process in [root, *root.children(recursive=True)]]


def memory_of(made: Stack) -> float:
    """Megabytes of memory, shared pages divided among their users."""
    total = 0
    for process in processes_of(made):
        try:
            total += process.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return total / 1e6


async def throughput(folder: Path, experiments: int, batch: int) -> Rows:
    """Null experiments per second with eight robots."""
    spec, table = null_campaign(folder, experiments, batch, "none")
    async with stack(folder, 8, table) as (_, owner, _started):
        campaign = await asyncio.to_thread(start_campaign, owner, spec)
        await asyncio.to_thread(follow, owner, campaign)
        facts = await asyncio.to_thread(owner.get, f"/v1/campaigns/{campaign}/facts", CampaignFacts)
    rates: list[float] = []
    for cycle in facts.cycles:
        ends = [job.measurements[0].received_at for job in cycle.jobs if job.measurements]
        begins = [attempt.offered_at for job in cycle.jobs for attempt in job.attempts]
        if len(ends) > 1:
            rates.append(len(ends) / (max(ends) - min(begins)).total_seconds())
    whole = _whole_rate(facts)
    return [
        (
            "experiments per second, 8 robots, within a batch",
            f"{statistics.median(rates):.1f}",
            "30",
            f"median of {len(rates)} batches of {batch}",
        ),
        ("the same, planning and analysis included", f"{whole:.1f}", "", f"{experiments} experiments"),
    ]


def _whole_rate(facts: CampaignFacts) -> float:
    ends = [
        job.measurements[0].received_at for cycle in facts.cycles for job in cycle.jobs if job.measurements
    ]
    assert facts.started_at is not None
    return len(ends) / (max(ends) - facts.started_at).total_seconds()


async def history(folder: Path, experiments: int, batch: int) -> Rows:
    """Size of the workflow histories of a long campaign."""
    spec, table = null_campaign(folder, experiments, batch, "none")
    async with stack(folder, 2, table) as (made, owner, _started):
        began = time.perf_counter()
        campaign = await asyncio.to_thread(start_campaign, owner, spec)
        await asyncio.to_thread(follow, owner, campaign)
        took = time.perf_counter() - began
        client = await connect(made.settings.temporal_address)
        sizes: list[tuple[int, int, str]] = []
        async for run in client.list_workflows(""):
            handle = client.get_workflow_handle(run.id, run_id=run.run_id)
            description = await handle.describe()
            info = description.raw_description.workflow_execution_info
            sizes.append((info.history_size_bytes, info.history_length, run.workflow_type))
    largest, events, kind = max(sizes)
    total = sum(size for size, _, _ in sizes)
    return [
        (
            "largest workflow history",
            f"{largest / 1e3:.0f} kB",
            "< 1 MB a run",
            f"{events} events, {kind}; {experiments} experiments in batches of {batch}",
        ),
        (
            "all histories together",
            f"{total / 1e6:.1f} MB",
            "",
            f"{len(sizes)} runs, campaign took {took:.0f} s",
        ),
    ]


async def idling(folder: Path, robots: int, seconds: float) -> Rows:
    """Server CPU while many robots wait for work that there is not."""
    _, table = null_campaign(folder, 1, 1, "none")
    async with stack(folder, 0, table) as (made, owner, _started):
        api = next(psutil.Process(one.pid) for one in made.states() if one.name == "api")
        worker = next(psutil.Process(one.pid) for one in made.states() if one.name == "worker")
        clients = [enrolled(owner, number) for number in range(robots)]
        stop = threading.Event()
        threads = [threading.Thread(target=poll, args=(client, stop), daemon=True) for client in clients]
        for thread in threads:
            thread.start()
        await asyncio.sleep(5)
        before, began = _cpu(api), time.perf_counter()
        before_worker = _cpu(worker)
        await asyncio.sleep(seconds)
        span = time.perf_counter() - began
        api_share, worker_share = (_cpu(api) - before) / span, (_cpu(worker) - before_worker) / span
        stop.set()
    return [
        (
            f"API process, {robots} idle robots polling",
            f"{100 * api_share:.1f} % of a core",
            "< 10 %",
            f"over {seconds:.0f} s",
        ),
        (
            "worker process meanwhile",
            f"{100 * worker_share:.1f} % of a core",
            "",
            "relay, sweeper, sealer, Temporal's polls",
        ),
    ]


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def enrolled(owner: Connection, number: int, protocol: str = "table.lookup/1") -> JobClient:
    """Return the client of a new simulated robot."""
    code = owner.post("/v1/robots/codes", {"kind": "simulated"}, dict[str, str])["code"]
    request = EnrolRequest(
        code=code,
        name=f"idle-{number}",
        adapter="bench",
        version="1",
        capabilities=Capabilities(protocols=(protocol,)),
    )
    with Connection(owner.url) as anybody:
        token = JobClient(anybody).enrol(request).token
    return JobClient(Connection(owner.url, token))


def poll(client: JobClient, stop: threading.Event) -> None:
    """Claim again and again, with the longest wait."""
    number = 0
    while not stop.is_set():
        number += 1
        try:
            client.claim(ClaimRequest(request_id=f"idle-{os.getpid()}-{number:08d}", wait_s=30))
        except Exception:  # noqa: BLE001 -- the stack is going down
            return


def driven(url: str, token: str, robots: int) -> float:
    """What robots in a process of their own get done per second."""
    command = [sys.executable, str(SUPPORT / "drive.py"), url, token, str(robots)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def lifecycles(folder: Path, database: str, jobs: int, robots: int) -> float:
    """Job lifecycles per second of the service alone: claim, accept, start, finish over HTTP, no Temporal."""
    settings = Settings(home=folder, port=free_port(), database=database, presence=1)
    token = fill(settings, jobs)
    command = [sys.executable, "-m", "moonloop", "serve"]
    server = subprocess.Popen(command, env=os.environ | settings.to_environment())
    try:
        wait_for(settings.url)
        return driven(settings.url, token, robots)
    finally:
        server.terminate()
        server.wait()


def bare(folder: Path, robots: int) -> float:
    """Requests per second of the bare handler."""
    port = free_port()
    command = [sys.executable, str(SUPPORT / "bare.py"), str(port), str(folder / "bare.db")]
    server = subprocess.Popen(command)
    try:
        wait_for(f"http://127.0.0.1:{port}")
        return driven(f"http://127.0.0.1:{port}", "bare", robots)
    finally:
        server.terminate()
        server.wait()


def service(folder: Path, jobs: int, robots: int, repeats: int) -> Rows:
    """Lifecycles on both databases, beside the bare handler."""
    cluster = Cluster()
    found: dict[str, list[float]] = {"SQLite": [], "PostgreSQL": [], "bare": []}
    try:
        for repeat in range(repeats):
            for name, url in (("SQLite", ""), ("PostgreSQL", cluster.fresh())):
                found[name].append(lifecycles(folder / f"{name}-{repeat}", url, jobs, robots))
            (folder / f"bare-{repeat}").mkdir()
            found["bare"].append(bare(folder / f"bare-{repeat}", robots))
    finally:
        cluster.stop()
    bound = statistics.median(found["bare"])
    rows: Rows = [
        ("bare FastAPI + SQLite handler", f"{bound:.0f} requests/s", "bound", "one durable row a request")
    ]
    for name in ("SQLite", "PostgreSQL"):
        median = statistics.median(found[name])
        note = f"4 requests each: {4 * median:.0f}/s, {4 * median / bound:.2f} of the bare handler"
        rows.append((f"job lifecycles on {name}", f"{median:.0f} /s", "60 /s", note))
    return rows


def wait_for(url: str) -> None:
    """Wait until a server answers, for half a minute."""
    for _ in range(300):
        try:
            with Connection(url) as anybody:
                anybody.get("/v1/health", dict[str, Any])
        except MoonloopError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(url)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller numbers, for a smoke test")
    parser.add_argument("--only", choices=["latency", "throughput", "service", "idling", "history"])
    given = parser.parse_args()
    few = given.quick
    parts: dict[str, tuple[str, Callable[[Path], Rows]]] = {
        "latency": (
            "One experiment at a time",
            lambda folder: asyncio.run(latency(folder, 10 if few else 40)),
        ),
        "throughput": (
            "Many robots",
            lambda folder: asyncio.run(throughput(folder, 80 if few else 400, 40 if few else 80)),
        ),
        "service": (
            "The service alone",
            lambda folder: service(folder, 100 if few else 600, 8, 1 if few else 3),
        ),
        "idling": (
            "Idle robots",
            lambda folder: asyncio.run(idling(folder, 200, 20 if few else 300)),
        ),
        "history": (
            "Workflow history",
            lambda folder: asyncio.run(history(folder, 100 if few else 1000, 10)),
        ),
    }
    for name, (title, measure) in parts.items():
        if given.only in (None, name):
            with tempfile.TemporaryDirectory(prefix="moonloop bench ") as folder:
                show(title, measure(Path(folder)))


if __name__ == "__main__":
    main()
