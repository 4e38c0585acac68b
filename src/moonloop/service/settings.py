"""Settings: defaults for one machine, overridden by `MOONLOOP_…` variables."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, ValidationError

from moonloop.domain.errors import InvalidInput
from moonloop.domain.units import Duration
from moonloop.domain.values import Value

__all__ = ["Settings", "default_home"]

_PREFIX = "MOONLOOP_"


def default_home(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of the embedded stack: `MOONLOOP_HOME`, else `~/.moonloop`."""
    given = environment.get("MOONLOOP_HOME")
    return Path(given) if given else Path.home() / ".moonloop"


class Settings(Value):
    """Everything that a process may be told; times are seconds or texts such as "2 min"."""

    home: Path
    """Ledger, artifacts, logs and tokens of the embedded stack."""
    database: str = ""
    """URL of the ledger; empty means SQLite in the home folder."""
    host: str = "127.0.0.1"
    """The address that the API listens at."""
    port: Annotated[int, Field(ge=1, le=65535)] = 8765
    """The port that the API listens at."""
    temporal_address: str = "127.0.0.1:7233"
    """Host and port of the Temporal server."""
    namespace: str = "default"
    """The namespace on the Temporal server."""
    lease: Duration = 60.0
    """How long a robot may be silent."""
    beat: Duration = 15.0
    """How often a robot is asked to beat."""
    claim_wait: Duration = 30.0
    """The longest wait of one claim."""
    presence: Duration = 2.0
    """How often the job service says that it is up."""
    sweep: Duration = 2.0
    """How often leases and deadlines are looked at."""
    reread: Duration = 60.0
    """How long a workflow waits before it reads the ledger without a wake-up."""
    silence: Duration = 20.0
    """How long a worker that has something in hand may be silent before another does it."""
    lead: Duration = 10.0
    """How long a relay leads without saying so again."""
    check: Duration = 60.0
    """How often the relay makes sure that every live campaign has its workflow."""
    cycles_per_run: Annotated[int, Field(ge=1)] = 20
    """Cycles after which a campaign's workflow continues as a new run, to keep its history short."""
    thinkers: Annotated[int, Field(ge=1, le=64)] = 1
    """Processes of the scientist."""
    models: str = ""
    """File of the model endpoints and of the roles that they serve; empty means `models.yaml` in the home."""
    model_calls: Annotated[int, Field(ge=1, le=256)] = 16
    """Model calls that a worker makes at the same time."""
    tool_processes: Annotated[int, Field(ge=1, le=64)] = 1
    """Processes in which the agents' tools run."""
    literature_contact: str = ""
    """E-mail address told to OpenAlex and Europe PMC; empty means that agents may not search there."""
    artifact_limit: Annotated[int, Field(ge=1)] = 256 * 1024 * 1024
    """Bytes of the largest artifact."""
    body_limit: Annotated[int, Field(ge=1)] = 4 * 1024 * 1024
    """Bytes of the largest other request."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ, **given: object) -> Self:
        """Return the settings: those given, then the environment, then the defaults."""
        values: dict[str, object] = {"home": default_home(environment)}
        for name in cls.model_fields:
            text = environment.get(_PREFIX + name.upper())
            if text is not None:
                values[name] = text
        values |= {name: value for name, value in given.items() if value is not None}
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            problem = error.errors()[0]
            where = _PREFIX + "_".join(str(part) for part in problem["loc"]).upper()
            raise InvalidInput(where=where, why=problem["msg"]) from error

    def to_environment(self) -> dict[str, str]:
        """Return the variables that give another process these settings."""
        return {
            _PREFIX + name.upper(): str(value)
            for name, value in self.model_dump().items()
            if value not in ("", None)
        }

    @property
    def database_url(self) -> str:
        """The URL of the ledger."""
        return self.database or f"sqlite:///{self.home / 'ledger.db'}"

    @property
    def url(self) -> str:
        """Where the API answers."""
        return f"http://{self.host}:{self.port}"

    @property
    def artifacts(self) -> Path:
        """The folder of the artifacts."""
        return self.home / "artifacts"

    @property
    def models_file(self) -> Path:
        """The file of the model endpoints, whether it is there or not."""
        return Path(self.models) if self.models else self.home / "models.yaml"

    @property
    def literature(self) -> Path:
        """The folder of the full-text indexes, which can be made anew at any time."""
        return self.home / "literature"

    @property
    def owner_token(self) -> Path:
        """The file of the owner's token, readable by its owner alone."""
        return self.home / "owner.token"
