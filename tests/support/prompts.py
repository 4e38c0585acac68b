"""Prompts that the tests of a real server send."""

from collections.abc import Mapping, Sequence
from typing import Any

from moonloop.agents.ports import Prompted, ToolSpec
from moonloop.domain.agents import Message, Role, Sampling

__all__ = ["ANSWER", "LOOK_UP", "answer_of", "prompt"]

ANSWER: Mapping[str, Any] = {
    "type": "object",
    "properties": {"why": {"type": "string", "minLength": 1, "maxLength": 200}},
    "required": ["why"],
    "additionalProperties": False,
}
"""A small form."""

LOOK_UP = ToolSpec(
    name="data_query",
    description="Look up what was measured.",
    schema={
        "type": "object",
        "properties": {"sql": {"type": "string", "maxLength": 100}},
        "required": ["sql"],
        "additionalProperties": False,
    },
)


def answer_of(items: int) -> Mapping[str, Any]:
    """Return a form that takes many tokens to fill in: so many strings."""
    text = {"type": "string", "minLength": 40, "maxLength": 60}
    texts = {"type": "array", "items": text, "minItems": items, "maxItems": items}
    return {
        "type": "object",
        "properties": {"texts": texts},
        "required": ["texts"],
        "additionalProperties": False,
    }


def prompt(
    *said: Message | str,
    role: Role = Role.PROPOSER,
    schema: Mapping[str, Any] = ANSWER,
    tools: Sequence[ToolSpec] = (),
    use_tools: bool = False,
    seed: int = 0,
    max_tokens: int = 400,
    temperature: float = 0.7,
) -> Prompted:
    """Return one call: messages, or texts of a user, and what is asked for."""
    messages = [Message(speaker="user", content=one) if isinstance(one, str) else one for one in said]
    return Prompted(
        role=role,
        session=f"session-{role}",
        messages=messages,
        tools=tools,
        use_tools=use_tools,
        schema=schema,
        schema_name=role.value,
        sampling=Sampling(temperature=temperature, seed=seed, max_tokens=max_tokens),
    )
