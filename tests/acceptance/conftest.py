"""What the acceptance tests share: the whole system in processes of its own, which nobody outlives."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from support.site import OpenSite, Site, leftover, open_site


@asynccontextmanager
async def _leaving_nothing(home: Path, **how: Any) -> AsyncGenerator[Site]:
    async with open_site(home, **how) as site:
        yield site
    assert [] == leftover(home)


@pytest.fixture
def open_a_site(tmp_path: Path) -> OpenSite:
    """Open the system in a folder of its own; when it is closed, none of its processes is left."""
    return partial(_leaving_nothing, tmp_path / "home")
