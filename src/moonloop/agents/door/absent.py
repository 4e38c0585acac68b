"""The door of a site that has no models: it says so, and the campaign goes on without."""

from pathlib import Path

from moonloop.agents.ports import Completion, Prompted
from moonloop.domain.agents import Role
from moonloop.domain.errors import ModelUnavailable

__all__ = ["NoModels"]

_LATER_S = 3600.0
"""Nobody writes a models file within the patience of a turn."""


class NoModels:
    """`ports.Model` without a model."""

    def __init__(self, file: Path) -> None:
        self._file = file

    async def complete(self, prompted: Prompted) -> Completion:
        """Raise `ModelUnavailable`, which names the file to be written."""
        why = f"this site names no models; write {self._file}, or set MOONLOOP_MODELS"
        error = ModelUnavailable(role=prompted.role, why=why)
        error.retry_after_s = _LATER_S
        raise error

    def most_costly(self, role: Role, prompt_tokens: int, answer_tokens: int) -> float:  # noqa: ARG002 -- no model, no price
        """Return nothing."""
        return 0.0
