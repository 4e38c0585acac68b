"""A scripted endpoint as a process to be killed: `endpoint.py PORT LOG DELAY`.

It plays every role, answers after DELAY seconds, and notes each request in LOG as soon as it is there: the
session and the number of messages, which name the turn.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from moonloop.agents.scripted.answers import ScriptedAnswer
from moonloop.agents.scripted.faults import Fault
from moonloop.agents.scripted.server import ScriptedServer
from support.playing import doubles


async def main(port: int, log: Path, delay_s: float) -> None:
    """Serve until asked to end."""
    noted = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    class Noting(ScriptedServer):
        """Notes a request before it answers."""

        def _said(self, request: Any, body: dict[str, Any], given: ScriptedAnswer | None) -> Any:
            session = request.headers.get("x-session-id", "")
            os.write(noted, f"{session} {len(body['messages'])}\n".encode())
            return super()._said(request, body, given)

    ending = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ending.set)
    server = Noting(doubles())
    server.outage = Fault("delay", seconds=delay_s)
    await server.start("127.0.0.1", port)
    await ending.wait()
    await server.stop()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])))
