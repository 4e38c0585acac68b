"""What is told of a call to OpenTelemetry: numbers and names, never what was said.

The names are those of the semantic conventions for generative AI (https://opentelemetry.io/docs/specs/semconv/gen-ai/,
1.38); they are still in development there, so that they are written down here and nowhere else.
"""

from collections.abc import Generator, Mapping
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer

from moonloop.agents.door.config import Endpoint
from moonloop.agents.door.failures import Failed
from moonloop.agents.ports import Completion, Prompted

__all__ = ["ATTRIBUTES", "called", "completed", "tracer"]

ATTRIBUTES: Mapping[str, str] = {
    "operation": "gen_ai.operation.name",
    "protocol": "gen_ai.provider.name",
    "role": "gen_ai.agent.name",
    "session": "gen_ai.conversation.id",
    "output": "gen_ai.output.type",
    "model": "gen_ai.request.model",
    "max_tokens": "gen_ai.request.max_tokens",
    "temperature": "gen_ai.request.temperature",
    "seed": "gen_ai.request.seed",
    "served_model": "gen_ai.response.model",
    "finish": "gen_ai.response.finish_reasons",
    "prompt_tokens": "gen_ai.usage.input_tokens",
    "cached_tokens": "gen_ai.usage.cache_read.input_tokens",
    "completion_tokens": "gen_ai.usage.output_tokens",
    "host": "server.address",
    "port": "server.port",
    "failure": "error.type",
    "endpoint": "moonloop.endpoint",
    "cost": "moonloop.cost",
    "scripted": "moonloop.scripted",
    "tools_offered": "moonloop.tools.offered",
    "tools_asked": "moonloop.tools.asked",
}
"""Our names to theirs."""

_Fact = str | int | float | bool | tuple[str, ...]


def tracer() -> Tracer:
    """Return the tracer of the door; it does nothing until a process installs a provider."""
    return trace.get_tracer("moonloop.agents.door")


@contextmanager
def called(source: Tracer, name: str, endpoint: Endpoint, model: str, prompted: Prompted) -> Generator[Span]:
    """Keep a span for one call of an endpoint; a failure becomes its status, without what was raised."""
    facts: dict[str, _Fact] = {
        "operation": "chat",
        "protocol": "openai",
        "role": str(prompted.role),
        "session": prompted.session,
        "output": "json",
        "model": model,
        "max_tokens": prompted.sampling.max_tokens,
        "temperature": prompted.sampling.temperature,
        "seed": prompted.sampling.seed,
        "tools_offered": len(prompted.tools),
        "host": endpoint.host,
        "port": endpoint.port,
        "endpoint": name,
    }
    with source.start_as_current_span(
        f"chat {model}",
        kind=SpanKind.CLIENT,
        attributes=_named(facts),
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        try:
            yield span
        except Failed as failed:
            _fail(span, failed.why.kind)
            raise
        except BaseException as error:
            _fail(span, type(error).__name__)
            raise


def completed(span: Span, completion: Completion, served_model: str) -> None:
    """Put what came back on its span."""
    facts: dict[str, _Fact] = {
        "served_model": served_model,
        "finish": (completion.finish,),
        "prompt_tokens": completion.usage.prompt_tokens,
        "cached_tokens": completion.usage.cached_tokens,
        "completion_tokens": completion.usage.completion_tokens,
        "cost": completion.cost,
        "scripted": completion.scripted,
        "tools_asked": len(completion.tool_requests),
    }
    span.set_attributes(_named(facts))


def _named(facts: Mapping[str, _Fact]) -> dict[str, _Fact]:
    return {ATTRIBUTES[name]: fact for name, fact in facts.items()}


def _fail(span: Span, kind: str) -> None:
    span.set_attribute(ATTRIBUTES["failure"], kind)
    span.set_status(Status(StatusCode.ERROR))
