"""Run a scripted server: `python -m moonloop.agents.scripted --port 8001`."""

import argparse
import asyncio
import signal
from pathlib import Path

from moonloop.agents.scripted.answers import Responder
from moonloop.agents.scripted.scenario import load_scenario
from moonloop.agents.scripted.server import ScriptedServer


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m moonloop.agents.scripted",
        description="A scripted model endpoint for tests and demonstrations: no model answers here.",
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--model", action="append", default=[], help="scripted-…; the first is the base")
    parser.add_argument("--scenario", type=Path, help="a JSON file with answers and faults")
    return parser.parse_args()


def _doubles() -> Responder:
    """Return the script that plays all roles."""
    from moonloop.agents.roles.doubles import answer  # noqa: PLC0415 -- a scenario does without them

    return answer


async def _serve(given: argparse.Namespace) -> None:
    responder, faults = load_scenario(given.scenario) if given.scenario else (_doubles(), ())
    models = tuple(given.model) or ("scripted-scientist",)
    ending = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ending.set)
    server = ScriptedServer(responder, models=models, faults=faults)
    await server.start(given.host, given.port)
    print(server.url, flush=True)  # noqa: T201 -- who started it reads its address here
    await ending.wait()
    await server.stop()


if __name__ == "__main__":
    asyncio.run(_serve(_arguments()))
