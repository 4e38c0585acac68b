"""The child process: reads orders from its standard input, computes, writes replies to its standard output.

It ends by itself when its input closes, which is what the death of its parent does.
"""

import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from typing import TextIO

from pydantic import BaseModel

from moonloop.lab_adapters.xtb.messages import Accepted, Done, Failed, Log, Order, Progress, Reply

__all__ = ["answered", "main"]

_MISSING = "RDKit and tblite are not installed here: pip install 'moonloop[xtb]'"


def main() -> None:
    """Serve orders until the input closes."""
    # A Ctrl-C in the robot's terminal reaches the child too; whether to stop is the parent's decision.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    replies = _replies()

    def tell(message: BaseModel) -> None:
        replies.write(message.model_dump_json() + "\n")

    for order in iter(_orders().get, None):
        tell(answered(order, tell))


def _replies() -> TextIO:
    # Compiled code prints where it likes: what it prints must not mix with the replies.
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    return replies


def _orders() -> "queue.Queue[Order]":
    orders: queue.Queue[Order] = queue.Queue()

    def read() -> None:
        for line in sys.stdin:
            orders.put(Order.model_validate_json(line))
        # The parent is gone, maybe in the middle of a calculation that nobody waits for.
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    return orders


def answered(order: Order, tell: Callable[[BaseModel], None]) -> Reply:
    """Carry out an order and return its last word; `tell` takes what there is to say on the way."""
    try:
        from moonloop.lab_adapters.xtb import chemistry_errors, half_reaction  # noqa: PLC0415  # heavy; may be missing
    except ImportError as error:
        return Failed(failure_kind="instrument", why=f"{_MISSING} ({error})")

    reporter = half_reaction.Reporter(
        progress=lambda step, fraction: tell(Progress(step=step, fraction=fraction)),
        log=lambda text: tell(Log(text=text)),
    )
    try:
        if order.command == "check":
            half_reaction.checked(order.request, order.max_atoms)
            return Accepted()
        return Done(answer=half_reaction.half_reaction(order.request, order.max_atoms, reporter))
    except chemistry_errors.Unsuitable as error:
        return Failed(failure_kind="input", why=str(error))
    except chemistry_errors.NotConverged as error:
        return Failed(failure_kind="not_converged", why=str(error))
    except Exception as error:  # noqa: BLE001  # whatever a library raises is a failed run, not a dead robot
        return Failed(failure_kind="instrument", why=f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
