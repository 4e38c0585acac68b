"""A port that is chosen now is still free when it is listened on."""

import socket

import pytest

from moonloop.embedded.temporal import free_port, taken

_EPHEMERAL = 32_768
"""Where the ports of outgoing connections begin on Linux; elsewhere higher."""


def test_no_outgoing_connection_takes_it() -> None:
    """It is below the ports that the system gives to connections by itself."""
    assert [] == [port for port in (free_port() for _ in range(50)) if not 1024 <= port < _EPHEMERAL]


def test_a_port_that_is_listened_on_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where all of the good ones are taken, the system chooses."""
    with socket.create_server(("127.0.0.1", free_port())) as listener:
        port = listener.getsockname()[1]
        monkeypatch.setattr("moonloop.embedded.temporal.server._PORTS", (port,))

        assert taken(port)
        assert port != free_port()
    assert port == free_port()


def test_a_port_that_is_meant_for_another_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens there yet, but somebody will."""
    first, second = free_port(), free_port()
    monkeypatch.setattr("moonloop.embedded.temporal.server._PORTS", (first, second))

    assert second == free_port(first)
