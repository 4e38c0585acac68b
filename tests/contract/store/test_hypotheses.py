"""Hypotheses: registered before the data; a verdict never changes."""

from typing import Any

import pytest
from sqlalchemy import select

from moonloop.domain import ids
from moonloop.domain.claims import Evidence, Hypothesis
from moonloop.domain.lifecycles import DoneReason, HypothesisState
from moonloop.store import campaigns, histories, hypotheses
from moonloop.store import tables as t
from support.campaigns import CAMPAIGN, Bench

FIRST = ids.hypothesis_id(CAMPAIGN, 1)


def _hypothesis(number: int = 1, **changes: Any) -> Hypothesis:
    return Hypothesis.model_validate(
        {
            "id": ids.hypothesis_id(CAMPAIGN, number),
            "campaign_id": CAMPAIGN,
            "number": number,
            "proposed": {
                "claim": {"kind": "effect", "factor": "solvent", "level_a": "water", "level_b": "ethanol"},
                "statement": "Water is better.",
                "probability": 0.7,
            },
            "alpha": 0.05,
            "weight": 0.5,
            "delta": 10,
            "cap": 20,
            "seed": 7,
            "registered_in": 1,
            **changes,
        }
    )


def _evidence(verdict: str = "undecided", n: int = 3, **changes: Any) -> Evidence:
    return Evidence.model_validate(
        {
            "hypothesis_id": FIRST,
            "verdict": verdict,
            "e_support": 2.0,
            "e_refute": 0.5,
            "threshold": 40,
            "n": n,
            **changes,
        }
    )


@pytest.fixture
def bench(bench: Bench) -> Bench:
    """A campaign with one registered hypothesis."""
    bench.do(hypotheses.register, CAMPAIGN, [_hypothesis()])
    return bench


def test_a_registration_is_bound_by_hash_and_stands(bench: Bench) -> None:
    """Registered again, even altered, it stays as it was first said."""
    before = bench.all(select(t.hypotheses))
    bench.do(hypotheses.register, CAMPAIGN, [_hypothesis(alpha=0.5), _hypothesis(2)])

    after = bench.all(select(t.hypotheses).order_by(t.hypotheses.c.number))
    assert after[:1] == before
    assert [row.state for row in after] == ["registered", "registered"]
    assert [row.facts["sha256"] for row in bench.journal("hypothesis.registered")] == [
        row.sha256 for row in after
    ]


def test_the_first_datum_takes_it_into_testing(bench: Bench) -> None:
    """Edge a; evidence without a datum takes no edge."""
    bench.do(hypotheses.record_evidence, CAMPAIGN, 1, [_evidence(n=0)])
    assert bench.state(t.hypotheses, FIRST) == HypothesisState.REGISTERED

    bench.do(hypotheses.record_evidence, CAMPAIGN, 2, [_evidence(n=1)])

    assert bench.state(t.hypotheses, FIRST) == HypothesisState.TESTING


@pytest.mark.parametrize("verdict", ["supported", "refuted"])
def test_a_verdict_comes_from_the_rule_and_stays(bench: Bench, verdict: str) -> None:
    """Edge b, with its cycle; later evidence changes nothing."""
    bench.do(hypotheses.record_evidence, CAMPAIGN, 1, [_evidence(verdict)])
    bench.do(hypotheses.record_evidence, CAMPAIGN, 2, [_evidence("refuted", n=9)])

    row = bench.all(select(t.hypotheses))[0]
    assert (row.state, row.decided_in) == (verdict, 1)
    assert bench.count(t.evidence) == 1
    assert [entry.what for entry in bench.all(_edges())] == ["hypothesis.a", "hypothesis.b"]


def _edges() -> Any:
    return (
        select(t.journal.c.what)
        .where(t.journal.c.subject == FIRST, t.journal.c.before.is_not(None))
        .order_by(t.journal.c.id)
    )


def test_evidence_of_a_cycle_is_recorded_once(bench: Bench) -> None:
    """A retried analysis finds its own row."""
    for _ in range(2):
        bench.do(hypotheses.record_evidence, CAMPAIGN, 1, [_evidence()])

    assert bench.count(t.evidence) == 1


def test_the_scientist_reads_the_latest_evidence(bench: Bench) -> None:
    """One piece for each hypothesis that has any."""
    bench.do(hypotheses.record_evidence, CAMPAIGN, 1, [_evidence(n=1)])
    bench.do(hypotheses.record_evidence, CAMPAIGN, 2, [_evidence(n=2)])

    seen = bench.ledger.read_now(histories.history, CAMPAIGN, 2)
    assert [one.n for one in seen.evidence] == [2]
    assert seen.hypotheses == (_hypothesis(),)


def test_the_end_of_a_campaign_leaves_undecided_what_was_not_decided(bench: Bench) -> None:
    """By edge c without a datum, by b with one; verdicts stay."""
    bench.do(hypotheses.register, CAMPAIGN, [_hypothesis(2), _hypothesis(3)])
    second = ids.hypothesis_id(CAMPAIGN, 2)
    bench.do(hypotheses.record_evidence, CAMPAIGN, 1, [_evidence("supported")])
    bench.do(hypotheses.record_evidence, CAMPAIGN, 1, [_evidence(hypothesis_id=second)])
    bench.do(campaigns.stop, CAMPAIGN, DoneReason.STOPPED_BY, "enough")

    bench.do(campaigns.conclude, CAMPAIGN)

    states = bench.all(select(t.hypotheses.c.state).order_by(t.hypotheses.c.number))
    assert [row.state for row in states] == ["supported", "undecided", "undecided"]
