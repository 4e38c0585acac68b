"""Plans, runs and job specs: what is proposed, approved by hash, and done."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from moonloop.domain.budgets import Costs, Line
from moonloop.domain.ids import CampaignId, HypothesisId, JobId, Name, PlanId, Principal, Sha256
from moonloop.domain.robots import ProtocolName, Requires, RobotKind
from moonloop.domain.space import Candidate
from moonloop.domain.units import Unit
from moonloop.domain.values import Scalar, Value

__all__ = ["SEARCH", "Expectation", "JobSpec", "Measure", "Plan", "Purpose", "Run", "Suggested", "TestArm"]


class Purpose(StrEnum):
    """Why a run is in its plan."""

    TEST = "test"
    """It tests a claim; drawn at random."""
    EXPLORE = "explore"
    """It fills the space."""
    PICK = "pick"
    """The designer expects it to come nearer to the goal."""
    CONFIRMATION = "confirmation"
    """It checks a winner."""
    REFERENCE = "reference"
    """It checks the instrument."""

    @property
    def line(self) -> Line:
        """The budget line that counts it."""
        own = {Purpose.CONFIRMATION: Line.CONFIRMATION, Purpose.REFERENCE: Line.REFERENCE}
        return own.get(self, Line.EXPERIMENTS)


SEARCH = frozenset({Purpose.TEST, Purpose.EXPLORE, Purpose.PICK})
"""The routine runs, which look for the goal; reference and confirmation runs answer other questions."""


class Expectation(Value):
    """What the surrogate expected of a run when it was planned, in the objective's unit."""

    mean: float
    sd: Annotated[float, Field(ge=0)]


class Suggested(Value):
    """Whose candidate a run is, in place of a pick of the designer's, and what was said of it beforehand."""

    proposer: Principal
    probability: Annotated[float, Field(ge=0, le=1)]
    """That the value is better than `bar`, as the proposer said."""
    bar: float
    """What the surrogate expects of the pick that this run displaces, in the objective's unit."""
    displaces: str
    """Key of that pick."""


class TestArm(Value):
    """The part that a run has in the test of a hypothesis."""

    __test__ = False  # pytest would otherwise collect the class by its name

    hypothesis_id: HypothesisId
    block: Annotated[int, Field(ge=0)]
    """Number of the matched pair, or of the predicted run, within the hypothesis."""
    arm: Annotated[str, Field(pattern=r"^(a|b|single)$")]
    predicted: float | None = None
    """The prediction under test, fixed before the run."""


class Measure(Value):
    """A quantity that a job must report."""

    name: Name
    unit: Unit


class JobSpec(Value):
    """The instructions for one device; its canonical bytes are hashed, approved and sent."""

    job_id: JobId
    campaign_id: CampaignId
    cycle: Annotated[int, Field(ge=1)]
    protocol: ProtocolName
    parameters: Mapping[str, Scalar] = {}
    candidate: Candidate
    seed: Annotated[int, Field(ge=0, lt=2**53)]
    """For whatever is random in the measurement, so that it can be repeated exactly."""
    measures: Annotated[tuple[Measure, ...], Field(min_length=1)]
    requires: Requires
    timeout_s: Annotated[float, Field(gt=0)]


class Run(Value):
    """One setting of the factors, with the reason for it."""

    index: Annotated[int, Field(ge=0)]
    """Place in the randomised order."""
    job_id: JobId
    spec_sha256: Sha256
    purpose: Purpose
    candidate: Candidate
    replicate: Annotated[int, Field(ge=0)] = 0
    """How often the same candidate was planned before by the same protocol."""
    label: str = ""
    """Name of the reference or of the confirmation."""
    reason: str
    """One sentence for the reviewer."""
    expected: Expectation | None = None
    test: TestArm | None = None
    suggested: Suggested | None = None
    cost: Costs = Costs()


class Plan(Value):
    """The immutable batch of runs of a cycle; an approval names its hash."""

    id: PlanId
    campaign_id: CampaignId
    cycle: Annotated[int, Field(ge=1)]
    author: Principal
    """The proposer."""
    summary: str
    """One sentence: what this batch is for."""
    robot_kinds: Annotated[tuple[RobotKind, ...], Field(min_length=1)]
    protocols: Annotated[tuple[ProtocolName, ...], Field(min_length=1)]
    space_sha256: Sha256
    runs: Annotated[tuple[Run, ...], Field(min_length=1)]
