"""Two transactions at once, in a chosen order: one is held open while the other waits for its locks."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Connection, event, text

from moonloop.store import Ledger, Tx

__all__ = ["Contest", "until"]

_PATIENCE_S = 20.0
_WAITING = text(
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0"
)

Transition = Callable[..., Any]


def until(condition: Callable[[], bool], what: str) -> None:
    """Return when the condition holds; fail when it takes too long."""
    end = time.monotonic() + _PATIENCE_S
    while not condition():
        assert time.monotonic() < end, f"waited in vain until {what}"
        time.sleep(0.002)


class Contest:
    """A transaction held open after its work and before its commit, and rivals that come while it is.

    On PostgreSQL the rivals are seen to wait in `pg_stat_activity`; on SQLite they are seen to ask for the
    one write lock.
    """

    def __init__(self, ledger: Ledger, rival: Ledger) -> None:
        self._ledger = ledger
        self._rival = rival
        self._threads = ThreadPoolExecutor(8)
        self._worked = threading.Event()
        self._may_commit = threading.Event()
        self._rivals: list[Future[Any]] = []
        self._begun = 0
        if rival.embedded:
            event.listen(rival._write_engine, "before_cursor_execute", self._asked)  # pyright: ignore[reportPrivateUsage]

    def _asked(self, _connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        self._begun += statement == "BEGIN IMMEDIATE"

    def hold(self, actor: str, transition: Transition, *args: Any, **kwargs: Any) -> Future[Any]:
        """Do the work of a transition and keep its locks; it commits when the contest is let go."""

        def held(tx: Tx) -> Any:
            try:
                return transition(tx, *args, **kwargs)
            finally:
                self._worked.set()
                assert self._may_commit.wait(_PATIENCE_S)

        first = self._threads.submit(self._ledger.write_now, held, actor)
        assert self._worked.wait(_PATIENCE_S)
        return first

    def rival(self, actor: str, transition: Transition, *args: Any, **kwargs: Any) -> Future[Any]:
        """Begin a transition on another connection; return once it waits for what is held."""
        begun = self._begun
        future = self._threads.submit(self._rival.write_now, transition, actor, *args, **kwargs)
        self._rivals.append(future)
        if self._rival.embedded:
            until(lambda: self._begun > begun, "the rival asks for the write lock")
        else:
            until(lambda: future.done() or self._waiting() >= len(self._rivals), "the rival waits for a lock")
        assert not future.done(), f"the rival did not wait: {future}"
        return future

    def _waiting(self) -> int:
        return self._rival.read_now(lambda connection: int(connection.execute(_WAITING).scalar_one()))

    def let_go(self) -> None:
        """Let the held transaction commit."""
        self._may_commit.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.let_go()
        self._threads.shutdown()
        if self._rival.embedded:
            event.remove(self._rival._write_engine, "before_cursor_execute", self._asked)  # pyright: ignore[reportPrivateUsage]
