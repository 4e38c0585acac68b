"""What a campaign has seen so far: all that the scientist may know, and nothing else."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from moonloop.domain.claims import Evidence, Hypothesis
from moonloop.domain.ids import AttemptId, CampaignId, JobId, MeasurementId
from moonloop.domain.plans import SEARCH, Expectation, Purpose, Suggested, TestArm
from moonloop.domain.proposals import Proposal
from moonloop.domain.space import Candidate
from moonloop.domain.trust import ClaimScore
from moonloop.domain.values import Value

__all__ = ["Advice", "History", "NextStep", "Observation"]


class Observation(Value):
    """One settled run and what came of it."""

    cycle: Annotated[int, Field(ge=1)]
    index: Annotated[int, Field(ge=0)]
    job_id: JobId
    purpose: Purpose
    candidate: Candidate
    label: str = ""
    """Name of the reference or of the confirmation."""
    outcome: Literal["measured", "failed", "cancelled"]
    value: float | None = None
    """In the objective's unit; present when measured."""
    sd: float | None = None
    """Standard uncertainty of the value, when the robot told it."""
    measurement_id: MeasurementId | None = None
    attempt_id: AttemptId | None = None
    expected: Expectation | None = None
    test: TestArm | None = None
    suggested: Suggested | None = None


class History(Value):
    """The ledger's facts of one campaign, in the order of planning."""

    campaign_id: CampaignId
    cycle: Annotated[int, Field(ge=1)]
    """The cycle being planned or analysed."""
    observations: tuple[Observation, ...] = ()
    hypotheses: tuple[Hypothesis, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    """The latest of each hypothesis that has any."""
    experiments_left: Annotated[int, Field(ge=0)]
    """What the budget still allows for test, space-filling and designer's runs."""
    proposals: tuple[Proposal, ...] = ()
    """What the agents have decided in this cycle."""
    record: tuple[ClaimScore, ...] = ()
    """Every verdict so far on a claim of an agent or of the algorithm, over all campaigns of this ledger."""

    @property
    def searched(self) -> tuple[Observation, ...]:
        """The settled runs of the search."""
        return tuple(seen for seen in self.observations if seen.purpose in SEARCH)

    @property
    def measured(self) -> tuple[tuple[Observation, float], ...]:
        """The measured runs of the search, each with its value in the objective's unit."""
        return tuple(
            (seen, seen.value)
            for seen in self.searched
            if seen.outcome == "measured" and seen.value is not None
        )


class NextStep(StrEnum):
    """What the scientist advises after a cycle."""

    SEARCH = "search"
    CONFIRM = "confirm"
    STOP = "stop"


class Advice(Value):
    """Go on or stop, with the numbers that say so."""

    step: NextStep
    reason: Literal["", "goal_met", "budget_spent", "no_candidates"] = ""
    """Why to stop or to confirm; empty while the search goes on."""
    sentence: str
    best_key: str | None = None
    """The best candidate within the constraints so far."""
    best_value: float | None = None
    expected_improvement: float | None = None
    """The largest over the open candidates, in the objective's unit."""
