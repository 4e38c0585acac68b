"""deploy/vllm: its flags are those of `moonloop models serve`, and its proxy lets through what it should."""

import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
from ruamel.yaml import YAML

from moonloop.agents.door.file import load_models
from moonloop.agents.serving.adapters import Adapter
from moonloop.agents.serving.families import Family
from moonloop.agents.serving.launch import Launch, additions, arguments
from support.serving import free_port

DEPLOY = Path(__file__).resolve().parents[3] / "deploy" / "vllm"
UNIT = DEPLOY / "systemd" / "moonloop-vllm.service"
ALLOWED = [("POST", "/v1/chat/completions"), ("GET", "/v1/models"), ("GET", "/health")]
KEPT_OUT = [
    ("POST", "/v1/load_lora_adapter"), ("POST", "/v1/unload_lora_adapter"), ("POST", "/adapters"),
    ("DELETE", "/adapters/critic"), ("POST", "/invocations"), ("GET", "/metrics"), ("GET", "/version"),
    ("POST", "/tokenize"), ("POST", "/v1/completions"), ("POST", "/v1/responses"), ("GET", "/"),
    ("GET", "/ping"), ("POST", "/scale_elastic_ep"),
    ("GET", "/openapi.json"), ("GET", "/engines"), ("POST", "/sleep"),
    # The right address in the wrong way, and the wrong one dressed up.
    ("POST", "/v1/models"), ("DELETE", "/v1/models"), ("GET", "/v1/chat/completions"), ("PUT", "/health"),
    ("GET", "/V1/models"), ("GET", "/v1/models/base"), ("POST", "/v1/chat/completions/batch"),
    ("POST", "/v1/models/../load_lora_adapter"), ("POST", "//v1/load_lora_adapter"),
    ("POST", "/v1/%6coad_lora_adapter"), ("POST", "/v1/chat/completions/%2e%2e/%2e%2e/load_lora_adapter"),
    ("GET", "/health/../metrics"), ("GET", "/%6detrics"),
]  # fmt: skip
needs = {
    name: pytest.mark.skipif(shutil.which(name) is None, reason=f"there is no {name} here")
    for name in ("kubectl", "nginx", "systemd-analyze")
}


def documents() -> list[dict[str, Any]]:
    """Return every document of the manifests."""
    yaml: Any = YAML(typ="safe", pure=True)
    return [
        one for file in sorted(DEPLOY.glob("kubernetes/*.yaml")) for one in yaml.load_all(file.read_text())
    ]


def pods() -> dict[str, dict[str, Any]]:
    """Return what runs in the cluster, by name."""
    found = [one for one in documents() if one["kind"] == "Deployment"]
    return {one["metadata"]["name"]: one["spec"]["template"]["spec"] for one in found}


def replica() -> dict[str, Any]:
    """Return the container with vLLM."""
    (container,) = pods()["vllm"]["containers"]
    return container


def serving() -> Launch:
    """Return what the replicas serve."""
    return Launch(
        model="/models/base",
        name="base",
        family=Family.QWEN,
        adapters=tuple(Adapter(name, f"/models/adapters/{name}") for name in ("critic", "reporter")),
        host="0.0.0.0",
        context=32_768,
    )


def test_a_replica_is_started_as_models_serve_starts_it() -> None:
    """The arguments in the manifest are those that the command builds, one by one."""
    assert ["vllm", *arguments(serving())] == [*replica()["command"], *replica()["args"]]


def test_a_replica_has_the_environment_that_models_serve_gives() -> None:
    """Every variable that the command sets is set; the key comes out of a secret."""
    given = {one["name"]: one.get("value") for one in replica()["env"]}
    assert {**additions(serving(), {}), "HF_HUB_OFFLINE": "1"}.items() <= given.items()
    assert given["VLLM_API_KEY"] is None


