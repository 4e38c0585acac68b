"""Whether every role has an endpoint that works, found out by trying."""

from dataclasses import asdict

from moonloop.agents.door.config import ModelsFile
from moonloop.agents.door.probe import Probed, probe_all
from moonloop.domain.agents import Role
from moonloop.domain.values import Reply

__all__ = ["Checked", "FindingState", "TriedState", "check"]


class FindingState(Reply):
    """One thing that was looked at."""

    subject: str
    standing: str
    """`good`; `note`: works, with less than there could be; `bad`: has to be put right."""
    sentence: str


class TriedState(Reply):
    """One model or adapter at one endpoint."""

    endpoint: str
    model: str
    works: bool
    latency_s: float | None
    """Of a short answer."""
    scripted: bool
    """A script answers there, no model."""
    findings: tuple[FindingState, ...]


class Checked(Reply):
    """What came of it."""

    tried: tuple[TriedState, ...]
    unserved: tuple[Role, ...]
    """Roles without any endpoint that works."""

    @property
    def sentence(self) -> str:
        """What it comes to."""
        if self.unserved:
            return f"No endpoint works for {', '.join(self.unserved)}: put right what is bad above."
        return "Every role has an endpoint that works."


async def check(models: ModelsFile) -> Checked:
    """Try out every model and adapter that a role wants of an endpoint, one after another."""
    probed = await probe_all(models)
    working = {(one.endpoint, one.model) for one in probed if one.works}
    unserved = tuple(
        role for role in Role if not any((name, model) in working for name, _, model in models.serving(role))
    )
    return Checked(tried=tuple(map(_tried, probed)), unserved=unserved)


def _tried(probed: Probed) -> TriedState:
    return TriedState(
        endpoint=probed.endpoint,
        model=probed.model,
        works=probed.works,
        latency_s=probed.latency_s,
        scripted=probed.scripted,
        findings=tuple(FindingState(**asdict(one)) for one in probed.findings),
    )
