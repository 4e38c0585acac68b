"""The tools over MCP, asked by the official SDK's own client."""

import json
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest
from mcp import Client, StdioServerParameters

from moonloop.agents.bench.processes import Processes
from moonloop.agents.bench.visits import Visits, nothing_to_see, open_tools
from moonloop.agents.mcp.campaign import Known
from moonloop.agents.mcp.server import server_of
from support.seen import CAMPAIGN, history_of, setting_spec

_CHEMISTRY = [
    "chemistry_describe",
    "chemistry_similarity",
    "chemistry_substructure",
    "chemistry_draw",
    "chemistry_enumerate",
]


@pytest.fixture
async def visits() -> AsyncGenerator[Visits]:
    """Return the tools that are open without a campaign."""
    processes = Processes(1)
    yield Visits(open_tools(campaign=False, documents=False), nothing_to_see, processes)
    await processes.close()


async def test_every_tool_says_that_it_only_reads(visits: Visits) -> None:
    """Clients are told that a tool is read-only, and get its schema and its description."""
    async with Client(server_of(visits)) as client:
        tools = (await client.list_tools()).tools
    assert _CHEMISTRY == [tool.name for tool in tools]
    for tool in tools:
        assert tool.annotations is not None
        assert (True, False) == (tool.annotations.read_only_hint, tool.annotations.destructive_hint)
        assert tool.input_schema["additionalProperties"] is False


async def test_an_answer_is_text_for_models_and_json_for_programs(visits: Visits) -> None:
    """The text is data between fences, the structured content the same as a value."""
    async with Client(server_of(visits)) as client:
        answer = await client.call_tool("chemistry_describe", {"smiles": ["OCC"]})
    assert not answer.is_error
    assert "CCO" == answer.structured_content["molecules"][0]["canonical"]
    assert '<data name="chemistry_describe">' in str(answer.content[0])


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("chemistry_describe", {"smiles": "CCO"}, "smiles: Input should be a valid array"),
        ("chemistry_describe", {"smiles": ["CCO"], "path": "/tmp/x"}, "path: Extra inputs"),
        ("data_query", {"sql": "SELECT 1"}, "needs an open campaign"),
        ("shell", {}, "there is no tool"),
    ],
)
async def test_what_goes_wrong_is_an_error_that_says_what_to_change(
    visits: Visits, name: str, arguments: dict[str, object], said: str
) -> None:
    """A wrong question is answered as one, and the connection goes on."""
    async with Client(server_of(visits)) as client:
        answer = await client.call_tool(name, arguments)
        assert answer.is_error
        assert said in str(answer.content[0])
        assert not (await client.call_tool("chemistry_draw", {"smiles": "CCO"})).is_error


class _Ledger(BaseHTTPRequestHandler):
    """A Moonloop server that knows one campaign."""

    def do_GET(self) -> None:
        """Answer with the campaign, to who has the token."""
        known = (
            self.path == f"/v1/campaigns/{CAMPAIGN}/history" and "a-token" in self.headers["Authorization"]
        )
        body = Known(spec=setting_spec(), history=history_of()).model_dump_json() if known else "{}"
        self.send_response(200 if known else 404)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the library's name
        """Say nothing."""


@pytest.fixture
def server_url() -> Iterator[str]:
    """Serve the campaign."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Ledger)
    serving = Thread(target=server.serve_forever)
    serving.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    serving.join()
    server.server_close()


async def test_a_campaign_is_asked_over_standard_input_and_output(server_url: str, tmp_path: Path) -> None:
    """`moonloop tools mcp --campaign` serves a campaign's data, as the HTTP API tells it."""
    started = StdioServerParameters(
        command=sys.executable,
        args=["-m", "moonloop", "tools", "mcp", "--campaign", CAMPAIGN],
        env={"MOONLOOP_URL": server_url, "MOONLOOP_TOKEN": "a-token", "MOONLOOP_HOME": str(tmp_path)},
    )
    async with Client(started) as client:
        names = [tool.name for tool in (await client.list_tools()).tools]
        answer = await client.call_tool("data_query", {"sql": "SELECT count(*) AS n FROM measurements"})
        best = await client.call_tool("designer_best", {"limit": 1})
    assert {"data_query", "statistics_compare", "designer_predict"} <= set(names)
    assert "literature_search" not in names
    assert {"columns": ["n"], "rows": [[8]]} == answer.structured_content
    assert "solvent=water; temperature=80" == best.structured_content["measured"][0]["candidate"]


async def test_over_http_only_this_machines_own_pages_may_ask(visits: Visits) -> None:
    """Another origin or host name, as a page in a browser would send, is turned away."""
    app = server_of(visits).streamable_http_app(host="127.0.0.1", json_response=True, stateless_http=True)
    transport = httpx.ASGITransport(app=app)
    body: dict[str, object] = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    accept = {"Accept": "application/json, text/event-stream"}
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8800") as client,
    ):
        ours = await client.post("/mcp", json=body, headers=accept)
        origin = await client.post("/mcp", json=body, headers={**accept, "Origin": "https://evil.example"})
        host = await client.post("/mcp", json=body, headers={**accept, "Host": "evil.example"})
    assert 400 <= origin.status_code < 500
    assert 400 <= host.status_code < 500
    assert 200 == ours.status_code
    assert _CHEMISTRY == [tool["name"] for tool in ours.json()["result"]["tools"]]


def test_without_the_extra_the_pip_line_is_printed() -> None:
    """Where the SDK is not installed, the command says what to install."""
    program = (
        "import sys; sys.modules['mcp'] = None; from moonloop.agents.commands import mcp\n"
        "from moonloop.domain.errors import ExtraMissing\n"
        "try:\n    mcp()\nexcept ExtraMissing as error:\n    print(error)\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert 'pip install "moonloop[mcp]"' in run.stdout


def test_a_tool_is_tried_on_the_command_line() -> None:
    """`moonloop tools run --json` prints what a tool answers; a wrong question is bad input."""
    command = [sys.executable, "-m", "moonloop", "tools", "run", "chemistry_describe"]
    good = subprocess.run(
        [*command, '{"smiles": ["OCC"]}', "--json"], capture_output=True, text=True, check=True
    )
    assert "CCO" == json.loads(good.stdout)["molecules"][0]["canonical"]
    bad = subprocess.run([*command, "{}"], capture_output=True, text=True, check=False)
    assert (3, "") == (bad.returncode, bad.stdout)
    assert "smiles: Field required" in bad.stderr
