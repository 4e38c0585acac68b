"""Documents for campaigns to bring: their bytes come first, by their hash."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request

from moonloop.api.access import Use, caller
from moonloop.api.bodies import JsonRoute, bytes_of
from moonloop.domain.access import Identity, Scope
from moonloop.domain.ids import Sha256
from moonloop.domain.messages import ArtifactStored

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["documents"], route_class=JsonRoute)

Scientist = Annotated[Identity, Depends(caller(Scope.CAMPAIGN))]


@router.get("/documents/{sha256}")
async def known(use: Use, _by: Scientist, sha256: Sha256) -> ArtifactStored:
    """Say whether a document is here; its bytes are at `/v1/artifacts`."""
    return await use.campaigns.documents.known(sha256)


@router.put("/documents/{sha256}", status_code=201, openapi_extra=bytes_of("*/*"))
async def put(
    use: Use,
    by: Scientist,
    sha256: Sha256,
    request: Request,
    size: Annotated[int, Header(alias="Content-Length", ge=0)],
) -> ArtifactStored:
    """Store a document; what arrives is hashed, and refused unless it is what the path says."""
    documents = use.campaigns.documents
    incoming = await documents.receive(sha256, size)
    if incoming is None:
        return await documents.keep(by.principal, sha256, size, None)
    with incoming:
        async for chunk in request.stream():
            incoming.write(chunk)
        return await documents.keep(by.principal, sha256, size, incoming)
