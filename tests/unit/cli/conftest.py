"""A terminal without a server."""

from pathlib import Path

import pytest

from support.terminal import Terminal


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Terminal:
    """The command line, with an empty home and no server."""
    monkeypatch.setenv("MOONLOOP_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MOONLOOP_URL", raising=False)
    monkeypatch.delenv("MOONLOOP_TOKEN", raising=False)
    return Terminal(monkeypatch, capsys)
