"""Agents at the terminal, from a real server: listed, read, shown and watched."""

import json
from pathlib import Path

import pytest

from moonloop.domain.agent_words import SCRIPTED
from moonloop.domain.facts import AgentFact
from moonloop.store import tables as t
from support.campaigns import CAMPAIGN, make_spec
from support.devices import Site
from support.terminal import Terminal
from support.thinking import Thinking

BODY = b"Nitriles raise the potential.\n"


def test_threads_are_listed_and_read(terminal: Terminal, thought: Thinking) -> None:
    """The list says how to read one, and what is read is fenced and labelled."""
    listed = terminal.done("campaign", "transcript", thought.bench.campaign)
    command = listed.out.splitlines()[-1].partition("moonloop ")[2]

    told = terminal.done(*command.split(), "--full").out

    assert thought.id in listed.out
    assert f"The proposer of cycle 1 (scripted-one ({SCRIPTED})) has decided." in told
    assert "  │ Plan approved by olga." in told.splitlines()
    assert [] == [sign for sign in ("\x1b", "\x07") if sign in told]


def test_programs_get_the_list_as_json(terminal: Terminal, thought: Thinking) -> None:
    """The facts as the server has them."""
    (said,) = terminal.done("campaign", "transcript", thought.bench.campaign, "--json").json

    assert thought.id == AgentFact.model_validate(said).thread


def test_a_campaign_without_agents_has_no_threads(terminal: Terminal) -> None:
    """That is said, and `show` says nothing of agents or their tokens."""
    assert "No agent has had a task" in terminal.done("campaign", "transcript", CAMPAIGN).out
    told = terminal.done("campaign", "show", CAMPAIGN).out
    assert "AGENT" not in told
    assert "tokens" not in told


def test_a_thread_that_is_not_there_is_told(terminal: Terminal) -> None:
    """With the exit code of what was not found."""
    said = terminal("campaign", "transcript", CAMPAIGN, "thr_0000000000000001_0001_critic")

    assert 4 == said.code
    assert "thr_0000000000000001_0001_critic" in said.err


def test_show_tells_of_the_agents(terminal: Terminal, thought: Thinking) -> None:
    """Who had a task in the last cycle, and what it took of which line."""
    told = terminal.done("campaign", "show", thought.bench.campaign).out

    lines = [" ".join(line.split()) for line in told.splitlines()]
    assert f"proposer scripted-one ({SCRIPTED}) decided 240 (160 cached) 1 EUR" in lines
    assert "tokens 240 0 100000 1" in lines


def _campaign(**document: str) -> str:
    spec = make_spec().model_dump(mode="json", exclude={"documents"})
    brought = spec | {"documents": [{"name": "Smith 2019"} | document]}
    Path("campaign.json").write_text(json.dumps(brought))
    return "campaign.json"


def test_documents_are_brought_before_the_campaign_starts(terminal: Terminal, site: Site) -> None:
    """Once: a second campaign with the same document brings nothing."""
    Path("papers").mkdir()
    Path("papers/smith.txt").write_bytes(BODY)
    file = _campaign(path="papers/smith.txt")

    first = terminal.done("campaign", "start", file).out
    again = terminal.done("campaign", "start", file).out

    assert ("Brought smith.txt.", "Started ") == (first.splitlines()[0], first.splitlines()[1][:8])
    assert "Brought" not in again
    campaign = first.splitlines()[1].split()[1].rstrip(":")
    spec = site.owner.get(f"/v1/campaigns/{campaign}/facts").json()["spec"]
    assert ["text/plain"] == [one["media_type"] for one in spec["documents"]]
    assert BODY == site.owner.get(f"/v1/artifacts/{spec['documents'][0]['sha256']}").content


def test_a_program_that_starts_a_campaign_reads_one_document(terminal: Terminal) -> None:
    """What was brought is not said between the JSON."""
    Path("smith.txt").write_bytes(BODY)

    assert (
        "running" == terminal.done("campaign", "start", _campaign(path="smith.txt"), "--json").json["state"]
    )


def test_a_document_that_nobody_brought_keeps_the_campaign_from_starting(terminal: Terminal) -> None:
    """The server says which."""
    said = terminal("campaign", "start", _campaign(sha256="0" * 64, media_type="text/plain"))

    assert 3 == said.code
    assert "documents[0]: the bytes of “Smith 2019” are not here" in " ".join(said.err.split())


@pytest.mark.parametrize("kind", ["pdf", "txt", "md", "bib"])
def test_a_file_with_documents_is_valid_without_bringing_them(
    terminal: Terminal, site: Site, kind: str
) -> None:
    """`validate` looks and changes nothing."""
    Path(f"smith.{kind}").write_bytes(BODY)

    terminal.done("campaign", "validate", _campaign(path=f"smith.{kind}"))

    assert 0 == site.bench.count(t.artifacts)
