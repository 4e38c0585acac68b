"""A reader's terminals for the pages that are followed."""

from collections.abc import Generator
from pathlib import Path

import pytest

from docs.console import Console


@pytest.fixture
def console(tmp_path: Path) -> Generator[Console]:
    """Terminals in an empty home; whatever they run is ended."""
    with Console(tmp_path) as opened:
        yield opened
