"""`campaign watch` tells each thing once, outlives the server's absence, and ends with the campaign."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from moonloop.domain.canonical import seal
from moonloop.domain.history import Advice, NextStep
from moonloop.domain.lifecycles import DoneReason
from moonloop.service.settings import Settings
from moonloop.store import campaigns
from moonloop.store.artifacts import ArtifactFiles
from moonloop.store.sealing import seal_journal
from support.campaigns import CAMPAIGN
from support.devices import Site
from support.interleaving import until
from support.network import Relay, relaying
from support.terminal import Terminal

_PATIENCE_S = 30.0


class Watcher:
    """`moonloop campaign watch` in a process of its own."""

    def __init__(self, url: str, token: str, folder: Path, *options: str) -> None:
        environment = {**os.environ, "MOONLOOP_URL": url, "MOONLOOP_TOKEN": token, "COLUMNS": "200"}
        self._path = folder / "watched"
        with self._path.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "moonloop", "campaign", "watch", CAMPAIGN, *options],
                env=environment,
                stdout=out,
                stderr=out,
            )

    @property
    def lines(self) -> list[str]:
        """What it has printed, but for a line that it is in the middle of."""
        return self._path.read_text().splitlines()

    def sees(self, words: str) -> None:
        """Wait until a line has some words."""
        until(lambda: any(words in line for line in self.lines), f"the watcher sees {words!r}")

    def ended(self) -> int:
        """Wait for its end; return its exit code."""
        return self.process.wait(_PATIENCE_S)


@pytest.fixture
def relay(site: Site) -> Generator[Relay]:
    """The network between the watcher and the server."""
    with relaying(site.url) as made:
        yield made


@pytest.fixture
def watch(site: Site, relay: Relay, tmp_path: Path) -> Generator[Callable[..., Watcher]]:
    """Start a watcher with options."""
    started: list[Watcher] = []

    def start(*options: str) -> Watcher:
        token = site.owner.headers["Authorization"].removeprefix("Bearer ")
        started.append(Watcher(relay.url, token, tmp_path, *options))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait(_PATIENCE_S)


def _sealed(site: Site) -> None:
    while site.bench.do(seal_journal):
        pass


def _steered(site: Site, verb: str) -> None:
    assert site.owner.post(f"/v1/campaigns/{CAMPAIGN}/{verb}", json={"reason": "lunch"}).is_success
    _sealed(site)


def _concluded(site: Site, settings: Settings) -> None:
    site.bench.do(campaigns.stop, CAMPAIGN, DoneReason.STOPPED_BY, "enough")
    files = ArtifactFiles(settings.artifacts, settings.artifact_limit)
    assert site.bench.do(campaigns.conclude, CAMPAIGN, {"text/html": files.put("report.html", b"<p>")})
    _sealed(site)


def test_it_goes_on_where_the_connection_broke(
    site: Site, relay: Relay, watch: Callable[..., Watcher], settings: Settings
) -> None:
    """Cut off and refused for a while: nothing is missed or told twice, and it ends with the campaign."""
    _sealed(site)
    watcher = watch("--json")
    watcher.sees('"campaign.a"')
    relay.cut()
    _steered(site, "pause")
    _steered(site, "resume")
    relay.mend()
    watcher.sees('"campaign.c"')
    relay.cut()
    _concluded(site, settings)
    relay.mend()

    assert 0 == watcher.ended()
    entries = [json.loads(line) for line in watcher.lines]
    assert ["campaign.made", "campaign.a", "campaign.b", "campaign.c", "campaign.d", "campaign.e"] == [
        entry["what"] for entry in entries if entry["what"].startswith("campaign.")
    ]
    numbers = [entry["number"] for entry in entries]
    assert sorted(set(numbers)) == numbers


def test_a_person_reads_sentences_and_may_leave(site: Site, watch: Callable[..., Watcher]) -> None:
    """One line for what matters; Ctrl-C ends the watching with 130, and the campaign goes on."""
    _sealed(site)
    watcher = watch()
    _steered(site, "pause")
    watcher.sees("Paused: lunch")

    watcher.process.send_signal(signal.SIGINT)

    assert 130 == watcher.ended()
    assert "Traceback" not in "".join(watcher.lines)
    assert "paused" == site.owner.get(f"/v1/campaigns/{CAMPAIGN}").json()["state"]


def test_the_best_is_told_when_a_cycle_is_done(site: Site, watch: Callable[..., Watcher]) -> None:
    """Whoever has no bar in sight still sees what the campaign has come to."""
    site.bench.queued(1)
    advice = Advice(step=NextStep.SEARCH, sentence="on", best_key="solvent=water", best_value=61.25)
    site.bench.do(campaigns.close_cycle, CAMPAIGN, 1, seal(advice))
    _sealed(site)

    watch().sees("Cycle 1 is done; best so far: solvent=water, 61.25 %")


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_campaign_that_is_over_is_told_from_its_beginning(
    terminal: Terminal, site: Site, settings: Settings, options: list[str]
) -> None:
    """Whoever comes late sees it all, and the command ends."""
    _concluded(site, settings)

    lines = terminal.done("campaign", "watch", CAMPAIGN, *options).out.splitlines()

    first, last = (lines[0], lines[-1])
    assert ("campaign.made" if options else "Campaign started by alice.") in first
    assert ("campaign.e" if options else "Done; the report is written.") in last
