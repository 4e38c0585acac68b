"""A real vLLM server on this machine, started as a user would, with a tiny random model and two adapters."""

import asyncio
import contextlib
import hashlib
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Generator, Mapping
from pathlib import Path
from typing import Any

import httpx
import psutil

from moonloop.agents.door.config import ModelsFile
from moonloop.embedded.lifeline import Guardian, tethered

__all__ = ["CONTEXT", "LOADED_LATER", "MODEL", "VllmServer", "vllm_environment", "vllm_models"]

MODEL = "tiny"
CONTEXT = 32_768
"""Tokens of a prompt and its answer: twenty turns of a long thread fit."""
LOADED_LATER = "reporter-adapter"
"""The adapter that the server does not start with."""

_ROOT = Path(__file__).resolve().parents[2]
_MAKER = _ROOT / "tests" / "vllm" / "tiny_model.py"
_READY_WITHIN_S = 600.0
"""Half a minute on an idle machine; two and a half were seen on two cores that were busy otherwise."""
_PATIENCE_S = 120.0
"""Beside a model as small as this one its server keeps others waiting: one look took 28 s."""
_SAMPLE = re.compile(r"^([a-z_:]+)(?:\{[^}]*\})? ([0-9.eE+-]+|NaN)$", re.MULTILINE)


