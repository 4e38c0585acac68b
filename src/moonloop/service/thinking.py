"""The scientist and the report in processes of their own: what they load never enters the server's memory.

Everything crosses as JSON bytes, so a pool of processes and a fresh interpreter are called alike.
"""

import asyncio
import json
import logging
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

from pydantic import BaseModel

from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.claims import Evidence, Hypothesis
from moonloop.domain.errors import MoonloopError, ThoughtFailed, revive
from moonloop.domain.facts import CampaignFacts
from moonloop.domain.history import Advice, History
from moonloop.domain.plans import JobSpec, Plan

__all__ = ["Aside", "Batch", "Thoughts"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Batch:
    """A plan with the specs of its jobs."""

    plan: Plan
    specs: tuple[JobSpec, ...]


class Thoughts:
    """A pool of processes that think; a process that dies is replaced, and its thought begun again."""

    def __init__(self, processes: int) -> None:
        self._processes = processes
        self._pool: ProcessPoolExecutor | None = None

    async def propose(self, spec: CampaignSpec, history: History) -> tuple[Hypothesis, ...]:
        """Return the hypotheses to be registered now."""
        found = await self._call("propose", spec, history)
        return tuple(Hypothesis.model_validate(item) for item in found)

    async def plan(self, spec: CampaignSpec, history: History, purpose: str) -> Batch | None:
        """Return the next batch; None when there is nothing to run."""
        found = await self._call(f"plan_{purpose}", spec, history)
        if found is None:
            return None
        specs = tuple(JobSpec.model_validate(item) for item in found["specs"])
        return Batch(Plan.model_validate(found["plan"]), specs)

    async def analyse(self, spec: CampaignSpec, history: History) -> tuple[tuple[Evidence, ...], Advice]:
        """Return what the data say of the claims, and what to do next."""
        found = await self._call("analyse", spec, history)
        evidence = tuple(Evidence.model_validate(item) for item in found["evidence"])
        return evidence, Advice.model_validate(found["advice"])

    async def render(self, facts: CampaignFacts) -> dict[str, str]:
        """Return the report by media type."""
        return await self._call("render", facts)

    async def _call(self, name: str, *values: BaseModel) -> Any:
        body = json.dumps([value.model_dump(mode="json") for value in values])
        for last in (False, True):
            pool = self._ready()
            try:
                answer = await asyncio.get_running_loop().run_in_executor(pool, _think, name, body)
            except BrokenProcessPool:
                self._pool = None
                if last:
                    raise
            else:
                return _opened(answer)
        raise AssertionError("unreachable")

    def _ready(self) -> ProcessPoolExecutor:
        if self._pool is None:
            # Spawned, not forked: the parent has threads and a Temporal client.
            self._pool = ProcessPoolExecutor(self._processes, get_context("spawn"))
        return self._pool

    def close(self) -> None:
        """End the processes."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)


class Aside:
    """One thought in a fresh interpreter, for a process that seldom needs one: nothing stays in memory."""

    async def survey(self, spec: CampaignSpec) -> dict[str, Any]:
        """Return what a campaign's space holds; raise what is wrong with it."""
        return await self._call("survey", spec)

    async def render(self, facts: CampaignFacts) -> dict[str, str]:
        """Return the report by media type."""
        return await self._call("render", facts)

    async def _call(self, name: str, *values: BaseModel) -> Any:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "moonloop.service.thinking", name,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        body = json.dumps([value.model_dump(mode="json") for value in values]).encode()
        answer, said = await process.communicate(body)
        if process.returncode != 0:
            raise _failed(name, process.returncode, said.decode(errors="replace").strip())
        return _opened(answer.decode())


def _failed(name: str, code: int | None, said: str) -> ThoughtFailed:
    """Log the traceback, which is for the operator; the caller gets its last line."""
    _log.error("the thought %s ended with code %s: %s", name, code, said)
    last = said.splitlines()[-1].strip() if said else f"it ended with code {code} and said nothing"
    return ThoughtFailed(why=last[:500])


def _opened(answer: str) -> Any:
    found = json.loads(answer)
    if "error" in found:
        error = found["error"]
        raise revive(error["type"], error["facts"], error["detail"])
    return found["value"]


def _think(name: str, body: str) -> str:
    """Run a thought by name in this process; errors that have a meaning come back as data."""
    for library in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(library, "1")  # small matrices: threads cost more than they bring
    from moonloop.service import thoughts  # noqa: PLC0415 -- loads the scientist, here and nowhere else

    try:
        return json.dumps({"value": thoughts.BY_NAME[name](*json.loads(body))})
    except MoonloopError as error:
        facts = {key: str(value) for key, value in error.facts.items()}
        return json.dumps({"error": {"type": error.slug, "facts": facts, "detail": str(error)}})


if __name__ == "__main__":
    sys.stdout.write(_think(sys.argv[1], sys.stdin.read()))
