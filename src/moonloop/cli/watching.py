"""Following a campaign: one sentence per event that matters to a person, and a bar while a person looks."""

import logging
import time
from collections.abc import Callable, Generator
from threading import Event
from typing import Any

import httpx
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from moonloop.cli import agents
from moonloop.client.http import Connection, asking_again_helps, problem_of
from moonloop.client.session import connect
from moonloop.client.terminal import console, print_json, say, visible
from moonloop.domain.errors import MoonloopError
from moonloop.domain.facts import CampaignSummary, JournalEntry
from moonloop.domain.lifecycles import CampaignState

__all__ = ["Watcher", "follow", "sentence", "watch"]

_log = logging.getLogger(__name__)

_AGAIN_S = 0.5
_LAST = "campaign.e"
"""The last entry of a campaign's journal."""
_CLOSED = "cycle.closed"


def follow(
    server: Connection, campaign: str, after: int = 0, stop: Event | None = None
) -> Generator[JournalEntry | None]:
    """Yield the campaign's journal as it grows; None when all is told. A cut connection is made again."""
    while stop is None or not stop.is_set():
        try:
            for entry in _events(server, campaign, after):
                if entry is not None:
                    after = entry.number
                yield entry
        except httpx.TransportError as error:
            _log.info("%s", error)
        except MoonloopError as error:
            if not asking_again_helps(error):
                raise
            _log.info("%s", error)
        time.sleep(_AGAIN_S)


def _events(server: Connection, campaign: str, after: int) -> Generator[JournalEntry | None]:
    with server.stream("/v1/journal/stream", campaign=campaign, after=after) as response:
        if response.is_error:
            response.read()
            raise problem_of(response)
        for line in response.iter_lines():
            if line.startswith("data: "):
                yield JournalEntry.model_validate_json(line.removeprefix("data: "))
            elif line.startswith(":"):
                yield None


class Watcher:
    """Prints what happens in a campaign until it is done."""

    def __init__(self, server: Connection, campaign: str, *, as_json: bool = False) -> None:
        self._server = server
        self._campaign = campaign
        self._as_json = as_json
        self._summary = server.get(f"/v1/campaigns/{campaign}", CampaignSummary)
        self._bar = None if as_json or not console.is_terminal else _Bar(self._summary)

    def run(
        self, on_event: Callable[[JournalEntry], None] | None = None, stop: Event | None = None
    ) -> CampaignSummary:
        """Follow the campaign; `on_event` may talk to the person who watches. Return the last summary."""
        try:
            for entry in follow(self._server, self._campaign, stop=stop):
                if entry is not None:
                    _tell(entry, self._as_json)
                self._look(entry)
                self._tell_best(entry)
                if self._is_over(entry):
                    break
                if entry is not None and on_event is not None:
                    on_event(entry)
        finally:
            self.hide()
        return self._summary

    def _is_over(self, entry: JournalEntry | None) -> bool:
        # What the summary says may be ahead of what was told: the last entry ends it, or a silence after it.
        return self._summary.state is CampaignState.DONE and (entry is None or entry.what == _LAST)

    def _tell_best(self, entry: JournalEntry | None) -> None:
        if self._as_json or entry is None or entry.what != _CLOSED:
            return
        summary, cycle = self._summary, int(_number(entry))
        # The summary is of now: of cycles long past it does not know what was best then.
        if summary.best_value is not None and summary.cycle - cycle <= 1:
            best = f"{summary.best_key}, {summary.best_value:.4g} {summary.unit}".rstrip()
            _say_at(entry, f"Cycle {cycle} is done; best so far: {best}")

    def hide(self) -> None:
        """Take the bar away, to let somebody type."""
        if self._bar is not None:
            self._bar.stop()

    def _look(self, entry: JournalEntry | None) -> None:
        if self._bar is None and entry is not None and entry.what not in (_LAST, _CLOSED):
            return
        try:
            self._summary = self._server.get(f"/v1/campaigns/{self._campaign}", CampaignSummary)
        except MoonloopError as error:
            if not asking_again_helps(error):
                raise
            return
        if self._bar is not None:
            self._bar.show(self._summary)


