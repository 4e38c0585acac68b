"""Hypotheses: registered before the data that test them; evidence after each cycle that adds to it."""

from collections.abc import Sequence

from sqlalchemy import select

from moonloop.domain.canonical import seal
from moonloop.domain.claims import Evidence, Hypothesis, Verdict
from moonloop.domain.lifecycles import HYPOTHESIS, HypothesisState
from moonloop.store.tables import evidence, hypotheses
from moonloop.store.transaction import Level, Tx

__all__ = ["record_evidence", "register"]


def register(tx: Tx, campaign: str, new: Sequence[Hypothesis]) -> None:
    """Register hypotheses; one that is registered already stays as it is."""
    tx.lock_one(Level.CAMPAIGN, campaign, write=True)
    for hypothesis in new:
        if tx.scalar(select(hypotheses.c.id).where(hypotheses.c.id == hypothesis.id)) is not None:
            continue
        sealed = seal(hypothesis)
        tx.add(
            hypotheses,
            id=hypothesis.id,
            campaign_id=campaign,
            number=hypothesis.number,
            state=HypothesisState.REGISTERED,
            body=sealed.body,
            sha256=sealed.sha256,
            registered_at=tx.now(),
            proposer=hypothesis.proposed.proposer,
        )
        facts = {"sha256": sealed.sha256, "proposer": hypothesis.proposed.proposer}
        tx.journal(
            "hypothesis.registered", hypothesis.id, campaign, after=HypothesisState.REGISTERED, facts=facts
        )


def record_evidence(tx: Tx, campaign: str, cycle: int, found: Sequence[Evidence]) -> None:
    """Record what the cycle added, and take the edges a and b that follow; a verdict never changes."""
    tx.lock_one(Level.CAMPAIGN, campaign, write=True)
    for item in found:
        row = tx.one(select(hypotheses).where(hypotheses.c.id == item.hypothesis_id))
        assert row is not None
        decided = row.state not in (HypothesisState.REGISTERED, HypothesisState.TESTING)
        known = tx.one(
            select(evidence.c.cycle).where(evidence.c.hypothesis_id == row.id, evidence.c.cycle == cycle)
        )
        if decided or known is not None:
            continue
        sealed = seal(item)
        tx.add(evidence, hypothesis_id=row.id, cycle=cycle, body=sealed.body, at=tx.now())
        if row.state == HypothesisState.REGISTERED and item.n:
            tx.move(HYPOTHESIS, hypotheses, row, "a", HypothesisState.TESTING)
        if item.verdict is not Verdict.UNDECIDED:
            row = tx.one(select(hypotheses).where(hypotheses.c.id == item.hypothesis_id))
            assert row is not None
            facts = {"evidence": sealed.sha256, "n": item.n}
            tx.move(
                HYPOTHESIS, hypotheses, row, "b", HypothesisState(item.verdict), decided_in=cycle, facts=facts
            )
