"""Fetch the Temporal server by the SDK's own means, where that is allowed."""

import asyncio
from datetime import timedelta
from pathlib import Path

import httpx
from temporalio.testing import WorkflowEnvironment

from moonloop.domain.errors import SetupProblem
from moonloop.embedded.temporal.building import VERSION, Say

__all__ = ["download_with_sdk"]

_SOURCE = "https://temporal.download"
_REACHED_WITHIN_S = 5.0
_FETCHED_WITHIN_S = 300.0
_STARTED_WITHIN = timedelta(seconds=40)


def download_with_sdk(folder: Path, say: Say) -> Path:
    """Fetch the server into an empty folder, start it once to see that it runs, and return its path.

    Raises:
        SetupProblem: the source cannot be reached in 5 s, refuses, or takes longer than 5 minutes.
    """
    try:
        httpx.head(_SOURCE, timeout=_REACHED_WITHIN_S)  # any answer will do; the SDK itself waits for ever
        say(f"Downloading the Temporal server {VERSION} from {_SOURCE}.")
        asyncio.run(_fetch(folder))
    except (httpx.HTTPError, OSError, RuntimeError) as error:
        why = str(error) or type(error).__name__
        raise SetupProblem(
            problem=f"The Temporal server cannot be downloaded from {_SOURCE}: {why}.",
            remedy="Check the network, or have it built with Go.",
        ) from error
    return next(file for file in folder.iterdir() if file.is_file())


async def _fetch(folder: Path) -> None:
    async with asyncio.timeout(_FETCHED_WITHIN_S):
        environment = await WorkflowEnvironment.start_local(  # pyright: ignore[reportUnknownMemberType]  an SDK default
            download_dest_dir=str(folder),
            dev_server_download_version=f"v{VERSION}",
            dev_server_startup_timeout=_STARTED_WITHIN,
        )
    await environment.shutdown()
