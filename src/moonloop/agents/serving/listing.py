"""Which endpoint serves which role, and what each endpoint says that it serves."""

import asyncio
from collections.abc import Sequence

from moonloop.agents.door.config import ModelsFile
from moonloop.agents.door.failures import Failed
from moonloop.agents.door.line import Line, ServedModel
from moonloop.domain.agents import Role
from moonloop.domain.values import Reply

__all__ = ["EndpointState", "ModelsState", "RoleState", "look"]

_PATIENCE_S = 10.0


class EndpointState(Reply):
    """One endpoint now."""

    name: str
    base_url: str
    answers: bool
    why_not: str = ""
    models: tuple[str, ...] = ()
    """What it serves, adapters aside."""
    adapters: tuple[str, ...] = ()


class RoleState(Reply):
    """One place in the order of a role's endpoints."""

    role: Role
    endpoint: str
    model: str
    serves: bool
    """Whether the endpoint answers, and serves that model or adapter."""
    why_not: str = ""


class ModelsState(Reply):
    """The site's models now."""

    roles: tuple[RoleState, ...]
    """In the order of the roles, and of the endpoints that are tried for each."""
    endpoints: tuple[EndpointState, ...]


async def look(models: ModelsFile) -> ModelsState:
    """Ask every endpoint, all at once, what it serves; at most ten seconds."""
    endpoints = await asyncio.gather(*(_asked(models, name) for name in models.endpoints))
    by_name = {state.name: state for state in endpoints}
    roles = tuple(
        _role(role, by_name[name], model) for role in Role for name, _, model in models.serving(role)
    )
    return ModelsState(roles=roles, endpoints=tuple(endpoints))


async def _asked(models: ModelsFile, name: str) -> EndpointState:
    endpoint = models.endpoints[name]
    line = Line(name, endpoint.model_copy(update={"timeout": min(endpoint.timeout, _PATIENCE_S)}))
    try:
        served = await line.served()
    except Failed as failed:
        return EndpointState(
            name=name, base_url=endpoint.base_url, answers=False, why_not=failed.why.sentence
        )
    finally:
        await line.close()
    return _answering(name, endpoint.base_url, served)


def _answering(name: str, base_url: str, served: Sequence[ServedModel]) -> EndpointState:
    return EndpointState(
        name=name,
        base_url=base_url,
        answers=True,
        models=tuple(one.name for one in served if one.parent is None),
        adapters=tuple(one.name for one in served if one.parent is not None),
    )


def _role(role: Role, endpoint: EndpointState, model: str) -> RoleState:
    if not endpoint.answers:
        why = endpoint.why_not
    elif model not in (*endpoint.models, *endpoint.adapters):
        why = f"does not serve {model}: load it with `moonloop models load`, or correct the file of models"
    else:
        why = ""
    return RoleState(role=role, endpoint=endpoint.name, model=model, serves=not why, why_not=why)
