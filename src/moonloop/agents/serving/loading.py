"""Loading and unloading adapters at a vLLM that runs."""

from collections.abc import Callable, Mapping
from typing import Any

import httpx

from moonloop.agents.door.answers import clean
from moonloop.agents.door.config import Endpoint
from moonloop.agents.door.keys import Key, KeyMissing, read_key
from moonloop.agents.serving.adapters import checked_name
from moonloop.domain.errors import InvalidInput, ModelRefused, SetupProblem

__all__ = ["load_adapter", "unload_adapter"]

_PATIENCE = httpx.Timeout(180.0, connect=5.0)
"""A large adapter on a slow disk takes its time."""
_LONGEST_QUOTE = 300


def load_adapter(endpoint: Endpoint, name: str, path: str) -> None:
    """Have an endpoint serve an adapter from a folder of its own machine, under a name.

    Raises:
        InvalidInput: the name or the path cannot be one.
        SetupProblem: the endpoint does not answer, or does not allow it.
        ModelRefused: it cannot; the reason is its own.
    """
    if not path.startswith("/"):
        why = f'"{path}" is not absolute: it is a folder on the machine where vLLM runs'
        raise InvalidInput(where="PATH", why=why)
    _send(endpoint, "load_lora_adapter", {"lora_name": checked_name(name), "lora_path": path})


def unload_adapter(endpoint: Endpoint, name: str) -> None:
    """Have an endpoint forget an adapter; raises as `load_adapter` does."""
    _send(endpoint, "unload_lora_adapter", {"lora_name": checked_name(name)})


def _send(endpoint: Endpoint, action: str, body: Mapping[str, str]) -> None:
    key = _key(endpoint)
    headers = {"Authorization": key.header} if key else {}
    try:
        # trust_env: a proxy for the outside world has no business here. A redirect would take the key along.
        with httpx.Client(timeout=_PATIENCE, trust_env=False, follow_redirects=False) as client:
            response = client.post(f"{endpoint.base_url}/{action}", json=dict(body), headers=headers)
    except httpx.HTTPError as error:
        raise _unreachable(endpoint, error) from None
    if not response.is_success:
        raise _refused(endpoint, response, key.hide)


def _key(endpoint: Endpoint) -> Key:
    try:
        return read_key(endpoint)
    except KeyMissing as error:
        raise SetupProblem(
            problem=f"The endpoint {endpoint.base_url} cannot be asked: {error}.",
            remedy="Set it, or correct the file of models.",
        ) from None


def _unreachable(endpoint: Endpoint, error: httpx.HTTPError) -> SetupProblem:
    return SetupProblem(
        problem=f"The endpoint {endpoint.base_url} does not answer ({type(error).__name__}).",
        remedy="Start it with `moonloop models serve`, or correct its address.",
    )


def _refused(
    endpoint: Endpoint, response: httpx.Response, hide: Callable[[str], str]
) -> SetupProblem | ModelRefused:
    said = " ".join(hide(clean(_said(response))).split())[:_LONGEST_QUOTE]
    match response.status_code:
        case 401 | 403:
            return SetupProblem(
                problem=f"The endpoint {endpoint.base_url} refuses the key.",
                remedy="Name the right one: key_env or key_file in the file of models, or --key-env.",
            )
        case 404 | 405 if not said:
            return SetupProblem(
                problem=f"The endpoint {endpoint.base_url} does not let adapters be loaded while it runs.",
                remedy="Start it with `moonloop models serve --adapters-at-most N`, N above those given.",
            )
        case status:
            return ModelRefused(endpoint=endpoint.base_url, why=said or f"it answered HTTP {status}")


def _said(response: httpx.Response) -> str:
    """Return what vLLM gives as its reason; empty when what answers has none, as for a path it lacks."""
    try:
        message: Any = response.json()["error"]["message"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return message if isinstance(message, str) else ""
