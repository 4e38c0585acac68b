"""`moonloop tools …`: the agents' tools for people to try, and for other agents over MCP."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from moonloop.client.extras import needs
from moonloop.client.session import connect, home_folder
from moonloop.client.terminal import JsonFlag, print_table

if TYPE_CHECKING:
    from moonloop.agents.bench.visits import Visits

__all__ = ["add_to"]

CampaignOption = Annotated[
    str | None,
    typer.Option("--campaign", "-c", help="Open a campaign, cmp_…, on the server.", metavar="CAMPAIGN"),
]

app = typer.Typer(help="Try the agents' tools, or serve them to agents elsewhere.", no_args_is_help=True)


def add_to(main: typer.Typer) -> None:
    """Add the commands."""
    main.add_typer(app, name="tools")


@app.command("list")
def list_tools(as_json: JsonFlag = False) -> None:
    """List the tools, what each needs, and what it does."""
    from moonloop.client.terminal import print_json  # noqa: PLC0415 -- beside its use
    from moonloop.tools.asking import TOOLS, strict_schema  # noqa: PLC0415 -- other commands do without

    if as_json:
        print_json(
            [
                {
                    "name": tool.name,
                    "needs": tool.needs,
                    "description": tool.description,
                    "arguments": strict_schema(tool.arguments),
                    "read_only": tool.policy.read_only,
                }
                for tool in TOOLS.values()
            ]
        )
    else:
        rows = [(tool.name, tool.needs, tool.description.split(". ")[0]) for tool in TOOLS.values()]
        print_table(("tool", "needs", "does"), rows, "There is none.")


@app.command()
def run(
    name: Annotated[str, typer.Argument(help="Name of the tool.", metavar="NAME")],
    arguments: Annotated[str, typer.Argument(help="Its arguments, as JSON.", metavar="JSON")] = "{}",
    campaign: CampaignOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Use one tool once, as an agent would; --json prints the answer for programs."""
    with needs("server", "moonloop tools"):
        asyncio.run(_run(name, arguments, campaign, as_json=as_json))


@app.command()
def mcp(
    campaign: CampaignOption = None,
    http: Annotated[
        int | None,
        typer.Option(
            help="Serve on this port of the loopback address; anyone on this machine may ask.", metavar="PORT"
        ),
    ] = None,
) -> None:
    """Serve the read-only tools over MCP: on standard input and output, or with --http."""
    with needs("server", "moonloop tools mcp"), needs("mcp", "moonloop tools mcp"):
        asyncio.run(_serve(campaign, http))


async def _run(name: str, arguments: str, campaign: str | None, *, as_json: bool) -> None:
    async with _visits(campaign) as visits:
        answer = await visits.use(name, arguments)
    if answer.error is not None:
        raise answer.error
    sys.stdout.write((answer.json or "" if as_json else answer.text) + "\n")


async def _serve(campaign: str | None, http: int | None) -> None:
    from moonloop.agents.mcp import server as served  # noqa: PLC0415 -- an extra

    async with _visits(campaign) as visits:
        server = served.server_of(visits)
        await (served.serve_stdio(server) if http is None else served.serve_http(server, http))


@asynccontextmanager
async def _visits(campaign: str | None) -> "AsyncGenerator[Visits]":
    from moonloop.agents.bench.processes import Processes  # noqa: PLC0415 -- the base install has no tools
    from moonloop.agents.bench.visits import Visits, nothing_to_see, open_tools  # noqa: PLC0415 -- as above
    from moonloop.agents.mcp.campaign import CampaignOnServer  # noqa: PLC0415 -- as above

    async with AsyncExitStack() as stack:
        processes = Processes()
        stack.push_async_callback(processes.close)
        if campaign is None:
            yield Visits(open_tools(campaign=False, documents=False), nothing_to_see, processes)
            return
        connection = stack.enter_context(connect())
        look = CampaignOnServer(connection, campaign, home_folder() / "literature", processes)
        seen = await look()
        yield Visits(open_tools(campaign=True, documents=seen.library is not None), look, processes)
