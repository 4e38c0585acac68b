"""Families of models: how each writes a request for a tool, by the name of vLLM's parser for it."""

from enum import StrEnum

from moonloop.domain.errors import InvalidInput

__all__ = ["PARSERS", "Family", "family_of"]


class Family(StrEnum):
    """How a model writes requests for tools."""

    HERMES = "hermes"
    LLAMA = "llama"
    """Llama 3.1 to 3.3."""
    MISTRAL = "mistral"
    QWEN = "qwen"
    """Qwen 2.5 and 3, but not the coders."""
    QWEN_CODER = "qwen-coder"
    GRANITE = "granite"
    """Granite 3."""


PARSERS = {
    Family.HERMES: "hermes",
    Family.LLAMA: "llama3_json",
    Family.MISTRAL: "mistral",
    Family.QWEN: "hermes",
    Family.QWEN_CODER: "qwen3_xml",
    Family.GRANITE: "granite",
}
"""As vLLM's documentation on tool calling names them (docs.vllm.ai, Tool Calling)."""

_SIGNS = (
    ("hermes", Family.HERMES),
    ("qwen3-coder", Family.QWEN_CODER),
    ("qwen3", Family.QWEN),
    ("qwen2.5", Family.QWEN),
    ("granite-3", Family.GRANITE),
    ("llama-3", Family.LLAMA),
    ("mistral", Family.MISTRAL),
)


def family_of(model: str) -> Family:
    """Return the family that a model's name speaks of; the last part of the name only.

    Raises:
        InvalidInput: the name says nothing. A wrong guess would lose every request for a tool without a word.
    """
    name = model.rstrip("/").rpartition("/")[2].lower()
    for sign, family in _SIGNS:
        if sign in name:
            return family
    known = ", ".join(Family)
    raise InvalidInput(
        where="--family", why=f'how "{name}" asks for tools is not known from its name: say one of {known}'
    )
