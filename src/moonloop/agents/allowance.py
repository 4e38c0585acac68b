"""What a task's own limits leave for its next call; looked at before the call, with the thread just read."""

from moonloop.agents.ports import Thread
from moonloop.domain.errors import BudgetSpent

__all__ = ["answer_allowed", "require_money"]

_ANSWER_AT_LEAST = 256
"""With less room an answer that may be longer is as good as cut off, and the call is not worth its prompt."""
_SLACK = 1e-9
"""Sums of what calls cost are not exact."""


def answer_allowed(thread: Thread, prompt_tokens: int) -> int:
    """Return the longest answer to a prompt of at most so many tokens, shortened to what the task has left.

    Raises `BudgetSpent` when there is no room for the prompt and a short answer.
    """
    limit, longest = thread.opened.limits.tokens, thread.opened.sampling.max_tokens
    least = min(_ANSWER_AT_LEAST, longest)
    left = limit - thread.tokens - prompt_tokens
    if left < least:
        raise BudgetSpent(
            line="tokens of the task",
            asked=prompt_tokens + least,
            spent=thread.tokens,
            reserved=0,
            limit=limit,
        )
    return min(longest, left)


def require_money(thread: Thread, most: float) -> None:
    """Raise `BudgetSpent` when a call that costs the most it can would go over what the task may cost."""
    limit = thread.opened.limits.money
    if limit is not None and thread.cost + most > limit * (1 + _SLACK):
        raise BudgetSpent(
            line="money of the task",
            asked=f"{most:g}",
            spent=f"{thread.cost:g}",
            reserved=0,
            limit=f"{limit:g}",
        )
