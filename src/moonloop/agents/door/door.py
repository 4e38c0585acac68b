"""The door: a role's endpoints are tried in order until one answers."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Self

from opentelemetry.trace import Tracer

from moonloop.agents.door import spans
from moonloop.agents.door.circuits import CircuitState, Pauses
from moonloop.agents.door.config import ModelsFile
from moonloop.agents.door.failures import REFUSES, Failed
from moonloop.agents.door.line import Answered, Line
from moonloop.agents.door.wire import request_body, session_headers
from moonloop.agents.ports import Completion, Prompted
from moonloop.domain.agents import Role
from moonloop.domain.errors import ModelRefused, ModelUnavailable

__all__ = ["ModelDoor"]


class ModelDoor:
    """The models of a site, as `ports.Model`; one for each event loop, closed at its end.

    An endpoint that is full is waited for, within its time, unless its file says `when_full: next`. What an
    endpoint refuses or fails at goes to the next one; there are no retries here, as whoever calls has them.
    """

    def __init__(
        self,
        models: ModelsFile,
        *,
        environment: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time.monotonic,
        pauses: Pauses | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        self._models = models
        self._tracer = tracer or spans.tracer()
        self._lines = {
            name: Line(name, endpoint, environment=environment, clock=clock, pauses=pauses)
            for name, endpoint in models.endpoints.items()
        }

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        for line in self._lines.values():
            await line.close()

    def circuits(self) -> Mapping[str, CircuitState]:
        """Return whether each endpoint is called now."""
        return {name: line.circuit.state for name, line in self._lines.items()}

    async def complete(self, prompted: Prompted) -> Completion:
        """Call the first endpoint of the role that answers; cancelled, it lets go of the connection.

        Raises:
            ModelUnavailable: when no endpoint of the role answers; `retry_after_s` says when to ask again.
            ModelRefused: when every endpoint refuses the request itself.
        """
        failures: list[tuple[Line, Failed]] = []
        for name, _, model in self._models.serving(prompted.role):
            line = self._lines[name]
            try:
                return await self._ask(line, model, prompted)
            except Failed as failed:
                failures.append((line, failed))
        raise _nobody(prompted.role, failures) from None

    def most_costly(self, role: Role, prompt_tokens: int, answer_tokens: int) -> float:
        """Return the most that a call may cost over the role's endpoints, in the currency of the budgets."""
        return max(
            endpoint.price.at_most(min(prompt_tokens, endpoint.context or prompt_tokens), answer_tokens)
            for _, endpoint, _ in self._models.serving(role)
        )

    async def _ask(self, line: Line, model: str, prompted: Prompted) -> Completion:
        endpoint = line.endpoint
        with spans.called(self._tracer, line.name, endpoint, model, prompted) as span:
            answered = await line.chat(
                request_body(endpoint, model, prompted), session_headers(endpoint, prompted.session)
            )
            completion = _completion(line, model, answered)
            spans.completed(span, completion, answered.answer.model)
            return completion


def _completion(line: Line, model: str, answered: Answered) -> Completion:
    # The model goes by the name that the site gives it: what the endpoint calls itself is its own claim.
    answer = answered.answer
    return Completion(
        text=answer.text,
        tool_requests=answer.tool_requests,
        finish=answer.finish,
        refusal=answer.refusal,
        usage=answer.usage,
        endpoint=line.name,
        model=model,
        cost=line.endpoint.price.of(answer.usage),
        latency_s=answered.latency_s,
        scripted=answer.scripted,
    )


def _nobody(role: Role, failures: Sequence[tuple[Line, Failed]]) -> ModelRefused | ModelUnavailable:
    if all(failed.why.refused for _, failed in failures):
        names = ", ".join(dict.fromkeys(line.name for line, _ in failures))
        said = dict.fromkeys(failed.why.sentence.removeprefix(REFUSES) for _, failed in failures)
        return ModelRefused(endpoint=names, why="; ".join(said))
    error = ModelUnavailable(role=str(role), why=_told(failures))
    waits = [line.circuit.wait_s for line, failed in failures if failed.why.down]
    error.retry_after_s = min(waits, default=0.0)
    return error


def _told(failures: Sequence[tuple[Line, Failed]]) -> str:
    return "; ".join(f"{line.name} {failed.why.sentence}" for line, failed in failures)
