"""A campaign goes from one laboratory to another by two commands, or not at all."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from moonloop.service.settings import Settings
from support.campaigns import CAMPAIGN
from support.devices import Site
from support.finished import finish_campaign
from support.terminal import Terminal

Spoil = Callable[[bytes], bytes]


def _bomb(_body: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("artifacts/" + "0" * 64, b"\0" * (4 << 20))
    return out.getvalue()


SPOILT: dict[str, Spoil] = {
    "tampered": lambda body: body[: len(body) // 3] + b"\xff" + body[len(body) // 3 + 1 :],
    "truncated": lambda body: body[: len(body) // 2],
    "a bomb": _bomb,
    "empty": lambda _: b"",
}


@pytest.fixture
def exported(terminal: Terminal, site: Site, settings: Settings) -> Path:
    """The export of a campaign that is done."""
    finish_campaign(site, settings)
    terminal.done("campaign", "export", CAMPAIGN, "--to", "all.zip")
    return Path("all.zip")


@pytest.fixture
def far(elsewhere: Callable[[], Site], exported: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """The other laboratory; from here on the terminal talks to it."""
    assert exported.exists()
    site = elsewhere()
    monkeypatch.setenv("MOONLOOP_URL", site.url)
    monkeypatch.setenv("MOONLOOP_TOKEN", site.owner.headers["Authorization"].removeprefix("Bearer "))
    return site


def test_what_was_exported_is_imported(terminal: Terminal, exported: Path, far: Site) -> None:
    """Its report is the same file there; a second time it is there already."""
    terminal.done("campaign", "import", str(exported))

    terminal.done("campaign", "report", CAMPAIGN, "--to", "there.html")
    assert b"All is well" in Path("there.html").read_bytes()
    assert 5 == terminal("campaign", "import", str(exported)).code
    assert [CAMPAIGN] == [one["id"] for one in far.owner.get("/v1/campaigns").json()]


@pytest.mark.parametrize("how", SPOILT)
def test_what_was_spoilt_is_not_imported(terminal: Terminal, exported: Path, far: Site, how: str) -> None:
    """3, a sentence, and nothing of it is there."""
    exported.write_bytes(SPOILT[how](exported.read_bytes()))

    said = terminal("campaign", "import", str(exported))

    assert (3, "") == (said.code, said.out)
    assert said.err.startswith("moonloop: ")
    assert [] == far.owner.get("/v1/campaigns").json()
