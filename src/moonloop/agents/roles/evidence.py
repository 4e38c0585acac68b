"""Evidence: ids of measurements of the campaign, and of passages that a tool has shown."""

from collections.abc import Iterable

from moonloop.agents.roles.fences import shortened
from moonloop.domain.errors import AnswerRefused
from moonloop.domain.history import History

__all__ = ["checked_evidence", "measured"]


def measured(history: History) -> frozenset[str]:
    """Return the ids of the campaign's measurements."""
    return frozenset(one.measurement_id for one in history.observations if one.measurement_id is not None)


def checked_evidence(given: Iterable[str], history: History, passages: frozenset[str]) -> tuple[str, ...]:
    """Return ids that exist, each once; refuse any other."""
    known = measured(history) | passages
    found = tuple(dict.fromkeys(given))
    for name in found:
        if name not in known:
            what = (
                "no passage that a tool has shown"
                if name.startswith("lit_")
                else "no measurement of the campaign"
            )
            raise AnswerRefused(why=f'evidence "{shortened(name, 80)}" is {what}')
    return found
