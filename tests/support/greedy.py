"""A model that never decides, and takes the longest answer that it may have."""

from moonloop.agents.ports import Completion, Prompted
from moonloop.domain.agents import Role, ToolRequest, Usage

__all__ = ["Greedy"]

_ASKS = ToolRequest(id="call_1", name="data_query", arguments='{"sql": "SELECT 1"}')


class Greedy:
    """`ports.Model` that asks for a tool each time; a token of its prompt is two bytes.

    Args:
        price: Of one token of an answer; prompts are free.
    """

    def __init__(self, price: float = 0.0) -> None:
        self._price = price
        self.answers: list[int] = []
        """Tokens of each answer."""

    async def complete(self, prompted: Prompted) -> Completion:
        """Answer, as long as it may."""
        longest = prompted.sampling.max_tokens
        self.answers.append(longest)
        return Completion(
            text="I am not done.",
            tool_requests=(_ASKS,) if prompted.use_tools else (),
            finish="tool_calls" if prompted.use_tools else "stop",
            refusal="",
            usage=Usage(
                prompt_tokens=sum(len(one.content.encode()) for one in prompted.messages) // 2,
                completion_tokens=longest,
            ),
            endpoint="here",
            model="scripted-greedy",
            cost=self._price * longest,
            latency_s=0.0,
            scripted=True,
        )

    def most_costly(self, role: Role, prompt_tokens: int, answer_tokens: int) -> float:  # noqa: ARG002 -- prompts are free
        """Return the cost of the longest answer."""
        return self._price * answer_tokens
