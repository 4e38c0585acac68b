"""`moonloop models …`: serve models with vLLM, and see what the site's endpoints serve."""

import asyncio
import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from moonloop.agents.door.config import Endpoint, from_single
from moonloop.agents.door.file import load_models
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
from moonloop.agents.serving.loading import load_adapter, unload_adapter
from moonloop.client.extras import needs
from moonloop.client.session import home_folder
from moonloop.client.terminal import JsonFlag, as_given, print_json, print_table, say, say_aside
from moonloop.domain.errors import InvalidInput, SetupProblem

__all__ = ["MODELS_VARIABLE", "add_to", "models_file"]

MODELS_VARIABLE = "MOONLOOP_MODELS"
"""Names the site's file of models."""

app = typer.Typer(help="Serve models with vLLM, and see what the endpoints serve.", no_args_is_help=True)

_File = Annotated[
    Path | None,
    typer.Option(
        "--file",
        "-f",
        help=f"The site's file of models: {MODELS_VARIABLE}, else models.yaml in the home folder.",
    ),
]
_Endpoints = Annotated[
    list[str] | None,
    typer.Option("--endpoint", "-e", help="Name of an endpoint in the file; may be given again."),
]
_Urls = Annotated[
    list[str] | None,
    typer.Option(
        "--url", help="Address of a vLLM, up to and with /v1, in place of --endpoint; may be given again."
    ),
]
_KeyVariable = Annotated[
    str | None, typer.Option("--key-env", help="With --url: the environment variable that holds the key.")
]


def add_to(main: typer.Typer) -> None:
    """Add the commands."""
    main.add_typer(app, name="models")


@app.command()
def serve(
    model: Annotated[str, typer.Argument(help="Folder of a model, or its name on the Hugging Face hub.")],
    extra: Annotated[
        list[str] | None,
        typer.Argument(metavar="FLAGS", help="Flags for vLLM, after two dashes: -- --dtype float32"),
    ] = None,
    adapter: Annotated[
        list[str] | None, typer.Option(metavar="NAME=PATH", help="An adapter (LoRA); may be given again.")
    ] = None,
    adapters_at_most: Annotated[
        int,
        typer.Option(
            min=0,
            max=256,
            help="How many adapters to have room for; with more than are given, they may be loaded later.",
        ),
    ] = 0,
    name: Annotated[str | None, typer.Option(help="Name to serve it by; its own when not given.")] = None,
    family: Annotated[
        Family | None, typer.Option(help="How the model asks for tools; from its name when not given.")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port to listen at.")] = 8000,
    context: Annotated[
        int | None,
        typer.Option(min=256, help="Tokens of prompt and answer together; as the model says when not given."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Seed of the engine.")] = 0,
    key_file: Annotated[
        Path | None,
        typer.Option(help=f"File with the key that clients must show; {KEY_VARIABLE} when not given."),
    ] = None,
    cpu: Annotated[
        bool, typer.Option("--cpu", help="On the processor: needs vLLM's build for CPUs.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the command line, and start nothing.")
    ] = False,
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


@app.command("list")
def list_(file: _File = None, as_json: JsonFlag = False) -> None:
    """Tell which endpoint serves which role, and what each endpoint serves."""
    with needs("server", "moonloop models list"):
        from moonloop.agents.serving.listing import look  # noqa: PLC0415 -- the base install speaks to no model
    state = asyncio.run(look(load_models(models_file(file))))
    if as_json:
        print_json(state)
        return
    print_table(
        ("role", "endpoint", "model", "serves"),
        [
            (row.role, row.endpoint, row.model, "yes" if row.serves else f"no: it {row.why_not}")
            for row in state.roles
        ],
        "The file of models names no endpoint.",
    )
    say("")
    print_table(
        ("endpoint", "address", "models", "adapters"),
        [
            (
                one.name,
                one.base_url,
                ", ".join(one.models) if one.answers else f"it {one.why_not}",
                ", ".join(one.adapters),
            )
            for one in state.endpoints
        ],
        "The file of models names no endpoint.",
    )


@app.command()
def check(file: _File = None, as_json: JsonFlag = False) -> None:
    """Try out every model at its endpoint; exit with 1 when a role has none that works."""
    with needs("server", "moonloop models check"):
        from moonloop.agents.serving.checking import check as checked  # noqa: PLC0415 -- as above
    state = asyncio.run(checked(load_models(models_file(file))))
    if as_json:
        print_json(state)
    else:
        for tried in state.tried:
            say(f"{tried.model} at {tried.endpoint}: {'works' if tried.works else 'does not work'}")
            for finding in tried.findings:
                say(f"  {finding.standing:<4}  {finding.sentence}")
        say(state.sentence)
    if state.unserved:
        raise typer.Exit(1)


@app.command()
def load(
    name: Annotated[str, typer.Argument(help="Name that roles ask for it by.")],
    path: Annotated[str, typer.Argument(help="Its folder, on the machine where vLLM runs.")],
    endpoint: _Endpoints = None,
    url: _Urls = None,
    key_env: _KeyVariable = None,
    file: _File = None,
    as_json: JsonFlag = False,
) -> None:
    """Load an adapter at an endpoint that runs. Behind a router, load it at every replica."""
    done = [
        found for found in _endpoints(endpoint, url, key_env, file) if load_adapter(found, name, path) is None
    ]
    if as_json:
        print_json({"name": name, "loaded": True, "endpoints": [one.base_url for one in done]})
    else:
        say(f"{name} is served at {', '.join(one.base_url for one in done)}.")


@app.command()
def unload(
    name: Annotated[str, typer.Argument(help="Name of the adapter.")],
    endpoint: _Endpoints = None,
    url: _Urls = None,
    key_env: _KeyVariable = None,
    file: _File = None,
    as_json: JsonFlag = False,
) -> None:
    """Have an endpoint that runs forget an adapter."""
    done = [
        found for found in _endpoints(endpoint, url, key_env, file) if unload_adapter(found, name) is None
    ]
    if as_json:
        print_json({"name": name, "loaded": False, "endpoints": [one.base_url for one in done]})
    else:
        say(f"{name} is no longer served at {', '.join(one.base_url for one in done)}.")


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


def models_file(given: Path | None = None) -> Path:
    """Return where the site's file of models is looked for, whether it is there or not."""
    chosen = os.environ.get(MODELS_VARIABLE)
    return given or (Path(chosen) if chosen else home_folder() / "models.yaml")


def _endpoints(
    names: list[str] | None, urls: list[str] | None, key_env: str | None, file: Path | None
) -> list[Endpoint]:
    """Return the endpoints that are meant: by address, by name, or the only one of the file."""
    if urls:
        with as_given():
            settings = {"key_env": key_env} if key_env else {}
            return [from_single(url, "any", **settings).endpoints["only"] for url in urls]
    known = load_models(models_file(file)).endpoints
    if not names and len(known) > 1:
        raise InvalidInput(where="--endpoint", why=f"say at which one: {', '.join(sorted(known))}")
    for name in names or ():
        if name not in known:
            why = f"there is no endpoint {name}; those named are {', '.join(sorted(known))}"
            raise InvalidInput(where="--endpoint", why=why)
    return [known[name] for name in names or known]
