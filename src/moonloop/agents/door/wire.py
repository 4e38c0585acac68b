"""What is sent: one request of the chat completions protocol, of documented fields only."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from moonloop.agents.door.config import Endpoint
from moonloop.agents.ports import Prompted, ToolSpec
from moonloop.domain.agents import Message, Sampling, ToolRequest

__all__ = ["request_body", "session_headers"]

_LONGEST_HEADER = 200


def request_body(endpoint: Endpoint, model: str, prompted: Prompted) -> dict[str, Any]:
    """Return the JSON body of a call; the same prompt gives the same bytes."""
    tools = [] if endpoint.tools == "none" else [_tool(endpoint, spec) for spec in prompted.tools]
    body: dict[str, Any] = {
        "model": model,
        "messages": _messages(prompted.messages),
        **_sampling(endpoint, prompted.sampling),
    }
    if tools:
        body |= {"tools": tools, "tool_choice": "auto" if prompted.use_tools else "none"}
    bound = not (tools and prompted.use_tools)
    if endpoint.structured == "json_schema" or (endpoint.structured == "auto" and bound):
        form = {"name": prompted.schema_name, "strict": True, "schema": prompted.schema}
        body["response_format"] = {"type": "json_schema", "json_schema": form}
    return body


def session_headers(endpoint: Endpoint, session: str) -> dict[str, str]:
    """Return the header with the session, hashed where it could not stand in one."""
    if not endpoint.session_header or not session:
        return {}
    plain = len(session) <= _LONGEST_HEADER and all("!" <= letter <= "~" for letter in session)
    value = session if plain else hashlib.sha256(session.encode(errors="replace")).hexdigest()
    return {endpoint.session_header: value}


def _sampling(endpoint: Endpoint, sampling: Sampling) -> dict[str, Any]:
    fields: dict[str, Any] = {endpoint.limit_field: sampling.max_tokens, "stream": False}
    if endpoint.seed:
        fields["seed"] = sampling.seed
    if endpoint.temperature != "omit":
        fixed = endpoint.temperature
        fields["temperature"] = sampling.temperature if fixed == "task" else fixed
    return fields


def _tool(endpoint: Endpoint, spec: ToolSpec) -> dict[str, Any]:
    function: dict[str, Any] = {
        "name": spec.name,
        "description": spec.description,
        "parameters": spec.schema,
    }
    if endpoint.tools == "strict":
        function["strict"] = True
    return {"type": "function", "function": function}


def _messages(messages: Sequence[Message]) -> list[dict[str, Any]]:
    return [_message(message) for message in messages]


def _message(message: Message) -> dict[str, Any]:
    if message.speaker == "tool":
        return {"role": "tool", "tool_call_id": message.tool_request_id, "content": message.content}
    if not message.tool_requests:
        return {"role": message.speaker, "content": message.content}
    calls = [_call(request) for request in message.tool_requests]
    return {"role": message.speaker, "content": message.content or None, "tool_calls": calls}


def _call(request: ToolRequest) -> dict[str, Any]:
    function = {"name": request.name, "arguments": _object(request.arguments)}
    return {"id": request.id, "type": "function", "function": function}


def _object(arguments: str) -> str:
    """Return arguments that a server can read back: some refuse a whole thread for one that is no object."""
    try:
        return arguments if isinstance(json.loads(arguments), dict) else "{}"
    except (ValueError, RecursionError):
        return "{}"
