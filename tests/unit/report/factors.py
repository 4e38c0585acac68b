"""A campaign over plain factors, for tests of the report: a quantity to be minimised, no molecules."""

from random import Random
from typing import Any

from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.claims import Hypothesis, Verdict
from moonloop.domain.facts import CampaignFacts, HypothesisFact
from moonloop.domain.lifecycles import CampaignState, HypothesisState
from moonloop.domain.plans import Expectation, Purpose, TestArm
from moonloop.domain.reviews import DeciderKind
from moonloop.domain.robots import RobotKind
from moonloop.domain.space import Candidate
from moonloop.tools.inference import counted_error, evidence
from unit.report.notebook import Entry, Notebook

__all__ = ["campaign", "draft", "spec"]


def spec(**changes: Any) -> CampaignSpec:
    """Return the campaign file."""
    given: dict[str, Any] = {
        "moonloop": 1,
        "name": "Impurity of a coupling",
        "space": {
            "kind": "factors",
            "factors": [
                {"kind": "categorical", "name": "solvent", "levels": ["DMF", "toluene"]},
                {
                    "kind": "continuous", "name": "temperature", "unit": "Cel",
                    "low": 60, "high": 110, "step": 2.5,
                },
            ],
        },
        "objective": {
            "name": "impurity", "unit": "%", "direction": "minimise", "range": [0, 20], "target": 2.0,
        },
        "protocol": {"name": "table.lookup/1", "robot": "simulated"},
        "budget": {"experiments": 20},
    }  # fmt: skip
    return CampaignSpec.model_validate(given | changes)


def draft() -> CampaignFacts:
    """Return a campaign of which nothing has been done."""
    facts = Notebook(spec(), RobotKind.SIMULATED).facts(done=False)
    summary = facts.summary.model_copy(update={"state": CampaignState.DRAFT, "waiting_for": "Start it."})
    return facts.model_copy(update={"summary": summary, "started_at": None})


def campaign(**changes: Any) -> CampaignFacts:
    """Return a simulated campaign with a claim about the surrogate's error, and no confirmation."""
    notebook = Notebook(spec(**changes), RobotKind.SIMULATED, DeciderKind.POLICY)
    random = Random(3)
    for cycle in range(3):
        notebook.cycle([_entry(notebook, random, 5 * cycle + run) for run in range(5)])
    return notebook.facts(hypotheses=(_hypothesis(notebook),))


def _entry(notebook: Notebook, random: Random, number: int) -> Entry:
    solvent, temperature = ("DMF", "toluene")[number % 2], 60 + 2.5 * (number % 20)
    candidate = Candidate(
        key=f"solvent={solvent}, temperature={temperature:g}",
        settings={"solvent": solvent, "temperature": temperature},
    )
    value = abs(temperature - 80) / 4 + 2 + random.random()
    test = TestArm(
        hypothesis_id=notebook.hypothesis_id(1),
        block=number,
        arm="single",
        predicted=value + random.gauss(0, 1),
    )
    expected = Expectation(mean=value + 1, sd=1.5)
    if number % 5:
        return Entry(candidate, Purpose.PICK, value, expected=expected)
    return Entry(candidate, Purpose.TEST, value, test=test)


def _hypothesis(notebook: Notebook) -> HypothesisFact:
    hypothesis = Hypothesis.model_validate(
        {
            "id": notebook.hypothesis_id(1),
            "campaign_id": notebook.campaign_id,
            "number": 1,
            "proposed": {
                "claim": {"kind": "prediction", "error": 2.0, "trained_through": 0},
                "statement": "The surrogate knows the impurity to within 2 %.",
                "probability": 0.6,
            },
            "alpha": 0.05, "weight": 1.0, "delta": 2.0, "cap": 4.0, "seed": 5, "registered_in": 1,
        }
    )  # fmt: skip
    tested = [
        (run.test.predicted - job.measurements[0].value, job.measurements[0].id)
        for cycle in notebook.facts().cycles
        if cycle.plan
        for run, job in zip(cycle.plan.plan.runs, cycle.jobs, strict=True)
        if run.test and run.test.predicted is not None
    ]
    trail = tuple(
        evidence(
            hypothesis,
            [counted_error(error, hypothesis.cap) for error, _ in tested[:n]],
            [measurement for _, measurement in tested[:n]],
            verdict=Verdict.UNDECIDED,
            threshold=20.0,
        )
        for n in range(1, len(tested) + 1)
    )
    return HypothesisFact(
        hypothesis=hypothesis,
        state=HypothesisState.TESTING,
        registered_at=notebook.began,
        evidence=trail,
    )
