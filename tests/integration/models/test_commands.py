"""`moonloop models …` against servers that are there, are not, or refuse."""

import json
import subprocess
import sys
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from moonloop.domain.agents import Role
from moonloop.domain.errors import InvalidInput, ModelRefused, SetupProblem

KEY = "a-key-for-tests"
ALONE = "import typer; import moonloop.agents.models_commands as m; app = typer.Typer(); m.add_to(app); app()"
"""A program with these commands only."""


class Endpoint:
    """A server that keeps what it is sent, and answers what it is told to."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, dict[str, str], str]] = []
        self.answers: list[tuple[int, str]] = []
        self.models: list[tuple[str, str | None]] = [("base", None), ("critic-adapter", "base")]
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    @property
    def base_url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def close(self) -> None:
        """Stop it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                listed = [
                    {"id": name, "object": "model", "parent": parent} for name, parent in endpoint.models
                ]
                self._say(200, json.dumps({"object": "list", "data": listed}))

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                endpoint.heard.append((self.path, body, self.headers.get("Authorization", "")))
                self._say(*(endpoint.answers.pop(0) if endpoint.answers else (200, "Success")))

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- its base's name
                """Keep quiet."""

            def _say(self, status: int, text: str) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

        return Handler


@pytest.fixture
def endpoint() -> Generator[Endpoint]:
    """A running server."""
    made = Endpoint()
    yield made
    made.close()


