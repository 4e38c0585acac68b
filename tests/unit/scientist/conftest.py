"""Small campaigns on a formula, played through the scientist's own functions."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from collections.abc import Callable
from typing import Any

import pytest

from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.claims import Hypothesis
from moonloop.domain.history import History, Observation
from moonloop.domain.plans import Run
from moonloop.domain.space import Candidate
from moonloop.scientist import PlannedBatch, judge, plan_search, propose

CAMPAIGN = "cmp_test0001"
BASES = ("KOAc", "CsOAc", "KOPiv", "none")
TEMPERATURES = (20, 40, 60, 80, 100)
TIMES = (1, 2, 4, 8)
GAIN = {"KOAc": 0.3, "CsOAc": 0.5, "KOPiv": 0.1, "none": 0.0}


def formula(candidate: Candidate) -> float:
    """Return the outcome of a setting: additive in base, temperature and time, with an optimum at 80."""
    at = candidate.settings
    heat = 0.4 - ((float(at["temperature"]) - 80.0) / 100.0) ** 2
    return GAIN[str(at["base"])] + heat + 0.02 * float(at["time"])


def campaign(**changes: Any) -> CampaignSpec:
    """Return a campaign of 80 settings with two claims, one true and one false."""
    effect = {"kind": "effect", "delta": 0.1}
    base = {
        "moonloop": 1,
        "name": "formula",
        "space": {
            "kind": "factors",
            "factors": [
                {"kind": "categorical", "name": "base", "levels": list(BASES)},
                {"kind": "discrete", "name": "temperature", "unit": "Cel", "levels": list(TEMPERATURES)},
                {"kind": "discrete", "name": "time", "unit": "h", "levels": list(TIMES)},
            ],
        },
        "objective": {"name": "yield", "unit": "1", "direction": "maximise", "range": [0, 1]},
        "protocol": {"name": "formula/1", "robot": "simulated"},
        "claims": [
            {
                "claim": {**effect, "factor": "base", "level_a": "CsOAc", "level_b": "none"},
                "statement": "Caesium acetate helps.",
                "probability": 0.9,
            },
            {
                "claim": {**effect, "factor": "temperature", "level_a": 20, "level_b": 80},
                "statement": "Cold is better.",
                "probability": 0.2,
            },
        ],
        "design": {"batch_size": 5, "seed": 1},
        "budget": {"experiments": 50},
    }
    return CampaignSpec.model_validate({**base, **changes})


def start(spec: CampaignSpec) -> History:
    """Return the history of a campaign that has not begun."""
    return History(campaign_id=CAMPAIGN, cycle=1, experiments_left=spec.budget.experiments)


def observation(run: Run, cycle: int, value: float | None, outcome: str = "measured") -> Observation:
    """Return what came of a run."""
    return Observation.model_validate(
        {
            "cycle": cycle,
            "index": run.index,
            "job_id": run.job_id,
            "purpose": run.purpose,
            "candidate": run.candidate,
            "label": run.label,
            "outcome": outcome if value is None else "measured",
            "value": value,
            "measurement_id": None if value is None else f"mea_{run.job_id[4:]}_0",
            "expected": run.expected,
            "test": run.test,
            "suggested": run.suggested,
        }
    )


def register(spec: CampaignSpec, history: History) -> History:
    """Return the history with the hypotheses that are proposed now."""
    proposed: tuple[Hypothesis, ...] = propose(spec, history)
    return history.model_copy(update={"hypotheses": (*history.hypotheses, *proposed)})


def settle(
    spec: CampaignSpec,
    history: History,
    planned: PlannedBatch,
    outcome: Callable[[Run], float | None] | None = None,
) -> History:
    """Return the history of the next cycle: the batch was run, its claims were judged."""
    outcome = outcome or (lambda run: formula(run.candidate))
    runs = planned.plan.runs
    seen = [observation(run, history.cycle, outcome(run), "failed") for run in runs]
    spent = sum(1 for run in runs if run.purpose.line == "experiments")
    after = history.model_copy(
        update={
            "observations": (*history.observations, *seen),
            "experiments_left": history.experiments_left - spent,
        }
    )
    return after.model_copy(update={"evidence": judge(spec, after), "cycle": after.cycle + 1})


def play(
    spec: CampaignSpec, cycles: int | None = None, outcome: Callable[[Run], float | None] | None = None
) -> History:
    """Return the history of a campaign after some cycles, or when its experiments are spent."""
    history = start(spec)
    while history.experiments_left and (cycles is None or history.cycle <= cycles):
        history = register(spec, history)
        history = settle(spec, history, plan_search(spec, history), outcome)
    return history


@pytest.fixture(name="campaign")
def campaign_fixture() -> Callable[..., CampaignSpec]:
    """Make a campaign of the formula, with changes to its file."""
    return campaign


@pytest.fixture(name="start")
def start_fixture() -> Callable[[CampaignSpec], History]:
    """Make the history of a campaign that has not begun."""
    return start


@pytest.fixture(name="register")
def register_fixture() -> Callable[[CampaignSpec, History], History]:
    """Register what is proposed now."""
    return register


@pytest.fixture(name="settle")
def settle_fixture() -> Callable[..., History]:
    """Run a planned batch and judge its claims."""
    return settle


@pytest.fixture(name="play")
def play_fixture() -> Callable[..., History]:
    """Play a campaign through some cycles."""
    return play


@pytest.fixture(name="observe")
def observe_fixture() -> Callable[..., Observation]:
    """Make the observation of a run."""
    return observation
