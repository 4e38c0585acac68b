"""Campaigns under way, as agents find them: over plain factors, and over quinones."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from ruamel.yaml import YAML

from moonloop.agents.ports import Context
from moonloop.domain import ids
from moonloop.domain.agents import AgentTask, Role
from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.claims import Effect, Evidence, Hypothesis, ProposedClaim, Verdict
from moonloop.domain.facts import CampaignFacts
from moonloop.domain.history import History, Observation
from moonloop.domain.proposals import Hypotheses, Proposal
from moonloop.domain.values import Scalar
from moonloop.tools.chemistry import canonical_smiles
from support.campaigns import make_spec
from support.seen import CAMPAIGN, observed, registered, setting
from unit.report import factors as reported

__all__ = [
    "CAMPAIGN",
    "MEASURED",
    "TWO_NITRILES",
    "claimed",
    "factors",
    "measurement",
    "quinones",
    "reporting",
]

TWO_NITRILES = "N#CC1=CC(=O)C(C#N)=CC1=O"
_QUINONES = (("CC1=CC(=O)C=CC1=O", "CH3", 0.62), ("N#CC1=CC(=O)C=CC1=O", "CN", 0.86))


def measurement(number: int) -> str:
    """Return the id of the measurement of a run of the scene."""
    job = ids.job_id(ids.plan_id(CAMPAIGN, 1), number)
    return ids.measurement_id(ids.attempt_id(job, 1), 0)


MEASURED = measurement(0)
"""A measurement that exists in every scene that has any."""


def factors(role: Role = Role.PROPOSER, *, fresh: bool = False, **changes: Any) -> Context:
    """Return a campaign over solvent and temperature; after four runs "ethanol beats water" is refuted."""
    given: dict[str, Any] = {"scientist": {"kind": "llm", "claims_at_most": 4}, **changes}
    spec = make_spec(**given)
    if fresh:
        return _context(role, spec, (), ())
    seen = [
        _seen(number, {"solvent": solvent, "temperature": temperature}, value)
        for number, (solvent, temperature, value) in enumerate(
            [("water", 20.0, 31.0), ("ethanol", 20.0, 22.5), ("water", 60.0, 64.0), ("ethanol", 60.0, 51.0)]
        )
    ]
    refuted = claimed("solvent", "ethanol", "water")
    return _context(role, spec, seen, [registered(refuted)])


def quinones(role: Role = Role.ADVISOR) -> Context:
    """Return the example campaign over quinones with two of them measured."""
    seen = [
        _seen(number, {"scaffold": "1,4-benzoquinone", "2": group}, value, canonical_smiles(smiles))
        for number, (smiles, group, value) in enumerate(_QUINONES)
    ]
    return _context(role, _example(), seen, ())


def reporting() -> Context:
    """Return a campaign at its end, as the reporter finds it."""
    facts = reported.campaign()
    best = {"best_key": "solvent=toluene, temperature=80", "best_value": 2.345}
    return _reported(facts.model_copy(update={"summary": facts.summary.model_copy(update=best)}))


def claimed(factor: str, level_a: Scalar, level_b: Scalar, probability: float = 0.7) -> ProposedClaim:
    """Return a claim about two levels."""
    return ProposedClaim(
        claim=Effect(factor=factor, level_a=level_a, level_b=level_b),
        statement=f"{factor} {level_a} beats {level_b}.",
        probability=probability,
        proposer="proposer/scripted-scientist@00000000",
    )


def _reported(facts: CampaignFacts) -> Context:
    history = History(campaign_id=CAMPAIGN, cycle=4, experiments_left=0)
    task = AgentTask(campaign_id=CAMPAIGN, cycle=4, role=Role.REPORTER)
    return Context(task=task, spec=facts.spec, history=history, facts=facts)


def _context(
    role: Role, spec: CampaignSpec, seen: Any, hypotheses: Any, claims: tuple[ProposedClaim, ...] = ()
) -> Context:
    cycle = 2 if seen else 1
    if role is Role.CRITIC:
        claims = (claimed("temperature", 60.0, 20.0), claimed("temperature", 40.0, 20.0, 0.5))
    proposal = Proposal(
        thread=ids.thread_id(CAMPAIGN, cycle, "proposer"),
        proposer="proposer/scripted-scientist@00000000",
        decision=Hypotheses(claims=claims),
    )
    history = History(
        campaign_id=CAMPAIGN,
        cycle=cycle,
        observations=tuple(seen),
        hypotheses=tuple(hypotheses),
        evidence=tuple(_refuted(one) for one in hypotheses),
        experiments_left=spec.budget.experiments - len(seen),
        proposals=(proposal,) if claims else (),
    )
    return Context(task=AgentTask(campaign_id=CAMPAIGN, cycle=cycle, role=role), spec=spec, history=history)


def _seen(
    number: int, settings: Mapping[str, Scalar], value: float, smiles: str | None = None
) -> Observation:
    candidate = setting(**settings)
    if smiles is not None:
        candidate = candidate.model_copy(update={"key": smiles, "smiles": smiles})
    return observed(number, value, candidate, sd=0.5)


def _refuted(hypothesis: Hypothesis) -> Evidence:
    return Evidence(
        hypothesis_id=hypothesis.id,
        verdict=Verdict.REFUTED,
        e_support=0.1,
        e_refute=90.0,
        threshold=40.0,
        n=2,
        estimate=-10.75,
        low=-18.0,
        high=-2.0,
    )


@lru_cache(maxsize=1)
def _example() -> CampaignSpec:
    path = Path(__file__).parents[4] / "examples" / "quinone_catholyte.yaml"
    return CampaignSpec.model_validate(cast("Any", YAML(typ="safe")).load(path.read_text("utf-8")))
