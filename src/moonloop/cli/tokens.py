"""`moonloop token …`: access for others, scoped and with an end."""

from typing import Annotated

import typer

from moonloop.client.session import connect
from moonloop.client.terminal import JsonFlag, print_json, say
from moonloop.domain.access import Scope
from moonloop.domain.errors import InvalidInput
from moonloop.domain.facts import IssuedToken
from moonloop.domain.units import parse_duration

__all__ = ["add_to"]

app = typer.Typer(help="Give others access, scoped and with an end.", no_args_is_help=True)


def add_to(main: typer.Typer) -> None:
    """Add the commands."""
    main.add_typer(app, name="token")


@app.command()
def issue(
    principal: Annotated[str, typer.Argument(help="Whose token it is.")],
    scope: Annotated[list[Scope], typer.Option("--scope", "-s", help="What it is for; may be given again.")],
    lasts: Annotated[str, typer.Option(help='How long, such as "8 h" or "30 d".')] = "8 h",
    as_json: JsonFlag = False,
) -> None:
    """Issue a token; the secret is printed once."""
    try:
        seconds = parse_duration(lasts)
    except ValueError as error:
        raise InvalidInput(where="--lasts", why=str(error)) from error
    body = {"principal": principal, "scopes": [one.value for one in scope], "expires_in_s": seconds}
    with connect() as server:
        issued = server.post("/v1/tokens", body, IssuedToken)
    if as_json:
        print_json(issued)
    else:
        say(f"{issued.id} for {issued.principal}, until {issued.expires_at:%Y-%m-%d %H:%M UTC}:")
        say(issued.secret)


@app.command()
def revoke(
    token: Annotated[str, typer.Argument(help="Id of the token, tok_…", metavar="TOKEN")],
    as_json: JsonFlag = False,
) -> None:
    """End a token now."""
    with connect() as server:
        server.post(f"/v1/tokens/{token}/revoke", None, type(None))
    if as_json:
        print_json({"id": token, "revoked": True})
    else:
        say(f"{token} is revoked.")
