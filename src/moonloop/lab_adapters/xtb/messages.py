"""What the robot and its child process say to each other: one JSON value a line."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from moonloop.domain.values import Value
from moonloop.lab_adapters.xtb.request import Request

__all__ = [
    "EV_PER_HARTREE",
    "Accepted",
    "Answer",
    "Done",
    "Failed",
    "Level",
    "Log",
    "Order",
    "Progress",
    "Reply",
    "Species",
    "reply",
]

EV_PER_HARTREE = 27.211386245988
"""CODATA 2018, Rev. Mod. Phys. 93 (2021) 025010."""


class Order(Value):
    """Look at a molecule, or do the whole calculation."""

    command: Literal["check", "run"]
    request: Request
    max_atoms: int


class Level(Value):
    """The energy of one distinct conformer."""

    energy: float
    """Hartree."""
    found: int
    """How many of the starting structures led to it."""


class Species(Value):
    """What was computed of one molecule."""

    levels: tuple[Level, ...]
    """Single points, by rising energy."""
    energy: float
    """Hartree; of the lowest structure, after relaxation where it was asked for."""
    steps: int
    """Of the relaxation; 0 without."""
    xyz: str
    """The lowest structure, in Angstrom."""
    sdf: str
    """The same with its bonds."""


class Answer(Value):
    """A calculation that came to its end."""

    charge: int
    quinone: Species
    hydroquinone: Species
    hydrogen: float
    """Energy of H2, in Hartree."""
    versions: Mapping[str, str]

    @property
    def half_reaction(self) -> float:
        """Minus the reaction energy of Q + H2 -> hydroquinone per electron: eV, the same number in V."""
        change = self.hydroquinone.energy - self.quinone.energy - self.hydrogen
        return -0.5 * change * EV_PER_HARTREE


class Progress(Value):
    """Where the calculation is."""

    kind: Literal["progress"] = "progress"
    step: str
    fraction: float


class Log(Value):
    """Lines for the log."""

    kind: Literal["log"] = "log"
    text: str


class Accepted(Value):
    """The molecule can be treated."""

    kind: Literal["accepted"] = "accepted"


class Done(Value):
    """The calculation came to its end."""

    kind: Literal["done"] = "done"
    answer: Answer


class Failed(Value):
    """The calculation gives no number."""

    kind: Literal["failed"] = "failed"
    failure_kind: Literal["input", "instrument", "not_converged"]
    why: str


Reply = Annotated[Progress | Log | Accepted | Done | Failed, Field(discriminator="kind")]

_REPLY: TypeAdapter[Reply] = TypeAdapter(Reply)


def reply(line: str) -> Reply:
    """Parse a line from the child."""
    return _REPLY.validate_json(line)
