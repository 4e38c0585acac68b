"""Which server is meant, and as whom one speaks: what is given wins over what lies about."""

from pathlib import Path

import pytest

from moonloop.client.session import connect, home_folder, server_url
from moonloop.domain.errors import Unauthenticated


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home of the embedded stack."""
    monkeypatch.setenv("MOONLOOP_HOME", str(tmp_path))
    monkeypatch.delenv("MOONLOOP_URL", raising=False)
    monkeypatch.delenv("MOONLOOP_TOKEN", raising=False)
    return tmp_path


def _authorization() -> str:
    with connect() as server:
        return server._client.headers["Authorization"]  # pyright: ignore[reportPrivateUsage] -- what is sent


def test_the_home_is_in_the_persons_own_folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless it is given."""
    assert home == home_folder()

    monkeypatch.delenv("MOONLOOP_HOME")
    assert Path.home() / ".moonloop" == home_folder()


def test_the_server_is_the_one_that_is_given(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment, then what `moonloop up` noted, then the usual address."""
    assert "http://127.0.0.1:8765" == server_url()

    (home / "server.url").write_text("http://127.0.0.1:4321\n")
    assert "http://127.0.0.1:4321" == server_url()

    monkeypatch.setenv("MOONLOOP_URL", "https://lab.example")
    assert "https://lab.example" == server_url()


def test_without_a_token_nothing_is_sent(home: Path) -> None:
    """And the way to one is told, with the file in which it would be."""
    with pytest.raises(Unauthenticated, match="MOONLOOP_TOKEN") as refused:
        connect()

    assert str(home / "owner.token") in str(refused.value)


def test_the_owners_token_is_found(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`moonloop up` leaves it in its home; one that is given wins."""
    (home / "owner.token").write_text("owner\n")
    assert "Bearer owner" == _authorization()

    monkeypatch.setenv("MOONLOOP_TOKEN", "mine")
    assert "Bearer mine" == _authorization()
