"""The command line in the process of a test: what is typed, what is printed, and the exit code."""

import io
import json
import sys
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import pytest
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from moonloop.cli.main import build, main
from moonloop.client.terminal import console

__all__ = ["Said", "Terminal", "commands"]


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, as a program reads it."""
        return json.loads(self.out)


class Terminal:
    """Types commands; their environment has nothing of this machine's but what a test sets."""

    def __init__(self, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]) -> None:
        self._patch = patch
        self._capture = capture
        patch.setenv("COLUMNS", "300")
        patch.setattr(console, "_width", 300)  # it has kept the width that it was made with
        patch.setenv("NO_COLOR", "1")

    def __call__(self, *words: str, typed: str = "") -> Said:
        """Run a command; `typed` is what a person answers when asked."""
        self._patch.setattr(sys, "argv", ["moonloop", *words])
        self._patch.setattr(sys, "stdin", io.StringIO(typed))
        self._capture.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        printed = self._capture.readouterr()
        return Said(_code(ended.value), printed.out, printed.err)

    def done(self, *words: str, typed: str = "") -> Said:
        """Run a command that must succeed and complain of nothing."""
        said = self(*words, typed=typed)
        assert (0, "") == (said.code, said.err), said
        return said


def _code(ended: SystemExit) -> int:
    return ended.code if isinstance(ended.code, int) else int(ended.code is not None)


def commands() -> dict[str, TyperCommand]:
    """Return every command by the words by which it is called."""
    return dict(_below("", get_command(build())))


def _below(name: str, command: object) -> Generator[tuple[str, TyperCommand]]:
    if isinstance(command, TyperGroup):
        for word, one in command.commands.items():
            yield from _below(f"{name} {word}".strip(), one)
    else:
        assert isinstance(command, TyperCommand)
        yield name, command
