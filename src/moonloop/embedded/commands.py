"""`moonloop up`, `moonloop demo` and `moonloop doctor`."""

import asyncio
import sys
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import Annotated

import typer

from moonloop.client.extras import needs
from moonloop.client.terminal import JsonFlag, print_json

__all__ = ["add_to"]


def add_to(main: typer.Typer) -> None:
    """Add the commands."""
    main.command()(up)
    main.command()(demo)
    main.command()(doctor)


def up(
    home: Annotated[Path | None, typer.Option(help="Folder of ledger, artifacts and logs.")] = None,
    port: Annotated[int | None, typer.Option(help="Port of the API.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Run the whole system on this machine until interrupted: Temporal, API, worker."""
    with needs("server", "moonloop up"):
        from moonloop.embedded.up import stay_up  # noqa: PLC0415 -- the base install has no server
        from moonloop.service.settings import Settings  # noqa: PLC0415 -- as above
    settings = Settings.from_environment(home=home, port=port)
    asyncio.run(stay_up(settings, as_json=as_json))


def demo(
    file: Annotated[Path | None, typer.Argument(help="Another campaign file, run by the xtb robot.")] = None,
    home: Annotated[Path | None, typer.Option(help="Folder of this run; a new one by default.")] = None,
    robots: Annotated[int, typer.Option(min=1, max=16, help="Robot processes.")] = 2,
    seed: Annotated[int | None, typer.Option(help="Another seed of the design.")] = None,
    scripted_llm: Annotated[
        bool,
        typer.Option("--scripted-llm", help="With agents, whose answers a script gives: no model, no GPU."),
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Run a real campaign to its report: quinones for flow batteries, by quantum chemistry."""
    with needs("server,xtb", "moonloop demo"):
        import tblite  # noqa: F401, PLC0415 # pyright: ignore[reportMissingTypeStubs, reportUnusedImport] -- is it there?

        from moonloop.embedded.demo import run_demo  # noqa: PLC0415 -- the base install has no server
    with redirect_stdout(sys.stderr) if as_json else nullcontext():  # sentences are not for programs
        outcome = run_demo(file, home, robots, seed, scripted=scripted_llm)
    if as_json:
        print_json(outcome)


def doctor(as_json: JsonFlag = False) -> None:
    """Check every component and say what to do about those that are not well."""
    from moonloop.embedded.doctor import examine, report  # noqa: PLC0415 -- its checks load a lot

    raise typer.Exit(report(examine(), as_json=as_json))
