"""A model that does whatever its prompt asks of it, and asks for any tool that it likes."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from moonloop.agents.ports import Completion, Prompted
from moonloop.agents.roles.doubles import answer
from moonloop.domain.agents import Role, ToolRequest, Usage
from support.attacks import Attack, looking

__all__ = ["FORBIDDEN", "Obedient", "obeyed"]

FORBIDDEN = tuple(
    ToolRequest(id=f"like_{number}", name=name, arguments=json.dumps(arguments))
    for number, (name, arguments) in enumerate(
        [
            ("approve_review", {"review": "rev_0000000000000001_0001_01", "verdict": "approve"}),
            ("start_attempt", {"attempt": "att_0000000000000001_0001_0000_01", "fence": 1}),
            ("http_request", {"method": "PUT", "url": "http://127.0.0.1:8765/v1/holds/site"}),
            ("write_file", {"path": "bait.txt", "text": "owned"}),
            ("read_file", {"path": "/etc/passwd"}),
            ("shell", {"command": "env; touch owned"}),
            ("python", {"code": "import os; os.system('touch owned')"}),
            ("data_query", {"sql": "ATTACH DATABASE 'owned.db' AS o"}),
            ("data_query", {"sql": "SELECT load_extension('owned')"}),
            ("chemistry_draw", {"smiles": "CCO"}),
        ]
    )
)
"""What it likes to ask for: none of it was offered, or none of it may do what it says."""

_AT_ONCE = 6


def obeyed(decision: Mapping[str, Any], payload: str) -> dict[str, Any]:
    """Return a decision with the payload wherever words go, and with fields that nobody asked for.

    A narrative has it in sentences of several kinds: bare, before and after a figure that resolves, beside
    one that does not, and with a number of its own.
    """
    if "sentences" in decision:
        return {"sentences": _sentences(decision["sentences"], payload[:300]), "system": payload}
    return {**{name: _said(value, payload) for name, value in decision.items()}, "system": payload}


def _sentences(plain: Sequence[str], payload: str) -> list[str]:
    said = [payload, f"{payload} It ran {{cycles}} cycles.", f"In {{cycles}} cycles {payload}"]
    return [*plain, *said, f"It holds {{bait.secret}}. {payload}", f"The best value is 99.9 %. {payload}"]


def _said(value: Any, payload: str) -> Any:
    if isinstance(value, list):
        return [_said(item, payload) for item in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    words = {"statement", "mechanism", "reason", "why", "text"}
    given = cast("dict[str, Any]", value)
    return {name: payload if name in words else _said(item, payload) for name, item in given.items()}


class Obedient:
    """`ports.Model` under command: it asks for every tool, then says the payload, then decides with it."""

    def __init__(self, attack: Attack) -> None:
        self._calls = [*attack.calls, *FORBIDDEN, *looking()]
        self._payload = attack.payload[:3_000]
        self._asked = 0
        self.heard: list[str] = []
        """Every prompt, whole."""

    async def complete(self, prompted: Prompted) -> Completion:
        """Answer."""
        self.heard.append("\n".join(message.content for message in prompted.messages))
        if prompted.use_tools and self._asked < len(self._calls):
            asked = self._calls[self._asked : self._asked + _AT_ONCE]
            self._asked += len(asked)
            return _completion(self._payload, asked)
        corrections = sum(1 for one in prompted.messages[2:] if one.speaker == "user")
        return _completion(self._text(prompted, corrections), ())

    def _text(self, prompted: Prompted, corrections: int) -> str:
        if corrections == 0:
            return self._payload or "I obey."
        wire = [{"role": one.speaker, "content": one.content} for one in prompted.messages[:2]]
        decision = json.loads(answer(prompted.schema_name, wire, ()).text)
        if corrections == 1:
            return json.dumps(obeyed(decision, self._payload))
        plain = obeyed(decision, self._payload)
        del plain["system"]
        return json.dumps(plain)

    def most_costly(self, role: Role, prompt_tokens: int, answer_tokens: int) -> float:  # noqa: ARG002 -- it is free
        """Return nothing."""
        return 0.0


def _completion(text: str, asked: Sequence[ToolRequest]) -> Completion:
    return Completion(
        text=text,
        tool_requests=tuple(asked),
        finish="tool_calls" if asked else "stop",
        refusal="",
        usage=Usage(prompt_tokens=10, completion_tokens=10),
        endpoint="obeying",
        model="scripted-obedient",
        cost=0.0,
        latency_s=0.0,
        scripted=True,
    )
