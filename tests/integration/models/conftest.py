"""The commands of `moonloop models`, by themselves."""

from collections.abc import Callable
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from moonloop.agents import models_commands
from moonloop.domain.errors import MoonloopError

RUN = CliRunner(env={"COLUMNS": "300", "NO_COLOR": "1"})


@pytest.fixture
def models() -> Callable[..., Any]:
    """Run a command of `moonloop models`; an error of Moonloop's is raised."""
    app = typer.Typer()
    models_commands.add_to(app)

    def run(*words: str) -> Any:
        result = RUN.invoke(app, ["models", *words])
        if isinstance(result.exception, MoonloopError):
            raise result.exception
        return result

    return run
