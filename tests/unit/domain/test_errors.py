"""The errors: a sentence plus facts, one class per thing that a caller can do something about."""

import pickle
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonloop.domain.errors import FAMILY, BudgetSpent, MoonloopError, StaleFence, revive

family = pytest.mark.parametrize("kind", FAMILY.values(), ids=FAMILY)
facts = st.dictionaries(
    st.sampled_from(["why", "id", "kind", "attempt", "line"]),
    st.text(max_size=10) | st.integers() | st.lists(st.integers(), max_size=3),
    max_size=5,
)


def _names(kind: type[MoonloopError]) -> list[str]:
    sentence = " ".join((kind.__doc__ or "").split())
    return sorted({name for _, name, _, _ in string.Formatter().parse(sentence) if name})


@family
def test_the_docstring_is_the_message(kind: type[MoonloopError]) -> None:
    """With the facts in their places, on one line."""
    given_facts: dict[str, Any] = {name: f"<the {name}>" for name in _names(kind)}
    error = kind(**given_facts)

    message = str(error)
    assert "{" not in message
    assert "\n" not in message
    assert all(f"<the {name}>" in message for name in given_facts)


@family
def test_the_facts_are_attributes(kind: type[MoonloopError]) -> None:
    """Whoever catches it need not parse a sentence."""
    error = kind(**dict.fromkeys(_names(kind), 7))

    assert all(getattr(error, name) == 7 for name in _names(kind))
    with pytest.raises(AttributeError):
        _ = error.no_such_fact


@family
def test_a_missing_fact_is_no_second_error(kind: type[MoonloopError]) -> None:
    """A sentence with a gap is better than a failure to say that something failed."""
    message = str(kind())

    assert all(f"<{name}>" in message for name in _names(kind))


@family
@given(given_facts=facts)
def test_an_error_crosses_processes(kind: type[MoonloopError], given_facts: dict[str, Any]) -> None:
    """Pickled and back it is the same class with the same facts and the same sentence."""
    error = kind(**given_facts)
    again = pickle.loads(pickle.dumps(error))

    assert (type(again), again.facts, str(again)) == (kind, given_facts, str(error))


@family
@given(given_facts=facts)
def test_an_error_crosses_the_wire(kind: type[MoonloopError], given_facts: dict[str, Any]) -> None:
    """By its slug and its facts."""
    error = kind(**given_facts)
    again = revive(error.slug, error.facts, "unused")

    assert (type(again), again.facts, str(again)) == (kind, given_facts, str(error))


def test_an_unknown_slug_is_told_in_the_servers_words() -> None:
    """A newer server may have errors that this client has not."""
    error = revive("quantum-decoherence", {"qubit": 3}, "The qubit is gone.")

    assert type(error) is MoonloopError
    assert (str(error), error.facts) == ("The qubit is gone.", {"qubit": 3})


def test_slugs_are_the_names_in_lower_case() -> None:
    """Stable words for problem documents, each of one class."""
    assert (StaleFence.slug, BudgetSpent.slug) == ("stale-fence", "budget-spent")
    assert all(kind.slug == slug for slug, kind in FAMILY.items())


@family
def test_a_status_is_one_of_http(kind: type[MoonloopError]) -> None:
    """An error of the caller or of the server; the family is flat."""
    assert 400 <= kind.status < 600
    assert kind.__bases__ == (MoonloopError,)
