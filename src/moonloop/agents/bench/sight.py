"""What a tool sees of a campaign, made once for as long as the campaign stands as it does."""

from dataclasses import dataclass
from pathlib import Path

from moonloop.agents.ports import Context
from moonloop.domain.canonical import digest
from moonloop.tools.asking import Snapshot

__all__ = ["Sight", "Sights", "sight_of"]

_KEPT = 8


@dataclass(frozen=True, slots=True)
class Sight:
    """A snapshot, the JSON that crosses to another process, and a name for both."""

    snapshot: Snapshot
    text: str
    key: str


class Sights:
    """The latest sights; a context that is handed in again is not written out again."""

    def __init__(self) -> None:
        self._known: list[tuple[Context, Path | None, Sight]] = []

    def of(self, context: Context, library: Path | None) -> Sight:
        """Return what may be seen in a context."""
        for known, path, sight in self._known:
            if known is context and path == library:
                return sight
        made = sight_of(
            Snapshot(
                spec=context.spec, history=context.history, library=None if library is None else str(library)
            )
        )
        self._known = [(context, library, made), *self._known[: _KEPT - 1]]
        return made


def sight_of(snapshot: Snapshot) -> Sight:
    """Return a sight of a snapshot."""
    text = snapshot.model_dump_json()
    return Sight(snapshot, text, digest(text.encode()))
