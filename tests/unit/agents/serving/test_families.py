"""Families of models by their names."""

import pytest

from moonloop.agents.serving.families import PARSERS, Family, family_of
from moonloop.domain.errors import InvalidInput


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("NousResearch/Hermes-3-Llama-3.1-8B", Family.HERMES),
        ("meta-llama/Llama-3.3-70B-Instruct", Family.LLAMA),
        ("Qwen/Qwen2.5-7B-Instruct", Family.QWEN),
        ("Qwen/Qwen3-32B", Family.QWEN),
        ("Qwen/Qwen3-Coder-30B-A3B-Instruct", Family.QWEN_CODER),
        ("mistralai/Mistral-Small-3.2-24B-Instruct-2506", Family.MISTRAL),
        ("ibm-granite/granite-3.3-8b-instruct", Family.GRANITE),
        ("/models/qwen3-14b/", Family.QWEN),
    ],
)
def test_well_known_names_tell_their_family(model: str, family: Family) -> None:
    """Who serves a well-known model need not say how it asks for tools."""
    assert family == family_of(model)


@pytest.mark.parametrize("model", ["/models/base", "org/thing", "hermes-models/thing", ""])
def test_a_name_that_tells_nothing_is_not_guessed_at(model: str) -> None:
    """A wrong guess would lose every request for a tool without a word; the error lists what can be said."""
    with pytest.raises(InvalidInput, match="say one of hermes, llama, mistral, qwen, qwen-coder, granite"):
        family_of(model)


def test_every_family_has_a_parser() -> None:
    """None is forgotten."""
    assert set(Family) == set(PARSERS)
