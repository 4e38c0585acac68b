"""The parent's side of the child process: started when needed, killed when it must stop."""

import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from typing import IO

from moonloop.lab_adapters.xtb.messages import Order, Reply, reply

__all__ = ["Child", "ChildDied"]

_TAIL = 4000
"""Bytes of the child's error output that are worth keeping."""


class ChildDied(Exception):
    """The child process ended in the middle of an order; the sentence says how."""

    def __init__(self, how: str, output: str) -> None:
        super().__init__(how)
        self.output = output
        """The end of what it printed."""


class Child:
    """A process that computes; one order at a time."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._errors: IO[bytes] | None = None
        self._lines: queue.Queue[str | None] = queue.Queue()

    @property
    def pid(self) -> int | None:
        """The process id while it lives."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def send(self, order: Order) -> None:
        """Give an order; start the process when there is none."""
        if self.pid is None:
            self._start()
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(order.model_dump_json() + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it has just died; the next `receive` says so

    def receive(self, wait_s: float) -> Reply | None:
        """Return the next reply, or None when there is none within `wait_s`; raise `ChildDied`."""
        try:
            line = self._lines.get(timeout=wait_s)
        except queue.Empty:
            return None
        if line is None:
            raise self._death()
        return reply(line)

    def stop(self) -> None:
        """Kill the process at once, whatever it is doing, and forget what it said."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                assert pipe is not None
                pipe.close()
        if self._errors is not None:
            self._errors.close()
        self._process = self._errors = None

    def _start(self) -> None:
        self.stop()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the process
        self._process = subprocess.Popen(
            [sys.executable, "-m", "moonloop.lab_adapters.xtb.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            encoding="utf-8",
        )
        self._lines = queue.Queue()
        threading.Thread(target=_pass_on, args=(self._process, self._lines), daemon=True).start()

    def _death(self) -> ChildDied:
        assert self._process is not None
        assert self._errors is not None
        code = self._process.wait()
        self._errors.seek(max(0, self._errors.seek(0, os.SEEK_END) - _TAIL))
        output = self._errors.read().decode(errors="replace")
        self.stop()
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
        return ChildDied(f"the calculating process ended with {how}", output)


def _pass_on(process: "subprocess.Popen[str]", lines: "queue.Queue[str | None]") -> None:
    assert process.stdout is not None
    try:
        for line in process.stdout:
            lines.put(line)
    except ValueError:
        return  # closed under the reader: the process was stopped on purpose
    lines.put(None)
