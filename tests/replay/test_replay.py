"""Histories of campaigns in flight go on under the workflows as they are now."""

import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from moonloop.workflows.batch import BatchWorkflow
from moonloop.workflows.campaign import CampaignWorkflow
from moonloop.workflows.review import ReviewWorkflow
from moonloop.workflows.worker import WORKFLOWS, sandbox
from support.changed_cycle import ChangedCycle

HISTORIES = Path(__file__).with_name("histories")
STORED = sorted(HISTORIES.rglob("*.json.gz"))


def _history(path: Path) -> WorkflowHistory:
    found = json.loads(gzip.decompress(path.read_bytes()))
    return WorkflowHistory.from_json(found["workflow"], found["history"])


def _replayer(workflows: Sequence[type]) -> Replayer:
    return Replayer(workflows=workflows, workflow_runner=sandbox(), data_converter=pydantic_data_converter)


@pytest.mark.parametrize("path", STORED, ids=lambda path: str(path.relative_to(HISTORIES)))
async def test_a_stored_history_replays(path: Path) -> None:
    """A worker of today takes over a workflow of then without noticing."""
    await _replayer(WORKFLOWS).replay_workflow(_history(path))


def test_what_is_stored_covers_every_workflow_in_every_posture() -> None:
    """Finished, in review, paused, expired, failed, begun again, on both sides of continuing as new."""
    scenarios = {tuple(path.name.split(".")[:2]) for path in STORED}
    runs = [path for path in STORED if path.name.startswith("continued.campaign.")]

    assert {(scenario, "campaign") for scenario in ("finished", "in_review", "paused", "failed")} < scenarios
    assert {("finished", kind) for kind in ("campaign", "cycle", "review", "batch")} < scenarios
    assert {("expired", "review"), ("paused", "batch"), ("ended_by_hand", "campaign")} < scenarios
    assert len(runs) > 2


async def test_a_workflow_changed_without_a_patch_is_caught() -> None:
    """The same replay refuses a cycle whose steps were put into another order."""
    changed = (CampaignWorkflow, ReviewWorkflow, BatchWorkflow, ChangedCycle)
    path = next(path for path in STORED if path.name.startswith("finished.cycle."))

    with pytest.raises(NondeterminismError):
        await _replayer(changed).replay_workflow(_history(path))
