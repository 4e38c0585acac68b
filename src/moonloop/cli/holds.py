"""`moonloop hold`, `moonloop release` and `moonloop holds`: stop every start in a scope, at once."""

from typing import Annotated

import typer

from moonloop.client.session import connect
from moonloop.client.terminal import JsonFlag, ago, print_json, print_table, say
from moonloop.domain.facts import HoldFact

__all__ = ["add_to"]

ScopeArgument = Annotated[
    str,
    typer.Argument(
        help="site, mission:INSTITUTE/MISSION, a campaign's id, or a robot's id.", metavar="SCOPE"
    ),
]
ReasonOption = Annotated[str, typer.Option("--reason", "-m", help="Why; everybody will see it.")]


def add_to(main: typer.Typer) -> None:
    """Add the commands."""
    main.command()(hold)
    main.command()(release)
    main.command(name="holds")(list_holds)


def hold(scope: ScopeArgument, reason: ReasonOption, as_json: JsonFlag = False) -> None:
    """Stop every start in a scope. It does not stop hardware that is already moving."""
    with connect() as server:
        server.post("/v1/holds", {"scope": scope, "reason": reason}, type(None))
    if as_json:
        print_json({"scope": scope, "active": True, "reason": reason})
    else:
        say(f"{scope} is on hold. Lift it with: moonloop release {scope} --reason …")


def release(scope: ScopeArgument, reason: ReasonOption, as_json: JsonFlag = False) -> None:
    """Let a scope start again."""
    with connect() as server:
        server.post("/v1/holds/release", {"scope": scope, "reason": reason}, type(None))
    if as_json:
        print_json({"scope": scope, "active": False, "reason": reason})
    else:
        say(f"{scope} is released.")


def list_holds(
    everything: Annotated[bool, typer.Option("--all", help="Every scope, held or free.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """List the holds."""
    with connect() as server:
        found = server.get("/v1/holds", list[HoldFact])
    shown = [one for one in found if everything or one.active]
    if as_json:
        print_json(shown)
        return
    rows = [
        (one.scope, "held" if one.active else "free", one.reason, one.by, ago(one.since)) for one in shown
    ]
    print_table(("SCOPE", "STATE", "REASON", "BY", "SINCE"), rows, "Nothing is on hold.")
