"""`moonloop models serve`: a model and its adapters, served with vLLM."""

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from moonloop.agents.serving.adapters import read_adapter
from moonloop.agents.serving.families import Family, family_of
from moonloop.agents.serving.finding import find_vllm
from moonloop.agents.serving.launch import (
    KEY_VARIABLE,
    Launch,
    additions,
    arguments,
    environment,
    served_name,
    warnings,
)
from moonloop.client.terminal import JsonFlag, print_json, say, say_aside
from moonloop.domain.errors import InvalidInput, SetupProblem

__all__ = ["serve"]

_Model = Annotated[str, typer.Argument(help="Folder of a model, or its name on the Hugging Face hub.")]
_Flags = Annotated[
    list[str] | None,
    typer.Argument(metavar="FLAGS", help="Flags for vLLM, after two dashes: -- --dtype float32"),
]
_Adapters = Annotated[
    list[str] | None, typer.Option(metavar="NAME=PATH", help="An adapter (LoRA); may be given again.")
]
_AdaptersAtMost = Annotated[
    int,
    typer.Option(
        min=0,
        max=256,
        help="How many adapters to have room for; with more than are given, they may be loaded later.",
    ),
]
_Name = Annotated[str | None, typer.Option(help="Name to serve it by; its own when not given.")]
_Family = Annotated[
    Family | None, typer.Option(help="How the model asks for tools; from its name when not given.")
]
_Host = Annotated[str, typer.Option(help="Address to listen at.")]
_Port = Annotated[int, typer.Option(min=1, max=65_535, help="Port to listen at.")]
_Context = Annotated[
    int | None,
    typer.Option(min=256, help="Tokens of prompt and answer together; as the model says when not given."),
]
_Seed = Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Seed of the engine.")]
_KeyFile = Annotated[
    Path | None,
    typer.Option(help=f"File with the key that clients must show; {KEY_VARIABLE} when not given."),
]
_Cpu = Annotated[bool, typer.Option("--cpu", help="On the processor: needs vLLM's build for CPUs.")]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the command line, and start nothing.")]


def serve(
    model: _Model,
    extra: _Flags = None,
    adapter: _Adapters = None,
    adapters_at_most: _AdaptersAtMost = 0,
    name: _Name = None,
    family: _Family = None,
    host: _Host = "127.0.0.1",
    port: _Port = 8000,
    context: _Context = None,
    seed: _Seed = 0,
    key_file: _KeyFile = None,
    cpu: _Cpu = False,
    dry_run: _DryRun = False,
    as_json: JsonFlag = False,
) -> None:
    """Serve a model and its adapters with vLLM; this process becomes vLLM."""
    launch = Launch(
        model=_expanded(model),
        family=family or family_of(model),
        name=name or served_name(model),
        adapters=tuple(map(read_adapter, adapter or ())),
        adapters_at_most=adapters_at_most,
        host=host,
        port=port,
        context=context,
        cpu=cpu,
        seed=seed,
        extra=tuple(extra or ()),
    )
    key = _key(key_file)
    for sentence in warnings(launch, key=bool(key)):
        say_aside(f"Mind: {sentence}")
    if dry_run:
        _show(launch, key, as_json=as_json)
    else:
        _become(find_vllm(cpu=cpu), launch, key)


def _expanded(model: str) -> str:
    folder = Path(model).expanduser()
    return str(folder.absolute()) if folder.is_dir() else model


def _key(file: Path | None) -> str:
    if file is None:
        return os.environ.get(KEY_VARIABLE, "").strip()
    try:
        key = file.expanduser().read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it holds more than a key"
        raise InvalidInput(where="--key-file", why=f"{file} cannot be read: {why}") from None
    if not key or not all("!" <= letter <= "~" for letter in key):
        raise InvalidInput(where="--key-file", why=f"{file} holds no key: one word is needed")
    return key


def _show(launch: Launch, key: str, *, as_json: bool) -> None:
    added = additions(launch, os.environ, "…" if key else "")
    if as_json:
        print_json({"command": ["vllm", *arguments(launch)], "environment": added})
    else:
        assigned = (f"{name}={shlex.quote(value)}" for name, value in added.items())
        say(" ".join((*assigned, shlex.join(("vllm", *arguments(launch))))))


def _become(program: Path, launch: Launch, key: str) -> None:
    say_aside(f"Starting {program} for {launch.name} at http://{launch.host}:{launch.port}/v1.")
    sys.stdout.flush()
    sys.stderr.flush()
    given: Mapping[str, str] = environment(launch, os.environ, key)
    try:
        os.execve(program, (str(program), *arguments(launch)), given)  # noqa: S606 -- no shell is the point
    except OSError as error:
        raise SetupProblem(
            problem=f"{program} cannot be run: {error.strerror}.",
            remedy="Install vLLM anew, or set MOONLOOP_VLLM to one that runs.",
        ) from error
