"""Campaigns over HTTP: started once, steered by whoever may, and followed entry by entry."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from moonloop.store import tables as t
from moonloop.store.sealing import seal_journal
from support.campaigns import CAMPAIGN, make_spec
from support.devices import Site, problem
from support.serving import ON_BOTH

SPEC = make_spec().model_dump(mode="json")
START = {"request_id": "request-1", "spec": SPEC}


def test_a_campaign_is_started_once(site: Site) -> None:
    """The same request again is the same campaign; the same id for another file is refused."""
    first = site.owner.post("/v1/campaigns", json=START)
    again = site.owner.post("/v1/campaigns", json=START)
    other = site.owner.post("/v1/campaigns", json=START | {"spec": SPEC | {"name": "Another"}})

    assert (201, 201) == (first.status_code, again.status_code)
    assert first.json()["id"] == again.json()["id"]
    problem(other, 409, "already-exists")
    assert 2 == site.bench.count(t.campaigns)  # the bench's own, and this one


def test_a_space_with_nothing_in_it_is_refused(site: Site) -> None:
    """What could never run is said before it starts, and nothing is left of it."""
    everything = [{"kind": "exclude", "settings": {"solvent": level}} for level in ("water", "ethanol")]
    impossible = SPEC | {"space": SPEC["space"] | {"constraints": everything}}

    problem(site.owner.post("/v1/campaigns/validate", json=impossible), 422, "space-impossible")
    problem(site.owner.post("/v1/campaigns", json=START | {"spec": impossible}), 422, "space-impossible")
    assert 1 == site.bench.count(t.campaigns)


@pytest.mark.parametrize("proposer", ["algorithmic", "proposer/small@0badc0de"])
def test_a_file_speaks_for_no_scientist_here(site: Site, proposer: str) -> None:
    """Its claims would be written in that one's record: the place is named, and nothing is started."""
    effect = {"kind": "effect", "factor": "solvent", "level_a": "water", "level_b": "ethanol"}
    claim = {"claim": effect, "statement": "So it is.", "probability": 0.9, "proposer": proposer}
    spec = SPEC | {"claims": [claim]}

    for path, body in (("/validate", spec), ("", START | {"spec": spec})):
        answer = site.owner.post(f"/v1/campaigns{path}", json=body)
        told = problem(answer, 422, "invalid-input")
        assert "claims[0].proposer" == told["facts"]["where"]
    assert 1 == site.bench.count(t.campaigns)


def test_a_survey_starts_nothing(site: Site) -> None:
    """Looking into a space tells its size and changes nothing."""
    assert 6 == site.owner.post("/v1/campaigns/validate", json=SPEC).json()["candidates"]
    assert 1 == site.bench.count(t.campaigns)


@ON_BOTH
def test_steering_twice_is_steering_once(site: Site) -> None:
    """Pause, resume and stop say where the campaign stands and why, however often they are asked."""

    def steer(verb: str) -> dict[str, Any]:
        answers = [
            site.owner.post(f"/v1/campaigns/{CAMPAIGN}/{verb}", json={"reason": "lunch"}) for _ in range(2)
        ]
        assert answers[0].json() == answers[1].json()
        return answers[0].json()

    paused = steer("pause")
    assert ("paused", True) == (paused["state"], "lunch" in paused["waiting_for"])
    assert "running" == steer("resume")["state"]
    assert ("stopping", "stopped_by") == tuple(steer("stop")[name] for name in ("state", "done_reason"))
    problem(site.owner.post(f"/v1/campaigns/{CAMPAIGN}/pause", json={}), 409, "illegal-transition")


def test_every_steering_is_in_the_journal_with_its_author(site: Site) -> None:
    """Who, what and why."""
    site.owner.post(f"/v1/campaigns/{CAMPAIGN}/pause", json={"reason": "lunch"})

    entry = site.bench.journal("campaign.b", CAMPAIGN)[0]
    assert ("olga", "lunch") == (entry.who, entry.facts["reason"])


def test_a_changed_limit_is_in_the_journal(site: Site) -> None:
    """What was allowed and what is."""
    path = f"/v1/campaigns/{CAMPAIGN}/budget"
    assert 204 == site.owner.put(path, json={"line": "experiments", "limit": 30}).status_code

    assert 30 == site.owner.get(f"/v1/campaigns/{CAMPAIGN}").json()["experiments_limit"]
    assert ["olga"] == [entry.who for entry in site.bench.journal("budget.changed")]


