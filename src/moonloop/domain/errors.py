"""One flat family of errors: a class for each thing that a caller can do something about.

The docstring of a class is its message, with the facts in braces; the facts are attributes.
`status` is the HTTP status code that best says the same (RFC 9110), and so doubles as the category.
"""

import re
from typing import Any, ClassVar

__all__ = ["FAMILY", "MoonloopError", "revive"]

FAMILY: dict[str, type["MoonloopError"]] = {}


class MoonloopError(Exception):
    """Something went wrong in Moonloop."""

    status: ClassVar[int] = 500
    slug: ClassVar[str] = "moonloop-error"

    def __init__(self, **facts: Any) -> None:
        self.facts = facts
        self.retry_after_s = 0.0
        super().__init__(_sentence(type(self), facts))

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.slug = re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()
        FAMILY[cls.slug] = cls

    def __getattr__(self, name: str) -> Any:
        facts = self.__dict__.get("facts", {})
        if name in facts:
            return facts[name]
        raise AttributeError(name)

    def __reduce__(self) -> Any:
        # Exceptions with keyword arguments do not pickle by default; these cross process pools.
        return (_rebuild, (type(self), self.facts))


def _rebuild(cls: type[MoonloopError], facts: dict[str, Any]) -> MoonloopError:
    return cls(**facts)


class _Missing(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return f"<{key}>"


def _sentence(cls: type[MoonloopError], facts: dict[str, Any]) -> str:
    return " ".join((cls.__doc__ or cls.__name__).split()).format_map(_Missing(facts))


def revive(slug: str, facts: dict[str, Any], fallback: str) -> MoonloopError:
    """Return the error that a problem document speaks of; an unknown slug gives the base class."""
    cls = FAMILY.get(slug)
    if cls is not None:
        return cls(**facts)
    error = MoonloopError(**facts)
    error.args = (fallback,)
    return error


# What was asked for is malformed or impossible: change it, then ask again.


class InvalidInput(MoonloopError):
    """{where}: {why}"""

    status = 422


class CampaignFileInvalid(MoonloopError):
    """The campaign file is not valid: {problems}"""

    status = 422


class SpaceImpossible(MoonloopError):
    """The space holds nothing to run: {why}"""

    status = 422


class ClaimWithoutRule(MoonloopError):
    """A claim of kind "{kind}" has no verdict rule yet; available are: {available}."""

    status = 422


class UnitUnknown(MoonloopError):
    """The unit "{unit}" is not one of the UCUM codes that Moonloop knows: {known}."""

    status = 422


class UnitMismatch(MoonloopError):
    """{name} was measured in "{given}", which cannot be converted to "{expected}"."""

    status = 422


class ResultInvalid(MoonloopError):
    """The result does not fit its job: {why}"""

    status = 422


class ArtifactMismatch(MoonloopError):
    """Artifact {name}: {received} arrived, {declared} was declared."""

    status = 422


class ArtifactMissing(MoonloopError):
    """The result names artifacts that were never stored: {missing}."""

    status = 422


class TooLarge(MoonloopError):
    """{what} is larger than the {limit} bytes allowed."""

    status = 413


# Who asks.


class Unauthenticated(MoonloopError):
    """No valid token came with the request: {why}"""

    status = 401


class Forbidden(MoonloopError):
    """{principal} may not {action}: {why}"""

    status = 403


# What is asked about.


class NotFound(MoonloopError):
    """There is no {kind} {id}."""

    status = 404


# The state does not allow it.


class IllegalTransition(MoonloopError):
    """A {machine} that is {state} cannot take edge {edge}."""

    status = 409


class StaleFence(MoonloopError):
    """Fence {fence} is stale: attempt {attempt} is {state}. Go to a safe hold and stop."""

    status = 409


class AttemptOpen(MoonloopError):
    """This device still holds attempt {attempt} ({state}); a new one is offered when it has ended."""

    status = 409


class RobotUnavailable(MoonloopError):
    """Robot {robot} is {state}: {why}"""

    status = 409


class StartRefused(MoonloopError):
    """Attempt {attempt} may not start ({reason}): {why}"""

    status = 409


class FinishConflict(MoonloopError):
    """Attempt {attempt} has already been finished with another result."""

    status = 409


class AlreadyDecided(MoonloopError):
    """Review {review} is {state}: already decided by {by} at {at}."""

    status = 409


class PlanChanged(MoonloopError):
    """Review {review} is of plan {expected}, not of {given}: read it again before deciding."""

    status = 409


class BudgetSpent(MoonloopError):
    """Budget line {line} does not allow {asked} more: {spent} spent and {reserved} reserved of {limit}."""

    status = 409


class Held(MoonloopError):
    """{scope} is on hold by {by}: {reason}"""

    status = 409


class AlreadyExists(MoonloopError):
    """{kind} {id} already exists."""

    status = 409


class NothingToAdopt(MoonloopError):
    """Incident {incident} has no late result to adopt; rerun or fail the job instead."""

    status = 409


class ExportInvalid(MoonloopError):
    """The export cannot be read: {why}"""

    status = 422


# Models and their answers. Those that an agent may mend are told to it; the others end its task.


class AnswerRefused(MoonloopError):
    """The answer cannot be used: {why}. Answer again with that changed."""

    status = 422


class ModelUnavailable(MoonloopError):
    """No model endpoint answers for the role {role}: {why}"""

    status = 503


class ModelRefused(MoonloopError):
    """The model endpoint {endpoint} refuses the request: {why}"""

    status = 502


class ToolRefused(MoonloopError):
    """The tool {tool} cannot do that: {why}"""

    status = 422


class TaskStopped(MoonloopError):
    """The agent's task was stopped: {why}"""

    status = 409


# The machine cannot, now.


class LedgerBusy(MoonloopError):
    """The ledger is locked by another process; nothing was changed. Try again in a moment."""

    status = 503


class LedgerUnreachable(MoonloopError):
    """The ledger's database cannot be reached: {why}"""

    status = 503


class StorageFull(MoonloopError):
    """There is no space left on the disk that holds {what}; nothing was lost. Free some and try again."""

    status = 507


class ServerUnreachable(MoonloopError):
    """No Moonloop server answers at {url}. Start one with `moonloop up`, or set MOONLOOP_URL."""

    status = 503


class ExtraMissing(MoonloopError):
    """{what} needs an extra that is not installed: pip install "moonloop[{extra}]"."""

    status = 501


class ThoughtFailed(MoonloopError):
    """The process of the scientist or of the report failed: {why}"""

    status = 500


class SetupProblem(MoonloopError):
    """{problem} {remedy}"""

    status = 500
