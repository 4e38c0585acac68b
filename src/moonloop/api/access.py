"""Who asks: the bearer token of each request, turned into an identity with a scope."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from moonloop.domain.access import Identity, Scope
from moonloop.domain.errors import Forbidden
from moonloop.service.services import Services

__all__ = ["CalledByRobot", "Use", "caller", "services_of"]

_BEARER = HTTPBearer(auto_error=False, description="A Moonloop token.")


async def services_of(request: Request) -> Services:  # a plain function would be run on a thread
    """Return the use cases that this application was built on."""
    return request.app.state.services


Use = Annotated[Services, Depends(services_of)]


def caller(scope: Scope) -> Callable[..., Coroutine[Any, Any, Identity]]:
    """Return a dependency that yields who asks, if they may do this."""

    async def known(
        use: Use, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]
    ) -> Identity:
        identity = await use.access.identify(credentials.credentials if credentials else None)
        identity.require(scope)
        return identity

    return known


async def _robot(identity: Annotated[Identity, Depends(caller(Scope.ROBOT))]) -> str:
    if identity.robot_id is None:
        raise Forbidden(principal=identity.principal, action="act as a robot", why="it is not one")
    return identity.robot_id


CalledByRobot = Annotated[str, Depends(_robot)]
"""The id of the robot that asks."""
