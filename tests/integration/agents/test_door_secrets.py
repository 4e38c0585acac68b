"""Keys reach their endpoint and nothing else: no error, log, span, or other endpoint."""

import logging
import traceback
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from moonloop.agents.door.door import ModelDoor
from moonloop.agents.door.probe import probe
from moonloop.agents.scripted.faults import Fault
from moonloop.domain.errors import ModelRefused, ModelUnavailable
from support.scripted import MODEL, prompted, running_scripted, site_of

_SECRET = "sk-moonloop-test-7f3a9c"
_OTHER = "sk-of-another-service-55"
_KEYS = {"SITE_KEY": _SECRET}


async def test_a_key_reaches_its_endpoint() -> None:
    """It is sent as a bearer token, read anew for each call."""
    keys = {"SITE_KEY": "sk-old"}
    async with (
        running_scripted(key=_SECRET) as server,
        ModelDoor(site_of(server, key_env="SITE_KEY"), environment=keys) as door,
    ):
        with pytest.raises(
            ModelUnavailable, match="check the environment variable SITE_KEY that key_env names"
        ):
            await door.complete(prompted())
        keys["SITE_KEY"] = _SECRET
        assert (await door.complete(prompted())).text


async def test_a_missing_key_is_told_without_a_call() -> None:
    """Nothing is sent where the key is missing."""
    async with (
        running_scripted() as server,
        ModelDoor(site_of(server, key_env="SITE_KEY"), environment={}) as door,
    ):
        with pytest.raises(ModelUnavailable, match="has no key: the environment variable SITE_KEY is empty"):
            await door.complete(prompted())
        assert server.counts.requests == 0


async def test_keys_of_other_services_stay_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the client library finds in the environment is sent to nobody."""
    for name in ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(name, _OTHER)
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", f"X-Other: {_OTHER}")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    async with running_scripted() as server, ModelDoor(site_of(server), environment={}) as door:
        await door.complete(prompted())
        headers = server.seen[-1].headers
    assert _OTHER not in str(headers)
    assert set(headers) <= {
        *("host", "connection", "accept", "content-type", "content-length", "accept-encoding"),
        *("user-agent", "x-session-id"),
    }


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500])
async def test_a_key_that_a_server_quotes_is_not_repeated(status: int) -> None:
    """Not in the error, its causes, its traceback or its facts."""
    async with (
        running_scripted(faults=[Fault("echo", status)]) as server,
        ModelDoor(site_of(server, key_env="SITE_KEY"), environment=_KEYS) as door,
    ):
        with pytest.raises((ModelRefused, ModelUnavailable)) as caught:
            await door.complete(prompted())
        error: Any = caught.value
    told = "".join(traceback.format_exception(error)) + repr(error) + repr(error.facts)
    assert _SECRET not in told
    assert "127.0.0.1:1" not in told


@pytest.mark.parametrize("kind", ["echo", "reset", "garble", "cut", "redirect", "noise"])
async def test_no_log_span_or_text_has_the_key(kind: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever fails, with every log at its most talkative, the key and the messages are nowhere."""
    caplog.set_level(logging.DEBUG)
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    fault = Fault(kind, 500, body="x", location="http://127.0.0.1:1/")
    models: Any = None
    async with running_scripted(faults=[fault]) as server:
        models = site_of(server, key_env="SITE_KEY")
        door = ModelDoor(models, environment=_KEYS, tracer=provider.get_tracer("test"))
        with pytest.raises(ModelUnavailable):
            await door.complete(prompted("the secret recipe"))
        await door.complete(prompted("the secret recipe"))
        shown = f"{door!r} {vars(door)!r} {models!r} {models.model_dump_json()}"
        await door.close()
    spans = " ".join(span.to_json() for span in exporter.get_finished_spans())
    logs = " ".join(record.getMessage() for record in caplog.records if not record.name.startswith("openai"))
    assert exporter.get_finished_spans()
    assert _SECRET not in f"{shown} {spans} {logs} {caplog.text}"
    assert "the secret recipe" not in f"{shown} {spans}"
    provider.shutdown()


async def test_an_open_key_file_is_warned_about_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It works, and the log says what to do about it."""
    path = tmp_path / "key"
    path.write_text(_SECRET)
    path.chmod(0o644)
    async with (
        running_scripted(key=_SECRET) as server,
        ModelDoor(site_of(server, key_file=str(path))) as door,
    ):
        await door.complete(prompted())
        await door.complete(prompted())
    warnings = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
    assert warnings == [f"Endpoint first: the key file {path} is open to others than its owner: chmod 600 it"]


async def test_a_probe_shows_no_key() -> None:
    """Its findings can be printed."""
    async with running_scripted(faults=[Fault("echo", 500)]) as server:
        endpoint = site_of(server, key_env="SITE_KEY").endpoints["first"]
        found = await probe("first", endpoint, MODEL, environment=_KEYS)
    assert _SECRET not in repr(found)
