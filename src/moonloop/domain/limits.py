"""Limits: what the goal asks of a candidate, computed before any experiment."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from moonloop.domain.ids import Name
from moonloop.domain.values import Value

__all__ = ["DescriptorLimit", "GoalConstraint", "SubstructureLimit"]


class SubstructureLimit(Value):
    """A candidate may contain a substructure only so many times."""

    kind: Literal["substructure"] = "substructure"
    name: Name
    """What people call it."""
    smarts: Annotated[str, Field(min_length=1)]
    """The substructure, as SMARTS."""
    at_most: Annotated[int, Field(ge=0)] = 0
    """How many matches a candidate may have."""
    why: str = ""
    """The reason, for the report."""


class DescriptorLimit(Value):
    """A computed property of the molecule must lie within bounds."""

    kind: Literal["descriptor"] = "descriptor"
    name: Name
    """What people call it."""
    descriptor: Literal[
        "esol_log_s", "log_p", "molecular_weight", "tpsa", "h_bond_donors", "h_bond_acceptors"
    ]
    """The property, computed with RDKit; `esol_log_s` is log10 of the solubility in mol/L."""
    at_least: float | None = None
    """The lowest value allowed."""
    at_most: float | None = None
    """The highest value allowed."""
    why: str = ""
    """The reason, for the report."""

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.at_least is None and self.at_most is None:
            raise ValueError("give at_least, at_most or both")
        return self


GoalConstraint = Annotated[SubstructureLimit | DescriptorLimit, Field(discriminator="kind")]
