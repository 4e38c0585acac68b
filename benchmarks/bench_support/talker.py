"""An endpoint that talks: `talker.py PORT DELAY_MS`, in answers of 5 KB that ask for tools while they may."""

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from moonloop.agents.scripted.answers import ScriptedAnswer
from moonloop.agents.scripted.faults import Fault
from moonloop.agents.scripted.server import ScriptedServer

_TEXT = "word " * 1_000
_DECISION = json.dumps({"utilities": [], "suggestions": [], "avoidances": []})


def talk(_name: str, _messages: list[dict[str, Any]], tools: Sequence[Mapping[str, Any]]) -> ScriptedAnswer:
    """Ask for a tool, at length; decide when there is none."""
    if not tools:
        return ScriptedAnswer(text=_DECISION)
    query = json.dumps({"sql": "SELECT 1 AS one"})
    return ScriptedAnswer(text=_TEXT, tool_calls=(("data_query", query),))


async def main(port: int, delay_ms: float) -> None:
    """Serve for ever."""
    server = ScriptedServer(talk, models=("scripted-talker",), context=1_000_000)
    server.outage = Fault("delay", seconds=delay_ms / 1_000) if delay_ms else None
    await server.start("127.0.0.1", port)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2])))
