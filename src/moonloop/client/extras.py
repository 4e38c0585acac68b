"""What a command says when the extra that it needs is not installed."""

from collections.abc import Generator
from contextlib import contextmanager

from moonloop.domain.errors import ExtraMissing

__all__ = ["needs"]


@contextmanager
def needs(extra: str, what: str) -> Generator[None]:
    """Turn a missing module of somebody else's into the pip line that brings it."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.partition(".")[0] == "moonloop":
            raise
        raise ExtraMissing(what=f"{what} (it lacks {error.name})", extra=extra) from error