def test_a_report_can_be_had_at_any_time(site: Site) -> None:
    """How things stand now, for a browser and for a notebook."""
    site.bench.queued(1)

    for style, begins in (("html", "<!doctype html>"), ("md", "# A test of the ledger")):
        answer = site.owner.get(f"/v1/campaigns/{CAMPAIGN}/report", params={"style": style})
        assert answer.text.startswith(begins)


# The journal.


def _sealed(site: Site) -> int:
    while site.bench.do(seal_journal):
        pass
    return site.owner.get("/v1/health").json()["journal"]


@ON_BOTH
def test_the_journal_is_read_page_by_page(site: Site) -> None:
    """Numbers without a gap, in order, whatever the size of the page."""
    site.bench.queued(2)
    head = _sealed(site)

    found: list[int] = []
    while page := site.owner.get(
        "/v1/journal", params={"after": found[-1] if found else 0, "limit": 3}
    ).json():
        found += [entry["number"] for entry in page]

    assert list(range(1, head + 1)) == found


def test_the_journal_of_a_campaign_is_only_its_own(site: Site) -> None:
    """A reader of one campaign sees nothing of another, nor of the site."""
    _sealed(site)

    entries = site.owner.get("/v1/journal", params={"campaign": CAMPAIGN, "limit": 1000}).json()

    assert {CAMPAIGN} == {entry["campaign_id"] for entry in entries}


def _events(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


@ON_BOTH
def test_the_stream_goes_on_where_a_reader_was_cut_off(site: Site) -> None:
    """What was missed comes first, then what happens now; nothing twice and nothing left out."""
    site.bench.queued(1)
    head = _sealed(site)
    seen: list[int] = []
    with site.owner.stream("GET", "/v1/journal/stream") as answer:
        for entry in _events(answer.iter_lines()):
            seen.append(entry["number"])
            if len(seen) == head // 2:
                break

    with (
        site.owner.stream("GET", "/v1/journal/stream", headers={"Last-Event-ID": str(seen[-1])}) as answer,
        ThreadPoolExecutor(1) as aside,
    ):
        entries = _events(answer.iter_lines())
        while seen[-1] < head:
            seen.append(next(entries)["number"])
        aside.submit(site.owner.post, f"/v1/campaigns/{CAMPAIGN}/pause", json={}).result()
        last = _sealed(site)
        live = next(entries)
        seen.append(live["number"])

    assert "campaign.b" == live["what"]
    assert list(range(1, last + 1)) == seen


def test_a_stream_carries_the_number_of_each_entry(site: Site) -> None:
    """`id:` lines are what a browser sends back as `Last-Event-ID`."""
    _sealed(site)
    with site.owner.stream("GET", "/v1/journal/stream", params={"after": 1}) as answer:
        lines = answer.iter_lines()
        first = next(lines)
        assert "id: 2" == first
        assert 2 == json.loads(next(lines).removeprefix("data: "))["number"]


def test_a_server_that_ends_lets_its_readers_go(site: Site) -> None:
    """The fixture's end proves it: a server with an open stream would not come down."""
    reader = httpx.Client(base_url=site.url, headers=site.owner.headers, timeout=30)
    stream = reader.send(reader.build_request("GET", "/v1/journal/stream"), stream=True)
    assert 200 == stream.status_code
    stream.close()
    reader.close()


@pytest.mark.parametrize("request_id", ["short", "", "with space", "x" * 81])
def test_a_start_is_named_so_that_it_can_be_repeated(site: Site, request_id: str) -> None:
    """A request id has a form."""
    problem(site.owner.post("/v1/campaigns", json=START | {"request_id": request_id}), 422, "invalid-input")


@pytest.mark.parametrize(
    "change",
    [{"budget": {"experiments": 5, "wall_clock": 1e300}}, {"reviews": {"approval_lasts": "99999999999 d"}}],
)
def test_a_time_that_no_calendar_holds_is_refused(site: Site, change: dict[str, Any]) -> None:
    """A campaign whose deadline cannot be written down is not begun."""
    answer = site.owner.post("/v1/campaigns", json=START | {"spec": SPEC | change})

    problem(answer, 422, "invalid-input")
