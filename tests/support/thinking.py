"""Agents' tasks driven by hand: a campaign with agents, and the acts of one thread."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from moonloop.domain import ids
from moonloop.domain.agents import (
    AgentLimits,
    AgentTask,
    Message,
    Opened,
    Outcome,
    Role,
    Sampling,
    ToolDone,
    ToolRequest,
    Turn,
    TurnRef,
    Versions,
    proposer_name,
)
from moonloop.domain.canonical import canonical_json
from moonloop.domain.facts import ModelCallFact
from moonloop.store import threads
from support.campaigns import Bench

__all__ = ["AGENTS", "Thinking", "call_of", "claims", "findings", "opened_for", "turn_of"]

AGENTS: dict[str, Any] = {"kind": "llm"}
"""The scientist of a campaign in which agents take part."""
_WORDS = "a" * 64
_MODEL = "scripted-one"


def claims(*levels: str, probability: float = 0.8) -> str:
    """Return the canonical JSON of a proposer's decision: each of these solvents is better than ethanol."""
    made = [
        {
            "claim": {"kind": "effect", "factor": "solvent", "level_a": level, "level_b": "ethanol"},
            "statement": f"{level} is better.",
            "probability": probability,
        }
        for level in levels
    ]
    return canonical_json({"kind": "proposer", "claims": made}).decode()


def findings() -> str:
    """Return the canonical JSON of an analyst's decision that finds nothing."""
    return canonical_json({"kind": "analyst", "findings": []}).decode()


def opened_for(task: AgentTask, upto: int = 2) -> Opened:
    """Return a task ready to be done."""
    return Opened(
        ref=TurnRef(thread=ids.thread_id(task.campaign_id, task.cycle, task.role), upto=upto),
        limits=AgentLimits(),
        sampling=Sampling(seed=7, max_tokens=500),
        versions=Versions(prompt_sha256=_WORDS, schema_sha256=_WORDS, tools_sha256=_WORDS),
    )


def turn_of(role: Role, at: int, **changes: Any) -> Turn:
    """Return what a call came to: by default a request for one tool."""
    made: dict[str, Any] = {
        "kind": "tools",
        "upto": at + 1,
        "asked_at": at,
        "tools": 1,
        "proposer": proposer_name(role, _MODEL, _WORDS),
        "tokens": 120,
        "cost": 0.5,
    }
    return Turn.model_validate(made | changes)


def call_of(**changes: Any) -> ModelCallFact:
    """Return a model call: 100 tokens of prompt, 80 of them cached, and 20 of answer, for 0.5."""
    made: dict[str, Any] = {
        "endpoint": "here",
        "model": _MODEL,
        "prompt_tokens": 100,
        "cached_tokens": 80,
        "completion_tokens": 20,
        "cost": 0.5,
        "latency_s": 0.1,
        "finish": "stop",
        "seed": 7,
        "prompt_sha256": _WORDS,
        "schema_sha256": _WORDS,
        "tools_sha256": _WORDS,
    }
    return ModelCallFact.model_validate(made | changes)


@dataclass
class Thinking:
    """One task of one agent, act by act."""

    bench: Bench
    role: Role = Role.PROPOSER
    cycle: int = 1
    upto: int = 2

    @property
    def task(self) -> AgentTask:
        """The task."""
        return AgentTask(campaign_id=self.bench.campaign, cycle=self.cycle, role=self.role)

    @property
    def id(self) -> str:
        """The id of its thread."""
        return ids.thread_id(self.bench.campaign, self.cycle, self.role)

    @property
    def ref(self) -> TurnRef:
        """The end of the thread, as this process knows it."""
        return TurnRef(thread=self.id, upto=self.upto)

    def open(self, *words: str) -> Opened:
        """Open it with a prompt and a brief."""
        first = (
            Message(speaker="system", content="You are an agent."),
            Message(speaker="user", content=" ".join(words) or "The brief."),
        )
        return self.bench.do(threads.open_thread, self.task, opened_for(self.task), first)

    def read(self) -> threads.Place:
        """Read up to the end."""
        return self.bench.ledger.read_now(threads.read_thread, self.ref)

    def reserve(self, tokens: int = 1000, money: float = 1.0) -> None:
        """Reserve for a call."""
        self.bench.do(threads.reserve_turn, self.ref, tokens, money)

    def release(self) -> None:
        """Give the reservation back."""
        self.bench.do(threads.release_turn, self.ref)

    def record(self, text: str = "I ask for a tool.", turn: Turn | None = None, **call: Any) -> Turn:
        """Record what a call came to."""
        made = turn or turn_of(self.role, self.upto)
        request = ToolRequest(id="call_1", name="data_query", arguments="{}")
        asked = (request,) if made.kind == "tools" else ()
        said = Message(speaker="assistant", content=text, tool_requests=asked)
        messages: Sequence[Message] = (said,)
        if made.kind == "invalid":
            messages = (said, Message(speaker="user", content="Answer again."))
        return self.bench.do(threads.record_turn, self.ref, made, messages, call_of(**call))

    def turn(self, **changes: Any) -> Turn:
        """Reserve, call and record; go to the new end."""
        self.reserve()
        taken = self.record(turn=turn_of(self.role, self.upto, **changes))
        self.upto = taken.upto
        return taken

    def tool(self, content: str = "42") -> ToolDone:
        """Record a tool's answer; go to the new end."""
        answer = Message(speaker="tool", content=content, tool_request_id="call_1")
        done = self.bench.do(threads.record_tool, self.ref, answer)
        self.upto = done.upto
        return done

    def decide(self, decision: str) -> Outcome:
        """Take a last turn that decides, and close."""
        self.turn(kind="decision", decision=decision, tools=0)
        return self.close("decided", decision=decision)

    def close(self, status: str, why: str = "", decision: str = "") -> Outcome:
        """Close it."""
        made = {"task": self.task, "status": status, "why": why, "decision": decision}
        return self.bench.do(threads.close_thread, Outcome.model_validate(made))
