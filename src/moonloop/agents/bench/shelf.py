"""The shelf: the index of each campaign's documents, made when it is first needed."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import CancelledError, ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any, TypeVar

from moonloop.agents.bench.processes import Processes
from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.documents import Document
from moonloop.domain.errors import MoonloopError
from moonloop.tools.literature import LARGEST, Extracted, build_index, index_key

__all__ = ["LARGEST", "Shelf"]

Fetch = Callable[[str], Awaitable[bytes]]
"""Returns the bytes of an artifact by their hash; raises `TooLarge` above `LARGEST`, which nobody reads."""

Found = TypeVar("Found")

_AT_A_TIME = 16
"""Indexes; most of the time each waits for a process that reads a document."""
_LOOK_S = 1.0


class Shelf:
    """Indexes in a folder, by what is in them; documents are read in a process without memory to spare."""

    def __init__(self, folder: Path, fetch: Fetch, processes: Processes) -> None:
        self._folder = folder
        self._fetch = fetch
        self._processes = processes
        self._making: dict[Path, asyncio.Task[None]] = {}
        # Of their own: they wait for what is fetched in other threads, and must not have taken all of those.
        self._threads = ThreadPoolExecutor(_AT_A_TIME, thread_name_prefix="shelf")

    async def index_of(self, spec: CampaignSpec) -> Path | None:
        """Return the index of a campaign's documents, or None when it brings none.

        All who ask for the same wait for one making of it, which goes on when they wait no longer; whoever
        asks for another waits for that alone.
        """
        if not spec.documents:
            return None
        path = self._folder / f"{index_key(spec.documents)}.sqlite"
        if not path.is_file():
            await asyncio.shield(self._in_the_making(spec, path))
        return path

    def _in_the_making(self, spec: CampaignSpec, path: Path) -> asyncio.Task[None]:
        if path not in self._making:
            self._making[path] = asyncio.create_task(self._make(spec, path))
            self._making[path].add_done_callback(partial(self._made, path))
        return self._making[path]

    def _made(self, path: Path, made: asyncio.Task[None]) -> None:
        del self._making[path]
        if not made.cancelled():
            made.exception()  # nobody may be waiting for it any more

    async def _make(self, spec: CampaignSpec, path: Path) -> None:
        crossing = _Crossing(asyncio.get_running_loop())

        def fetched(document: Document) -> bytes:
            return crossing.wait_for(self._fetched(document.sha256))

        def extracted(document: Document, body: bytes) -> Extracted:
            try:
                told = crossing.wait_for(self._processes.extract(document, body))
                return Extracted.model_validate_json(told)
            except MoonloopError as error:
                return Extracted(problem=str(error.facts.get("why", error))[:200])

        listed = [(document, partial(fetched, document)) for document in spec.documents]
        build = partial(build_index, listed, path, extract_text=extracted)
        try:
            await crossing.loop.run_in_executor(self._threads, build)
        finally:
            crossing.given_up.set()

    async def _fetched(self, sha256: str) -> bytes:
        return await self._fetch(sha256)


class _Crossing:
    """The way from a thread to the loop, which may end before the thread does."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.given_up = Event()

    def wait_for(self, asked: Coroutine[Any, Any, Found]) -> Found:
        """Return what a coroutine returns on the loop; raise `CancelledError` when that has been given up."""
        if self.given_up.is_set():
            asked.close()
            raise CancelledError
        running = asyncio.run_coroutine_threadsafe(asked, self.loop)
        while not wait([running], timeout=_LOOK_S).done:
            if self.given_up.is_set():
                running.cancel()
                raise CancelledError
        return running.result()
