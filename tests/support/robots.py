"""Robots as processes of their own, as a laboratory runs them."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Self

from support.interleaving import until

__all__ = ["MakeRobot", "RobotProcess"]

_PATIENCE_S = 30.0


class RobotProcess:
    """`moonloop robot run ADAPTER` with a home of its own, in which it can be run again and again."""

    def __init__(self, home: Path, url: str, adapter: str, options: Sequence[str] = ()) -> None:
        self.home = home
        self.folder = home / "robots" / "device"
        self._url = url
        self._command = [sys.executable, "-m", "moonloop", "-v", "robot", "run", adapter, "--name", "device"]
        self._command += [word for option in options for word in ("--option", option)]
        self._processes: list[subprocess.Popen[bytes]] = []
        self._log: IO[bytes] = (home / "robot.log").open("ab")

    def start(self, code: str = "") -> subprocess.Popen[bytes]:
        """Start it, with a code the first time."""
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("MOONLOOP_", "COV"))
        } | {
            "MOONLOOP_HOME": str(self.home),
            "MOONLOOP_URL": self._url,
            "PYTHONPATH": str(Path(__file__).parent.parent),
        }
        command = self._command + (["--code", code] if code else [])
        process = subprocess.Popen(command, env=environment, stdout=self._log, stderr=self._log)
        self._processes.append(process)
        return process

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The one that was started last."""
        return self._processes[-1]

    @property
    def log(self) -> str:
        """What it has printed so far."""
        return (self.home / "robot.log").read_text()

    def says(self, words: str) -> None:
        """Wait until its log holds some words."""
        until(lambda: words in self.log or self.process.poll() is not None, f"the robot says {words!r}")
        assert words in self.log, self.log

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait(_PATIENCE_S)

    def ask_to_end(self) -> None:
        """Send the signal by which a supervisor asks."""
        self.process.send_signal(signal.SIGTERM)

    def ended(self) -> int:
        """Wait for its end; return its exit code."""
        return self.process.wait(_PATIENCE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.kill()
                process.wait(_PATIENCE_S)
        self._log.close()


MakeRobot = Callable[..., RobotProcess]
"""Makes a robot: the table adapter, or another one with its options."""
