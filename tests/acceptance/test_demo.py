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

from moonloop.domain.agents import Role
from moonloop.domain.canonical import digest
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


SMALL = """
moonloop: 1
name: Small quinones
space:
  kind: r_groups
  scaffolds: [{name: "1,4-benzoquinone", smiles: "O=C1C([*:2])=C([*:3])C(=O)C([*:5])=C1[*:6]"}]
  substituents:
    - {name: H, smiles: "[*][H]"}
    - {name: OH, smiles: "[*]O"}
    - {name: F, smiles: "[*]F"}
    - {name: Cl, smiles: "[*]Cl"}
    - {name: CN, smiles: "[*]C#N"}
  unsubstituted: H
  max_substituted: 2
objective: {name: reduction_potential, unit: V, direction: maximise, range: [0.0, 1.2]}
protocol:
  name: xtb.reduction_potential/1
  robot: computational
  parameters: {method: GFN2-xTB, solvent: water, conformers: 2, optimise: false}
documents: [{name: Notes on nitriles, path: papers/notes.md}]
design: {batch_size: 7}
budget: {experiments: 14}
"""
NOTES = b"# Notes on nitriles\n\nThe nitrile withdraws electrons, which raises the potential of a quinone.\n"


def test_with_a_script_for_a_model_every_role_takes_part_and_nobody_takes_it_for_one(tmp_path: Path) -> None:
    """The campaign of another file, with its document: its report says that no model answered."""
    home = tmp_path / "a demo"
    file = tmp_path / "small.yaml"
    file.write_text(SMALL)
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "notes.md").write_bytes(NOTES)
    command = [sys.executable, "-m", "moonloop", "demo", str(file), "--scripted-llm", "--json"]
    ran = subprocess.run(
        [*command, "--home", str(home)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_PATIENCE_S, check=False,
    )  # fmt: skip
    assert 0 == ran.returncode, ran.stderr[-3000:]
    told = json.loads(ran.stdout)
    rows = look(home / "ledger.db")
    threads = rows("SELECT role, status, scripted, why FROM threads")
    html = (home / "report.html").read_text()

    assert "done" == told["campaign"]["state"]
    assert "Small quinones (scripted agents, no model)" == told["campaign"]["name"]
    decided = {row["role"] for row in threads if row["status"] == "decided"}
    assert set(Role) == decided, threads
    assert {1} == {row["scripted"] for row in threads if row["status"] == "decided"}
    assert "scripted, no model" in html
    assert "It is no model: what they say is made up beforehand." in ran.stderr
    assert NOTES == next(home.rglob(digest(NOTES))).read_bytes()
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
