"""Asking the person at the terminal, in a way that can be given up."""

import select
import sys
import termios
from threading import Event

from rich.text import Text

from moonloop.client.terminal import console

__all__ = ["agrees"]

_LOOK_S = 0.1


def agrees(question: str, stop: Event) -> bool | None:
    """Return whether the person says yes; None if told to stop before there is an answer.

    What was typed before the question is no answer to it. Only `y` or `yes` is a yes.
    """
    termios.tcflush(sys.stdin, termios.TCIFLUSH)
    console.print(Text(f"{question} [y/N]: "), end="")
    while not stop.is_set():
        # Nothing else can be interrupted: a thread that reads the terminal holds it until Enter.
        if select.select([sys.stdin], [], [], _LOOK_S)[0]:
            return sys.stdin.readline().strip().lower() in ("y", "yes")
    return None
