"""`moonloop serve`: the API process."""

from typing import Annotated

import typer

from moonloop.client.extras import needs

__all__ = ["add_to"]


def add_to(main: typer.Typer) -> None:
    """Add the commands."""
    main.command()(serve)


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen at; loopback by default.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen at.")] = None,
) -> None:
    """Serve the HTTP API. Settings come from MOONLOOP_… variables."""
    with needs("server", "moonloop serve"):
        from moonloop.api.server import run  # noqa: PLC0415 -- the base install has no server
        from moonloop.service.settings import Settings  # noqa: PLC0415 -- as above
    run(Settings.from_environment(host=host, port=port))
