"""The lifecycles, drawn once more from the documents: no edge more, none less."""

from dataclasses import FrozenInstanceError
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonloop.domain.errors import IllegalTransition
from moonloop.domain.lifecycles import (
    ATTEMPT,
    CAMPAIGN,
    HYPOTHESIS,
    INCIDENT,
    JOB,
    LIFECYCLES,
    REVIEW,
    Lifecycle,
)

DRAWN = {
    "campaign": """
        draft a running
        running b paused
        paused c running
        running|paused d stopping
        stopping e done
    """,
    "hypothesis": """
        registered a testing
        testing b supported|refuted|undecided
        registered c withdrawn|undecided
    """,
    "job": """
        queued b active
        active h succeeded|failed|cancelled
        active i|j queued
        active k lost
        lost l queued|succeeded|failed
        queued g cancelled
    """,
    "attempt": """
        offered c accepted
        accepted d running
        running e paused
        paused f running
        offered|accepted|running|paused g cancelling
        running|paused|cancelling h succeeded|failed|cancelled|aborted
        offered|accepted i released
        offered|accepted j expired
        running|paused|cancelling k lost
        lost l reconciled
    """,
    "review": """
        open a approved
        open r rejected
        open q changes_requested
        open|approved x expired
        open w withdrawn
        approved v revoked
    """,
    "incident": "open s settled",
}
"""As domain.md draws them: sources, letters, targets."""

FINALS = {
    "campaign": {"done"},
    "hypothesis": {"supported", "refuted", "undecided", "withdrawn"},
    "job": {"succeeded", "failed", "cancelled"},
    "attempt": {"succeeded", "failed", "cancelled", "aborted", "released", "expired", "reconciled"},
    "review": {"rejected", "changes_requested", "expired", "withdrawn", "revoked"},
    "incident": {"settled"},
}

machines = pytest.mark.parametrize("machine", LIFECYCLES, ids=lambda machine: machine.name)


def _drawn(machine: Lifecycle) -> set[tuple[str, str, str]]:
    edges: set[tuple[str, str, str]] = set()
    for line in DRAWN[machine.name].strip().splitlines():
        sources, letters, targets = (part.split("|") for part in line.split())
        edges |= set(product(sources, letters, targets))
    return edges


@machines
def test_the_edges_are_those_of_the_documents(machine: Lifecycle) -> None:
    """With the same letters, from and to the same states, each given once."""
    edges = [(edge.source, edge.letter, edge.target) for edge in machine.edges]

    assert set(edges) == _drawn(machine)
    assert len(edges) == len(set(edges))


@machines
def test_what_is_not_drawn_cannot_be_taken(machine: Lifecycle) -> None:
    """Every state, letter and state that the drawing does not join is refused, and says which."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    for edge in product(machine.states, letters, machine.states):
        if edge in _drawn(machine):
            machine.check(*edge)
        else:
            with pytest.raises(IllegalTransition) as caught:
                machine.check(*edge)
            assert (caught.value.machine, caught.value.state) == (machine.name, edge[0])


@machines
@given(edge=st.tuples(st.text(max_size=12), st.text(max_size=2), st.text(max_size=12)))
def test_words_that_are_no_states_allow_nothing(machine: Lifecycle, edge: tuple[str, str, str]) -> None:
    """Whatever is asked."""
    assert machine.allows(*edge) == (edge in _drawn(machine))


@machines
def test_every_state_is_reached_from_the_first(machine: Lifecycle) -> None:
    """There is no state that nothing leads to."""
    reached = {machine.initial}
    while more := {edge.target for edge in machine.edges if edge.source in reached} - reached:
        reached |= more

    assert reached == set(machine.states)


@machines
def test_the_final_states_are_final(machine: Lifecycle) -> None:
    """No edge leaves them, and every other state has a way to one."""
    assert machine.finals == FINALS[machine.name]
    ending = set(machine.finals)
    while more := {edge.source for edge in machine.edges if edge.target in ending} - ending:
        ending |= more
    assert ending == set(machine.states)


@machines
def test_every_edge_says_its_cause(machine: Lifecycle) -> None:
    """One cause for a letter: the reader of a journal sees the same words for the same edge."""
    causes = {(edge.letter, edge.cause) for edge in machine.edges}

    assert len(causes) == len({letter for letter, _ in causes})
    assert all(cause.strip() for _, cause in causes)


@machines
def test_the_sources_of_a_letter_are_those_of_its_edges(machine: Lifecycle) -> None:
    """And an unknown letter has none."""
    for letter in {edge.letter for edge in machine.edges}:
        assert machine.sources(letter) == {source for source, drawn, _ in _drawn(machine) if drawn == letter}
    assert machine.sources("z") == frozenset()


@machines
def test_a_lifecycle_is_not_changed(machine: Lifecycle) -> None:
    """It is a value, and so are its edges."""
    with pytest.raises(FrozenInstanceError):
        machine.initial = "elsewhere"  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        machine.edges[0].target = "elsewhere"  # type: ignore[misc]


def test_no_attempt_gets_to_running_but_by_its_start() -> None:
    """Law 3 has one door: edge d from accepted (a resumption comes from what was running)."""
    ways = {(edge.letter, edge.source) for edge in ATTEMPT.edges if edge.target == "running"}

    assert ways == {("d", "accepted"), ("f", "paused")}


def test_the_lifecycles_are_all_there() -> None:
    """Each under its own name."""
    assert LIFECYCLES == (CAMPAIGN, HYPOTHESIS, JOB, ATTEMPT, REVIEW, INCIDENT)
    assert {machine.name for machine in LIFECYCLES} == set(DRAWN)
