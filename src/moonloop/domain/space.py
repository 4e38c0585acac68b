"""The space: what may be varied. R-groups on scaffolds, plain factors, or an explicit table."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from moonloop.domain.ids import Name
from moonloop.domain.units import Unit
from moonloop.domain.values import Scalar, Value

__all__ = [
    "Candidate",
    "CandidateTable",
    "CategoricalFactor",
    "ContinuousFactor",
    "DiscreteFactor",
    "Exclusion",
    "Factor",
    "FactorSpace",
    "LinearLimit",
    "RGroupSpace",
    "Scaffold",
    "Space",
    "SpaceConstraint",
    "Substituent",
    "level_text",
    "levels_by_factor",
]

_ATTACHMENT = re.compile(r"\[\*:(\d+)\]")


class Candidate(Value):
    """One setting of all factors: what a run is of."""

    key: str
    """Canonical name: the canonical SMILES of a molecule, otherwise the settings in factor order."""
    settings: Mapping[str, Scalar]
    """Level of each factor."""
    smiles: str | None = None
    """Canonical SMILES when the candidate is a molecule."""


class CategoricalFactor(Value):
    """A factor whose levels are names, possibly of substances."""

    kind: Literal["categorical"] = "categorical"
    name: Name
    """What people call it."""
    levels: Annotated[tuple[str, ...], Field(min_length=2)]
    """The names that it takes."""
    substances: Mapping[str, str] = {}
    """SMILES by level, for levels that are substances."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(set(self.levels)) != len(self.levels):
            raise ValueError(f"the levels of {self.name} repeat")
        if unknown := sorted(set(self.substances) - set(self.levels)):
            raise ValueError(f"substances of {self.name} name levels that it has not: {', '.join(unknown)}")
        return self


class DiscreteFactor(Value):
    """A factor whose levels are the listed numbers."""

    kind: Literal["discrete"] = "discrete"
    name: Name
    """What people call it."""
    unit: Unit
    """A UCUM code."""
    levels: Annotated[tuple[float, ...], Field(min_length=2)]
    """The numbers that it takes."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(set(self.levels)) != len(self.levels):
            raise ValueError(f"the levels of {self.name} repeat")
        return self


class ContinuousFactor(Value):
    """A factor that takes multiples of `step` from `low` to `high`; the step is what the device resolves."""

    kind: Literal["continuous"] = "continuous"
    name: Name
    """What people call it."""
    unit: Unit
    """A UCUM code."""
    low: float
    """The lowest value."""
    high: float
    """The highest value."""
    step: Annotated[float, Field(gt=0)]
    """What the device resolves."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.low + self.step > self.high:
            raise ValueError(f"{self.name}: low + step must not be above high")
        return self

    @property
    def levels(self) -> tuple[float, ...]:
        """The settable values, in rising order."""
        count = int((self.high - self.low) / self.step + 1e-9) + 1
        return tuple(round(self.low + index * self.step, 12) for index in range(count))


Factor = Annotated[CategoricalFactor | DiscreteFactor | ContinuousFactor, Field(discriminator="kind")]


class Exclusion(Value):
    """Settings that must not occur together."""

    kind: Literal["exclude"] = "exclude"
    settings: Annotated[Mapping[str, Scalar], Field(min_length=1)]
    """Levels by factor."""
    why: str = ""
    """The reason, for the report."""


class LinearLimit(Value):
    """A bound on a weighted sum of numeric factors, in their own units."""

    kind: Literal["linear"] = "linear"
    weights: Annotated[Mapping[str, float], Field(min_length=1)]
    """The weight of each factor."""
    at_least: float | None = None
    """The lowest sum allowed."""
    at_most: float | None = None
    """The highest sum allowed."""
    why: str = ""
    """The reason, for the report."""


SpaceConstraint = Annotated[Exclusion | LinearLimit, Field(discriminator="kind")]


