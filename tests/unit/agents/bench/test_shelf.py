"""The shelf: indexes are made once, each by itself, whoever waits."""

import asyncio
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import pytest

from moonloop.agents.bench.processes import Processes
from moonloop.agents.bench.shelf import Shelf
from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.documents import Document
from moonloop.domain.errors import NotFound, TooLarge
from moonloop.tools.asking import Snapshot
from moonloop.tools.asking.arguments import Literature
from moonloop.tools.literature import LARGEST, extract, search
from support.seen import setting_spec


class Readers:
    """What reads documents, in this process; those it is told to keep wait until they may go on."""

    def __init__(self, *kept: str) -> None:
        self.kept = kept
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()
        self.read: list[str] = []

    async def extract(self, document: Document, body: bytes) -> str:
        """Return the text of a document."""
        if document.name in self.kept:
            self.begun.set()
            await self.go_on.wait()
        self.read.append(document.name)
        return extract(document, body).model_dump_json()


class Artifacts:
    """What is kept under each hash."""

    def __init__(self, bodies: Mapping[str, bytes]) -> None:
        self.bodies = bodies
        self.fetched: list[str] = []

    async def fetch(self, sha256: str) -> bytes:
        """Return the bytes of a hash."""
        self.fetched.append(sha256)
        if sha256 not in self.bodies:
            raise NotFound(kind="artifact", id=sha256)
        if len(self.bodies[sha256]) > 1_000:
            raise TooLarge(what="artifact", limit=LARGEST)
        return self.bodies[sha256]


def _campaign(**texts: str) -> tuple[CampaignSpec, dict[str, bytes]]:
    bodies = {hashlib.sha256(text.encode()).hexdigest(): text.encode() for text in texts.values()}
    documents = [
        {"name": name, "sha256": sha256, "media_type": "text/plain"}
        for name, sha256 in zip(texts, bodies, strict=True)
    ]
    return setting_spec(documents=documents), bodies


def _shelf(folder: Path, artifacts: Artifacts, readers: Readers) -> Shelf:
    return Shelf(folder, artifacts.fetch, cast("Processes", readers))


async def test_a_long_index_keeps_nobody_elses_campaign_waiting(tmp_path: Path) -> None:
    """Another campaign has its index, made or found, while the first is in the making."""
    slow, their = _campaign(slow="Quinones.")
    quick, ours = _campaign(quick="Nitriles.")
    readers = Readers("slow")
    shelf = _shelf(tmp_path, Artifacts(their | ours), readers)
    waiting = asyncio.create_task(shelf.index_of(slow))
    await readers.begun.wait()

    async with asyncio.timeout(30):
        assert await shelf.index_of(quick) == await shelf.index_of(quick)
    assert not waiting.done()

    readers.go_on.set()
    assert await waiting == await shelf.index_of(slow)
    assert ["quick", "slow"] == readers.read


async def test_an_index_is_finished_when_who_asked_waits_no_longer(tmp_path: Path) -> None:
    """Whoever asks next has it, and nothing is read twice."""
    spec, bodies = _campaign(slow="Quinones.")
    readers = Readers("slow")
    artifacts = Artifacts(bodies)
    shelf = _shelf(tmp_path, artifacts, readers)
    waiting = asyncio.create_task(shelf.index_of(spec))
    await readers.begun.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    readers.go_on.set()
    path = await shelf.index_of(spec)
    assert path is not None
    assert path.is_file()
    assert (["slow"], 1) == (readers.read, len(artifacts.fetched))


async def test_documents_are_fetched_one_by_one_and_none_twice(tmp_path: Path) -> None:
    """What was read before a failure is neither fetched nor read again."""
    spec, bodies = _campaign(first="Quinones.", second="Nitriles.")
    first, second = bodies
    artifacts, readers = Artifacts({first: bodies[first]}), Readers()
    shelf = _shelf(tmp_path, artifacts, readers)
    with pytest.raises(NotFound):
        await shelf.index_of(spec)
    artifacts.bodies = bodies

    await shelf.index_of(spec)
    assert [first, second, second] == artifacts.fetched
    assert ["first", "second"] == readers.read


async def test_a_document_too_large_to_be_read_is_not_loaded(tmp_path: Path) -> None:
    """The index is made without it."""
    spec, bodies = _campaign(huge="Quinones. " * 1_000, small="Nitriles.")
    readers = Readers()
    path = await _shelf(tmp_path, Artifacts(bodies), readers).index_of(spec)
    found = search(Literature(query="nitriles"), Snapshot(library=str(path)))
    assert ["small"] == [one.source for one in found.passages]
    assert ["small"] == readers.read


async def test_more_campaigns_than_threads_get_their_indexes(tmp_path: Path) -> None:
    """What is fetched in threads is not kept waiting by those that wait for it."""
    made = [_campaign(**{f"paper {number}": f"Quinone {number}."}) for number in range(40)]
    bodies = {sha256: body for _, theirs in made for sha256, body in theirs.items()}

    async def fetch(sha256: str) -> bytes:
        return await asyncio.to_thread(bodies.__getitem__, sha256)

    shelf = Shelf(tmp_path, fetch, cast("Processes", Readers()))
    async with asyncio.timeout(60):
        found = await asyncio.gather(*(shelf.index_of(spec) for spec, _ in made))
    assert 40 == len(set(found))
