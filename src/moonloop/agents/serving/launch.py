"""The command line and the environment that vLLM is started with: one place for them."""

import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from moonloop.agents.serving.adapters import Adapter, room_for
from moonloop.agents.serving.families import PARSERS, Family
from moonloop.domain.errors import InvalidInput

__all__ = [
    "KEY_VARIABLE",
    "Launch",
    "additions",
    "arguments",
    "environment",
    "loopback",
    "served_name",
    "warnings",
]

KEY_VARIABLE = "VLLM_API_KEY"
"""Where vLLM takes its key from: on the command line everybody on the machine could read it."""

_OURS = ("--host", "--port", "--uds", "--api-key", "--config", "--served-model-name")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,199}")
_ANSWERS = json.dumps({"backend": "guidance", "disable_any_whitespace": True}, separators=(",", ":"))
"""The default backend passes over several keywords of JSON Schema without a word, and bounds of strings."""

_ON_CPU = ("--dtype", "float32", "--enforce-eager", "--no-enable-chunked-prefill")
"""A prompt in chunks with a seed ends the engine there: "CPU Generator does not use offset" (vLLM 0.32)."""

_OPEN_WITHOUT_KEY = (
    "The key covers only what begins with /v1: /metrics, /invocations and others answer without it. "
    "Put the proxy of deploy/vllm in front, and let nothing else reach this port."
)
_LOADED_WITHOUT_KEY = (
    "Without the key anybody who reaches this port may load adapters, at /adapters: the proxy lets nobody."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What is to be served, and where; impossible combinations are refused with `InvalidInput`."""

    model: str
    """A folder, or a name on the Hugging Face hub."""
    family: Family
    name: str
    """The name that the model is asked for by."""
    adapters: tuple[Adapter, ...] = ()
    adapters_at_most: int = 0
    """How many adapters may be served at once; more than are given means that some may be loaded later."""
    host: str = "127.0.0.1"
    port: int = 8000
    context: int | None = None
    """Tokens of prompt and answer together; as the model says when not given."""
    cpu: bool = False
    seed: int = 0
    extra: tuple[str, ...] = ()
    """Flags for vLLM that are added as they are."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise InvalidInput(where="--name", why=f'"{self.name}" cannot be the name of a model')
        names = [self.name, *(adapter.name for adapter in self.adapters)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InvalidInput(where="--adapter", why=f"{', '.join(twice)} would name two models")
        if self.extra and not self.extra[0].startswith("-"):
            raise InvalidInput(where="after --", why=f'"{self.extra[0]}" is not a flag of vLLM')
        for flag in self.extra:
            _refuse_ours(flag)

    @property
    def slots(self) -> int:
        """How many adapters may be served at once."""
        return max(self.adapters_at_most, len(self.adapters))

    @property
    def loading(self) -> bool:
        """Whether adapters may be loaded and unloaded while it runs."""
        return self.slots > len(self.adapters)


def served_name(model: str) -> str:
    """Return the name that a model goes by when none is given: its own, or that of its folder."""
    folder = Path(model).expanduser()
    return folder.absolute().name if folder.is_dir() else model


def loopback(host: str) -> bool:
    """Say whether only this machine reaches an address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def arguments(launch: Launch) -> tuple[str, ...]:
    """Return what follows `vllm` on the command line."""
    return (
        *("serve", launch.model, "--served-model-name", launch.name),
        *("--host", launch.host, "--port", str(launch.port), "--seed", str(launch.seed)),
        *("--enable-auto-tool-choice", "--tool-call-parser", PARSERS[launch.family]),
        *("--structured-outputs-config", _ANSWERS),
        # Threads grow at their end only: what was computed for one turn serves the next, and is reported.
        *("--enable-prefix-caching", "--enable-prompt-tokens-details"),
        # What the request says is what is done: no defaults out of the model's folder, no prompts in logs.
        *("--generation-config", "vllm", "--no-enable-log-requests", "--disable-fastapi-docs"),
        *(() if launch.context is None else ("--max-model-len", str(launch.context))),
        *(_ON_CPU if launch.cpu else ()),
        *_adapters(launch),
        *launch.extra,
    )


def environment(launch: Launch, given: Mapping[str, str], key: str = "") -> dict[str, str]:
    """Return the whole environment for vLLM: what is given, less Moonloop's own, with what it needs."""
    kept = {name: value for name, value in given.items() if not name.startswith("MOONLOOP_")}
    return {**kept, **additions(launch, given, key)}


def additions(launch: Launch, given: Mapping[str, str], key: str = "") -> dict[str, str]:
    """Return what is added to the environment, the key last."""
    added = {
        # Strict tools would be forced on with the other backend's grammar, which knows fewer schemas.
        "VLLM_ENFORCE_STRICT_TOOL_CALLING": "false",
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "true" if launch.loading else "false",
    }
    if launch.cpu:
        added["VLLM_CPU_KVCACHE_SPACE"] = given.get("VLLM_CPU_KVCACHE_SPACE", "1")
    if Path(launch.model).expanduser().is_dir():
        added["HF_HUB_OFFLINE"] = "1"
    return {**added, KEY_VARIABLE: key} if key else added


def warnings(launch: Launch, *, key: bool) -> tuple[str, ...]:
    """Return what whoever starts this has to know; raise `InvalidInput` where it must not be started."""
    if loopback(launch.host):
        return ()
    if not key:
        missing = f"give --key-file, or set {KEY_VARIABLE}"
        why = f"{launch.host} is reached from other machines, and there is no key: {missing}"
        raise InvalidInput(where="--host", why=why)
    return (_OPEN_WITHOUT_KEY, _LOADED_WITHOUT_KEY) if launch.loading else (_OPEN_WITHOUT_KEY,)


def _adapters(launch: Launch) -> tuple[str, ...]:
    if not launch.slots:
        return ()
    rank = room_for(tuple(adapter.rank for adapter in launch.adapters))
    # One slot more than adapters: with all of them taken, the base model answered with an adapter's weights.
    flags = ("--enable-lora", "--max-loras", str(launch.slots + 1), "--max-lora-rank", str(rank))
    modules = tuple(f"{adapter.name}={adapter.path}" for adapter in launch.adapters)
    return (*flags, *(("--lora-modules", *modules) if modules else ()))


def _refuse_ours(flag: str) -> None:
    name = flag.partition("=")[0].replace("_", "-")
    if not name.startswith("--") or name == "--":
        return
    for ours in _OURS:
        if ours.startswith(name):  # vLLM takes shortened flags
            why = f"{flag.partition('=')[0]} is decided by the options of `moonloop models serve`"
            raise InvalidInput(
                where="after --", why=f"{why} (the key: --key-file)" if ours == "--api-key" else why
            )
