"""A script can tell from the exit code what kind of thing went wrong."""

import pytest

from moonloop.cli import holds
from moonloop.client.terminal import explain
from moonloop.domain.errors import FAMILY, MoonloopError
from support.terminal import Terminal

MEANT = {
    401: 5, 403: 5, 404: 4, 408: 6, 409: 5, 410: 5, 413: 3, 422: 3, 429: 6, 500: 1, 501: 6, 502: 6, 503: 6,
    507: 6,
}  # fmt: skip


@pytest.mark.parametrize("slug", sorted(FAMILY))
def test_an_error_has_the_exit_code_of_its_kind(slug: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every error of the family is a sentence on the error stream and one of the documented codes."""
    error = FAMILY[slug]()

    assert MEANT[error.status] == explain(error)
    printed = capsys.readouterr()
    assert ("", f"moonloop: {error}".split()) == (printed.out, printed.err.split())


def test_an_error_of_no_known_kind_is_a_fault(capsys: pytest.CaptureFixture[str]) -> None:
    """A newer server may know errors that this client does not."""
    assert 1 == explain(MoonloopError())
    assert "moonloop: " in capsys.readouterr().err


def test_words_of_an_error_are_not_taken_for_markup(capsys: pytest.CaptureFixture[str]) -> None:
    """What a file or a server says is shown as it is."""
    explain(FAMILY["invalid-input"](where="[bold]x[/nonsense]", why="so"))

    assert "[bold]x[/nonsense]" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["campain"], ["campaign", "shwo"], ["hold"], ["demo", "--robots", "0"]])
def test_a_misspelt_command_is_told_with_code_two(terminal: Terminal, words: list[str]) -> None:
    """Nothing was done, and the usage is shown."""
    said = terminal(*words)

    assert (2, "") == (said.code, said.out)
    assert "Usage: moonloop" in said.err


def test_an_interruption_has_a_code_of_its_own(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends a command with 130, as shells have it, and without a trace of the stack."""

    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(holds, "connect", interrupted)

    said = terminal("holds")
    assert 130 == said.code
    assert "Traceback" not in said.err


def test_without_a_token_the_way_to_one_is_told(terminal: Terminal) -> None:
    """5, and what to do."""
    said = terminal("campaign", "list")

    assert (5, "") == (said.code, said.out)
    assert "MOONLOOP_TOKEN" in said.err
    assert "moonloop up" in said.err


@pytest.mark.parametrize("token", ["", "two words", "line\nbreak", "naïve"])
def test_what_cannot_be_a_token_is_not_sent(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    """A file that was pasted badly is no reason for a stack trace, nor for the secret to be shown."""
    monkeypatch.setenv("MOONLOOP_TOKEN", token)

    said = terminal("campaign", "list")
    assert 5 == said.code
    assert not token or token not in said.err


def test_a_server_that_is_not_there_is_named(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """6, and which one it was."""
    monkeypatch.setenv("MOONLOOP_TOKEN", "moonloop_token_x")
    monkeypatch.setenv("MOONLOOP_URL", "http://127.0.0.1:9")

    said = terminal("campaign", "list")
    assert (6, "") == (said.code, said.out)
    assert "http://127.0.0.1:9" in said.err


@pytest.mark.parametrize("url", ["not a url", "ftp://127.0.0.1", "http://[::1", "http://"])
def test_an_address_that_is_none_is_told(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    """A sentence, not a fault."""
    monkeypatch.setenv("MOONLOOP_TOKEN", "moonloop_token_x")
    monkeypatch.setenv("MOONLOOP_URL", url)

    said = terminal("campaign", "list")
    assert said.code in (3, 6)
    assert said.err.startswith("moonloop: ")
