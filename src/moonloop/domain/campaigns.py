"""The campaign file: everything a campaign needs, validated as one value."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from moonloop.domain.agents import AgentLimits, Role
from moonloop.domain.budgets import BudgetSpec, Costs
from moonloop.domain.claims import Effect, Prediction, ProposedClaim
from moonloop.domain.documents import Document
from moonloop.domain.ids import Name
from moonloop.domain.limits import GoalConstraint
from moonloop.domain.robots import Interval, ProtocolName, RobotKind
from moonloop.domain.space import FactorSpace, RGroupSpace, Space, levels_by_factor
from moonloop.domain.trust import ALGORITHM
from moonloop.domain.units import Duration, Unit
from moonloop.domain.values import Scalar, Value

__all__ = [
    "CampaignSpec",
    "Confirmation",
    "ConfirmationRun",
    "DesignRules",
    "Direction",
    "Objective",
    "OnLost",
    "Protocol",
    "Reference",
    "ReviewPolicy",
    "ReviewRules",
    "ScientistRules",
    "StopRules",
]

_NOTABLE = 0.01 * (1.0 - 1e-9)
"""Share of the objective's range: a hundredth, however it is rounded."""
_COUNTABLE = 1e-6
"""Share of the objective's range below which no effect and no error can be computed with."""

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]


class Direction(StrEnum):
    """Which way is better."""

    MAXIMISE = "maximise"
    MINIMISE = "minimise"


class Objective(Value):
    """The measured quantity that the campaign is about."""

    name: Name
    """Name of the measurement that a robot reports."""
    unit: Unit
    """A UCUM code."""
    direction: Direction
    """Which way is better."""
    range: tuple[float, float]
    """Lowest and highest value to be expected, in `unit`; the scale of effects."""
    target: float | None = None
    """A confirmed candidate at least this good ends the campaign: the goal is met."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.range[0] < self.range[1]:
            raise ValueError("the range must rise")
        return self

    @property
    def sign(self) -> int:
        """+1 when more is better, -1 when less is."""
        return 1 if self.direction is Direction.MAXIMISE else -1

    @property
    def width(self) -> float:
        """Width of the declared range."""
        return self.range[1] - self.range[0]

    @property
    def least_delta(self) -> float:
        """The smallest effect of interest that an agent may choose: a smaller one makes a test of signs."""
        return _NOTABLE * self.width


class Protocol(Value):
    """How a candidate is measured: which robots can, with which parameters."""

    name: ProtocolName
    """The name and version of the procedure, as robots offer it."""
    robot: RobotKind
    """The kind of robot that carries it out."""
    parameters: Mapping[str, Scalar] = {}
    """Given to the adapter as they stand."""
    features: tuple[Name, ...] = ()
    """What the robot must be able to do besides."""
    limits: Mapping[str, Interval] = {}
    """Ranges that the robot must cover, by name."""
    timeout: Duration = 600.0
    """A run that takes longer is stopped by the robot and has failed."""
    cost: Costs = Costs()
    """What one run is expected to use."""


class ConfirmationRun(Value):
    """One way of checking a winner."""

    label: Name
    """What people call it."""
    protocol: Protocol
    """How it is measured."""
    tolerance: Annotated[float, Field(gt=0)]
    """The winner holds when this run is not worse than its routine value by more, in the objective's unit."""


class Confirmation(Value):
    """How the best candidates are checked before they are reported as found."""

    top: Annotated[int, Field(ge=1, le=20)] = 3
    """How many of the best are checked."""
    runs: Annotated[tuple[ConfirmationRun, ...], Field(min_length=1)]
    """Each of them is checked in all these ways."""


class Reference(Value):
    """A known substance or setting with its published value: measured too, as a check of the instrument."""

    name: Name
    """What people call it."""
    settings: Mapping[str, Scalar] = {}
    """Its levels, in a space of factors."""
    smiles: str | None = None
    """Its structure, in a space of molecules."""
    value: float
    """In the objective's unit."""
    citation: Annotated[str, Field(min_length=1)]
    """The source of the value."""


