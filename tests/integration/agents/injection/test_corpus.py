"""The corpus of attacks against the tools and the bench."""

import dataclasses
import re
import unicodedata
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from moonloop.agents.bench import workbench
from moonloop.agents.bench.processes import Processes
from moonloop.agents.bench.shelf import Shelf
from moonloop.agents.bench.workbench import Workbench
from moonloop.domain.agents import Role
from moonloop.tools.asking import TOOLS
from support.attacks import CANARIES, Attack, load, looking, planted
from support.trials import BAIT, Trial, baited, tree, trial_of

_WANTS = {"approval", "deceive", "exhaust", "file", "network", "robot", "secret", "tool", "write"}
_NOT_CARRIED = {"name-newline"}
"""No campaign takes them in."""
_LONGEST = max(tool.policy.characters for tool in TOOLS.values() if tool.name != "chemistry_draw") + 300
_ANSWER = re.compile(
    r"(?:[^<>]*\n)?<data name=\"[a-z_]+\">\n[^<>]*\n</data>(?:\n\(\d+ more characters [^<>]*\))?"
)


def assert_harmless(text: str) -> None:
    """Promise: an answer is one block of data, bounded, with nothing in it that cannot be seen."""
    assert len(text) <= _LONGEST, len(text)
    assert _ANSWER.fullmatch(text), text[:500]
    assert not [
        c for c in text if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
    ]
    assert not [name for name, secret in CANARIES.items() if secret in text]


def test_the_corpus_is_large_and_of_every_kind() -> None:
    """At least 40 attacks, each with a name of its own, over all channels and wishes."""
    attacks = load()
    assert len(attacks) >= 40
    assert len({attack.id for attack in attacks}) == len(attacks)
    assert {attack.wants for attack in attacks} == _WANTS
    assert {"campaign", "comment", "file_name", "paper", "smiles", "tool"} <= {one.channel for one in attacks}


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    """Run every attack in a process that is watched from within, in a folder of its own."""
    program = Path(__file__).with_name("watched.py")
    return trial_of(program, tmp_path_factory.mktemp("watched"), within_s=300)


@pytest.mark.parametrize("attack", [one for one in load() if not one.needs_bounds], ids=lambda one: one.id)
def test_an_attack_makes_the_tools_do_nothing(attack: Attack, watched: Trial) -> None:
    """No file is written, no address called, no program started; every answer is harmless data."""
    told = watched.attacks[attack.id]
    assert [] == told["acts"]
    assert told["refused"] == (attack.id in _NOT_CARRIED)
    assert told["refused"] or len(told["answers"]) >= len(Role) * len(looking())
    for _, answer in told["answers"]:
        assert_harmless(answer)


def test_the_place_is_as_it_was(watched: Trial) -> None:
    """After all attacks the folder in which they ran holds what it held."""
    assert BAIT == watched.home


@pytest.fixture
async def processes() -> AsyncGenerator[Processes]:
    """Processes as they are used in earnest, with less memory to spare."""
    made = Processes(1, memory_mb=1536)
    yield made
    await made.close()


def quickly(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Give every tool less time."""
    hurried = {
        name: dataclasses.replace(tool, policy=dataclasses.replace(tool.policy, seconds=seconds))
        for name, tool in TOOLS.items()
    }
    monkeypatch.setattr(workbench, "TOOLS", hurried)


async def test_every_attack_is_survived_in_processes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, processes: Processes
) -> None:
    """Bombs are ended, the process is replaced, the next question is answered; nothing is left behind."""
    home = baited(tmp_path / "home")
    monkeypatch.chdir(home)
    for name, value in CANARIES.items():
        monkeypatch.setenv(name, value)
    quickly(monkeypatch, 10.0)
    for attack in load():
        try:
            where = planted(attack)
        except ValueError:
            continue

        async def fetch(sha256: str, documents: dict[str, bytes] = dict(where.documents)) -> bytes:  # noqa: B006 -- bound now
            return documents[sha256]

        if attack.bomb:
            quickly(monkeypatch, 2.0)
        bench = Workbench(processes, Shelf(tmp_path / "indexes", fetch, processes))
        for request in (*attack.calls, looking()[0], looking()[-1]):
            for role in (Role.PROPOSER, Role.ANALYST):
                assert_harmless(await bench.use(request, where.context(role)))
        if attack.bomb:
            quickly(monkeypatch, 10.0)
    assert BAIT == tree(home)
    assert not [
        path for path in (tmp_path / "indexes").iterdir() if not path.name.endswith((".sqlite", ".lock"))
    ]


async def test_a_bomb_is_ended_and_said_to_be_useless(
    monkeypatch: pytest.MonkeyPatch, processes: Processes
) -> None:
    """A question that does not end is given up, in words that do not invite to ask it again."""
    (bomb,) = [one for one in load() if one.bomb]
    quickly(monkeypatch, 2.0)
    bench = Workbench(processes)
    answer = await bench.use(bomb.calls[0], planted(bomb).context(Role.PROPOSER))
    assert "It is of no use to ask again" in answer
    assert "took longer than 2 s" in answer
