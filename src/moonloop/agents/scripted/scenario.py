"""Scripts as data: a JSON file with answers by role, and faults."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from moonloop.agents.scripted.answers import Responder, ScriptedAnswer
from moonloop.agents.scripted.faults import Fault
from moonloop.domain.agents import Role
from moonloop.domain.errors import InvalidInput

__all__ = ["in_order", "load_scenario", "role_of"]


def load_scenario(path: Path) -> tuple[Responder, tuple[Fault, ...]]:
    """Return the script and the faults of `{"answers": {ROLE or "*": [answer, …]}, "faults": [fault, …]}`."""
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
        answers = {
            str(role): [ScriptedAnswer.from_json(one) for one in listed]
            for role, listed in given.get("answers", {}).items()
        }
        return in_order(answers), tuple(Fault.from_json(one) for one in given.get("faults", ()))
    except OSError as error:
        raise InvalidInput(where=str(path), why=error.strerror) from error
    except (ValueError, TypeError, AttributeError) as error:
        raise InvalidInput(where=str(path), why=f"it is no scenario: {error}") from error


def in_order(answers: Mapping[str, Iterable[ScriptedAnswer]]) -> Responder:
    """Return a script that gives each role's answers one after another, the last of them for ever."""
    left = {role: list(listed) for role, listed in answers.items()}

    def answer(
        schema_name: str, messages: list[dict[str, Any]], _tools: list[dict[str, Any]]
    ) -> ScriptedAnswer:
        role = role_of(schema_name, messages)
        listed = left.get(role) or left.get("*") or [ScriptedAnswer(text="{}")]
        return listed.pop(0) if len(listed) > 1 else listed[0]

    return answer


def role_of(schema_name: str, messages: Iterable[Mapping[str, Any]]) -> str:
    """Return the role that is asked: the schema's name, else the first role that the system prompt names."""
    if schema_name:
        return schema_name
    prompt = " ".join(str(one.get("content")) for one in messages if one.get("role") == "system").lower()
    places = {prompt.find(role): str(role) for role in Role if role in prompt}
    return places[min(places)] if places else ""