class ScientistRules(Value):
    """Who proposes, and how many claims are tested."""

    kind: Literal["algorithmic", "llm"] = "algorithmic"
    """`llm`: agents take part, as far as their record has earned; the algorithmic scientist holds a floor."""
    roles: tuple[Role, ...] = tuple(Role)
    """The agents that take part."""
    limits: AgentLimits = AgentLimits()
    """What one task of one agent may take."""
    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """Bound on the expected share of wrong verdicts."""
    claims_at_most: Annotated[int, Field(ge=0, le=8)] = 3
    """Registered claims in all, those of the file among them."""


class DesignRules(Value):
    """How batches are made."""

    batch_size: Annotated[int, Field(ge=1, le=500)] = 5
    """Runs in one plan."""
    seed: Annotated[int, Field(ge=0, lt=2**53)] = 1
    """Whatever is drawn at random follows from it."""
    pool_limit: Annotated[int, Field(ge=10, le=1_000_000)] = 20_000
    """A larger space is searched through random subsets of this size and the neighbours of the best."""


class ReviewPolicy(StrEnum):
    """When a person must decide."""

    EVERY_CYCLE = "every_cycle"
    FIRST_CYCLE = "first_cycle"
    NONE = "none"


class ReviewRules(Value):
    """The review policy by robot kind, and its times."""

    physical: ReviewPolicy = ReviewPolicy.EVERY_CYCLE
    computational: ReviewPolicy = ReviewPolicy.FIRST_CYCLE
    simulated: ReviewPolicy = ReviewPolicy.NONE
    remind_after: Duration = 86_400.0
    expires_after: Duration = 7 * 86_400.0
    """An open review that nobody decided by then is a rejection."""
    approval_lasts: Duration = 30 * 86_400.0

    @field_validator("physical", "computational", "simulated", mode="before")
    @classmethod
    def _available(cls, given: object) -> object:
        if given == "earned":
            raise ValueError(f"the policy earned is not available yet; use one of: {', '.join(ReviewPolicy)}")
        return given

    @model_validator(mode="after")
    def _physical_needs_a_person(self) -> Self:
        if self.physical is not ReviewPolicy.EVERY_CYCLE:
            raise ValueError("physical work is reviewed by a person every cycle: leave it at every_cycle")
        return self

    def policy_for(self, kinds: frozenset[RobotKind]) -> ReviewPolicy:
        """Return the strictest policy among those of the kinds that a plan needs."""
        by_kind = {
            RobotKind.PHYSICAL: self.physical,
            RobotKind.COMPUTATIONAL: self.computational,
            RobotKind.SIMULATED: self.simulated,
        }
        strictness = list(ReviewPolicy)
        return min((by_kind[kind] for kind in kinds), key=strictness.index)


class OnLost(Value):
    """What to do about a lost job without asking a person; for computations and simulations only."""

    rerun: Annotated[int, Field(ge=0, le=100)] = 0
    """How many times a lost job may be run again."""


class StopRules(Value):
    """When to stop before the budget does."""

    improvement_below: Annotated[float, Field(gt=0)] | None = None
    """Stop when no candidate is expected to improve on the best by this much, in the objective's unit."""


