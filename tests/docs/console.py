"""Runs the console blocks of a page as a reader would, and compares what is printed.

Ids and hashes on a page are those of another run: each stands for what is printed here in its place.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from docs.pages import ROOT, Block, Page
from moonloop.embedded.lifeline import tethered
from moonloop.embedded.temporal import find_server
from support.serving import free_port

__all__ = ["READER", "Console", "Step", "steps"]

READER = "ada"
"""Who reads the pages."""

_STAYS = ("moonloop up", "moonloop serve", "moonloop robot run", "python -m moonloop.agents.scripted")
"""Commands that run until they are told to end."""
_ID = re.compile(
    r"\b(?:cmp|rev|rob|tok|inc|hyp|pln|job|att)_[0-9a-z]+(?:_[0-9]+)*\b|\bthr_[0-9a-z]+_[0-9]+_[a-z]+\b"
    r"|\b[0-9a-f]{64}\b"
)
_SERVER, _MODELS = "8765", "8000"
"""Ports on the pages; free ones stand for them here."""
_ANY_LINES = r"(?:.*\n)*?"
_NOBODYS = "0" * 64
_PATIENCE_S = 120.0
_LOOK_S = 0.05


@dataclass(frozen=True, slots=True)
class Step:
    """A command, and what the page shows below it."""

    command: str
    shown: tuple[str, ...]

    @property
    def stays(self) -> bool:
        """Whether it runs until it is told to end."""
        return self.command.startswith(_STAYS)


def steps(block: Block) -> Iterator[Step]:
    """Yield the steps of a console block."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, *shown = part.rstrip("\n").split("\n")
        yield Step(command, tuple(shown))


