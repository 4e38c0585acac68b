"""Statements compiled once for all ledgers of a process.

Most tests have a ledger of their own, and to compile its statements anew takes a third of their time. In a
process that serves, one ledger is opened and compiles each once.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, event

__all__ = ["compiled_once"]


def compiled_once(open_engine: Callable[..., Engine]) -> Callable[..., Engine]:
    """Return the function, with engines that share their compiled statements."""
    first: dict[tuple[str, bool], Engine] = {}

    def opened(url: str, *, write: bool, connections: int) -> Engine:
        engine: Any = open_engine(url, write=write, connections=connections)
        # The dialect is part of a compiled statement's key, and holds the level of isolation.
        same: Any = first.setdefault((engine.dialect.name, write), engine)
        own, engine.dialect = engine.dialect, same.dialect
        engine.pool._dialect = same.dialect
        engine._compiled_cache = same._compiled_cache

        @event.listens_for(engine, "connect", once=True)
        def learn(*_: object) -> None:  # what the first connection has told of the server's version and so on
            if same.dialect.server_version_info is None:
                same.dialect.__dict__.update(own.__dict__)

        return engine

    return opened
