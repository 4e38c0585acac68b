"""What a robot must know after its process has died: who it is, its highest fence, and what it was doing."""

import json
import os
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from moonloop.domain.errors import SetupProblem
from moonloop.domain.ids import RobotId
from moonloop.domain.robots import RobotKind
from moonloop.domain.values import Reply

__all__ = ["Credentials", "Memory", "State"]


class Credentials(Reply):
    """A robot's identity at one server."""

    url: str
    robot_id: RobotId
    kind: RobotKind
    token: str
    adapter: str
    lease_ttl_s: float
    beat_every_s: float
    claim_wait_s: float


class State(Reply):
    """Where the robot was."""

    fence: int = 0
    """The highest it has seen; offers below it are refused."""
    request_id: str = ""
    """Of the claim under way: asked again after a crash, it gets the same offer."""
    stage: Literal["idle", "claiming", "starting"] = "idle"
    """From `starting` on only a person can say what happened: such an attempt is never taken up again."""


class Memory:
    """Two files in a folder of the robot's own, written whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    @contextmanager
    def alone(self) -> Generator[None]:
        """Keep other processes from being this robot meanwhile: both would be offered the same job."""
        with (self._folder / "lock").open("w") as file:
            if sys.platform != "win32":
                import fcntl  # noqa: PLC0415 -- not on Windows

                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError as error:
                    raise SetupProblem(
                        problem=f"Another process is the robot of {self._folder} already.",
                        remedy="End it, or give this one another --name.",
                    ) from error
            yield

    @property
    def enrolled(self) -> bool:
        """Whether the robot has credentials."""
        return (self._folder / "robot.json").exists()

    def credentials(self) -> Credentials:
        """Return who the robot is."""
        try:
            return Credentials.model_validate_json((self._folder / "robot.json").read_text())
        except FileNotFoundError as error:
            raise SetupProblem(
                problem="This robot is not enrolled.",
                remedy="Get a code (`moonloop robot code KIND`) and give it with --code.",
            ) from error
        except (ValidationError, UnicodeDecodeError) as error:
            raise SetupProblem(
                problem=f"{self._folder}/robot.json is damaged.", remedy="Remove it and enrol again."
            ) from error

    def remember(self, credentials: Credentials) -> None:
        """Keep who the robot is; readable by its owner alone. A new identity begins with new fences."""
        self.note(State())
        self._write("robot.json", credentials.model_dump(mode="json"))

    def state(self) -> State:
        """Return where the robot was."""
        try:
            return State.model_validate_json((self._folder / "state.json").read_text())
        except FileNotFoundError:
            return State()
        except (ValidationError, UnicodeDecodeError) as error:
            # Without its highest fence a robot would believe an older command.
            raise SetupProblem(
                problem=f"{self._folder}/state.json is damaged.", remedy="Remove the folder and enrol again."
            ) from error

    def note(self, state: State) -> None:
        """Keep where the robot is, before it goes on."""
        self._write("state.json", state.model_dump(mode="json"))

    def _write(self, name: str, value: object) -> None:
        handle, temporary = tempfile.mkstemp(dir=self._folder)
        with os.fdopen(handle, "w") as file:
            json.dump(value, file)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(self._folder / name)
