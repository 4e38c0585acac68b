"""From chosen runs to a plan and its job specs: ids, seeds, random order, hashes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from moonloop.domain.campaigns import CampaignSpec, Protocol
from moonloop.domain.canonical import derive_seed, seal
from moonloop.domain.history import History, Observation
from moonloop.domain.ids import job_id, plan_id
from moonloop.domain.plans import Expectation, JobSpec, Measure, Plan, Purpose, Run, Suggested, TestArm
from moonloop.domain.robots import Requires
from moonloop.domain.space import Candidate
from moonloop.domain.trust import ALGORITHM
from moonloop.domain.values import Value
from moonloop.tools.spaces import space_sha256

__all__ = ["Draft", "PlannedBatch", "assemble"]

_PRINCIPAL = 80
"""The longest name of an author."""


class PlannedBatch(Value):
    """A plan with the instructions that its hashes stand for."""

    plan: Plan
    specs: tuple[JobSpec, ...]
    """One per run, in the order of the plan."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A run that was decided on, before it has a place and a job."""

    purpose: Purpose
    candidate: Candidate
    protocol: Protocol
    reason: str
    expected: Expectation | None = None
    test: TestArm | None = None
    label: str = ""
    suggested: Suggested | None = None


def assemble(
    spec: CampaignSpec, history: History, blocks: Sequence[Sequence[Draft]], summary: str
) -> PlannedBatch:
    """Return the plan of some blocks of runs in random order.

    The runs of a block (the two arms of a pair) stay side by side, in random order too. Order and job seeds
    are functions of the campaign, the cycle and `design.seed`.
    """
    seed = derive_seed(spec.design.seed, history.campaign_id, history.cycle, "order")
    rng = np.random.default_rng(seed)
    drafts = [
        blocks[block][place]
        for block in _shuffled(rng, len(blocks))
        for place in _shuffled(rng, len(blocks[block]))
    ]
    plan = plan_id(history.campaign_id, history.cycle)
    specs = tuple(_job(spec, history, draft, job_id(plan, index)) for index, draft in enumerate(drafts))
    runs = tuple(
        Run(
            index=index,
            job_id=job.job_id,
            spec_sha256=seal(job).sha256,
            purpose=draft.purpose,
            candidate=draft.candidate,
            replicate=_replicate(spec, history, drafts, index),
            label=draft.label,
            reason=draft.reason,
            expected=draft.expected,
            test=draft.test,
            suggested=draft.suggested,
            cost=draft.protocol.cost,
        )
        for index, (draft, job) in enumerate(zip(drafts, specs, strict=True))
    )
    return PlannedBatch(
        plan=Plan(
            id=plan,
            campaign_id=history.campaign_id,
            cycle=history.cycle,
            author=_author(drafts),
            summary=summary,
            robot_kinds=tuple(sorted({draft.protocol.robot for draft in drafts})),
            protocols=tuple(sorted({draft.protocol.name for draft in drafts})),
            space_sha256=space_sha256(spec.space),
            runs=runs,
        ),
        specs=specs,
    )


def _author(drafts: Sequence[Draft]) -> str:
    """Name the algorithm, and who has a candidate in the plan; the version at a name's end is kept."""
    agents = sorted({draft.suggested.proposer for draft in drafts if draft.suggested is not None})
    if not agents:
        return ALGORITHM
    head = f"{ALGORITHM} with "
    room = _PRINCIPAL - len(head)
    name = agents[0] if len(agents) == 1 else f"{len(agents)} agents"
    return head + (name if len(name) <= room else f"{name[: room - 13]}...{name[-10:]}")


def _shuffled(rng: np.random.Generator, count: int) -> list[int]:
    return [int(place) for place in rng.permutation(count)]


def _job(spec: CampaignSpec, history: History, draft: Draft, job: str) -> JobSpec:
    protocol = draft.protocol
    return JobSpec(
        job_id=job,
        campaign_id=history.campaign_id,
        cycle=history.cycle,
        protocol=protocol.name,
        parameters=protocol.parameters,
        candidate=draft.candidate,
        seed=derive_seed(spec.design.seed, job),
        measures=(Measure(name=spec.objective.name, unit=spec.objective.unit),),
        requires=Requires(
            kind=protocol.robot,
            protocol=protocol.name,
            features=protocol.features,
            limits=protocol.limits,
        ),
        timeout_s=protocol.timeout,
    )


def _replicate(spec: CampaignSpec, history: History, drafts: Sequence[Draft], index: int) -> int:
    """Count how often the candidate of a draft was planned before by the same protocol."""
    draft = drafts[index]
    before = sum(
        1
        for seen in history.observations
        if seen.candidate.key == draft.candidate.key and _same(_protocol_of(spec, seen), draft.protocol)
    )
    within = sum(
        1
        for other in drafts[:index]
        if other.candidate.key == draft.candidate.key and _same(other.protocol, draft.protocol)
    )
    return before + within


def _protocol_of(spec: CampaignSpec, seen: Observation) -> Protocol:
    if seen.purpose is Purpose.CONFIRMATION and spec.confirmation is not None:
        for check in spec.confirmation.runs:
            if check.label == seen.label:
                return check.protocol
    return spec.protocol


def _same(one: Protocol, other: Protocol) -> bool:
    return one.name == other.name and dict(one.parameters) == dict(other.parameters)
