"""`moonloop models …`: what the site's endpoints serve, and which adapters they have loaded."""

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer

from moonloop.agents.door.config import Endpoint, from_single
from moonloop.agents.door.file import load_models
from moonloop.agents.serve_command import serve
from moonloop.agents.serving.loading import load_adapter, unload_adapter
from moonloop.client.extras import needs
from moonloop.client.session import home_folder
from moonloop.client.terminal import JsonFlag, as_given, print_json, print_table, say
from moonloop.domain.errors import InvalidInput

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


app.command()(serve)


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
    meant = _endpoints(endpoint, url, key_env, file)
    for one in meant:
        load_adapter(one, name, path)
    _tell(name, meant, as_json, loaded=True)


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
    meant = _endpoints(endpoint, url, key_env, file)
    for one in meant:
        unload_adapter(one, name)
    _tell(name, meant, as_json, loaded=False)


def _tell(name: str, endpoints: list[Endpoint], as_json: bool, *, loaded: bool) -> None:
    at = [one.base_url for one in endpoints]
    if as_json:
        print_json({"name": name, "loaded": loaded, "endpoints": at})
    else:
        say(f"{name} is {'served' if loaded else 'no longer served'} at {', '.join(at)}.")


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
