"""The application: routes, problem documents, limits, and the job service's presence."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI

from moonloop import __version__
from moonloop.api import agents, campaigns, documents, laboratory, problems, robots
from moonloop.api.limits import BodyLimit
from moonloop.domain.values import Reply
from moonloop.service.services import Services

__all__ = ["build"]


class Health(Reply):
    """The service answers, and its ledger too."""

    version: str
    journal: int


def build(services: Services) -> FastAPI:
    """Build the application on the use cases."""

    @asynccontextmanager
    async def life(_app: FastAPI) -> AsyncGenerator[None]:
        await services.jobs.beat_presence()  # before the first request: leases get our outage back
        presence = asyncio.ensure_future(services.jobs.be_present())
        try:
            yield
        finally:
            presence.cancel()
            with suppress(asyncio.CancelledError):
                await presence

    app = FastAPI(
        title="Moonloop",
        version=__version__,
        summary="Campaigns, reviews and the robot job protocol",
        lifespan=life,
    )
    app.state.services = services
    app.add_middleware(BodyLimit, limit=services.settings.body_limit)
    problems.install(app)
    for router in (robots.router, campaigns.router, agents.router, documents.router, laboratory.router):
        app.include_router(router, responses=problems.RESPONSES)

    @app.get("/v1/health", tags=["health"])
    async def health() -> Health:
        """Say that the service is up and reads its ledger."""
        return Health(version=__version__, journal=await services.campaigns.head())

    return app
