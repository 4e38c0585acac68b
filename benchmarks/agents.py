"""What Moonloop adds to a model call, and what an agent's task leaves in a workflow's history.

    python benchmarks/agents.py [--quick]

Eight threads at once take their turns through a real worker process, a real Temporal server and a ledger on
SQLite, at an endpoint of ours that answers after a fixed time. Shown beside it, in the same run: an activity
that does nothing, in as many workflows at once, and the same messages sent straight to the endpoint, by as
many at once. A turn or an activity lasts from the moment it is scheduled to the moment the server has its
result, by the server's own clock; a direct call is timed by the caller. The aim: a turn takes at most 50 ms
more than the empty activity and the call together. The history is that of one task of 60 turns, 58 tools and
messages of 5 KB; the aim is 100 KB.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from temporalio.client import Client, WorkflowHandle, WorkflowHistory
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

SUPPORT = Path(__file__).parent / "bench_support"
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from bench_support.empty import EmptyWorkflow, nothing
from moonloop.agents.door.config import Endpoint
from moonloop.agents.door.wire import request_body
from moonloop.agents.ports import Prompted, ToolSpec
from moonloop.agents.roles import KITS
from moonloop.domain.agents import AgentTask, Role, Sampling, TurnRef
from moonloop.domain.canonical import seal
from moonloop.domain.ids import thread_id
from moonloop.embedded.processes import Program, Supervisor, answers_at
from moonloop.embedded.temporal import TemporalServer, find_server, free_port
from moonloop.service.settings import Settings
from moonloop.service.wiring import open_ledger
from moonloop.store import Ledger, campaigns, threads
from moonloop.workflows import contracts
from moonloop.workflows.contracts import AgentArgs
from moonloop.workflows.worker import connect
from support.tables import table_spec

THREADS = 8
DELAY_MS = 300.0
AIM_MS = 50.0
AIM_BYTES = 100_000
TOOL = ToolSpec(name="data_query", description="Look up what was measured.", schema={"type": "object"})


def main() -> None:
    """Run both measurements and print their tables; exit with 1 when an aim is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the turns")
    turns = 6 if parser.parse_args().quick else 60
    sys.exit(asyncio.run(_measured(turns)))


async def _measured(turns: int) -> int:
    with tempfile.TemporaryDirectory(prefix="moonloop-agents-") as folder:
        async with _running(Path(folder)) as (client, ledger, endpoint):
            empty = await _empty(client, turns)
            histories = await _turns(client, ledger, turns)
            direct = await _direct(ledger, endpoint, turns)
    taken = [ms for history in histories for ms in _durations(history, contracts.LLM_TURN)]
    tools = [ms for history in histories for ms in _durations(history, contracts.TOOL_CALL)]
    over = statistics.median(taken) - statistics.median(direct) - statistics.median(empty)
    print(f"\n{THREADS} threads at once, {turns} turns each, the endpoint answers after {DELAY_MS:g} ms")
    print("what                         median ms   90 % below      n")
    for name, sample in (
        ("an empty activity", empty),
        ("the call, straight", direct),
        ("a turn", taken),
        ("a use of a tool", tools),
    ):
        print(f"{name:28} {statistics.median(sample):9.1f} {_ninety(sample):12.1f} {len(sample):6}")
    print(f"{'a turn adds':28} {over:9.1f}   aim {AIM_MS:g}")
    size = max(len(history.to_json().encode()) for history in histories)
    wire = max(sum(event.ByteSize() for event in history.events) for history in histories)
    print(
        f"\nhistory of one task of {turns} turns, {turns - 2} tools, messages of 5 KB: {wire / 1000:.1f} kB",
        end="",
    )
    print(f" (as JSON {size / 1000:.0f} kB), aim {AIM_BYTES / 1000:g}")
    return int(over > AIM_MS or wire > AIM_BYTES)


def _ninety(sample: Sequence[float]) -> float:
    return statistics.quantiles(sample, n=10)[-1]


@asynccontextmanager
async def _running(folder: Path) -> AsyncGenerator[tuple[Client, Ledger, str]]:
    port = free_port()
    temporal = TemporalServer(
        program=find_server(), database=folder / "temporal.db", log=folder / "temporal.log", port=free_port()
    )
    models = folder / "models.yaml"
    endpoint = {"base_url": f"http://127.0.0.1:{port}/v1", "model": "scripted-talker", "at_once": THREADS}
    roles = {"default": ["only"]}
    models.write_text(json.dumps({"moonloop_models": 1, "endpoints": {"only": endpoint}, "roles": roles}))
    settings = Settings(
        home=folder / "home", temporal_address=temporal.address, models=str(models), model_calls=THREADS
    )
    ledger = open_ledger(settings)
    async with Supervisor() as supervisor:
        await supervisor.start(temporal.supervised())
        talks = (sys.executable, str(SUPPORT / "talker.py"), str(port), str(DELAY_MS))
        ready = answers_at(f"http://127.0.0.1:{port}/health")
        log = folder / "endpoint.log"
        await supervisor.start(
            Program(name="endpoint", command=talks, log=log, environment=dict(os.environ), ready=ready)
        )
        works = (sys.executable, "-m", "moonloop", "worker", "control", "models")
        own = dict(os.environ) | settings.to_environment()
        await supervisor.start(
            Program(name="worker", command=works, log=folder / "worker.log", environment=own)
        )
        client = await connect(temporal.address)
        try:
            yield client, ledger, f"http://127.0.0.1:{port}/v1"
        finally:
            ledger.close()