class FactorSpace(Value):
    """Every allowed combination of the levels of some factors."""

    kind: Literal["factors"] = "factors"
    factors: Annotated[tuple[Factor, ...], Field(min_length=1)]
    """What may be varied."""
    constraints: tuple[SpaceConstraint, ...] = ()
    """Combinations that are left out."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _distinct([factor.name for factor in self.factors], "factor")
        names = {factor.name for factor in self.factors}
        for constraint in self.constraints:
            used = constraint.settings if isinstance(constraint, Exclusion) else constraint.weights
            if unknown := sorted(set(used) - names):
                raise ValueError(f"a constraint names unknown factors: {', '.join(unknown)}")
        return self


class CandidateTable(Value):
    """An explicit list of candidates: each row gives a level of every factor."""

    kind: Literal["table"] = "table"
    factors: Annotated[tuple[Factor, ...], Field(min_length=1)]
    """The columns."""
    rows: Annotated[tuple[tuple[Scalar, ...], ...], Field(min_length=1)]
    """One level per factor, in the order of `factors`."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _distinct([factor.name for factor in self.factors], "factor")
        for number, row in enumerate(self.rows, start=1):
            if len(row) != len(self.factors):
                raise ValueError(f"row {number} has {len(row)} levels, there are {len(self.factors)} factors")
            for factor, level in zip(self.factors, row, strict=True):
                if not isinstance(factor, ContinuousFactor) and level not in factor.levels:
                    raise ValueError(f"row {number}: {level!r} is not a level of {factor.name}")
        if len(set(self.rows)) != len(self.rows):
            raise ValueError("rows repeat; replicates belong to the runs, not to the space")
        return self


class Scaffold(Value):
    """A core with numbered attachment points, written `[*:n]`; n is the locant that a chemist would say."""

    name: Name
    """What people call it."""
    smiles: str
    """The core, with its attachment points."""

    @property
    def positions(self) -> tuple[str, ...]:
        """The locants, in rising order."""
        return tuple(sorted(_ATTACHMENT.findall(self.smiles), key=int))

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.positions:
            raise ValueError(f"scaffold {self.name} has no attachment point [*:n]")
        _distinct(list(self.positions), f"attachment point of {self.name}")
        return self


class Substituent(Value):
    """A group, written with one attachment point `[*]`."""

    name: Name
    smiles: str

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.smiles.count("*") != 1:
            raise ValueError(f"substituent {self.name} needs exactly one attachment point [*]")
        return self


class RGroupSpace(Value):
    """Substituents on scaffolds; candidates are the distinct molecules by canonical SMILES.

    Its factors are `scaffold` and one per locant; `substituent` names a swap at any one locant.
    """

    kind: Literal["r_groups"] = "r_groups"
    scaffolds: Annotated[tuple[Scaffold, ...], Field(min_length=1)]
    substituents: Annotated[tuple[Substituent, ...], Field(min_length=1)]
    unsubstituted: Name = "H"
    """The substituent that fills every position left free."""
    max_substituted: Annotated[int, Field(ge=1)]
    """How many positions at most carry another substituent."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _distinct([scaffold.name for scaffold in self.scaffolds], "scaffold")
        _distinct([substituent.name for substituent in self.substituents], "substituent")
        if self.unsubstituted not in {substituent.name for substituent in self.substituents}:
            raise ValueError(f"unsubstituted: {self.unsubstituted} is not among the substituents")
        return self


Space = Annotated[RGroupSpace | FactorSpace | CandidateTable, Field(discriminator="kind")]


def level_text(level: Scalar) -> str:
    """Write a level as the keys of candidates have it, and as models are shown it and are to write it."""
    return f"{level:.12g}" if isinstance(level, float) else str(level)


def levels_by_factor(space: Space) -> Mapping[str, tuple[Scalar, ...]]:
    """Return the factors that claims and advice may be about, each with its levels."""
    if isinstance(space, RGroupSpace):
        return {
            "scaffold": tuple(scaffold.name for scaffold in space.scaffolds),
            "substituent": tuple(substituent.name for substituent in space.substituents),
        }
    return {factor.name: tuple(factor.levels) for factor in space.factors}


def _distinct(names: list[str], what: str) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"{what} given twice: {', '.join(repeated)}")
