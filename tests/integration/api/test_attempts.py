"""The life of an attempt over HTTP: every message may come twice, and only its holder may send it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from moonloop.store import tables as t
from support.devices import Device, Site, problem
from support.serving import ON_BOTH

pytestmark = pytest.mark.usefixtures("plan")

Say = Callable[[Device, dict[str, Any]], httpx.Response]

WITH_A_FENCE: dict[str, Say] = {
    "accept": lambda device, offer: device.accept(offer),
    "start": lambda device, offer: device.start(offer),
    "heartbeat": lambda device, offer: device.beat(offer),
    "release": lambda device, offer: device.release(offer),
    "finish": lambda device, offer: device.finish(offer),
}

CALLS: dict[str, Say] = {
    **WITH_A_FENCE,
    "events": lambda device, offer: device.events(offer, [{"seq": 0, "type": "note"}]),
    "artifact": lambda device, offer: device.put(offer, b"1,2\n"),
}


@pytest.fixture
def plan(site: Site) -> None:
    """Three jobs in the queue."""
    site.bench.queued(3)


@ON_BOTH
def test_an_attempt_goes_from_offer_to_result(site: Site, device: Device) -> None:
    """Accept, start, beats, an event, an artifact, the result: and the ledger tells the same story."""
    offer = device.running()
    assert 200 == device.beat(offer, step="heating", progress=0.5).status_code
    assert {"new": 1} == device.events(offer, [{"seq": 0, "type": "note", "data": {"deep": [1]}}]).json()
    ref = device.put(offer, b"1,2\n").json()
    report = {
        "outcome": "succeeded",
        "measurements": [{"name": "yield", "value": 41.5, "unit": "%", "uncertainty": 0.5}],
        "artifacts": [{"name": "trace.csv", "media_type": "text/csv", **ref}],
        "versions": {"adapter": "by hand"},
    }
    assert {"state": "succeeded"} == device.finish(offer, report).json()

    job = site.owner.get(f"/v1/campaigns/{site.bench.campaign}/facts").json()["cycles"][0]["jobs"][0]
    assert ("succeeded", offer["job_id"]) == (job["state"], job["id"])
    attempt = job["attempts"][0]
    assert (offer["attempt_id"], offer["fence"], "succeeded") == (
        attempt["id"],
        attempt["fence"],
        attempt["state"],
    )
    assert [ref["sha256"]] == [one["sha256"] for one in attempt["artifacts"]]
    assert (41.5, 0.5, "%") == tuple(job["measurements"][0][key] for key in ("value", "uncertainty", "unit"))


@pytest.mark.parametrize("verb", ["accept", "start", "heartbeat", "release", "finish"])
@ON_BOTH
def test_every_message_may_be_sent_twice(site: Site, device: Device, verb: str) -> None:
    """A robot that did not get the answer sends again, and nothing happens twice."""
    steps = {"accept": device.offered, "release": device.offered, "start": device.accepted}
    offer = steps.get(verb, device.running)()

    first = WITH_A_FENCE[verb](device, offer)
    written = site.bench.count(t.journal)
    second = WITH_A_FENCE[verb](device, offer)

    assert first.status_code == second.status_code < 300
    assert written == site.bench.count(t.journal)
    if verb in ("start", "finish"):
        assert first.content == second.content


def test_an_accept_after_the_start_changes_nothing(site: Site, device: Device) -> None:
    """Messages that overtook each other do no harm."""
    offer = device.running()

    assert 200 == device.accept(offer).status_code
    assert "running" == site.bench.state(t.attempts, offer["attempt_id"])


@pytest.mark.parametrize("verb", ["start", "heartbeat", "finish"])
def test_a_step_may_not_be_skipped(site: Site, device: Device, verb: str) -> None:
    """No start without an accept, no result without a start; a beat keeps an offer."""
    offer = device.offered()

    answer = WITH_A_FENCE[verb](device, offer)

    if verb == "heartbeat":
        assert 200 == answer.status_code
    else:
        problem(answer, 409, {"start": "illegal-transition", "finish": "stale-fence"}[verb])
    assert "offered" == site.bench.state(t.attempts, offer["attempt_id"])


def test_a_release_after_the_start_is_refused(site: Site, device: Device) -> None:
    """What has started is finished or lost; it does not go back into the queue."""
    offer = device.running()

    problem(device.release(offer), 409, "illegal-transition")
    assert "running" == site.bench.state(t.attempts, offer["attempt_id"])


@pytest.mark.parametrize("off", [-1, +1, +1000])
def test_another_fence_is_refused(site: Site, device: Device, off: int) -> None:
    """Only the fence of the claim counts, a higher one as little as a lower one; the answer is final."""
    device.finish(device.running())  # fences begin at 1, and a fence of 0 is no fence
    offer = device.running()
    wrong = offer | {"fence": offer["fence"] + off}

    for say in WITH_A_FENCE.values():
        document = problem(say(device, wrong), 409, "stale-fence")
        assert "Go to a safe hold and stop" in document["detail"]
        assert offer["attempt_id"] == document["facts"]["attempt"]
    assert "running" == site.bench.state(t.attempts, offer["attempt_id"])


@pytest.mark.parametrize("verb", CALLS)
@ON_BOTH
def test_the_attempt_of_another_robot_is_not_to_be_touched(site: Site, device: Device, verb: str) -> None:
    """403 for every call, also with the right fence and a good body, and nothing has changed."""
    offer = device.running()
    thief = site.device("thief")

    problem(CALLS[verb](thief, offer), 403, "forbidden")

    assert "running" == site.bench.state(t.attempts, offer["attempt_id"])
    assert 0 == site.bench.count(t.attempt_events) == site.bench.count(t.artifacts)


def test_a_thief_learns_nothing_of_what_a_job_asks_for(site: Site, device: Device) -> None:
    """A result that does not fit is answered like one that does: it is not yours."""
    offer = device.running()

    answer = site.device("thief").finish(offer, {"outcome": "succeeded"})

    problem(answer, 403, "forbidden")


def test_an_attempt_that_never_was_is_not_found(device: Device) -> None:
    """404 says that it never existed; 403 and 409 would mean other things."""
    nowhere = {"attempt_id": "att_0000000000000001_0009_0009_01", "fence": 1}

    for say in CALLS.values():
        problem(say(device, nowhere), 404, "not-found")


def test_an_attempt_is_named_as_attempts_are(device: Device) -> None:
    """A name of another form is refused before anything is looked up."""
    for verb, say in CALLS.items():
        for name in ("att_", "job_0000000000000001_0001_0001", "att_%00", "..%2F..%2Fetc"):
            answer = say(device, {"attempt_id": name, "fence": 1})
            slug = {404: "not-found", 422: "invalid-input"}.get(answer.status_code, verb)
            problem(answer, answer.status_code, slug)


# Beats.


def test_a_beat_extends_the_lease(site: Site, device: Device) -> None:
    """Three leases long, with a beat in each: the job is still the robot's own."""
    offer = device.running()
    for seq in range(4):
        site.bench.later(45)
        assert 60.0 == device.beat(offer, seq).json()["lease_ttl_s"]

    assert 200 == device.finish(offer).status_code


