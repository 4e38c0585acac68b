"""A scripted endpoint beside the test, in a thread: for commands that run an event loop of their own."""

import asyncio
import json
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from moonloop.agents.scripted.faults import Fault
from moonloop.agents.scripted.server import ScriptedServer
from support.scripted import MODEL, saying

__all__ = ["scripted_beside", "write_models"]


@contextmanager
def scripted_beside(faults: Iterable[Fault] = (), outage: Fault | None = None) -> Generator[str]:
    """Run a scripted server on a free port; return its base URL."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = ScriptedServer(saying(), faults=faults)
    server.outage = outage
    asyncio.run_coroutine_threadsafe(server.start(), loop).result()
    try:
        yield server.url
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def write_models(file: Path, *, model: str = MODEL, **urls: str) -> Path:
    """Write a file of models in which these endpoints, by name and base URL, serve every role in turn."""
    endpoints = {name: {"base_url": url, "model": model} for name, url in urls.items()}
    file.write_text(
        json.dumps({"moonloop_models": 1, "endpoints": endpoints, "roles": {"default": list(urls)}})
    )
    return file
