"""The reference is complete and true: it is compared with the code it describes."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.generated import REGIONS, commands, openapi, region, written
from docs.pages import PAGES, ROOT, page
from moonloop.client.terminal import EXIT_CODES
from moonloop.domain.access import EVERYTHING
from moonloop.service.settings import Settings

_GENERAL = {"--version", "COMMAND"}
"""What stands in a page for any command, or for none."""
_VARIABLE = re.compile(r"MOONLOOP_[A-Z][A-Z_]*[A-Z]")


@pytest.mark.parametrize("name", sorted(REGIONS))
def test_tables_are_those_of_the_code(name: str) -> None:
    """Commands, settings, fields, calls and errors stand in the reference as they are in the code.

    When this fails, run `python tests/docs/generated.py`.
    """
    assert region(name) == written(name)


def _variables_read() -> set[str]:
    settings = {f"MOONLOOP_{name.upper()}" for name in Settings.model_fields}
    files = [
        file for folder in ("src", "benchmarks", "requirements") for file in (ROOT / folder).rglob("*.py")
    ]
    return settings | {found for file in files for found in _VARIABLE.findall(file.read_text())}


def test_every_variable_of_the_environment_is_documented() -> None:
    """The page of settings has every MOONLOOP_ variable that something reads, and no other."""
    documented = set(_VARIABLE.findall(page("docs/reference/settings.md").text))
    assert _variables_read() == documented


def test_exit_codes_are_those_of_the_help() -> None:
    """The table of exit codes lists just the codes that the help text does."""
    told = {int(code) for code in re.findall(r"(?<![\d])(\d+) [a-z]", EXIT_CODES)}
    listed = {
        int(code) for code in re.findall(r"^\| (\d+) \|", page("docs/reference/cli.md").text, re.MULTILINE)
    }
    assert told == listed


def test_reasons_for_refusing_a_start_are_those_of_the_gate() -> None:
    """The protocol page lists every reason that the gate gives, and no other."""
    gate = (ROOT / "src/moonloop/store/gate.py").read_text()
    given = set(re.findall(r'Refused\(\s*"([a-z_]+)"', gate))
    section = page("docs/reference/robot-protocol.md").text.partition("## Why a start is refused")[2]
    listed = set(re.findall(r"^\| `([a-z_]+)` \|", section.partition("\n## ")[0], re.MULTILINE))
    assert given == listed


def test_scopes_are_those_of_tokens() -> None:
    """The operator's table lists every scope that a token may have."""
    section = page("docs/how-to/operate.md").text.partition("| scope | allows |")[2]
    listed = set(re.findall(r"^\| `([a-z]+)` \|", section.partition("\n\n")[0], re.MULTILINE))
    assert {scope.value for scope in EVERYTHING} == listed


def _commands_named() -> Iterator[tuple[str, str]]:
    for one in PAGES:
        if one.path.parent.name != "adr":
            texts = re.findall(r"`(moonloop [^`]+)`", one.prose)
            texts += [
                found
                for block in one.blocks
                for found in re.findall(r"^\$ (moonloop .+)$", block.text, re.MULTILINE)
            ]
            yield from ((one.name, text) for text in texts)


def _command(text: str) -> list[str]:
    """Return the words of the command alone: without what the shell does, and without `-v`."""
    alone = re.split(r"[;&|>]", text)[0].split('"')[0]
    return [word for word in alone.split()[1:] if word != "-v"]


def _named(words: list[str]) -> str:
    return next((name for name in (" ".join(words[:2]), words[0]) if name in commands()), "")


def test_commands_that_pages_name_exist() -> None:
    """Every `moonloop …` that a page names is a command that is there."""
    named = [(name, text, _command(text)) for name, text in _commands_named()]
    assert [] == [
        (name, text) for name, text, words in named if words[0] not in _GENERAL and not _named(words)
    ]


def test_options_that_pages_name_exist() -> None:
    """Every option that a page gives to a command is one that it has."""
    unknown: list[str] = []
    for name, text in _commands_named():
        words = _command(text)
        if words[0] not in _GENERAL:
            known = {option for one in commands()[_named(words)].params for option in one.opts}
            given = {word.partition("=")[0] for word in words if word.startswith("-")}
            unknown += [f"{name}: {text}" for _ in given - known]
    assert [] == unknown


def test_make_targets_that_pages_name_exist() -> None:
    """Every `make …` that a page names is a target of the Makefile."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {target for one in PAGES for target in re.findall(r"(?:`|\$ )make ([a-z-]+)", one.text)}
    assert set() == named - targets
    assert {"demo", "test", "test-vllm"} <= named


def test_the_map_of_the_rooms_is_complete() -> None:
    """The README's table has a row for every package."""
    packages = {path.parent.name for path in (ROOT / "src/moonloop").glob("*/__init__.py")}
    listed = {Path(target).name for target in page("README.md").links if target.startswith("src/moonloop/")}
    assert packages == listed


def test_the_calls_are_all_of_them() -> None:
    """The protocol page has a row for every path of the OpenAPI document."""
    listed = set(re.findall(r"^\| `[A-Z]+ (/\S+)` \|", written("calls"), re.MULTILINE))
    assert set(openapi()["paths"]) == listed