class Console:
    """A reader's terminals, in a home folder of their own, with free ports for the servers."""

    def __init__(self, folder: Path) -> None:
        self._home = folder / READER
        self._work = self._home / "work"
        self._work.mkdir(parents=True)
        self._state = folder / "state.sh"
        self._state.write_text(f"cd {self._work}\n")
        self._ports = {_SERVER: free_port(), _MODELS: free_port()}
        self._temporal = str(find_server())
        self._known: dict[str, str] = {}
        self._running: dict[str, tuple[subprocess.Popen[bytes], Path]] = {}
        self._logs = folder

    def follow(self, page: Page) -> None:
        """Do what a page says.

        Pages may be followed one after another: a server that runs already is not started again.
        """
        self._known = {}
        for block in page.blocks:
            if "skip" in block.attributes:
                continue
            if "title" in block.attributes and block.language != "json":
                self.write(block.attributes["title"], block.text)
            elif block.language == "console":
                for step in steps(block):
                    self.do(step, until=block.attributes.get("until", ""))

    def write(self, name: str, text: str) -> None:
        """Save a file where the reader is."""
        (Path(self._run("pwd").stdout.strip()) / name).write_text(self._meant(text), encoding="utf-8")

    def do(self, step: Step, *, until: str = "") -> None:
        """Run one command and compare; one that stays is left running once it has said what is shown.

        With `until`, ask again for as long as that text is not in the answer.
        """
        command = self._meant(step.command)
        if step.stays:
            self._start(command, step)
            return
        while True:
            done = self._run(command)
            if done.returncode or until in done.stdout:
                break
        printed = self._plain(done.stdout)
        assert 0 == done.returncode, f"$ {step.command}\n{printed}"
        if step.shown:
            self._compare(step, printed)

    def _run(self, command: str) -> subprocess.CompletedProcess[str]:
        # Where the reader is and what was exported carry over to the next command.
        kept = f"{{ export -p; printf 'cd %q\\n' \"$PWD\"; }} > {self._state}"
        script = f"source {self._state}\n{command}\ncode=$?\n{kept}\nexit $code"
        return subprocess.run(
            ["bash", "-c", script],
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=_PATIENCE_S,
        )

    def _start(self, command: str, step: Step) -> None:
        if command not in self._running:
            log = self._logs / f"{len(self._running)}.log"
            with log.open("wb") as file:
                process = subprocess.Popen(
                    tethered("bash", "-c", f"source {self._state}\nexec {command}"),
                    env=self._environment,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    stdin=subprocess.DEVNULL,
                )
            self._running[command] = process, log
        self._compare(step, self._said(command, step), more=True)

    def _said(self, command: str, step: Step) -> str:
        """Wait until a command that stays has said what is shown, or ends; return what it said."""
        process, log = self._running[command]
        pattern = re.compile(self._pattern(step.shown) + _ANY_LINES)
        end = time.monotonic() + _PATIENCE_S
        while not pattern.fullmatch(self._plain(log.read_text())) and time.monotonic() < end:
            with suppress(subprocess.TimeoutExpired):
                process.wait(_LOOK_S)
                break
        return self._plain(log.read_text())

    @property
    def _environment(self) -> Mapping[str, str]:
        own = {name: text for name, text in os.environ.items() if not name.startswith(("MOONLOOP_", "COV"))}
        return own | {
            "COLUMNS": "150",
            "HOME": str(self._home),
            "LOGNAME": READER,
            "MOONLOOP": str(ROOT),
            "MOONLOOP_PORT": str(self._ports[_SERVER]),
            "MOONLOOP_TEMPORAL": self._temporal,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONUNBUFFERED": "1",
            "USER": READER,
        }

    def _meant(self, written: str) -> str:
        """Return what a reader types: ids that were printed here, and a port that is free."""
        text = _ID.sub(lambda found: self._here(found[0]), written)
        return re.sub(rf"\b{_MODELS}\b", str(self._ports[_MODELS]), text)

    def _here(self, name: str) -> str:
        if name in self._known or "_" not in name:
            return self._known.get(name, name)
        # What belongs to a campaign has the campaign's id in its own.
        core = name.split("_")[1]
        return name.replace(core, self._known.get(f"cmp_{core}", f"cmp_{core}").removeprefix("cmp_"))

    # What is printed against what is shown.

    def _plain(self, printed: str) -> str:
        text = printed.replace(str(self._home), f"/home/{READER}")
        for shown, port in self._ports.items():
            text = text.replace(f":{port}", f":{shown}")
        return "".join(line.rstrip() + "\n" for line in text.rstrip().splitlines())

    def _compare(self, step: Step, printed: str, *, more: bool = False) -> None:
        names: dict[str, str] = {}
        pattern = self._pattern(step.shown, names) + (_ANY_LINES if more else "")
        found = re.fullmatch(pattern, printed)
        shown = "\n".join(step.shown)
        assert found is not None, f"$ {step.command}\nshown:\n{shown}\nprinted:\n{printed}"
        self._known |= {name: found[group] for name, group in names.items()}

    def _pattern(self, shown: Sequence[str], names: dict[str, str] | None = None) -> str:
        groups = {} if names is None else names
        lines = (_ANY_LINES if line.strip() == "..." else self._line(line.rstrip(), groups) for line in shown)
        return "".join(lines)

    def _line(self, line: str, groups: dict[str, str]) -> str:
        text, end = "", 0
        for found in _ID.finditer(line):
            text += self._words(line[end : found.start()]) + self._name(found[0], groups)
            end = found.end()
        return text + self._words(line[end:]) + r"\n"

    @staticmethod
    def _words(text: str) -> str:
        return re.escape(text).replace("…", ".*")

    def _name(self, name: str, groups: dict[str, str]) -> str:
        if name == _NOBODYS or name in self._known:
            return re.escape(self._known.get(name, name))
        if name in groups:
            return f"(?P={groups[name]})"
        groups[name] = f"id{len(groups)}"
        prefix = f"{name.partition('_')[0]}_[0-9a-z_]+" if "_" in name else "[0-9a-f]{64}"
        return f"(?P<{groups[name]}>{prefix})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        processes = [process for process, _ in self._running.values()]
        for process in reversed(processes):
            process.send_signal(signal.SIGTERM)
        for process in processes:
            try:
                process.wait(_PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
