"""A context that remembers what an adapter told it, and the maker of job specs for adapters."""

import hashlib
from collections.abc import Callable

from moonloop.domain.plans import JobSpec
from moonloop.domain.results import ArtifactRef

__all__ = ["JobMaker", "Recorder"]

JobMaker = Callable[..., JobSpec]


class Recorder:
    """A context that keeps what it is told, and can act in between."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, float | None]] = []
        self.stored: dict[str, bytes] = {}
        self.on_progress: Callable[[], None] = lambda: None
        self.on_checkpoint: Callable[[], None] = lambda: None

    def progress(self, step: str, fraction: float | None = None) -> None:
        """Keep a step."""
        self.steps.append((step, fraction))
        self.on_progress()

    def checkpoint(self) -> None:
        """Do what the test wants done here."""
        self.on_checkpoint()

    def store(self, name: str, body: bytes, media_type: str) -> ArtifactRef:
        """Keep an artifact."""
        self.stored[name] = body
        sha256 = hashlib.sha256(body).hexdigest()
        return ArtifactRef(name=name, sha256=sha256, size=len(body), media_type=media_type)