def test_a_beat_that_was_overtaken_tells_nothing(site: Site, device: Device) -> None:
    """Of two beats that swap places on the way, the later one's news stands."""
    offer = device.running()
    device.beat(offer, 5, step="heating", progress=0.5)
    device.beat(offer, 4, step="filling", progress=0.1)

    row = site.bench.all(t.attempts.select())[0]
    assert (5, "heating", 0.5) == (row.beat, row.step, row.progress)


@pytest.mark.parametrize("minutes", [-5, 5])
def test_a_clock_that_is_five_minutes_off_does_no_harm(site: Site, device: Device, minutes: int) -> None:
    """Leases are durations from the answered beat; what the robot's clock says decides nothing."""
    offer = device.running()
    wrong = datetime.now(UTC) + timedelta(minutes=minutes)

    reply = device.beat(offer, sent_at=wrong.isoformat(), monotonic_ms=1).json()
    device.finish(
        offer,
        {
            "outcome": "succeeded",
            "measurements": [
                {"name": "yield", "value": 1, "unit": "%", "measured_at": wrong.isoformat()},
            ],
        },
    )

    skew = abs(datetime.fromisoformat(reply["received_at"]) - wrong)
    assert timedelta(minutes=4.5) < skew < timedelta(minutes=5.5)
    row = site.bench.all(t.measurements.select())[0]
    assert wrong.replace(microsecond=0) == row.measured_at.replace(microsecond=0)
    assert abs(row.received_at - datetime.now(UTC)) < timedelta(minutes=1)


