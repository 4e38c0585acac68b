"""Scripted endpoints for tests, on free ports, and prompts to ask them with."""

from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from moonloop.agents.door.config import ModelsFile, from_single
from moonloop.agents.ports import Prompted, ToolSpec
from moonloop.agents.scripted.answers import Responder, ScriptedAnswer
from moonloop.agents.scripted.faults import Fault
from moonloop.agents.scripted.server import ScriptedServer
from moonloop.domain.agents import Message, Role, Sampling

__all__ = ["MODEL", "TOOL", "prompted", "running_scripted", "saying", "site_of"]

MODEL = "scripted-scientist"
TOOL = ToolSpec(
    name="data_query",
    description="Ask the campaign's data.",
    schema={
        "type": "object",
        "additionalProperties": False,
        "required": ["sql"],
        "properties": {"sql": {"type": "string", "maxLength": 400}},
    },
)
_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["verdict"],
    "properties": {"verdict": {"enum": ["yes", "no"]}},
}


def saying(text: str = '{"verdict": "yes"}', **fields: Any) -> Responder:
    """Return a script that always answers the same."""
    answer = ScriptedAnswer(text=text, **fields)
    return lambda _name, _messages, _tools: answer


@asynccontextmanager
async def running_scripted(
    responder: Responder | None = None, *, faults: Iterable[Fault] = (), **settings: Any
) -> AsyncGenerator[ScriptedServer]:
    """Run a scripted server on a free port; it is stopped at the end, whatever happens."""
    async with ScriptedServer(responder or saying(), faults=faults, **settings) as server:
        yield server


def site_of(*servers: ScriptedServer | str, **settings: Any) -> ModelsFile:
    """Return the file of models in which these servers serve every role, in this order."""
    urls = [one if isinstance(one, str) else one.url for one in servers]
    single = from_single(urls[0], MODEL, **settings)
    names = ("first", "second", "third")[: len(urls)]
    endpoints = {
        name: single.endpoints["only"].model_copy(update={"base_url": url})
        for name, url in zip(names, urls, strict=True)
    }
    roles = {"default": [{"endpoint": name} for name in names]}
    return ModelsFile.model_validate({"moonloop_models": 1, "endpoints": endpoints, "roles": roles})


def prompted(
    *said: str,
    role: Role = Role.PROPOSER,
    tools: Iterable[ToolSpec] = (),
    use_tools: bool = True,
    **given: Any,
) -> Prompted:
    """Return a prompt of a system message and these of the user."""
    messages = [Message(speaker="system", content="You are the proposer.")]
    messages += [Message(speaker="user", content=text) for text in said or ("Is it so?",)]
    return Prompted(
        role=role,
        session=given.pop("session", "thr_1"),
        messages=given.pop("messages", messages),
        tools=tuple(tools),
        use_tools=use_tools,
        schema=_SCHEMA,
        schema_name=str(role),
        sampling=Sampling(**{"seed": 7, "max_tokens": 200, **given}),
    )
