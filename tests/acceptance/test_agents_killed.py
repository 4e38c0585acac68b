"""Whoever is killed at whichever step of an agent's task: one call is repeated at most, none paid twice."""

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

from moonloop.domain.agents import Role
from moonloop.domain.canonical import digest
from moonloop.domain.facts import CampaignSummary
from moonloop.embedded.temporal import free_port
from support.invariants import Rows, look
from support.site import OpenSite, Site
from support.tables import table_spec
from support.tours import start

STEPS: dict[str, str] = {
    "opened": "SELECT COUNT(*) FROM threads",
    "reserved": "SELECT COUNT(*) FROM spend WHERE job_id LIKE 'thr_%' AND kind = 'reserve'",
    "answered": "SELECT COUNT(*) FROM model_calls",
    "tool": """SELECT COUNT(*) FROM transcripts WHERE CAST(body AS TEXT) LIKE '%"speaker":"tool"%'""",
    "closed": "SELECT COUNT(*) FROM threads WHERE status <> 'open'",
}
"""What the ledger shows when a step has been taken."""
STRIKES = (
    ("opened", "worker"),
    ("asked", "worker"),
    ("asked", "endpoint"),
    ("reserved", "worker"),
    ("answered", "worker"),
    ("answered", "endpoint"),
    ("tool", "worker"),
    ("closed", "worker"),
    ("asked", "temporal"),
    ("answered", "temporal"),
)
"""When who is killed; `asked` is a request that the endpoint has in hand."""
_CAMPAIGNS = 4
"""After so many, whoever could not be killed at some step never will be."""


def _asked(log: Path) -> list[str]:
    return log.read_text().splitlines() if log.exists() else []


def _marks(rows: Rows, log: Path) -> dict[str, int]:
    counted = {step: int(rows(query)[0]["COUNT(*)"]) for step, query in STEPS.items()}
    return counted | {"asked": len(_asked(log))}


Strikes = list[tuple[str, str]]


async def _strike(site: Site, log: Path, pending: Strikes, struck: Strikes) -> None:
    """Kill whoever is next as soon as its step is taken, at most once in each turn, for ever."""
    rows = look(site.ledger)
    before, answered = _marks(rows, log), -1
    while True:
        await asyncio.sleep(0.01)
        now = _marks(rows, log)
        for step, victim in pending:
            if now[step] > before[step] and now["answered"] > answered:
                if site.kill(victim):
                    pending.remove((step, victim))
                    struck.append((step, victim))
                    answered = now["answered"]
                break
        before = now


async def _ended(site: Site, campaign: str) -> CampaignSummary:
    while True:
        summary = await site.owner.get(f"/v1/campaigns/{campaign}", CampaignSummary)
        if summary.state == "done":
            return summary
        await asyncio.sleep(0.2)


def _per_thread(rows: Rows, query: str) -> list[dict[str, Any]]:
    return [dict(row) for row in rows(query)]


async def test_killed_at_every_step_no_call_is_paid_twice_and_the_transcript_is_whole(
    open_a_site: OpenSite, tmp_path: Path
) -> None:
    """Worker, endpoint and Temporal die by SIGKILL after each step of a task; campaigns still end well."""
    models, log = tmp_path / "models.yaml", tmp_path / "asked.log"
    endpoint = {"base_url": f"http://127.0.0.1:{free_port()}/v1", "model": "scripted-scientist"}
    priced = endpoint | {"price": {"input": 1.0, "cached": 0.1, "output": 2.0}}
    models.write_text(
        json.dumps({"moonloop_models": 1, "endpoints": {"only": priced}, "roles": {"default": ["only"]}})
    )
    spec = table_spec(
        scientist={"kind": "llm", "roles": [Role.PROPOSER, Role.CRITIC, Role.ADVISOR, Role.ANALYST]},
        budget={"experiments": 14, "tokens": 10_000_000, "money": 1_000},
        design={"batch_size": 7},
    )
    pending, struck = list(STRIKES), Strikes()
    async with open_a_site(warm=True, delay=0.0, models=str(models)) as site:
        await site.serve_models(log, delay_s=0.4)
        striking = asyncio.ensure_future(_strike(site, log, pending, struck))
        ended: list[CampaignSummary] = []
        async with asyncio.timeout(240):
            while pending and len(ended) < _CAMPAIGNS:
                ended.append(await _ended(site, await start(site, spec)))
        striking.cancel()
        rows = look(site.ledger)

    assert sorted(STRIKES) == sorted(struck)
    assert {"budget_spent", "no_candidates"} >= {str(one.done_reason) for one in ended}
    asked = Counter(_asked(log))
    assert max(asked.values()) <= 2
    assert sum(count - 1 for count in asked.values()) <= len(STRIKES)
    _the_books_are_right(rows)
    _the_transcripts_are_whole(rows)


def _the_books_are_right(rows: Rows) -> None:
    """Every call is settled once, with what it used; nothing stays reserved."""
    calls = _per_thread(rows, "SELECT * FROM model_calls")
    used = sum(call["prompt_tokens"] + call["completion_tokens"] for call in calls)
    settled = rows("SELECT * FROM spend WHERE job_id LIKE 'thr_%' AND kind = 'settle' AND line = 'tokens'")
    assert len(calls) == len(settled) > 0
    assert used == sum(row["amount"] for row in settled)
    lines = rows("SELECT SUM(spent) AS spent, SUM(reserved) AS reserved FROM budgets WHERE line = 'tokens'")
    assert (used, 0.0) == (lines[0]["spent"], lines[0]["reserved"])
    cost = sum(call["cost"] for call in calls)
    assert 0.0 < cost
    paid = rows("SELECT SUM(amount) AS paid FROM spend WHERE kind = 'settle' AND line = 'money'")
    assert abs(paid[0]["paid"] - cost) < 1e-9


def _the_transcripts_are_whole(rows: Rows) -> None:
    """Every thread has ended, its places are without a gap, and each message's bytes are those hashed.

    Only the end of its endpoint may have cost a task its decision.
    """
    threads = rows("SELECT * FROM threads")
    assert [] == [row["id"] for row in threads if row["status"] == "open"]
    undecided = [row["why"] for row in threads if row["status"] != "decided"]
    assert len(undecided) <= sum(victim == "endpoint" for _, victim in STRIKES) < len(threads), undecided
    for row in threads:
        messages = rows("SELECT * FROM transcripts WHERE thread_id = ? ORDER BY position", row["id"])
        assert list(range(row["messages"])) == [message["position"] for message in messages]
        assert all(digest(message["body"]) == message["sha256"] for message in messages)
