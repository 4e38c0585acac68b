"""Facts of a finished campaign with an attack wherever people, instruments and models write."""

from typing import Any, cast

from pydantic import TypeAdapter, ValidationError

from moonloop.domain.facts import CampaignFacts
from moonloop.domain.ids import Name
from moonloop.domain.proposals import Sentence
from support.agent_facts import thinking
from support.attacks import Attack, Planted
from unit.report import factors

__all__ = ["attacked", "untouched"]

_FREE = {"comment", "failure", "goal", "label", "mechanism", "reason", "statement", "stop_reason", "why"}
_NAMES = {"adapter", "by", "name", "owner", "summary"}
"""One line each, of a bounded length."""
_AGREEING = {"artifacts", "budgets", "claim", "measurements", "objective", "protocol", "space"}
"""Names there are of the field or agree with other places."""
_CARRIED = {"factor": "solvent", "level": "toluene"}
"""What the payload stands in for, in every place, when it comes as a part of the space."""
_NAME: TypeAdapter[str] = TypeAdapter(Name)


def untouched(*sentences: Sentence) -> CampaignFacts:
    """Return the same campaign as it is without an attack, with these sentences for a narrative."""
    return thinking(factors.campaign(), sentences=sentences)


def attacked(attack: Attack, where: Planted) -> CampaignFacts:
    """Return the facts of a campaign at its end with the attack in them; `where` brings its documents."""
    facts = thinking(factors.campaign(goal="A low impurity.", documents=where.spec.documents))
    told = _replaced(facts.model_dump(mode="json"), _CARRIED.get(attack.channel, ""), attack.payload)
    return CampaignFacts.model_validate(_spoilt(told, "", attack.payload))


def _replaced(value: Any, word: str, payload: str) -> Any:
    if isinstance(value, dict):
        pairs = cast("dict[str, Any]", value)
        return {
            payload if name == word else name: _replaced(part, word, payload) for name, part in pairs.items()
        }
    if isinstance(value, list):
        return [_replaced(part, word, payload) for part in cast("list[Any]", value)]
    return value.replace(word, payload) if isinstance(value, str) and word else value


def _spoilt(value: Any, key: str, payload: str) -> Any:
    if isinstance(value, dict):
        pairs = cast("dict[str, Any]", value)
        return {
            name: part if name in _AGREEING else _spoilt(part, name, payload) for name, part in pairs.items()
        }
    if isinstance(value, list):
        return [_spoilt(part, key, payload) for part in cast("list[Any]", value)]
    if not isinstance(value, str) or not value or not payload:
        return value
    if key in _NAMES and _is_name(payload[:80]):
        return payload[:80]
    return payload[:300] if key in _FREE else value


def _is_name(text: str) -> bool:
    try:
        _NAME.validate_python(text)
    except ValidationError:
        return False
    return True
