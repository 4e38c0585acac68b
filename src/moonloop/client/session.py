"""Which server, and as whom: from options, the environment, or the files that `moonloop up` left."""

import os
from pathlib import Path

from moonloop.client.http import Connection
from moonloop.domain.errors import Unauthenticated

__all__ = ["connect", "home_folder", "server_url"]

_DEFAULT_URL = "http://127.0.0.1:8765"


def home_folder() -> Path:
    """Return the folder of the embedded stack: `MOONLOOP_HOME`, else `~/.moonloop`."""
    given = os.environ.get("MOONLOOP_HOME")
    return Path(given) if given else Path.home() / ".moonloop"


def server_url() -> str:
    """Return the server: `MOONLOOP_URL`, else the one that `moonloop up` serves, else the usual address."""
    given = os.environ.get("MOONLOOP_URL")
    noted = home_folder() / "server.url"
    return given or (noted.read_text().strip() if noted.exists() else _DEFAULT_URL)


def connect() -> Connection:
    """Connect with `MOONLOOP_TOKEN`, else with the owner's token of the embedded stack."""
    return Connection(server_url(), _token())


def _token() -> str:
    given = os.environ.get("MOONLOOP_TOKEN")
    if given:
        return given
    path = home_folder() / "owner.token"
    try:
        return path.read_text().strip()
    except FileNotFoundError as error:
        why = f"set MOONLOOP_TOKEN, or start a server with `moonloop up`, which makes {path}"
        raise Unauthenticated(why=why) from error
    except PermissionError as error:
        raise Unauthenticated(why=f"{path} belongs to somebody else; ask for a token of your own") from error
