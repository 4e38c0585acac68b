"""What a person is told when it does not work: a sentence, an exit code, and nothing on standard output."""

import json
import threading
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from moonloop.domain.robots import RobotKind
from moonloop.store import Tx
from moonloop.store import tables as t
from support.campaigns import CAMPAIGN, make_spec
from support.devices import Site
from support.terminal import Terminal

OURS = ["support.adapters:build", "-o", "how=measures"]
UNKNOWN = "cmp_0000000000009999"


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["campaign", "show", UNKNOWN], 4, UNKNOWN),
        (["campaign", "watch", UNKNOWN], 4, UNKNOWN),
        (["campaign", "report", UNKNOWN], 4, UNKNOWN),
        (["campaign", "export", UNKNOWN], 4, UNKNOWN),
        (["campaign", "pause", UNKNOWN], 4, UNKNOWN),
        (["review", "show", "rev_0000000000009999_0001_01"], 4, "rev_0000000000009999_0001_01"),
        (["incident", "show", "inc_nothing"], 4, "inc_nothing"),
        (["hold", "cmp_nowhere", "-m", "x"], 4, "cmp_nowhere"),
        (["robot", "admit", "rob_06gzxdxkr3gyw1ht"], 4, "rob_06gzxdxkr3gyw1ht"),
        (["token", "revoke", "tok_nothing"], 4, "tok_nothing"),
        (["campaign", "show", "esters"], 3, "campaign"),
        (["campaign", "show", "../tokens"], 4, ""),
        (["campaign", "show", "cmp_1\n2"], 3, ""),
        (["campaign", "budget", CAMPAIGN, "experiments", "nan"], 3, ""),
        (["campaign", "budget", CAMPAIGN, "patience", "3"], 4, "patience"),
        (["campaign", "report", CAMPAIGN, "--format", "pdf"], 3, "--format"),
        (["campaign", "export", CAMPAIGN, "-o", "no/such/folder.zip"], 3, "no/such/folder.zip"),
        (["campaign", "resume", CAMPAIGN, "-m", "x" * 501], 3, "reason"),
        (["campaign", "import", "nowhere.zip"], 3, "nowhere.zip"),
        (["robot", "enroll", *OURS, "--name", "x" * 200, "--code", "a-code-of-old"], 3, "name"),
        (["review", "show", "rev_nothing"], 3, "review"),
        (["robot", "enroll", "theremin"], 1, "table, xtb"),
        (["robot", "enroll", "table"], 3, "csv"),
        (["robot", "enroll", "table", "-o", "csv"], 1, "key=value"),
        (["robot", "run", "nowhere_at_all:build"], 1, "nowhere_at_all"),
        (["robot", "run", "json:build"], 1, "has no build"),
    ],
)
def test_a_failure_is_a_sentence_with_its_code(
    terminal: Terminal, words: list[str], code: int, told: str
) -> None:
    """Not found is 4, a mistake in what was given 3; the sentence names what it is about."""
    said = terminal(*words)

    assert (code, "") == (said.code, said.out), said
    assert said.err.startswith("moonloop: ")
    assert told in said.err
    assert "Traceback" not in said.err


def _done(tx: Tx) -> None:
    tx.run(t.campaigns.update().values(state="done", done_reason="stopped_by"))


def test_a_campaign_that_is_done_is_not_steered(terminal: Terminal, site: Site) -> None:
    """5: the state does not allow it."""
    site.bench.do(_done)

    said = terminal("campaign", "resume", CAMPAIGN)
    assert (5, "") == (said.code, said.out)
    assert "done" in said.err


@pytest.mark.parametrize("words", [["campaign", "list"], ["campaign", "watch", CAMPAIGN], ["robot", "list"]])
def test_a_wrong_token_is_refused(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    """5, and what was given is not repeated."""
    monkeypatch.setenv("MOONLOOP_TOKEN", "moonloop_token_of_nobody")

    said = terminal(*words)
    assert (5, "") == (said.code, said.out)
    assert "moonloop_token_of_nobody" not in said.err


def test_an_impossible_space_is_told_before_anything_starts(terminal: Terminal, site: Site) -> None:
    """3, and the sentence says what is wrong with it."""
    every = [{"kind": "exclude", "settings": {"solvent": solvent}} for solvent in ("water", "ethanol")]
    spec = make_spec(RobotKind.SIMULATED).model_dump(mode="json")
    spec["space"]["constraints"] = every
    path = Path("impossible.json")
    path.write_text(json.dumps(spec))

    said = terminal("campaign", "start", str(path))

    assert (3, "") == (said.code, said.out), said
    assert "space" in said.err
    assert 1 == site.bench.count(t.campaigns)


def test_a_check_without_a_server_says_what_it_did_not_do(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is checked all the same: 0, with a hint; for a program the survey is null."""
    path = Path("good.json")
    path.write_text(make_spec().model_dump_json())
    monkeypatch.setenv("MOONLOOP_URL", "http://127.0.0.1:9")

    assert "No server is running" in terminal.done("campaign", "validate", str(path)).out
    assert {"valid": True, "survey": None} == terminal.done("campaign", "validate", str(path), "--json").json


def test_the_same_request_starts_one_campaign(terminal: Terminal, site: Site) -> None:
    """A script that did not hear the answer asks again."""
    path = Path("good.json")
    path.write_text(make_spec().model_dump_json())
    asked = ("campaign", "start", str(path), "--request", "request-of-a-script", "--json")

    first, again = terminal.done(*asked).json, terminal.done(*asked).json

    assert first["id"] == again["id"]
    assert 2 == site.bench.count(t.campaigns)


def test_a_fault_of_the_server_is_one(
    terminal: Terminal, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1, and no more than that it was: what went wrong is in the server's log."""
    from moonloop.service.campaigns import CampaignService

    def broken(_self: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(CampaignService, "all", broken)

    said = terminal("campaign", "list")
    assert (1, "") == (said.code, said.out)
    assert "secret" not in said.err
    assert site.url


@pytest.fixture
def stranger() -> Generator[str]:
    """A server that is not Moonloop's."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<h1>It works!</h1>")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- as it is called there
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_another_server_is_told_apart(
    terminal: Terminal, stranger: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """6: whatever listens there, it is not Moonloop."""
    monkeypatch.setenv("MOONLOOP_URL", stranger)

    said = terminal("campaign", "list")
    assert (6, "") == (said.code, said.out)
    assert stranger in said.err
