"""The `moonloop` command: its own commands, and those that other packages bring."""

import logging
import sys
from importlib.metadata import entry_points
from typing import Annotated

import typer

from moonloop import __version__
from moonloop.cli import campaigns, holds, incidents, reviews, tokens
from moonloop.client.terminal import EXIT_CODES, explain, say
from moonloop.domain.errors import MoonloopError

__all__ = ["build", "main"]

GROUP = "moonloop.commands"
"""The entry-point group by which a package brings commands: functions that add them to the application."""


def _version(asked: bool) -> None:
    if asked:
        say(f"moonloop {__version__}")
        raise typer.Exit


def _options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Print what goes on inside.")] = False,
) -> None:
    """An autonomous AI scientist that laboratories can trust."""
    level = logging.INFO if verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)


def build() -> typer.Typer:
    """Return the application with every command that is installed."""
    app = typer.Typer(
        name="moonloop",
        epilog=EXIT_CODES,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    for own in (campaigns, reviews, holds, incidents, tokens):
        own.add_to(app)
    for entry in sorted(entry_points(group=GROUP), key=lambda found: found.name):
        entry.load()(app)
    return app


def main() -> None:
    """Run the command line; an error is a sentence and an exit code."""
    try:
        build()()
    except MoonloopError as error:
        sys.exit(explain(error))
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
