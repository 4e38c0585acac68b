"""Results: what a robot reports when it has finished, and what is kept of it."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from moonloop.domain.budgets import Amount
from moonloop.domain.ids import Name, Sha256
from moonloop.domain.units import Unit
from moonloop.domain.values import Value

__all__ = ["ArtifactName", "ArtifactRef", "FinishReport", "Outcome", "Quality", "ReportedMeasurement"]

ArtifactName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
MediaType = Annotated[str, StringConstraints(pattern=r"^[a-z]+/[A-Za-z0-9.+-]+$", max_length=100)]


class Quality(StrEnum):
    """What the instrument thinks of its own number."""

    GOOD = "good"
    SUSPECT = "suspect"


class Outcome(StrEnum):
    """How an attempt ended, as the robot tells it."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    ABORTED = "aborted"


class ReportedMeasurement(Value):
    """A number with its unit and its uncertainty."""

    name: Name
    value: float
    unit: Unit
    uncertainty: Annotated[float, Field(ge=0)] | None = None
    """Standard uncertainty, in `unit`."""
    parts: Mapping[str, float] = {}
    """What the uncertainty is made of, in `unit`, and other figures that belong to the number."""
    quality: Quality = Quality.GOOD
    measured_at: datetime | None = None
    """By the robot's clock; kept beside the server's."""


class ArtifactRef(Value):
    """Bytes by their hash."""

    name: ArtifactName
    sha256: Sha256
    size: Annotated[int, Field(ge=0)]
    media_type: MediaType = "application/octet-stream"


class FinishReport(Value):
    """The outcome of an attempt, once and for all."""

    outcome: Outcome
    measurements: tuple[ReportedMeasurement, ...] = ()
    artifacts: tuple[ArtifactRef, ...] = ()
    failure: Annotated[str, Field(max_length=4000)] = ""
    """Why it did not succeed, in words."""
    failure_kind: Literal["", "input", "instrument", "timeout", "not_converged", "crash"] = ""
    consumables: Mapping[str, Amount] = {}
    """What was used, by substance; absent means as planned."""
    versions: Mapping[str, str] = {}
    """Of the adapter and of the programs it used."""