def watch(campaign: str, *, as_json: bool) -> CampaignSummary:
    """Print what happens until the campaign is done; return its last summary."""
    with connect() as server:
        return Watcher(server, campaign, as_json=as_json).run()


def _tell(entry: JournalEntry, as_json: bool) -> None:
    if as_json:
        print_json(entry, in_one_line=True)
        return
    words = sentence(entry)
    if words:
        _say_at(entry, words)


def _say_at(entry: JournalEntry, words: str) -> None:
    # One line: what others wrote must not look like an entry of its own.
    say(f"{entry.at.astimezone():%H:%M:%S}  {visible(words)}")


def _number(entry: JournalEntry) -> str:
    return entry.subject.rpartition("/")[2]


class _Bar:
    """One line at the bottom that says how far things are."""

    def __init__(self, summary: CampaignSummary) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(30), MofNCompleteColumn(), TimeElapsedColumn(),
            console=console, transient=True,
        )  # fmt: skip
        self._task = self._progress.add_task("", total=summary.experiments_limit)

    def show(self, summary: CampaignSummary) -> None:
        """Bring the line up to date."""
        self._progress.start()
        best = "" if summary.best_value is None else f" · best {summary.best_value:.3f} {summary.unit}"
        words = (
            summary.waiting_for if summary.state is CampaignState.PAUSED else f"cycle {summary.cycle}{best}"
        )
        self._progress.update(self._task, completed=summary.experiments_done, description=words)

    def stop(self) -> None:
        """Remove the line."""
        self._progress.stop()


_SENTENCES: dict[str, str] = {
    "campaign.a": "Campaign started by {who}.",
    "campaign.b": "Paused: {reason}",
    "campaign.c": "Resumed by {who}.",
    "campaign.d": "Stopping: {reason}",
    "campaign.e": "Done; the report is written.",
    "cycle.opened": "Cycle {number} ({purpose}) begins.",
    "hypothesis.registered": "Hypothesis {subject} registered, proposed by {proposer}.",
    "hypothesis.b": "Verdict on {subject}: {after}.",
    "plan.recorded": "Plan {subject} with {jobs} runs, sha256 {sha256:.12}…",
    "review.opened": "",
    "review.a": "Plan approved by {by}.",
    "review.r": "Plan rejected by {who}: {comment}",
    "review.x": "Review {subject} is out of time.",
    "review.v": "Approval revoked by {who}: {comment}",
    "review.reminded": "Still waiting for a decision: moonloop review show {subject}",
    "incident.opened": "A started job was lost: moonloop incident show {subject}",
    "incident.s": "Incident {subject} settled by {by}: {resolution}.",
    "refused": "Refused: {reason}",
    "result.quarantined": "A late result of {subject} is kept in quarantine.",
    "budget.changed": "Budget {subject} changed from {from} to {to} by {who}.",
    "hold.set": "On hold by {who}: {reason}",
    "hold.released": "Hold lifted by {who}: {reason}",
}


_OF_AGENTS = ("agent.opened", "agent.closed")

_NOBODY = "policy none"
"""Who approves where the campaign's policy asks for no review."""


def sentence(entry: JournalEntry) -> str:
    """Return an entry in words; empty for those that only machines care about."""
    words = _SENTENCES.get(entry.what, "")
    if entry.what in _OF_AGENTS:
        return _of_agent(entry)
    if entry.what == "review.a" and entry.facts.get("by") == _NOBODY:
        words = "The plan needs no approval ({by})."
    facts: dict[str, Any] = {
        **entry.facts,
        "who": entry.who,
        "subject": entry.subject,
        "after": entry.after,
        "number": _number(entry),
    }
    try:
        return words.format_map(facts)
    except (KeyError, ValueError):
        return f"{entry.what} {entry.subject}"


def _of_agent(entry: JournalEntry) -> str:
    try:
        return agents.sentence(entry)
    except (KeyError, ValueError):
        return f"{entry.what} {entry.subject}"
