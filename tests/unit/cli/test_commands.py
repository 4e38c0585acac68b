"""Every command has help, takes `--json`, and completes; programs and people find the same ones."""

import re

import pytest

from moonloop import __version__
from support.terminal import Terminal, commands

COMMANDS = commands()
ENDLESS = {"serve", "worker", "relay", "tools mcp"}
"""They go on until stopped, and print their log, or speak MCP: there is no answer to put into JSON."""
PROMISED = {
    "up", "demo", "doctor", "hold", "release",
    *(f"campaign {verb}" for verb in (
        "validate", "schema", "start", "list", "show", "watch", "pause", "resume", "stop", "report", "export",
        "import",
    )),
    *(f"review {verb}" for verb in ("list", "show", "approve", "reject")),
    *(f"robot {verb}" for verb in ("enroll", "run", "list")),
    *(f"incident {verb}" for verb in ("list", "show", "reconcile")),
}  # fmt: skip


def test_what_is_promised_is_there() -> None:
    """A laboratory's scripts can count on these names."""
    assert set() == PROMISED - set(COMMANDS)


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - ENDLESS))
def test_a_command_takes_json(name: str) -> None:
    """Whatever a person can ask, a program can."""
    assert ["--json"] == [
        option for parameter in COMMANDS[name].params for option in parameter.opts if option == "--json"
    ]


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_command_says_what_it_does(name: str, terminal: Terminal) -> None:
    """The first line of its help is a sentence, and each option and argument is explained."""
    said = terminal.done(*name.split(), "--help")

    first = (COMMANDS[name].help or "").splitlines()[0]
    assert re.fullmatch(r"[A-Z].*\.", first), first
    assert first in said.out
    for parameter in COMMANDS[name].params:
        assert getattr(parameter, "help", None), f"{name}: {parameter.name}"


@pytest.mark.parametrize("group", sorted({name.split()[0] for name in COMMANDS if " " in name}))
def test_a_group_lists_its_commands(group: str, terminal: Terminal) -> None:
    """Called alone it says what there is; that is a command misspelt."""
    said = terminal(group)

    assert 2 == said.code
    for name in COMMANDS:
        if name.startswith(f"{group} "):
            assert name.split()[1] in said.out + said.err


def test_the_exit_codes_are_in_the_help(terminal: Terminal) -> None:
    """Who writes a script need not look into the source."""
    out = " ".join(terminal.done("--help").out.split())

    assert "Exit codes: 0 done; 1 a fault" in out
    for code in (2, 3, 4, 5, 6, 130):
        assert f"; {code} " in out


def test_the_version_is_told(terminal: Terminal) -> None:
    """The version that is installed."""
    assert f"moonloop {__version__}\n" == terminal.done("--version").out


def test_completion_is_a_script(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """What bash is given names the command and how to ask it."""
    monkeypatch.setenv("_MOONLOOP_COMPLETE", "source_bash")
    out = terminal("--show-completion").out

    assert "complete -o default -F _moonloop_completion moonloop" in out
    assert "_MOONLOOP_COMPLETE=complete_bash" in out


@pytest.mark.parametrize(
    ("typed", "offered"),
    [("moonloop camp", {"campaign"}), ("moonloop campaign re", {"report", "resume"}),
     ("moonloop robot code ", {"physical", "computational", "simulated"}),
     ("moonloop campaign show --j", {"--json"})],
)  # fmt: skip
def test_what_is_begun_is_completed(
    typed: str, offered: set[str], terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Commands, their options, and the values of those that have a few."""
    monkeypatch.setenv("_MOONLOOP_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", typed)
    monkeypatch.setenv("COMP_CWORD", str(len(typed.split(" ")) - 1))

    assert offered == set(terminal().out.split())


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_no_two_options_of_a_command_are_called_alike(name: str) -> None:
    """Of two that were, one could not be given."""
    options = [option for parameter in COMMANDS[name].params for option in parameter.opts]

    assert sorted(set(options)) == sorted(options)