def vllm_environment() -> Path:
    """Return the folder of vLLM's environment, which the first call ever on a machine installs."""
    program = [sys.executable, str(_ROOT / "requirements" / "vllm.py")]
    done = subprocess.run(program, stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 0, "vLLM could not be installed: see above"
    return Path(done.stdout.strip())


def vllm_models(environment: Path) -> Path:
    """Return the folder with the model and its adapters, made where this version of them is not there."""
    digest = hashlib.sha256(_MAKER.read_bytes() + environment.name.encode()).hexdigest()[:12]
    folder = environment.parent / f"tiny-{digest}"
    if not (folder / "ready").exists():
        with tempfile.TemporaryDirectory(dir=environment.parent, prefix="making-") as making:
            made = Path(making) / "made"
            subprocess.run([environment / "bin" / "python", _MAKER, made], check=True, capture_output=True)
            shutil.rmtree(folder, ignore_errors=True)
            made.rename(folder)
    return folder


class VllmServer:
    """The server: started, asked, stopped and started again. It ends with this process at the latest."""

    def __init__(self, environment: Path, models: Path, folder: Path) -> None:
        self.port = _free_port()
        self.model = MODEL
        self.adapters: Mapping[str, Path] = {path.parent.name: path.parent for path in _adapters(models)}
        self.given = tuple(name for name in self.adapters if name != LOADED_LATER)
        """Names of the adapters that it starts with."""
        self.log = folder / "vllm.log"
        self.key_file = folder / "vllm.key"
        self.key_file.touch(mode=0o600)
        self.key_file.write_text("a-key-for-tests")
        self.started_in_s = 0.0
        self._program = environment / "bin" / "vllm"
        self._cpu = "-cpu-" in environment.name
        self._model_folder = models / "model"
        self._process: subprocess.Popen[bytes] | None = None
        self._guardian = Guardian()

    @property
    def url(self) -> str:
        """Address of the server."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        """Address that clients of the OpenAI protocol are given."""
        return f"{self.url}/v1"

    @property
    def device(self) -> str:
        """What it computes on."""
        return "CPU" if self._cpu else "GPU"

    def command(self) -> tuple[str, ...]:
        """Return the command line, after `moonloop`."""
        adapters = [f"--adapter={name}={self.adapters[name]}" for name in self.given]
        own = ("--cpu",) if self._cpu else ("--", "--gpu-memory-utilization", "0.3", "--enforce-eager")
        return (
            *("models", "serve", str(self._model_folder), "--name", MODEL, "--family", "hermes"),
            *("--port", str(self.port), "--context", str(CONTEXT), "--key-file", str(self.key_file)),
            *(*adapters, "--adapters-at-most", str(len(self.adapters)), *own),
        )

    def models_file(
        self,
        roles: Mapping[str, Any] | None = None,
        *,
        beside: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> ModelsFile:
        """Return the site's models with this server as the endpoint `vllm`, for every role by default.

        Args:
            roles: who serves which role otherwise.
            beside: further endpoints, by name.
            settings: of the endpoint `vllm`.
        """
        endpoint = {
            "base_url": self.base_url,
            "model": MODEL,
            "key_file": str(self.key_file),
            "context": CONTEXT,
            "price": {"input": 1.0, "cached": 0.1, "output": 2.0},
            **settings,
        }
        return ModelsFile.model_validate(
            {
                "moonloop_models": 1,
                "endpoints": {"vllm": endpoint, **(beside or {})},
                "roles": {"default": ["vllm"], **(roles or {})},
            }
        )

    def start(self) -> None:
        """Start it, and wait until it answers.

        It is nice to others: on two cores it would starve the very workers that the tests watch, and Temporal
        takes a workflow that gets no turn for two seconds for one that hangs.
        """
        begun = time.monotonic()
        environment = {**os.environ, "MOONLOOP_VLLM": str(self._program), "PYTHONUNBUFFERED": "1"}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                tethered("nice", sys.executable, "-m", "moonloop", *self.command()),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )
        self._guardian.guard(self._process.pid)
        while not self.healthy():
            code = self._process.poll()
            assert code is None, f"vLLM ended with exit code {code}:\n{self._last_words()}"
            assert time.monotonic() - begun < _READY_WITHIN_S, f"vLLM is not ready:\n{self._last_words()}"
            time.sleep(0.25)
        self.started_in_s = time.monotonic() - begun

    def stop(self, *, sign: signal.Signals = signal.SIGTERM) -> None:
        """End it and all that it started; SIGKILL for an end without warning."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        _kill_group(process.pid)
        process.wait()
        self._guardian.forget(process.pid)

    def close(self) -> None:
        """End it for good."""
        self.stop()
        self._guardian.close()

    @contextlib.contextmanager
    def held(self) -> Generator[None]:
        """Have it do nothing at all for a while: connections are taken, and nobody answers."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(self._process.pid, signal.SIGCONT)

    def healthy(self) -> bool:
        """Say whether it answers."""
        try:
            return httpx.get(f"{self.url}/health", timeout=5.0, trust_env=False).is_success
        except httpx.TransportError:
            return False

    def metrics(self) -> dict[str, float]:
        """Return its figures by name, summed over their labels (the format of Prometheus)."""
        text = httpx.get(f"{self.url}/metrics", timeout=_PATIENCE_S, trust_env=False).text
        figures: dict[str, float] = {}
        for name, value in _SAMPLE.findall(text):
            figures[name] = figures.get(name, 0.0) + float(value)
        return figures

    def running(self) -> float:
        """Return how many requests it computes or keeps waiting."""
        figures = self.metrics()
        return figures["vllm:num_requests_running"] + figures["vllm:num_requests_waiting"]

    def generated(self) -> float:
        """Return how many tokens it has answered with since its start."""
        return self.metrics()["vllm:generation_tokens_total"]

    async def until_running(self, wanted: int, calls: Collection[asyncio.Task[Any]] = ()) -> float:
        """Wait until it computes so many requests; return the seconds that it took.

        Args:
            wanted: how many.
            calls: what asks for them; one that ends meanwhile has been answered too soon, or has failed.
        """
        begun = time.monotonic()
        while wanted != (running := await asyncio.to_thread(self.running)):
            took = time.monotonic() - begun
            assert took < _PATIENCE_S, f"after {took:.0f} s {running:.0f} requests run, not {wanted}"
            for call in calls:
                assert not call.done(), f"ended while {wanted} were waited for: {call}"
            await asyncio.sleep(0.1)
        return time.monotonic() - begun

    def memory_bytes(self) -> int:
        """Return its memory: what its processes share is counted once (PSS)."""
        assert self._process is not None
        top = psutil.Process(self._process.pid)
        return sum(process.memory_full_info().pss for process in (top, *top.children(recursive=True)))

    def _last_words(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-40:])


def _adapters(models: Path) -> list[Path]:
    return sorted(models.glob("*/adapter_config.json"))


def _kill_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def _free_port() -> int:
    """Return a port below those that the system gives to clients, so that it stays free until it is taken."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