@pytest.fixture
def site(endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of models of a site: one endpoint that answers, with a key, and one that is down."""
    monkeypatch.setenv("TEST_MODEL_KEY", KEY)
    file = tmp_path / "models.yaml"
    file.write_text(
        f"""
moonloop_models: 1
endpoints:
  here: {{base_url: "{endpoint.base_url}", model: base, key_env: TEST_MODEL_KEY}}
  gone: {{base_url: "http://127.0.0.1:9/v1", model: base}}
roles:
  default: [here]
  critic: [{{endpoint: here, model: critic-adapter}}]
  reporter: [{{endpoint: here, model: reporter-adapter}}, gone]
"""
    )
    monkeypatch.setenv("MOONLOOP_MODELS", str(file))
    return file


def test_the_list_has_every_role_in_its_order_and_every_endpoint(models: Any, site: Path) -> None:
    """Roles that are served, adapters that are not loaded, endpoints that are down: each is told."""
    state = json.loads(models("list", "--json").stdout)
    rows = [(row["role"], row["endpoint"], row["model"], row["serves"]) for row in state["roles"]]
    assert [
        ("proposer", "here", "base", True),
        ("critic", "here", "critic-adapter", True),
        ("advisor", "here", "base", True),
        ("analyst", "here", "base", True),
        ("reporter", "here", "reporter-adapter", False),
        ("reporter", "gone", "base", False),
    ] == rows
    here, gone = state["endpoints"]
    assert (["base"], ["critic-adapter"], True) == (here["models"], here["adapters"], here["answers"])
    assert (False, True) == (gone["answers"], "cannot be reached" in gone["why_not"])
    text = models("list", "--file", str(site)).stdout
    assert "load it with `moonloop models load`" in text
    assert KEY not in text


def test_without_a_file_of_models_it_is_said_where_one_is_looked_for(
    models: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is the option's, the variable's, or the home folder's; a missing one is named."""
    monkeypatch.delenv("MOONLOOP_MODELS", raising=False)
    monkeypatch.setenv("MOONLOOP_HOME", str(tmp_path))
    with pytest.raises(InvalidInput, match=r"models\.yaml: there is no such file"):
        models("list")


def test_the_check_tells_which_roles_have_no_endpoint_that_works(models: Any, site: Path) -> None:
    """A server that lists models but answers no chat serves no role, and the exit code is 1."""
    del site
    result = models("check", "--json")
    state = json.loads(result.stdout)
    assert (1, [role.value for role in Role]) == (result.exit_code, state["unserved"])
    assert {("here", "base"), ("here", "critic-adapter"), ("here", "reporter-adapter"), ("gone", "base")} == {
        (tried["endpoint"], tried["model"]) for tried in state["tried"]
    }
    assert "No endpoint works for proposer" in models("check").stdout


def test_loading_sends_name_and_path_with_the_key(models: Any, site: Path, endpoint: Endpoint) -> None:
    """VLLM is told the name and the folder, at the endpoint that is named."""
    del site
    said = models("load", "reporter-adapter", "/models/reporter", "--endpoint", "here")
    assert [
        (
            "/v1/load_lora_adapter",
            {"lora_name": "reporter-adapter", "lora_path": "/models/reporter"},
            f"Bearer {KEY}",
        )
    ] == endpoint.heard
    assert f"reporter-adapter is served at {endpoint.base_url}." == said.stdout.strip()


def test_unloading_sends_the_name(models: Any, site: Path, endpoint: Endpoint) -> None:
    """A program reads where it was done."""
    del site
    said = models("unload", "reporter-adapter", "--endpoint", "here", "--json")
    assert [("/v1/unload_lora_adapter", {"lora_name": "reporter-adapter"}, f"Bearer {KEY}")] == endpoint.heard
    assert {"name": "reporter-adapter", "loaded": False, "endpoints": [endpoint.base_url]} == json.loads(
        said.stdout
    )


def test_every_replica_can_be_named(models: Any, endpoint: Endpoint) -> None:
    """Behind a router each replica is told by its own address, without a file of models."""
    twice = ("--url", endpoint.base_url, "--url", f"{endpoint.base_url}/")
    assert 0 == models("load", "critic", "/models/critic", *twice).exit_code
    assert [("/v1/load_lora_adapter", "")] * 2 == [(path, key) for path, _, key in endpoint.heard]


def test_with_several_endpoints_one_has_to_be_named(models: Any, site: Path) -> None:
    """Nothing is loaded where nobody said so, and the error lists what could be said."""
    del site
    with pytest.raises(InvalidInput, match="say at which one: gone, here"):
        models("load", "critic", "/models/critic")
    with pytest.raises(InvalidInput, match="there is no endpoint elsewhere; those named are gone, here"):
        models("load", "critic", "/models/critic", "--endpoint", "elsewhere")


def test_a_path_has_to_be_whole(models: Any, endpoint: Endpoint) -> None:
    """The folder is the server's: a path from here would mean another there."""
    with pytest.raises(InvalidInput, match="not absolute"):
        models("load", "critic", "models/critic", "--url", endpoint.base_url)
    assert [] == endpoint.heard


@pytest.mark.parametrize(
    ("answer", "error", "sentence"),
    [
        ((401, '{"error":"Unauthorized"}'), SetupProblem, "refuses the key"),
        ((404, '{"detail":"Not Found"}'), SetupProblem, "--adapters-at-most N"),
        ((404, '{"error":{"message":"No adapter found for /x"}}'), ModelRefused, "No adapter found for /x"),
        ((400, '{"error":{"message":"already loaded"}}'), ModelRefused, "already loaded"),
        ((500, "<html>"), ModelRefused, "it answered HTTP 500"),
        ((307, ""), ModelRefused, "it answered HTTP 307"),
        ((400, '{"error":{"message":"a\\u001b[31mb ' + KEY + '"}}'), ModelRefused, "a�\\[31mb …$"),
    ],
)
def test_a_refusal_is_told_with_what_to_do(
    models: Any, site: Path, endpoint: Endpoint, answer: Any, error: Any, sentence: str
) -> None:
    """Each answer of the server's has its sentence, without the key and without what terminals obey."""
    del site
    endpoint.answers.append(answer)
    with pytest.raises(error, match=sentence):
        models("load", "critic", "/x", "--endpoint", "here")


def test_an_endpoint_that_is_down_is_told_with_what_to_do(models: Any, site: Path) -> None:
    """No answer means that it has to be started."""
    del site
    with pytest.raises(SetupProblem, match=r"does not answer.*moonloop models serve"):
        models("load", "critic", "/x", "--endpoint", "gone")


def test_a_key_that_is_not_set_is_told_by_its_variable(
    models: Any, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is sent without the key that the file of models names."""
    del site
    monkeypatch.delenv("TEST_MODEL_KEY")
    with pytest.raises(SetupProblem, match="TEST_MODEL_KEY is empty or not set"):
        models("unload", "critic", "--endpoint", "here")


def test_serving_can_be_looked_at_before_it_is_done(models: Any, tmp_path: Path) -> None:
    """--dry-run shows command line and environment, the key hidden, and starts nothing."""
    key = tmp_path / "key"
    key.write_text(f"{KEY}\n")
    words = ("serve", "org/Qwen3-8B", "--host", "0.0.0.0", "--key-file", str(key), "--dry-run")
    said = models(*words, "--json", "--", "--dtype", "bfloat16")
    shown = json.loads(said.stdout)
    assert ["vllm", "serve", "org/Qwen3-8B"] == shown["command"][:3]
    assert ["--dtype", "bfloat16"] == shown["command"][-2:]
    assert "…" == shown["environment"]["VLLM_API_KEY"]
    assert "The key covers only" in said.stderr
    assert KEY not in models(*words).output


@pytest.mark.parametrize("text", ["", "two words", "é"])
def test_a_key_file_without_a_key_is_refused(models: Any, tmp_path: Path, text: str) -> None:
    """The file's content is not shown."""
    key = tmp_path / "key"
    key.write_text(text)
    with pytest.raises(InvalidInput, match=r"--key-file: .*key (holds no key|cannot be read)"):
        models("serve", "org/Qwen3-8B", "--key-file", str(key), "--dry-run")


def test_serving_becomes_vllm_with_the_arguments_and_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process is replaced: who supervises it supervises vLLM, which has its key and no token of ours."""
    program = tmp_path / "vllm"
    told = tmp_path / "told.json"
    program.write_text(
        f"#!{sys.executable}\nimport json, os, sys\n"
        f"json.dump([sys.argv[1:], dict(os.environ), os.getpid()], open({str(told)!r}, 'w'))\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("MOONLOOP_VLLM", str(program))
    monkeypatch.setenv("MOONLOOP_TOKEN", "a-token-of-ours")
    monkeypatch.setenv("VLLM_API_KEY", KEY)
    words = ("models", "serve", "org/Qwen3-8B", "--port", "9001")
    done = subprocess.Popen([sys.executable, "-c", ALONE, *words])
    assert 0 == done.wait()
    argv, environment, process = json.loads(told.read_text())
    assert (["serve", "org/Qwen3-8B"], done.pid) == (argv[:2], process)
    assert (KEY, None) == (environment["VLLM_API_KEY"], environment.get("MOONLOOP_TOKEN"))
