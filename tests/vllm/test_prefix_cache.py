"""A thread that only grows at its end is hardly computed twice."""

from moonloop.agents.door.door import ModelDoor
from moonloop.agents.ports import Completion
from moonloop.agents.roles.kit import KITS
from moonloop.domain.agents import Message, Role
from support.prompts import LOOK_UP, prompt
from support.vllm import VllmServer

TURNS = 20
DATA = "run 12: catalyst=Pd, base=K2CO3, yield 0.61; "


async def test_over_twenty_turns_more_than_four_fifths_of_the_prompts_were_cached(
    vllm_server: VllmServer, door: ModelDoor, figures: list[str]
) -> None:
    """A proposer's thread of twenty turns, the last without tools: usage and metrics agree on the hits."""
    before = vllm_server.metrics()
    thread = [
        Message(speaker="system", content=KITS[Role.PROPOSER].prompt.text),
        Message(speaker="user", content=DATA * 60),
    ]
    turns = [await _turn(door, thread, turn) for turn in range(TURNS)]
    prompts = sum(turn.usage.prompt_tokens for turn in turns)
    cached = sum(turn.usage.cached_tokens for turn in turns)
    after = vllm_server.metrics()
    queries, hits = (
        after[name] - before[name]
        for name in ("vllm:prefix_cache_queries_total", "vllm:prefix_cache_hits_total")
    )
    figures.append(f"{TURNS} turns, {prompts} prompt tokens: {cached / prompts:.1%} cached by usage")
    figures.append(f"the same by the server's metrics: {hits / queries:.1%} of {queries:.0f}")
    assert cached > 0.8 * prompts
    assert (prompts, cached) == (queries, hits)


async def _turn(door: ModelDoor, thread: list[Message], turn: int) -> Completion:
    """Ask, and append what an agent's turn appends: its answer, and a tool's or a user's."""
    last = turn == TURNS - 1
    asked = prompt(*thread, tools=[LOOK_UP], use_tools=not last, seed=turn, max_tokens=120)
    answered = await door.complete(asked)
    thread.append(Message(speaker="assistant", content=answered.text or "(nothing)"))
    thread.append(Message(speaker="user", content=f"The answer cannot be used. {DATA * 4}"))
    return answered