MALFORMED_BEATS: list[dict[str, Any]] = [
    {"seq": -1},
    {"seq": 2**53},
    {"seq": 2**70},
    {"seq": 1.5},
    {"seq": 1e19},
    {"seq": None},
    {"progress": 1.1},
    {"progress": "NaN"},
    {"step": "x" * 201},
    {"step": "\x00"},
    {"sent_at": "yesterday"},
    {"fence": 0},
    {"fence": 2**53},
    {"unknown": 1},
]


@ON_BOTH
def test_a_malformed_beat_is_refused(device: Device) -> None:
    """422, whatever the database would have made of it."""
    offer = device.running()
    for body in MALFORMED_BEATS:
        problem(device.call(offer, "heartbeat", **{"seq": 0} | body), 422, "invalid-input")


@pytest.mark.parametrize("seq", ["9007199254740992", "99999999999999999999"])
def test_a_number_that_no_database_can_keep_is_refused(device: Device, seq: object) -> None:
    """An integer in a text or with an exponent is an integer too."""
    offer = device.running()

    problem(device.beat(offer, seq=seq), 422, "invalid-input")  # pyright: ignore[reportArgumentType] -- a lie
    problem(device.events(offer, [{"seq": seq, "type": "x"}]), 422, "invalid-input")


# Events.


@ON_BOTH
def test_events_are_stored_once_however_often_they_come(site: Site, device: Device) -> None:
    """Insert or ignore on the number: a resend with some that are new stores the new ones."""
    offer = device.running()
    events = [{"seq": seq, "type": "note", "step": "x", "data": {"n": seq}} for seq in range(4)]

    assert {"new": 3} == device.events(offer, events[:3]).json()
    assert {"new": 1} == device.events(offer, [*reversed(events), events[0]]).json()
    rows = site.bench.all(t.attempt_events.select().order_by(t.attempt_events.c.seq))
    assert [{"n": seq} for seq in range(4)] == [row.data for row in rows]


def test_an_event_is_what_it_was_when_it_first_came(site: Site, device: Device) -> None:
    """The same number with another content changes nothing: what was told, was told."""
    offer = device.running()
    device.events(offer, [{"seq": 0, "type": "true"}])

    assert {"new": 0} == device.events(offer, [{"seq": 0, "type": "false"}]).json()
    assert ["true"] == [row.type for row in site.bench.all(t.attempt_events.select())]


def test_events_are_heard_after_the_end_too(site: Site, device: Device) -> None:
    """The last lines of a log are not lost because the job is over."""
    offer = device.running()
    device.finish(offer)

    assert {"new": 1} == device.events(offer, [{"seq": 9, "type": "cooled"}]).json()
    assert 1 == site.bench.count(t.attempt_events)


@pytest.mark.parametrize(
    "events",
    [{"seq": 0, "type": "x"}, [{"seq": 0}], [{"seq": -1, "type": "x"}], [{"seq": 0, "type": ""}], 7, None],
)
def test_malformed_events_are_refused_together(site: Site, device: Device, events: Any) -> None:
    """One bad event and none is stored: the robot knows what it has to send again."""
    offer = device.running()
    good = [{"seq": 5, "type": "x"}]

    problem(device.events(offer, good + events if isinstance(events, list) else events), 422, "invalid-input")
    assert 0 == site.bench.count(t.attempt_events)
