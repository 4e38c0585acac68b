"""The demo, as a newcomer runs it: real calculations, a person who is asked, a report, nothing left over."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from moonloop.domain.plans import JobSpec
from moonloop.lab_adapters.xtb import XtbAdapter
from support.invariants import Rows, look
from support.recorder import Recorder
from support.site import leftover

_PATIENCE_S = 400.0


def _specs(rows: Rows, campaign: str) -> dict[str, JobSpec]:
    query = "SELECT s.body FROM specs s JOIN plans p ON p.id = s.plan_id WHERE p.campaign_id = ?"
    specs = [JobSpec.model_validate_json(row["body"]) for row in rows(query, campaign)]
    return {spec.job_id: spec for spec in specs}


def test_without_a_terminal_the_demo_goes_from_nothing_to_its_report(tmp_path: Path) -> None:
    """Its numbers are those of the xTB adapter, its validation is reported, and who decided is told."""
    home = tmp_path / "a demo"
    command = [sys.executable, "-m", "moonloop", "demo", "--json", "--home", str(home)]
    ran = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_PATIENCE_S, check=False
    )
    assert 0 == ran.returncode, ran.stderr[-3000:]
    told = json.loads(ran.stdout)
    rows = look(home / "ledger.db")
    measured = rows("SELECT job_id, value FROM measurements")
    html = (home / "report.html").read_text()

    assert ("done", "budget_spent") == (told["campaign"]["state"], told["campaign"]["done_reason"])
    assert 60 + 20 + 9 == len(measured)
    assert "moonloop demo, no person present" in html
    assert "moonloop demo, no person present" in [row["by"] for row in rows('SELECT "by" FROM decisions')]
    assert 'id="validation"' in html
    specs = _specs(rows, told["campaign"]["id"])
    robot = XtbAdapter()
    try:
        for row in measured[:3]:
            again = robot.run(specs[row["job_id"]], Recorder()).measurements[0].value
            assert pytest.approx(again, abs=1e-6) == row["value"]
    finally:
        robot.close()
    assert [] == leftover(home)


class _Terminal:
    """A demo at a terminal of its own."""

    def __init__(self, process: subprocess.Popen[bytes], keyboard: int) -> None:
        self.process = process
        self._keyboard = keyboard
        self.text = ""

    def until(self, pattern: str) -> None:
        """Read until something is printed."""
        deadline = time.monotonic() + _PATIENCE_S
        while not re.search(pattern, self.text):
            assert time.monotonic() < deadline, self.text[-3000:]
            self._read()

    def _read(self) -> None:
        if select.select([self._keyboard], [], [], 1.0)[0]:
            self.text += os.read(self._keyboard, 65_536).decode(errors="replace")

    def types(self, text: str) -> None:
        """Type."""
        os.write(self._keyboard, text.encode())

    def end(self) -> int:
        """Read to the end; return the exit code."""
        with suppress(OSError):  # the other side has hung up
            while self.process.poll() is None:
                self._read()
            self._read()
        return self.process.wait(_PATIENCE_S)


@contextmanager
def _at_a_terminal(home: Path) -> Generator[_Terminal]:
    keyboard, terminal = pty.openpty()
    command = [sys.executable, "-m", "moonloop", "demo", "--home", str(home)]
    process = subprocess.Popen(
        command, stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True
    )
    os.close(terminal)
    try:
        yield _Terminal(process, keyboard)
    finally:
        if process.poll() is None:
            process.kill()
        os.close(keyboard)


def test_a_person_is_asked_and_may_interrupt(tmp_path: Path) -> None:
    """What is approved begins; Ctrl-C ends all of it in order and says how to go on."""
    home = tmp_path / "home"
    with _at_a_terminal(home) as demo:
        demo.until(r"\[y/N\]")
        assert [] == look(home / "ledger.db")("SELECT id FROM jobs")
        demo.types("y\n")
        demo.until("Cycle 1 is done")
        demo.process.send_signal(signal.SIGINT)
        code = demo.end()

    rows = look(home / "ledger.db")
    assert 130 == code
    assert "To go on: export MOONLOOP_HOME=" in demo.text
    assert {"person"} == {
        row["by_kind"] for row in rows("SELECT by_kind FROM decisions WHERE policy IS NULL")
    }
    assert [] == rows("SELECT id FROM attempts WHERE state = 'running'")
    assert [] == leftover(home)


def test_nobody_waits_for_a_person_who_has_interrupted(tmp_path: Path) -> None:
    """Ctrl-C at the question ends the demo, with nothing decided and nothing run."""
    home = tmp_path / "home"
    with _at_a_terminal(home) as demo:
        demo.until(r"\[y/N\]")
        demo.process.send_signal(signal.SIGINT)
        code = demo.end()

    rows = look(home / "ledger.db")
    assert 130 == code
    assert [[], []] == [rows("SELECT id FROM decisions"), rows("SELECT id FROM jobs")]
    assert [] == leftover(home)
