"""The site's file of models: endpoints, and which of them serve which role. No key is ever in it."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, cast
from urllib.parse import urlsplit

from pydantic import BeforeValidator, ConfigDict, Field, field_validator, model_validator

from moonloop.domain.agents import Role, Usage
from moonloop.domain.units import Duration
from moonloop.domain.values import Value

__all__ = ["Endpoint", "ModelsFile", "Price", "Serving", "from_single"]

EndpointName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,39}$")]
ModelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,199}$")]
Rate = Annotated[float, Field(ge=0, le=1e6)]
_KEYS = ("key", "api_key", "apikey", "token", "password")
_MILLION = 1_000_000


class _Setting(Value):
    # What was put in may be a key in the wrong place: no error repeats it.
    model_config = ConfigDict(hide_input_in_errors=True)


class Price(_Setting):
    """Money per million tokens, in the currency of the budgets."""

    input: Rate = 0.0
    cached: Rate | None = None
    """Of prompt tokens that the server had computed before; as the others when not given."""
    output: Rate = 0.0

    def of(self, usage: Usage) -> float:
        """Return what one call costs."""
        cached = self.input if self.cached is None else self.cached
        fresh = usage.prompt_tokens - usage.cached_tokens
        money = fresh * self.input + usage.cached_tokens * cached + usage.completion_tokens * self.output
        return money / _MILLION

    def at_most(self, prompt_tokens: int, answer_tokens: int) -> float:
        """Return the most that so many tokens can cost, however many of them were cached."""
        dearest = max(self.input, self.cached or 0.0)
        return (prompt_tokens * dearest + answer_tokens * self.output) / _MILLION


class Endpoint(_Setting):
    """One server that speaks the OpenAI protocol."""

    base_url: str
    """Up to and with `/v1`."""
    model: ModelName
    """The name under which it serves the model."""
    key_env: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    """The environment variable that holds the key."""
    key_file: str | None = None
    """The file that holds the key; readable by its owner alone."""
    at_once: Annotated[int, Field(ge=1, le=1024)] = 8
    """Calls at the same time; further ones wait, and the wait is part of their time."""
    when_full: Literal["wait", "next"] = "wait"
    """Whether a call waits for a place, or goes on to the role's next endpoint."""
    timeout: Duration = 300.0
    """The longest that a call takes, waiting for its place included."""
    context: Annotated[int, Field(ge=256)] | None = None
    """Tokens of prompt and answer together that the model can hold."""
    price: Price = Price()
    session_header: Annotated[str, Field(pattern=r"^([A-Za-z0-9-]{1,60})?$")] = "X-Session-ID"
    """The header with the session, for routers with affinity; empty: none is sent."""
    temperature: Annotated[float, Field(ge=0, le=2)] | Literal["task", "omit"] = "task"
    """A fixed one, the one that the task asks for, or none, for models that take none."""
    seed: bool = True
    """Whether the endpoint takes a seed."""
    limit_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """The name of the field with the longest answer."""
    structured: Literal["auto", "json_schema", "none"] = "auto"
    """When a JSON Schema is sent: where no tool can be asked for, always, or never."""
    tools: Literal["strict", "plain", "none"] = "strict"
    """Whether tools are offered, and with `strict: true`."""

    @model_validator(mode="before")
    @classmethod
    def _without_key(cls, given: Any) -> Any:
        for name in _KEYS:
            if isinstance(given, dict) and name in given:
                raise ValueError(
                    f"{name}: a key does not belong in this file: name the environment variable that holds "
                    "it with `key_env`, or its file with `key_file`"
                )
        return cast("Any", given)

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        if self.key_env and self.key_file:
            raise ValueError("key_file: give `key_env` or `key_file`, not both")
        return self

    @field_validator("base_url")
    @classmethod
    def _plain_url(cls, given: str) -> str:
        try:
            parts = urlsplit(given.strip())
            host, _ = parts.hostname, parts.port
        except ValueError:
            host, parts = None, urlsplit("")
        if parts.scheme not in {"http", "https"} or not host:
            raise ValueError("an address such as http://127.0.0.1:8000/v1 is needed")
        if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
            raise ValueError("an address without user, password, query and fragment is needed")
        return given.strip().rstrip("/")

    @property
    def host(self) -> str:
        """The machine that it is on."""
        return urlsplit(self.base_url).hostname or ""

    @property
    def port(self) -> int:
        """The port that it listens at."""
        parts = urlsplit(self.base_url)
        return parts.port or (443 if parts.scheme == "https" else 80)


class Serving(_Setting):
    """One of the endpoints of a role, with the adapter that the role asks for there."""

    endpoint: EndpointName
    model: ModelName | None = None
    """The served name of an adapter; the endpoint's own model when not given."""


def _named(given: Any) -> Any:
    return {"endpoint": given} if isinstance(given, str) else given


Servings = Annotated[
    tuple[Annotated[Serving, BeforeValidator(_named)], ...], Field(min_length=1, max_length=16)
]


class ModelsFile(_Setting):
    """Endpoints by name, and for each role those that serve it, in the order in which they are tried."""

    moonloop_models: Literal[1]
    """Version of the file's form."""
    endpoints: Annotated[dict[EndpointName, Endpoint], Field(min_length=1, max_length=64)]
    roles: dict[Role | Literal["default"], Servings]

    @model_validator(mode="after")
    def _all_named(self) -> Self:
        known = ", ".join(sorted(self.endpoints))
        for role, servings in self.roles.items():
            for place, serving in enumerate(servings):
                if serving.endpoint not in self.endpoints:
                    raise ValueError(
                        f"roles.{role}[{place}]: there is no endpoint {serving.endpoint}; known are {known}"
                    )
        return self

    @model_validator(mode="after")
    def _every_role(self) -> Self:
        missing = [role for role in Role if role not in self.roles and "default" not in self.roles]
        if missing:
            raise ValueError(
                f"roles: no endpoint serves {', '.join(missing)}: name them, or give `default: [NAME]`"
            )
        return self

    def serving(self, role: Role) -> tuple[tuple[str, Endpoint, str], ...]:
        """Return the names, the endpoints and the models of a role, in the order in which they are tried."""
        servings = self.roles.get(role) or self.roles["default"]
        found = [(one.endpoint, self.endpoints[one.endpoint], one.model) for one in servings]
        return tuple((name, endpoint, model or endpoint.model) for name, endpoint, model in found)

    def models(self) -> Mapping[str, tuple[str, ...]]:
        """Return the models and adapters that are asked for, by endpoint."""
        wanted = {name: {endpoint.model: None} for name, endpoint in self.endpoints.items()}
        for role in Role:
            for name, _, model in self.serving(role):
                wanted[name][model] = None
        return {name: tuple(models) for name, models in wanted.items()}


def from_single(url: str, model: str, **settings: Any) -> ModelsFile:
    """Return the file that has one endpoint, named `only`, serve every role."""
    return ModelsFile.model_validate(
        {
            "moonloop_models": 1,
            "endpoints": {"only": {"base_url": url, "model": model, **settings}},
            "roles": {"default": ["only"]},
        }
    )
