"""Spans of calls: the names of the semantic conventions, and nothing that was said."""

from collections.abc import Generator
from importlib import import_module
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, Tracer

from moonloop.agents.door.door import ModelDoor
from moonloop.agents.door.spans import ATTRIBUTES
from moonloop.agents.scripted.faults import Fault
from support.scripted import MODEL, TOOL, prompted, running_scripted, site_of


@pytest.fixture
def traced() -> Generator[tuple[Tracer, InMemorySpanExporter]]:
    """A tracer, and the spans that it made."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield provider.get_tracer("test"), exporter
    provider.shutdown()


def _facts(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def test_every_name_is_one_of_the_conventions() -> None:
    """The mapping table has no attribute under `gen_ai` that the conventions do not know."""
    conventions = import_module("opentelemetry.semconv._incubating.attributes.gen_ai_attributes")
    known = {value for name, value in vars(conventions).items() if name.startswith("GEN_AI_")}
    ours = {name for name in ATTRIBUTES.values() if name.startswith("gen_ai.")}
    assert ours <= known
    assert len(set(ATTRIBUTES.values())) == len(ATTRIBUTES)


async def test_a_call_is_told_with_its_numbers(traced: tuple[Tracer, InMemorySpanExporter]) -> None:
    """Model, role, session, sampling, tokens and reason to end are on the span of the call."""
    tracer, exporter = traced
    async with running_scripted() as server, ModelDoor(site_of(server), tracer=tracer) as door:
        await door.complete(prompted("one", tools=[TOOL]))
        completion = await door.complete(prompted("one", "the recipe", tools=[TOOL]))
    _, span = exporter.get_finished_spans()
    assert (span.name, span.kind) == (f"chat {MODEL}", SpanKind.CLIENT)
    facts = _facts(span)
    assert {name: facts[name] for name in facts if name.startswith("gen_ai.")} == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.agent.name": "proposer",
        "gen_ai.conversation.id": "thr_1",
        "gen_ai.output.type": "json",
        "gen_ai.request.model": MODEL,
        "gen_ai.request.max_tokens": 200,
        "gen_ai.request.temperature": 0.7,
        "gen_ai.request.seed": 7,
        "gen_ai.response.model": MODEL,
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": completion.usage.prompt_tokens,
        "gen_ai.usage.cache_read.input_tokens": completion.usage.cached_tokens,
        "gen_ai.usage.output_tokens": completion.usage.completion_tokens,
    }
    assert completion.usage.cached_tokens > 0
    assert (facts["moonloop.scripted"], facts["moonloop.tools.offered"]) == (True, 1)
    assert "the recipe" not in span.to_json()


async def test_each_endpoint_that_is_tried_has_its_span(traced: tuple[Tracer, InMemorySpanExporter]) -> None:
    """A failure is the status of its own span, in one word, without what the server said."""
    tracer, exporter = traced
    async with (
        running_scripted(faults=[Fault("status", 500, message="the recipe")]) as one,
        running_scripted() as two,
        ModelDoor(site_of(one, two), tracer=tracer) as door,
    ):
        await door.complete(prompted())
    failed, answered = exporter.get_finished_spans()
    assert (failed.status.status_code, _facts(failed)["error.type"]) == (StatusCode.ERROR, "down")
    assert (answered.status.status_code, _facts(answered)["moonloop.endpoint"]) == (
        StatusCode.UNSET,
        "second",
    )
    assert "the recipe" not in failed.to_json()
    assert failed.events == ()