class CampaignSpec(Value):
    """One closed-loop investigation."""

    moonloop: Literal[1]
    """Version of this file format."""
    name: Name
    """The title."""
    goal: Annotated[str, Field(max_length=2000)] = ""
    """The purpose in words."""
    institute: Slug = "default"
    """Who runs it; holds and access go by it."""
    mission: Slug = "default"
    """The programme within the institute that it belongs to."""
    space: Space
    """What may be varied."""
    constraints: tuple[GoalConstraint, ...] = ()
    """Computed before any experiment; a candidate outside them is no winner."""
    objective: Objective
    """What is measured, and which way is better."""
    protocol: Protocol
    """How a candidate is measured."""
    confirmation: Confirmation | None = None
    """How the best are checked; left out, nothing is."""
    references: tuple[Reference, ...] = ()
    """Known values that check the instrument in the first cycle."""
    claims: tuple[ProposedClaim, ...] = ()
    """A scientist's own claims, each with a probability."""
    scientist: ScientistRules = ScientistRules()
    documents: Annotated[tuple[Document, ...], Field(max_length=200)] = ()
    """Literature for the agents."""
    design: DesignRules = DesignRules()
    budget: BudgetSpec
    reviews: ReviewRules = ReviewRules()
    on_lost: OnLost = OnLost()
    stop: StopRules = StopRules()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(self.claims) > self.scientist.claims_at_most:
            raise ValueError(
                f"claims: {len(self.claims)} are given, scientist.claims_at_most is "
                f"{self.scientist.claims_at_most}"
            )
        for number, proposed in enumerate(self.claims):
            self._check_claim(proposed, f"claims[{number}]")
        if self.constraints and isinstance(self.space, FactorSpace):
            raise ValueError("constraints: they are about molecules; for factors use space.constraints")
        for number, reference in enumerate(self.references):
            if isinstance(self.space, RGroupSpace) and reference.smiles is None:
                raise ValueError(f"references[{number}].smiles: the space is one of molecules, give a SMILES")
        if self.on_lost.rerun and self.protocol.robot is RobotKind.PHYSICAL:
            raise ValueError("on_lost.rerun: only computational and simulated work is rerun without a person")
        return self

    def _check_claim(self, proposed: ProposedClaim, where: str) -> None:
        claim = proposed.claim
        if isinstance(claim, Prediction):
            if claim.error >= self.objective.width:
                raise ValueError(f"{where}.claim.error: it is as wide as the objective's range")
            if claim.error < _COUNTABLE * self.objective.width:
                raise ValueError(f"{where}.claim.error: it is less than a millionth of the objective's range")
            return
        _check_levels(claim, self.space, where)
        if claim.delta is None:
            return
        if claim.delta >= self.objective.width:
            raise ValueError(f"{where}.claim.delta: it is as wide as the objective's range")
        if claim.delta < _COUNTABLE * self.objective.width:
            raise ValueError(f"{where}.claim.delta: it is less than a millionth of the objective's range")

    def fault_in(self, proposed: ProposedClaim) -> str:
        """Return why a claim of an agent's cannot be one of this campaign; empty when it can."""
        try:
            self._check_claim(proposed, "proposed")
        except ValueError as fault:
            return str(fault)
        claim = proposed.claim
        if isinstance(claim, Effect) and claim.delta is not None and claim.delta < self.objective.least_delta:
            return "proposed.claim.delta: it is less than a hundredth of the objective's range"
        return ""

    def borrowed_names(self) -> Mapping[int, str]:
        """Return what is wrong with the proposers of the file's claims, by the place of the claim.

        For those who take a campaign in: a claim counts in its proposer's record, and a new file must not
        write in those of the scientists here. One that is in a ledger already stays readable.
        """
        found = ((place, _borrowed(proposed.proposer)) for place, proposed in enumerate(self.claims))
        return {place: why for place, why in found if why}

    @property
    def confirmation_runs(self) -> int:
        """The confirmation runs that the budget allows."""
        asked = self.confirmation.top * len(self.confirmation.runs) if self.confirmation else 0
        return asked if self.budget.confirmation is None else self.budget.confirmation

    @property
    def reference_runs(self) -> int:
        """The reference runs that the budget allows."""
        return len(self.references) if self.budget.reference is None else self.budget.reference


def _borrowed(proposer: str) -> str:
    if proposer != ALGORITHM and "/" not in proposer:
        return ""
    whose = "the algorithmic scientist" if proposer == ALGORITHM else "an agent"
    return (
        f"{proposer} is what {whose} is called, and a file cannot speak for one; name who claims it, without "
        "a slash, or leave it out"
    )


def _check_levels(claim: Effect, space: Space, where: str) -> None:
    levels = levels_by_factor(space)
    if claim.factor not in levels:
        raise ValueError(f"{where}.claim.factor: {claim.factor} is none of {', '.join(levels)}")
    for field in ("level_a", "level_b"):
        level = getattr(claim, field)
        if level not in levels[claim.factor]:
            known = ", ".join(str(known) for known in levels[claim.factor])
            raise ValueError(f"{where}.claim.{field}: {level!r} is no level of {claim.factor}: {known}")
