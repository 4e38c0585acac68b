"""A question at the terminal is answered by who sits there, or given up."""

import os
import pty
import select
import sys
from collections.abc import Generator
from dataclasses import dataclass
from threading import Event, Thread

import pytest

from moonloop.embedded.asking import agrees

_PATIENCE_S = 30.0


@dataclass(frozen=True)
class Person:
    """Who types at the terminal."""

    keyboard: int

    def types(self, text: str) -> None:
        """Type."""
        os.write(self.keyboard, text.encode())


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Generator[Person]:
    """A person at a terminal, which is standard input."""
    keyboard, terminal = pty.openpty()
    with os.fdopen(terminal, "r") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield Person(keyboard)
    os.close(keyboard)


class Asked:
    """A question under way in a thread of its own."""

    def __init__(self) -> None:
        self.stop = Event()
        self._answers: list[bool | None] = []
        self._thread = Thread(target=self._ask, daemon=True)
        self._thread.start()

    def _ask(self) -> None:
        self._answers.append(agrees("Approve this plan?", self.stop))

    def answer(self) -> bool | None:
        """Wait for what came of it."""
        self._thread.join(_PATIENCE_S)
        [answer] = self._answers
        return answer


def _asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Ask; return when the question is on the screen, and what is typed counts."""
    shown = Event()

    def show(*_words: object, **_how: object) -> None:
        shown.set()

    monkeypatch.setattr("moonloop.embedded.asking.console.print", show)
    asked = Asked()
    assert shown.wait(_PATIENCE_S)
    return asked


@pytest.mark.parametrize(
    ("typed", "agreed"), [("y\n", True), ("Yes\n", True), ("\n", False), ("n\n", False), ("\x04", False)]
)
def test_only_a_yes_is_one(
    person: Person, monkeypatch: pytest.MonkeyPatch, typed: str, *, agreed: bool
) -> None:
    """Enter alone agrees to nothing."""
    asked = _asked(monkeypatch)

    person.types(typed)

    assert agreed is asked.answer()


def test_a_question_can_be_given_up(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends the demo at its question: nobody has to press Enter first."""
    asked = _asked(monkeypatch)
    person.types("ye")

    asked.stop.set()

    assert asked.answer() is None


def test_what_was_typed_before_is_no_answer(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan is approved by who has seen it."""
    person.types("y\n")
    assert select.select([sys.stdin], [], [], _PATIENCE_S)[0]
    asked = _asked(monkeypatch)

    person.types("n\n")

    assert asked.answer() is False
