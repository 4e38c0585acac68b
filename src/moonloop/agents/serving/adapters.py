"""Low-rank adapters (LoRA): specialised models that are served as layers on one base model."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moonloop.domain.errors import InvalidInput

__all__ = ["RANKS", "Adapter", "checked_name", "read_adapter", "room_for"]

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""The ranks that vLLM makes room for."""
_USUAL_RANK = 16
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_LARGEST = 1_000_000


@dataclass(frozen=True, slots=True)
class Adapter:
    """An adapter: the name that roles ask for, where its files are, and its rank."""

    name: str
    path: str
    rank: int = _USUAL_RANK


def read_adapter(given: str) -> Adapter:
    """Return the adapter of `NAME=PATH`, with the rank that its configuration tells.

    Raises:
        InvalidInput: it is not of that form, or there is no adapter in that folder.
    """
    name, sign, path = given.partition("=")
    if not sign or not path:
        raise InvalidInput(where="--adapter", why=f'"{given}" is not of the form NAME=PATH')
    folder = Path(path).expanduser().absolute()
    return Adapter(checked_name(name), str(folder), _rank(folder))


def checked_name(name: str) -> str:
    """Return a name if it can be an adapter's; raise `InvalidInput` otherwise."""
    if not _NAME.fullmatch(name):
        why = f'"{name}" cannot be a name: letters, digits, dots, dashes and underscores, at most 80'
        raise InvalidInput(where="the adapter's name", why=why)
    return name


def room_for(ranks: tuple[int, ...]) -> int:
    """Return the least rank to make room for; raise `InvalidInput` when one is above them all."""
    largest = max((*ranks, _USUAL_RANK))
    for rank in RANKS:
        if rank >= largest:
            return rank
    raise InvalidInput(where="--adapter", why=f"its rank is {largest}; vLLM serves ranks up to {RANKS[-1]}")


def _rank(folder: Path) -> int:
    file = folder / "adapter_config.json"
    try:
        if file.stat().st_size > _LARGEST:
            raise _unusable(folder, "its adapter_config.json is too large to be one")
        rank: Any = json.loads(file.read_text(encoding="utf-8"))["r"]
    except FileNotFoundError as error:
        why = "it holds no adapter_config.json, which PEFT writes beside an adapter's weights"
        raise _unusable(folder, why) from error
    except OSError as error:
        raise _unusable(folder, f"it cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _unusable(folder, "its adapter_config.json tells no rank (r)") from error
    if not isinstance(rank, int) or isinstance(rank, bool) or rank < 1:
        raise _unusable(folder, f"its adapter_config.json tells a rank of {rank!r:.20}")
    return rank


def _unusable(folder: Path, why: str) -> InvalidInput:
    return InvalidInput(where="--adapter", why=f"there is no usable adapter in {folder}: {why}")