async def _empty(client: Client, turns: int) -> list[float]:
    runner = UnsandboxedWorkflowRunner()
    found: list[float] = []
    async with Worker(
        client, task_queue="empty", workflows=[EmptyWorkflow], activities=[nothing], workflow_runner=runner
    ):
        for number in range(turns):
            begun = [
                client.start_workflow(EmptyWorkflow.run, id=f"empty-{number}-{one}", task_queue="empty")
                for one in range(THREADS)
            ]
            handles = await asyncio.gather(*begun)
            await asyncio.gather(*(handle.result() for handle in handles))
            for handle in handles:
                found += _durations(await handle.fetch_history(), "nothing")
    return found


async def _direct(ledger: Ledger, endpoint: str, turns: int) -> list[float]:
    """Time the calls that the turns have made, made once more without Moonloop."""
    async with httpx.AsyncClient(timeout=60) as client:

        async def again(campaign: str) -> list[float]:
            found: list[float] = []
            for turn in range(turns - 1):  # the last corrects the one before it
                body = await _body(ledger, campaign, 2 + 2 * turn)
                began = time.perf_counter()
                (await client.post(f"{endpoint}/chat/completions", json=body)).raise_for_status()
                found.append(1_000 * (time.perf_counter() - began))
            return found

        samples = await asyncio.gather(*(again(_campaign(number)) for number in range(THREADS)))
        return [ms for sample in samples for ms in sample]


async def _body(ledger: Ledger, campaign: str, upto: int) -> dict[str, Any]:
    ref = TurnRef(thread=thread_id(campaign, 1, Role.ADVISOR), upto=upto)
    said = (await ledger.read(threads.read_thread, ref)).messages
    own = Endpoint(base_url="http://127.0.0.1/v1", model="scripted-talker")
    kit = KITS[Role.ADVISOR]
    prompted = Prompted(
        role=Role.ADVISOR,
        session=ref.thread,
        messages=said,
        tools=(TOOL,),
        use_tools=True,
        schema=kit.schema,
        schema_name=kit.schema_name,
        sampling=Sampling(seed=0, max_tokens=100),
    )
    return request_body(own, own.model, prompted)


def _campaign(number: int) -> str:
    return f"cmp_000000000000000{number}"


async def _turns(client: Client, ledger: Ledger, turns: int) -> list[WorkflowHistory]:
    handles: list[WorkflowHandle[Any, Any]] = []
    for number in range(THREADS):
        campaign = _campaign(number)
        await _begin(ledger, campaign, turns)
        task = AgentTask(campaign_id=campaign, cycle=1, role=Role.ADVISOR)
        handles.append(
            await client.start_workflow(
                contracts.AGENT_WORKFLOW,
                AgentArgs(task=task),
                id=f"bench/{campaign}",
                task_queue=contracts.CONTROL_QUEUE,
            )
        )
    outcomes = await asyncio.gather(*(handle.result() for handle in handles))
    print(
        "outcomes:", sorted({f"{one['status']} after {one['turns']} turns {one['why']}" for one in outcomes})
    )
    return [await handle.fetch_history() for handle in handles]


async def _begin(ledger: Ledger, campaign: str, turns: int) -> None:
    limits = {"turns": turns, "tokens": 10**9, "wall_clock": "2 h"}
    rules = {"kind": "llm", "roles": [Role.ADVISOR], "limits": limits}
    spec = table_spec(scientist=rules, budget={"experiments": 12, "tokens": 10**10})
    await ledger.write(campaigns.start, "bench", campaign, f"req_{campaign}", seal(spec), spec)
    await ledger.write(campaigns.next_step, "bench", campaign, "algorithmic")


def _durations(history: WorkflowHistory, activity: str) -> list[float]:
    """Return how long each run of an activity took, in milliseconds of the server's clock."""
    begun: dict[int, float] = {}
    found: list[float] = []
    for event in history.events:
        at = event.event_time.ToNanoseconds() / 1e6
        if event.HasField("activity_task_scheduled_event_attributes"):
            if event.activity_task_scheduled_event_attributes.activity_type.name == activity:
                begun[event.event_id] = at
        elif event.HasField("activity_task_completed_event_attributes"):
            scheduled = event.activity_task_completed_event_attributes.scheduled_event_id
            if scheduled in begun:
                found.append(at - begun[scheduled])
    return found


if __name__ == "__main__":
    main()
