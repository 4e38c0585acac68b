"""Documents that campaigns bring for their agents: bytes by their hash, here before the campaign starts."""

import asyncio

from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.documents import Document
from moonloop.domain.errors import ArtifactMismatch, InvalidInput, NotFound
from moonloop.domain.messages import ArtifactStored
from moonloop.domain.results import ArtifactRef
from moonloop.store import Ledger, Tx
from moonloop.store.artifacts import ArtifactFiles, Incoming, keep

__all__ = ["DocumentService"]

_NAME = "document"
"""What bytes are called that come by their hash alone."""


class DocumentService:
    """Takes documents in, and says whether they are here."""

    def __init__(self, ledger: Ledger, files: ArtifactFiles) -> None:
        self._ledger = ledger
        self._files = files

    async def known(self, sha256: str) -> ArtifactStored:
        """Return what is here under a hash; raise `NotFound` when nothing is."""
        size = await asyncio.to_thread(self._size, sha256)
        if size is None:
            raise NotFound(kind="document", id=sha256)
        return ArtifactStored(sha256=sha256, size=size)

    async def receive(self, sha256: str, size: int) -> Incoming | None:
        """Begin to take a document in; None when its bytes are here and no upload is needed.

        Raises `TooLarge` when more is declared than is allowed.
        """
        here = await asyncio.to_thread(self._size, sha256)
        if here is None:
            return self._files.receive(_ref(sha256, size))
        if here != size:
            raise ArtifactMismatch(name=_NAME, received=f"{here} bytes", declared=f"{size} bytes")
        return None

    async def keep(self, by: str, sha256: str, size: int, incoming: Incoming | None) -> ArtifactStored:
        """Make what came in durable, then known to the ledger."""
        if incoming is not None:
            await asyncio.to_thread(incoming.keep)
        await self._ledger.write(_keep, by, [_ref(sha256, size)])
        return ArtifactStored(sha256=sha256, size=size)

    async def require(self, by: str, spec: CampaignSpec) -> None:
        """Make sure that every document of a campaign is here, and that the ledger knows of it.

        Raises `InvalidInput` naming the first document whose bytes are not here.
        """
        if not spec.documents:
            return
        sizes = await asyncio.to_thread(self._sizes, spec.documents)
        await self._ledger.write(_keep, by, [_ref(sha256, size) for sha256, size in sizes.items()])

    def _sizes(self, documents: tuple[Document, ...]) -> dict[str, int]:
        found: dict[str, int] = {}
        for place, document in enumerate(documents):
            size = self._size(document.sha256)
            if size is None:
                raise InvalidInput(where=f"documents[{place}]", why=_missing(document))
            found[document.sha256] = size
        return found

    def _size(self, sha256: str) -> int | None:
        try:
            return self._files.path(sha256).stat().st_size
        except FileNotFoundError:
            return None


def _ref(sha256: str, size: int) -> ArtifactRef:
    return ArtifactRef(name=_NAME, sha256=sha256, size=size)


def _missing(document: Document) -> str:
    return (
        f"the bytes of “{document.name}” are not here; bring them first, with "
        f"PUT /v1/documents/{document.sha256}, or start the campaign by a file that gives its path"
    )


def _keep(tx: Tx, refs: list[ArtifactRef]) -> None:
    for ref in refs:
        keep(tx, ref)
