"""What a person at the terminal sees of a campaign's agents: who they are, what they did and what they said.

Whatever a model wrote is text of others: fenced, kept to its lines, and never obeyed by the terminal.
"""

from collections.abc import Iterator, Sequence
from typing import cast

from moonloop.client.terminal import ago, console, print_table, say, visible
from moonloop.domain.agent_words import SCRIPTED, ended, model_of, outcome
from moonloop.domain.agents import AgentStatus, Message
from moonloop.domain.claims import ProposedClaim
from moonloop.domain.facts import (
    AgentFact,
    CampaignFacts,
    JournalEntry,
    ModelCallFact,
    ThreadFact,
    TranscriptEntry,
)

__all__ = ["claim", "say_agents", "say_thread", "say_threads", "sentence"]

_FENCE = "  │ "
_LINES = 12
"""Of a message, unless all of it is asked for."""
_WHY = 160


def say_agents(facts: CampaignFacts) -> None:
    """Print the agents of the last cycle and the standings, where agents take part at all."""
    if facts.spec.scientist.kind != "llm":
        return
    last = facts.cycles[-1] if facts.cycles else None
    currency = facts.spec.budget.currency
    print_table(
        ("AGENT", "MODEL", "STATUS", "WHY", "TOKENS", "COST"),
        [
            (
                one.role,
                _model(one),
                one.status,
                _cut(visible(one.why), _WHY),
                _tokens(one),
                f"{one.cost:.4g} {currency}",
            )
            for one in (last.agents if last else ())
        ],
        f"No agent has had a task in cycle {last.number}." if last else "No agent has had a task yet.",
    )
    print_table(
        ("PROPOSER", "WEIGHT", "SHARE OF PICKS", "CLAIMS", "CANDIDATES"),
        [
            (
                one.proposer,
                f"{one.weight:.3g}",
                f"{one.share:.0%}",
                f"{one.claims_supported}/{one.claims}",
                f"{one.candidates_better}/{one.candidates}",
            )
            for one in facts.standings
        ],
        "No agent has a record yet.",
    )


def claim(facts: CampaignFacts, proposed: ProposedClaim) -> str:
    """Return a claim with its probability, and with a label where a script stated it."""
    scripted = {one.proposer for cycle in facts.cycles for one in cycle.agents if one.scripted}
    label = f"; {SCRIPTED}" if proposed.proposer in scripted else ""
    return f"{proposed.statement} (p = {proposed.probability:g}{label})"


def _model(fact: AgentFact) -> str:
    name = model_of(fact.proposer)
    return f"{name} ({SCRIPTED})".strip() if fact.scripted else name


def _tokens(fact: AgentFact) -> str:
    cached = f" ({fact.cached_tokens:,} cached)" if fact.cached_tokens else ""
    return f"{fact.prompt_tokens + fact.completion_tokens:,}{cached}"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"


def say_threads(campaign: str, threads: Sequence[AgentFact]) -> None:
    """Print the tasks of a campaign's agents."""
    print_table(
        ("THREAD", "CYCLE", "ROLE", "MODEL", "STATUS", "TURNS", "TOKENS", "OPENED"),
        [
            (
                one.thread,
                one.cycle,
                one.role,
                _model(one),
                one.status,
                one.turns,
                _tokens(one),
                ago(one.opened_at),
            )
            for one in threads
        ],
        "No agent has had a task in this campaign.",
    )
    if threads:
        say(f"Read one with: moonloop campaign transcript {campaign} {threads[-1].thread}")


def say_thread(found: ThreadFact, *, full: bool) -> None:
    """Print a task with its messages, each behind a fence; cut to the terminal's width unless `full`."""
    fact = found.agent
    who = f" ({_model(fact)})" if _model(fact) else ""
    say(f"The {fact.role} of cycle {fact.cycle}{who} {visible(ended(fact))}.")
    for entry in found.entries:
        say(_heading(entry))
        for line in _told(entry.message, full=full):
            say(_FENCE + line)


def _heading(entry: TranscriptEntry) -> str:
    call = f"  {_call(entry.call)}" if entry.call else ""
    return f"{entry.position:>3}  {entry.message.speaker}  {entry.at.astimezone():%H:%M:%S}{visible(call)}"


def _call(call: ModelCallFact) -> str:
    by = f"{call.model}, {SCRIPTED}" if call.scripted else call.model
    return (
        f"{by} at {call.endpoint}: {call.prompt_tokens:,} tokens read, {call.cached_tokens:,} cached, "
        f"{call.completion_tokens:,} written in {call.latency_s:.1f} s, finish {call.finish}"
    )


def _told(message: Message, *, full: bool) -> Iterator[str]:
    lines = [visible(line) for line in message.content.splitlines()]
    lines += [f"asks for {visible(ask.name)}: {visible(ask.arguments)}" for ask in message.tool_requests]
    if full:
        yield from lines
        return
    width = console.width - len(_FENCE)
    yield from (_cut(line, width) for line in lines[:_LINES])
    if len(lines) > _LINES:
        yield f"… and {len(lines) - _LINES} lines more; --full prints them all"


def sentence(entry: JournalEntry) -> str:
    """Return the opening or the end of an agent's task in words."""
    _, _, cycle, role = entry.subject.split("_", 3)
    start = f"The {role} of cycle {int(cycle)}"
    if entry.what == "agent.opened":
        return f"{start} begins."
    facts = entry.facts
    model = model_of(str(facts.get("proposer", "")))
    by = ", ".join(part for part in (model, SCRIPTED if facts.get("scripted") else "") if part)
    why = str(facts.get("why") or "").rstrip(".")
    said = outcome(cast("AgentStatus", entry.after)) + (f": {why}" if why else "")
    return f"{start} {said}" + (f" ({by})." if by else ".")