def test_nothing_in_the_cluster_runs_with_rights_it_does_not_need() -> None:
    """No root, no new privileges, nothing to write to but what is mounted, no token but the router's."""
    for name, pod in pods().items():
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert ("router" == name) == pod.get("automountServiceAccountToken", True)
        for container in pod["containers"]:
            context = container["securityContext"]
            assert (False, True, ["ALL"]) == (
                context["allowPrivilegeEscalation"],
                context["readOnlyRootFilesystem"],
                context["capabilities"]["drop"],
            )
            assert {"requests", "limits"} == set(container["resources"])
            assert {"startupProbe", "readinessProbe", "livenessProbe"} <= set(container)


def test_every_pod_has_a_rule_of_who_speaks_to_it() -> None:
    """All is forbidden first; then each of the three has its rule, both ways."""
    rules = {one["metadata"]["name"]: one["spec"] for one in documents() if one["kind"] == "NetworkPolicy"}
    assert {"nobody", *pods()} == set(rules)
    assert {} == rules["nobody"]["podSelector"]
    assert all(["Ingress", "Egress"] == rule["policyTypes"] for rule in rules.values())
    assert "egress" not in rules["vllm"]


def test_the_router_may_look_at_pods_and_no_more() -> None:
    """What finds the replicas changes nothing in the cluster."""
    (role,) = (one for one in documents() if one["kind"] == "Role")
    assert [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}] == role["rules"]


@needs["kubectl"]
def test_the_manifests_are_put_together() -> None:
    """`kubectl apply --kustomize` finds every file, the proxy's among them."""
    made = subprocess.run(["kubectl", "kustomize", str(DEPLOY)], capture_output=True, text=True, check=True)
    assert len(documents()) + 1 == made.stdout.count("\nkind: ") + made.stdout.startswith("kind: ")
    assert "location = /v1/chat/completions" in made.stdout


def test_the_file_of_models_in_the_readme_is_one(tmp_path: Path) -> None:
    """What people copy out of it is valid, and asks for what the replicas serve."""
    (text,) = re.findall(
        r"\n\n((?:    .*\n)*    moonloop_models: 1\n(?:    .*\n)+)", (DEPLOY / "README.md").read_text()
    )
    file = tmp_path / "models.yaml"
    file.write_text(text.replace("\n    ", "\n").removeprefix("    "))
    served = serving()
    names = {served.name, *(adapter.name for adapter in served.adapters)}
    assert set(load_models(file).models()["cluster"]) <= names


def test_the_unit_starts_what_models_serve_understands(models: Callable[..., Any], tmp_path: Path) -> None:
    """The command takes the unit's command line, and listens where only this machine reaches it."""
    text = re.sub(r"\\\n", "", UNIT.read_text())
    (line,) = re.findall(r"^ExecStart=(.+)$", text, re.MULTILINE)
    for name in ("critic", "reporter"):
        folder = tmp_path / "adapters" / name
        folder.mkdir(parents=True)
        (folder / "adapter_config.json").write_text('{"r": 16}')
    (tmp_path / "key").write_text("a-key-for-tests")
    here = line.replace("/srv/models", str(tmp_path)).replace("${CREDENTIALS_DIRECTORY}", str(tmp_path))
    program, group, *words = shlex.split(here)
    assert ("moonloop", "models") == (Path(program).name, group)
    said = models(*words, "--dry-run")
    assert (0, "") == (said.exit_code, said.stderr)
    assert "--host 127.0.0.1 --port 8000" in said.stdout


@needs["systemd-analyze"]
def test_the_unit_is_sound(tmp_path: Path) -> None:
    """Systemd finds nothing wrong with it, once the program that it names is there."""
    unit = tmp_path / UNIT.name
    unit.write_text(
        UNIT.read_text().replace("/opt/moonloop/bin/moonloop", shutil.which("true") or "/bin/true")
    )
    verify = ["systemd-analyze", "verify", "--recursive-errors=no", str(unit)]
    checked = subprocess.run(verify, capture_output=True, text=True, check=False)
    assert (0, "") == (checked.returncode, checked.stderr)


