"""Robots: what they are, what they can do, and whether that is enough for a job."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from moonloop.domain.ids import Name
from moonloop.domain.values import Value

__all__ = ["Capabilities", "Interval", "Requires", "RobotKind", "RobotState", "unmet"]

ProtocolName = Annotated[str, Field(pattern=r"^[a-z0-9_.-]+/[0-9]+$", max_length=120)]


class RobotKind(StrEnum):
    """Set by the administrator, carried by every result for good."""

    PHYSICAL = "physical"
    COMPUTATIONAL = "computational"
    SIMULATED = "simulated"


class RobotState(StrEnum):
    """Whether work may be given to a robot."""

    WAITING = "waiting"
    """Enrolled and physical: an administrator must admit it."""
    ACTIVE = "active"
    QUARANTINED = "quarantined"
    """It lost a job that had started; a person reconciles first."""
    REVOKED = "revoked"


class Interval(Value):
    """A closed interval, in the unit that the limit's name says."""

    low: float
    high: float

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError("low is above high")
        return self


class Capabilities(Value):
    """What a device can do: its capability document."""

    protocols: Annotated[tuple[ProtocolName, ...], Field(min_length=1)]
    """Protocols with their major version, such as `xtb.reduction_potential/1`."""
    features: tuple[Name, ...] = ()
    limits: Mapping[str, Interval] = {}
    """Numeric limits by name, for instance `temperature_Cel`."""


class Requires(Value):
    """What a job asks of a device."""

    kind: RobotKind
    protocol: ProtocolName
    features: tuple[Name, ...] = ()
    limits: Mapping[str, Interval] = {}
    """Each must lie within the device's limit of the same name."""


def unmet(requires: Requires, kind: RobotKind, capabilities: Capabilities) -> tuple[str, ...]:
    """Return one sentence for each requirement that a robot of this kind does not meet."""
    reasons: list[str] = []
    if kind is not requires.kind:
        reasons.append(f"the job asks for a {requires.kind} robot, this one is {kind}")
    if requires.protocol not in capabilities.protocols:
        reasons.append(f"the robot does not offer {requires.protocol}")
    reasons += [
        f"the robot lacks the feature {feature}"
        for feature in requires.features
        if feature not in capabilities.features
    ]
    for name, asked in requires.limits.items():
        offered = capabilities.limits.get(name)
        if offered is None:
            reasons.append(f"the robot states no limit for {name}")
        elif asked.low < offered.low or asked.high > offered.high:
            reasons.append(
                f"{name} from {asked.low} to {asked.high} is outside {offered.low} to {offered.high}"
            )
    return tuple(reasons)
