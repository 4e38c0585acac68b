"""What agents said and came to, as the scientist and people read it."""

from collections.abc import Sequence
from typing import Any, cast

from pydantic import TypeAdapter
from sqlalchemy import Connection, Row, exists, select

from moonloop.domain.agents import Message
from moonloop.domain.canonical import unseal
from moonloop.domain.claims import Hypothesis
from moonloop.domain.errors import NotFound
from moonloop.domain.facts import AgentFact, ModelCallFact, TranscriptEntry
from moonloop.domain.lifecycles import HypothesisState
from moonloop.domain.proposals import Decision, Proposal
from moonloop.domain.trust import ClaimScore
from moonloop.domain.values import Reply
from moonloop.store.tables import campaigns, evidence, hypotheses, model_calls, threads, transcripts

__all__ = ["agent_facts", "claim_record", "proposals", "transcript"]

_ALGORITHM = "algorithmic"
_DECISION: TypeAdapter[Decision] = TypeAdapter(Decision)
_STATED: dict[str, int] = {}
"""How many claims a campaign file has, by its hash: files do not change, and may be long."""


class _File(Reply):
    """Of a campaign file no more than is needed here: the record of all must not rest on reading each."""

    claims: tuple[Any, ...] = ()


def transcript(connection: Connection, thread: str) -> tuple[TranscriptEntry, ...]:
    """Return every message of a thread, with the calls of models that made some of them."""
    calls = {
        row["position"]: ModelCallFact.model_validate(dict(row))
        for row in connection.execute(select(model_calls).where(model_calls.c.thread_id == thread)).mappings()
    }
    rows = connection.execute(
        select(transcripts).where(transcripts.c.thread_id == thread).order_by(transcripts.c.position)
    ).all()
    if not rows:
        raise NotFound(kind="thread", id=thread)
    return tuple(
        TranscriptEntry(
            position=row.position,
            message=unseal(row.body, row.sha256, Message),
            at=row.at,
            call=calls.get(row.position),
        )
        for row in rows
    )


def _of_campaign(connection: Connection, campaign: str) -> Sequence[Row[Any]]:
    query = select(threads).where(threads.c.campaign_id == campaign)
    return connection.execute(query.order_by(threads.c.opened_at, threads.c.id)).all()


def agent_facts(connection: Connection, campaign: str) -> list[AgentFact]:
    """Return the tasks of a campaign's agents, in the order of their opening."""
    return [
        AgentFact(
            thread=row.id,
            cycle=row.cycle,
            role=row.role,
            status=row.status,
            why=row.why,
            proposer=row.proposer,
            scripted=row.scripted,
            decision=_decided(row) if row.decision is not None else None,
            turns=row.turns,
            prompt_tokens=row.prompt_tokens,
            cached_tokens=row.cached_tokens,
            completion_tokens=row.completion_tokens,
            cost=row.cost,
            opened_at=row.opened_at,
            ended_at=row.ended_at,
        )
        for row in _of_campaign(connection, campaign)
    ]


def _decided(row: Row[Any]) -> Decision:
    return _DECISION.validate_json(row.decision)


def proposals(connection: Connection, campaign: str, cycle: int) -> tuple[Proposal, ...]:
    """Return what the agents have decided in a cycle, in the order of their opening."""
    return tuple(
        Proposal(thread=row.id, proposer=row.proposer, decision=_decided(row))
        for row in _of_campaign(connection, campaign)
        if row.cycle == cycle and row.status == "decided"
    )


def claim_record(connection: Connection) -> tuple[ClaimScore, ...]:
    """Return every verdict on a claim of an agent or of the algorithm, in the order of the verdicts.

    Over all campaigns of this ledger, less those from elsewhere, whose record was not earned here. A name
    with a slash is an agent's only where an agent of that name has decided in the campaign. The claims of a
    campaign file are nobody's here, whatever name it gave them.
    """
    is_agent = exists().where(
        threads.c.campaign_id == hypotheses.c.campaign_id,
        threads.c.proposer == hypotheses.c.proposer,
        threads.c.status == "decided",
    )
    rows = connection.execute(
        select(
            hypotheses.c.body,
            hypotheses.c.sha256,
            hypotheses.c.state,
            hypotheses.c.number,
            hypotheses.c.campaign_id,
            campaigns.c.spec_sha256,
        )
        .join(campaigns, campaigns.c.id == hypotheses.c.campaign_id)
        .join(
            evidence,
            (evidence.c.hypothesis_id == hypotheses.c.id) & (evidence.c.cycle == hypotheses.c.decided_in),
        )
        .where(
            ~campaigns.c.imported,
            hypotheses.c.state.in_((HypothesisState.SUPPORTED, HypothesisState.REFUTED)),
            (hypotheses.c.proposer == _ALGORITHM) | (hypotheses.c.proposer.contains("/") & is_agent),
        )
        .order_by(evidence.c.at, hypotheses.c.id)
    )
    return tuple(
        _score(row) for row in cast("Sequence[Row[Any]]", rows.all()) if row.number > _stated(connection, row)
    )


def _stated(connection: Connection, row: Row[Any]) -> int:
    """Return how many claims the file of a hypothesis's campaign has: they are the first to be registered."""
    if row.spec_sha256 not in _STATED:
        body = connection.execute(select(campaigns.c.spec).where(campaigns.c.id == row.campaign_id))
        _STATED[row.spec_sha256] = len(unseal(body.scalar_one(), row.spec_sha256, _File).claims)
    return _STATED[row.spec_sha256]


def _score(row: Row[Any]) -> ClaimScore:
    proposed = unseal(row.body, row.sha256, Hypothesis).proposed
    return ClaimScore(
        proposer=proposed.proposer,
        probability=proposed.probability,
        supported=row.state == HypothesisState.SUPPORTED,
    )
