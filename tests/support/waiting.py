"""What waits for a person: a plan to be judged, a loss to be settled."""

from dataclasses import dataclass
from typing import Any

from support.campaigns import Bench
from support.devices import Device

__all__ = ["Loss", "Reviewed"]


@dataclass(frozen=True)
class Reviewed:
    """A campaign whose plan waits for a person."""

    bench: Bench
    review: str
    sha256: str


@dataclass(frozen=True)
class Loss:
    """A job that was lost after its start."""

    device: Device
    incident: str
    offer: dict[str, Any]
