"""What an adapter is: the part that varies from device to device, and nothing of leases, fences or HTTP."""

from typing import Protocol

from moonloop.domain.plans import JobSpec
from moonloop.domain.results import ArtifactRef, FinishReport
from moonloop.domain.robots import Capabilities

__all__ = ["Adapter", "Context", "JobRefused", "RunStopped"]


class JobRefused(Exception):
    """The adapter will not run this job; the sentence says why."""


class RunStopped(Exception):
    """The run must end now, because the device has lost its claim to the job."""


class Context(Protocol):
    """What a run may use of the polling client."""

    def progress(self, step: str, fraction: float | None = None) -> None:
        """Tell what is going on; the next beat carries it. `fraction` runs from 0 to 1."""
        ...

    def checkpoint(self) -> None:
        """Raise `RunStopped` when the run must end; call it wherever stopping is safe."""
        ...

    def store(self, name: str, body: bytes, media_type: str) -> ArtifactRef:
        """Keep bytes under a name; return the reference to put into the report."""
        ...


class Adapter(Protocol):
    """One instrument family."""

    name: str
    version: str

    def capabilities(self) -> Capabilities:
        """Return the capability document."""
        ...

    def check(self, spec: JobSpec) -> None:
        """Check inputs and limits before anything moves; raise `JobRefused` with a sentence."""
        ...

    def run(self, spec: JobSpec, context: Context) -> FinishReport:
        """Do the job and report it; a failure of the experiment is a report, not an exception."""
        ...

    def close(self) -> None:
        """Let go of the device and of whatever was started."""
        ...
