"""A campaign as a Moonloop server tells it, for tools that run elsewhere."""

import asyncio
import time
from pathlib import Path

from moonloop.agents.bench.processes import Processes
from moonloop.agents.bench.shelf import Shelf
from moonloop.client.http import Connection
from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.history import History
from moonloop.domain.values import Reply
from moonloop.tools.asking import Snapshot

__all__ = ["CampaignOnServer", "Known"]

_FRESH_S = 5.0
"""For so long a campaign is not asked for again."""


class Known(Reply):
    """What `GET /v1/campaigns/{id}/history` returns."""

    spec: CampaignSpec
    history: History


class CampaignOnServer:
    """The campaign as it stands, read through the HTTP API with the caller's own token."""

    def __init__(self, connection: Connection, campaign: str, folder: Path, processes: Processes) -> None:
        self._connection = connection
        self._path = f"/v1/campaigns/{campaign}/history"
        self._shelf = Shelf(folder, self._fetch, processes)
        self._asking = asyncio.Lock()
        self._seen: Snapshot | None = None
        self._until = 0.0

    async def __call__(self) -> Snapshot:
        """Return the campaign as it stands, or stood a moment ago."""
        async with self._asking:
            if self._seen is None or time.monotonic() > self._until:
                known = await asyncio.to_thread(self._connection.get, self._path, Known)
                library = await self._shelf.index_of(known.spec)
                self._seen = Snapshot(
                    spec=known.spec, history=known.history, library=str(library) if library else None
                )
                self._until = time.monotonic() + _FRESH_S
            return self._seen

    async def _fetch(self, sha256: str) -> bytes:
        return await asyncio.to_thread(self._connection.bytes, f"/v1/artifacts/{sha256}")
