"""A campaign of which something has been seen: for tests of the tools and of those who use them."""

from typing import Any

from moonloop.agents.ports import Context
from moonloop.domain import ids
from moonloop.domain.agents import AgentTask, Role, ToolRequest
from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.claims import Effect, Evidence, Hypothesis, ProposedClaim, Verdict
from moonloop.domain.history import History, Observation
from moonloop.domain.plans import Purpose
from moonloop.domain.space import Candidate
from moonloop.domain.values import Scalar

__all__ = [
    "CAMPAIGN",
    "asked",
    "claimed",
    "context_of",
    "history_of",
    "molecule_spec",
    "observed",
    "registered",
    "setting",
    "setting_spec",
]

CAMPAIGN = "cmp_0000000000000001"


def setting_spec(**changes: Any) -> CampaignSpec:
    """Return a small campaign over a solvent and a temperature."""
    return CampaignSpec.model_validate(
        {
            "moonloop": 1,
            "name": "A test of the tools",
            "space": {
                "kind": "factors",
                "factors": [
                    {"kind": "categorical", "name": "solvent", "levels": ["water", "ethanol", "dmf"]},
                    {"kind": "discrete", "name": "temperature", "unit": "Cel", "levels": [20, 40, 60, 80]},
                ],
            },
            "objective": {"name": "yield", "unit": "%", "direction": "maximise", "range": [0, 100]},
            "protocol": {"name": "table.lookup/1", "robot": "simulated"},
            "budget": {"experiments": 20},
            **changes,
        }
    )


def molecule_spec(**changes: Any) -> CampaignSpec:
    """Return a small campaign over quinones."""
    return setting_spec(
        **{
            "space": {
                "kind": "r_groups",
                "scaffolds": [
                    {"name": "1,4-benzoquinone", "smiles": "O=C1C([*:2])=C([*:3])C(=O)C([*:5])=C1[*:6]"}
                ],
                "substituents": [
                    {"name": "H", "smiles": "[*][H]"},
                    {"name": "CH3", "smiles": "[*]C"},
                    {"name": "OH", "smiles": "[*]O"},
                    {"name": "Cl", "smiles": "[*]Cl"},
                ],
                "max_substituted": 2,
            },
            "constraints": [
                {"kind": "substructure", "name": "chlorine", "smarts": "Cl", "at_most": 1, "why": "Toxic."}
            ],
            **changes,
        }
    )


def observed(index: int, value: float | None, candidate: Candidate, **changes: Any) -> Observation:
    """Return one settled run of the first cycle; without a value it failed."""
    job = ids.job_id(ids.plan_id(CAMPAIGN, 1), index)
    attempt = ids.attempt_id(job, 1)
    measured = value is not None
    return Observation.model_validate(
        {
            "cycle": 1,
            "index": index,
            "job_id": job,
            "purpose": Purpose.EXPLORE,
            "candidate": candidate,
            "outcome": "measured" if measured else "failed",
            "value": value,
            "measurement_id": ids.measurement_id(attempt, 0) if measured else None,
            "attempt_id": attempt,
            **changes,
        }
    )


def setting(**settings: Scalar) -> Candidate:
    """Return a candidate of the campaign over settings."""
    told = [
        f"{name}={level:.12g}" if isinstance(level, float) else f"{name}={level}"
        for name, level in settings.items()
    ]
    return Candidate(key="; ".join(told), settings=settings)


def history_of(observations: tuple[Observation, ...] | None = None, **changes: Any) -> History:
    """Return a history; by default of eight runs: water is better by ten, each degree by a half."""
    if observations is None:
        observations = tuple(
            observed(
                place,
                10.0 * (solvent == "water") + 0.5 * temperature + 0.1 * place,
                setting(solvent=solvent, temperature=temperature),
            )
            for place, (solvent, temperature) in enumerate(
                (solvent, temperature)
                for solvent in ("water", "ethanol")
                for temperature in (20.0, 40.0, 60.0, 80.0)
            )
        )
    return History.model_validate(
        {
            "campaign_id": CAMPAIGN,
            "cycle": 2,
            "observations": observations,
            "experiments_left": 12,
            **changes,
        }
    )


def registered(proposed: ProposedClaim) -> Hypothesis:
    """Return a claim as the first that the campaign registered, in its first cycle."""
    return Hypothesis(
        id=ids.hypothesis_id(CAMPAIGN, 1),
        campaign_id=CAMPAIGN,
        number=1,
        proposed=proposed,
        alpha=0.05,
        weight=0.3,
        delta=10.0,
        cap=20.0,
        seed=1,
        registered_in=1,
    )


def claimed(statement: str = "Water is better than ethanol.") -> tuple[Hypothesis, Evidence]:
    """Return a registered claim and its evidence."""
    said = ProposedClaim(
        claim=Effect(factor="solvent", level_a="water", level_b="ethanol"),
        statement=statement,
        probability=0.6,
    )
    one = registered(said)
    job = ids.job_id(ids.plan_id(CAMPAIGN, 1), 0)
    found = Evidence(
        hypothesis_id=one.id,
        verdict=Verdict.UNDECIDED,
        e_support=3.0,
        e_refute=0.4,
        threshold=66.0,
        n=4,
        estimate=10.0,
        low=-2.0,
        high=18.0,
        measurements=(ids.measurement_id(ids.attempt_id(job, 1), 0),),
    )
    return one, found


def context_of(role: Role, spec: CampaignSpec | None = None, history: History | None = None) -> Context:
    """Return what a task of a role may know."""
    task = AgentTask(campaign_id=CAMPAIGN, cycle=2, role=role)
    return Context(task, spec or setting_spec(), history or history_of())


def asked(name: str, arguments: str = "{}") -> ToolRequest:
    """Return a model's request for a tool."""
    return ToolRequest(id="call_1", name=name, arguments=arguments)