def test_the_proxy_names_three_addresses_and_refuses_the_rest() -> None:
    """What is let through is written out whole, on both sides; everything else is not found."""
    text = (DEPLOY / "nginx" / "allowed.conf").read_text()
    found = re.findall(
        r"location = (\S+) \{\n\s+limit_except (\w+) \{ deny all; \}.*?proxy_pass http://models(\S+);",
        text,
        re.DOTALL,
    )
    assert [(path, method, path) for method, path in ALLOWED] == found
    assert [*(f"= {path}" for _, path in ALLOWED), "/"] == re.findall(r"location ([^{]+?) \{", text)


class Behind:
    """A server behind nginx that notes what reaches it."""

    def __init__(self, folder: Path) -> None:
        self.reached: list[tuple[str, str, str]] = []
        self.port = free_port()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self._nginx = subprocess.Popen(["nginx", "-p", str(folder), "-c", str(self._config(folder))])
        self.url = f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        """Stop both."""
        self._nginx.terminate()
        self._nginx.wait()
        self._server.shutdown()
        self._server.server_close()

    def ask(self, method: str, path: str) -> int:
        """Send a request whose path is left as it is; return the status."""
        with httpx.Client(trust_env=False) as client:
            request = client.build_request(method, self.url, headers={"Authorization": "Bearer k"})
            request.url = request.url.copy_with(raw_path=path.encode())
            return client.send(request).status_code

    def ready(self) -> None:
        """Wait until nginx answers."""
        for _ in range(500):
            try:
                self.ask("GET", "/")
            except httpx.TransportError:
                assert self._nginx.poll() is None, "nginx ended"
                time.sleep(0.01)
            else:
                return
        raise AssertionError("nginx does not answer")

    def _config(self, folder: Path) -> Path:
        cluster = (DEPLOY / "nginx" / "cluster.conf").read_text()
        for was, is_ in (
            ("router:8001", f"127.0.0.1:{self._server.server_port}"),
            ("listen 8080", f"listen 127.0.0.1:{self.port}"),
            ("/etc/nginx/moonloop", str(DEPLOY / "nginx")),
        ):
            assert was in cluster
            cluster = cluster.replace(was, is_)
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        places = "\n".join(f"{kind}_temp_path {folder};" for kind in kinds)
        file = folder / "nginx.conf"
        file.write_text(
            f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;\n"
            f"events {{}}\nhttp {{\naccess_log off;\n{places}\n{cluster}\n}}\n"
        )
        return file

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        behind = self

        class Handler(BaseHTTPRequestHandler):
            def _note(self) -> None:
                behind.reached.append((self.command, self.path, self.headers.get("Authorization", "")))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_POST = do_PUT = do_DELETE = _note  # noqa: N815 -- the names that http.server calls

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- its base's name
                """Keep quiet."""

        return Handler


@pytest.fixture
def behind(tmp_path: Path) -> Generator[Behind]:
    """The proxy with its own configuration, in front of a server that takes everything."""
    made = Behind(tmp_path)
    try:
        made.ready()
        yield made
    finally:
        made.close()


@needs["nginx"]
def test_what_is_allowed_reaches_the_models_with_its_key(behind: Behind) -> None:
    """The three addresses are passed on whole, with what says who asks."""
    assert [200] * 3 == [behind.ask(method, path) for method, path in ALLOWED]
    assert [(method, path, "Bearer k") for method, path in ALLOWED] == behind.reached


@needs["nginx"]
def test_what_is_not_allowed_reaches_nothing(behind: Behind) -> None:
    """Loading adapters, figures, other ways to the model, and tricks with addresses end at the proxy."""
    refused = {(method, path): behind.ask(method, path) for method, path in KEPT_OUT}
    assert {} == {asked: status for asked, status in refused.items() if status not in {400, 403, 404, 405}}
    assert [] == behind.reached


@needs["nginx"]
def test_other_spellings_of_what_is_allowed_arrive_in_one(behind: Behind) -> None:
    """However an allowed address is written, what is passed on is ours to write."""
    spellings = ("/v1/%6dodels", "//v1/models", "/v1/load_lora_adapter/../models", "/v1/./models")
    assert [200] * len(spellings) == [behind.ask("GET", path) for path in spellings]
    assert {"/v1/models"} == {path for _, path, _ in behind.reached}
