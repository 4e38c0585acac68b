"""What can go wrong between a server and its client, on demand."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from moonloop.agents.scripted.answers import ScriptedAnswer

__all__ = ["Fault"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One way for a request to go wrong.

    status: answer with `status`, `message` and, where it is given, `retry_after`.
    delay: answer after `seconds`.          hang: never answer.
    trickle: one byte each `seconds`.       cut: hang up after `after` bytes of the body.
    reset: reset the connection at once.    noise: answer with `body` in place of HTTP.
    garble: answer 200 with `body`.         huge: answer 200 with `after` bytes, unannounced.
    redirect: send to `location`.           packed: answer with gzip, unasked.
    echo: answer `status` and quote the request's key, as careless servers do.
    answer: answer with `answer` in place of what the script says.
    """

    kind: Literal[
        "status",
        "delay",
        "hang",
        "trickle",
        "cut",
        "reset",
        "noise",
        "garble",
        "huge",
        "redirect",
        "packed",
        "echo",
        "answer",
    ]
    status: int = 503
    message: str = "scripted failure"
    retry_after: str = ""
    seconds: float = 0.0
    after: int = 0
    body: str = ""
    location: str = ""
    answer: ScriptedAnswer | None = None

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> "Fault":
        """Return the fault of a scenario."""
        fields = dict(given)
        if fields.get("answer") is not None:
            fields["answer"] = ScriptedAnswer.from_json(fields["answer"])
        return cls(**fields)
