"""What the tests of the loop share: a laboratory for each."""

from collections.abc import AsyncGenerator

import pytest_asyncio

from support.lab import Lab, OpenLab
from support.lab_fixtures import open_a_lab, scientist, temporal

__all__ = ["lab", "open_a_lab", "scientist", "temporal"]


@pytest_asyncio.fixture
async def lab(open_a_lab: OpenLab) -> AsyncGenerator[Lab]:
    """A laboratory."""
    async with open_a_lab() as opened:
        yield opened
