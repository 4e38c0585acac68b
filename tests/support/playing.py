"""The scripted doubles of all five roles, as a scripted server plays them."""

from collections.abc import Mapping, Sequence
from typing import Any

from moonloop.agents.roles.doubles import answer
from moonloop.agents.scripted.answers import Responder, ScriptedAnswer
from moonloop.agents.scripted.scenario import role_of

__all__ = ["doubles"]


def doubles() -> Responder:
    """Return a script that plays every role sensibly."""

    def play(
        schema_name: str, messages: list[dict[str, Any]], tools: Sequence[Mapping[str, Any]]
    ) -> ScriptedAnswer:
        return answer(role_of(schema_name, messages), messages, list(tools))

    return play
