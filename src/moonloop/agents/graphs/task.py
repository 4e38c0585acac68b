"""One graph for every role: think, use the tools that were asked for, think again, until there is a decision.

    START ─► think ──── tools ────► act ─┐
             ▲ ▲ └ sent back        ▲ │  │ the next tool
             │ └──┘                 └─│──┘
             └──── all have answered ─┘
    think ── decided, sent back too often, a limit ─► END

The state holds references, counters and the decision: the messages are in the transcript. Nodes and routers
are coroutines, for a synchronous one would stop a workflow's event loop.
"""

from typing import Any, Protocol, TypedDict, cast

from langgraph.graph import END, START, StateGraph  # pyright: ignore[reportMissingTypeStubs]  it ships none
from langsmith.run_helpers import tracing_context  # pyright: ignore[reportUnknownVariableType]  its keywords

from moonloop.domain.agents import (
    AgentStatus,
    AgentTask,
    Opened,
    Outcome,
    ToolAsk,
    ToolDone,
    Turn,
    TurnAsk,
    TurnRef,
)

__all__ = ["Calls", "ended_by", "run_task"]

_ENDS: dict[str, AgentStatus] = {
    "budget-spent": "exhausted",
    "model-unavailable": "unavailable",
    "task-stopped": "stopped",
    "time": "exhausted",
}
"""What an error of a call makes of the task; any other one is a failure."""

_WITHOUT_TOOLS = 2
"""In so many last turns no tool may be asked for, so that there is room for a decision and its correction."""


class Calls(Protocol):
    """The two calls of a task; inside a workflow they are activities."""

    async def llm_turn(self, ask: TurnAsk) -> Turn:
        """Call the model once."""
        ...

    async def tool_call(self, ask: ToolAsk) -> ToolDone:
        """Use one tool."""
        ...


class State(TypedDict):
    """Where a task stands."""

    upto: int
    turns: int
    tokens: int
    cost: float
    corrections: int
    asked_at: int
    asked: int
    """Tools asked for in the last turn."""
    used: int
    """Those of them that have answered."""
    status: AgentStatus
    why: str
    decision: str
    proposer: str


async def run_task(calls: Calls, task: AgentTask, opened: Opened) -> Outcome:
    """Do a task that is open; return how it ended. Errors of the calls are the caller's to tell apart."""
    if opened.status != "open":
        return Outcome(task=task, status=opened.status)
    state = State(
        upto=opened.ref.upto, turns=0, tokens=0, cost=0.0, corrections=0, asked_at=0, asked=0, used=0,
        status="open", why="", decision="", proposer="-",
    )  # fmt: skip
    graph = _compiled(_Steps(calls, opened))
    # Each turn is one step, and so is each tool; a turn asks for no more tools than there are turns.
    steps = {"recursion_limit": 4 + opened.limits.turns * 20}
    # Whatever the environment says: what agents do is told to nobody but the ledger.
    with tracing_context(enabled=False):
        ended = cast("State", await graph.ainvoke(state, steps))
    return Outcome(
        task=task,
        status=ended["status"],
        why=ended["why"],
        decision=ended["decision"],
        proposer=ended["proposer"],
        turns=ended["turns"],
    )


def ended_by(task: AgentTask, error: str, why: str) -> Outcome:
    """Return the outcome of a task that an error has ended, by the error's slug."""
    return Outcome(task=task, status=_ENDS.get(error, "failed"), why=why[:500])


def _compiled(steps: "_Steps") -> Any:
    """Return the graph, ready to run; the one place where langgraph's own types are left alone."""
    graph: Any = StateGraph(State)
    graph.add_node("think", steps.think)
    graph.add_node("act", steps.act)
    graph.add_edge(START, "think")
    graph.add_conditional_edges("think", steps.after_think, ["think", "act", END])
    graph.add_conditional_edges("act", steps.after_act, ["think", "act"])
    return graph.compile()


class _Steps:
    """The nodes and routers of one task."""

    def __init__(self, calls: Calls, opened: Opened) -> None:
        self._calls = calls
        self._opened = opened
        self._limits = opened.limits

    async def think(self, state: State) -> State:
        """Call the model once and take note of what came of it."""
        left = self._limits.turns - state["turns"]
        turn = await self._calls.llm_turn(
            TurnAsk(
                ref=TurnRef(thread=self._opened.ref.thread, upto=state["upto"]),
                tools=self._opened.tools and left > _WITHOUT_TOOLS,
                corrections_left=max(0, min(self._limits.corrections - state["corrections"], left - 1)),
            )
        )
        state = {
            **state,
            "upto": turn.upto,
            "turns": state["turns"] + 1,
            "tokens": state["tokens"] + turn.tokens,
            "cost": state["cost"] + turn.cost,
            "corrections": state["corrections"] + (turn.kind == "invalid"),
            "asked_at": turn.asked_at,
            "asked": turn.tools,
            "used": 0,
            "proposer": turn.proposer,
        }
        if turn.kind == "decision":
            return {**state, "status": "decided", "decision": turn.decision}
        if turn.kind == "unusable":
            return {**state, "status": "unusable", "why": turn.why}
        return self._within_limits(state)

    def _within_limits(self, state: State) -> State:
        why = ""
        if state["turns"] >= self._limits.turns:
            why = f"no decision in {self._limits.turns} turns"
        elif state["tokens"] >= self._limits.tokens:
            why = f"no decision within {self._limits.tokens} tokens"
        elif self._spent(state["cost"]):
            why = f"no decision for {self._limits.money:g}"
        return {**state, "status": "exhausted", "why": why} if why else state

    def _spent(self, cost: float) -> bool:
        money = self._limits.money
        return money is not None and (cost > money or cost >= money > 0)

    async def act(self, state: State) -> State:
        """Use the next of the tools that were asked for."""
        done = await self._calls.tool_call(
            ToolAsk(
                ref=TurnRef(thread=self._opened.ref.thread, upto=state["upto"]),
                asked_at=state["asked_at"],
                index=state["used"],
            )
        )
        return {**state, "upto": done.upto, "used": state["used"] + 1}

    async def after_think(self, state: State) -> str:
        """Route by what the turn came to."""
        if state["status"] != "open":
            return END
        return "act" if state["asked"] else "think"

    async def after_act(self, state: State) -> str:
        """Go on until every tool has answered."""
        return "act" if state["used"] < state["asked"] else "think"
