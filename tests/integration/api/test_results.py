"""Results over HTTP: numbers are taken for what they are, in the unit that was asked for, or not at all."""

import json
from typing import Any

import pytest

from moonloop.domain.facts import CampaignFacts
from moonloop.domain.plans import Measure
from moonloop.service import thoughts
from moonloop.service.thinking import Aside
from moonloop.store import histories, views
from moonloop.store import tables as t
from support.campaigns import PROTOCOL
from support.devices import Device, Site, measured, problem
from support.plans import queue_asking_for
from support.serving import ON_BOTH


@pytest.fixture
def offer(site: Site, device: Device) -> dict[str, Any]:
    """A running attempt at a job that asks for a yield in %; another job waits."""
    site.bench.queued(2)
    return device.running()


def _refused(site: Site, offer: dict[str, Any]) -> None:
    """Nothing was counted, and the attempt waits for a better report."""
    assert "running" == site.bench.state(t.attempts, offer["attempt_id"])
    assert 0 == site.bench.count(t.measurements)


@pytest.mark.parametrize("outcome", ["failed", "cancelled", "aborted"])
def test_an_outcome_without_a_number_is_an_outcome(
    site: Site, device: Device, offer: dict[str, Any], outcome: str
) -> None:
    """What did not succeed needs a reason and no number."""
    report = {"outcome": outcome, "failure": "the pump leaks", "failure_kind": "instrument"}

    assert {"state": outcome} == device.finish(offer, report).json()
    assert 0 == site.bench.count(t.measurements)


@ON_BOTH
def test_the_same_result_again_is_one_result(site: Site, device: Device, offer: dict[str, Any]) -> None:
    """However it is spelt: the hash is of the canonical bytes, not of what was typed."""
    device.finish(offer, measured(41.0))
    respelt = (
        '{"report": {"measurements": [{"unit":"%", "value": 4.1e1, "name":"yield"}],'
        ' "outcome":"succeeded"}, "fence": 1}'
    )

    answer = device.http.post(
        f"/v1/attempts/{offer['attempt_id']}/finish",
        content=respelt,
        headers={"Content-Type": "application/json"},
    )

    assert {"state": "succeeded"} == answer.json()
    assert 1 == site.bench.count(t.measurements)


@ON_BOTH
def test_another_result_is_a_conflict(site: Site, device: Device, offer: dict[str, Any]) -> None:
    """A result is said once and for all; the first one stands."""
    device.finish(offer, measured(41.0))

    problem(device.finish(offer, measured(42.0)), 409, "finish-conflict")
    assert 41.0 == site.bench.value(t.measurements.select().with_only_columns(t.measurements.c.value))


def test_an_invented_measurement_is_refused(site: Site, device: Device, offer: dict[str, Any]) -> None:
    """What the job did not ask for is no result of it."""
    report = measured()
    report["measurements"].append({"name": "beauty", "value": 11, "unit": "1"})

    assert "beauty" in problem(device.finish(offer, report), 422, "result-invalid")["detail"]
    _refused(site, offer)


def test_a_success_without_its_measure_is_refused(site: Site, device: Device, offer: dict[str, Any]) -> None:
    """A success has what was asked for."""
    document = problem(device.finish(offer, {"outcome": "succeeded"}), 422, "result-invalid")

    assert "yield" in document["detail"]
    _refused(site, offer)


def test_two_measurements_of_one_name_are_refused(site: Site, device: Device, offer: dict[str, Any]) -> None:
    """Nobody has to guess which of two numbers was meant."""
    report = measured()
    report["measurements"] *= 2

    problem(device.finish(offer, report), 422, "result-invalid")
    _refused(site, offer)


@pytest.mark.parametrize("unit", ["percent", "", "°C", "% ", "V\u0000"])
def test_an_unknown_unit_is_refused(site: Site, device: Device, offer: dict[str, Any], unit: str) -> None:
    """Units are UCUM codes, spelt as such."""
    problem(device.finish(offer, measured(unit=unit)), 422, "invalid-input")
    _refused(site, offer)


@pytest.mark.parametrize("unit", ["V", "kg", "Cel"])
def test_a_unit_of_another_quantity_is_refused(
    site: Site, device: Device, offer: dict[str, Any], unit: str
) -> None:
    """A yield in volts is no yield; both units are named."""
    document = problem(device.finish(offer, measured(unit=unit)), 422, "unit-mismatch")

    assert {"name": "yield", "given": unit, "expected": "%"} == document["facts"]
    _refused(site, offer)


NO_NUMBERS = ("NaN", "Infinity", "-Infinity", '"NaN"', '"Infinity"', '"inf"', "1e999", "[]", "{}", '"one"')


@pytest.mark.parametrize("field", ["value", "uncertainty", "parts"])
def test_what_is_no_number_is_refused(site: Site, device: Device, offer: dict[str, Any], field: str) -> None:
    """NaN and infinities, bare or quoted, never reach the ledger, nor come back in the answer."""
    for number in NO_NUMBERS:
        asked = f'{{"noise": {number}}}' if field == "parts" else number
        members = {"name": '"yield"', "value": "1", "unit": '"%"'} | {field: asked}
        measurement = ", ".join(f'"{name}": {text}' for name, text in members.items())
        body = f'{{"fence": 1, "report": {{"outcome": "succeeded", "measurements": [{{{measurement}}}]}}}}'

        answer = device.http.post(
            f"/v1/attempts/{offer['attempt_id']}/finish",
            content=body,
            headers={"Content-Type": "application/json"},
        )

        problem(answer, 422, "invalid-input")
        _refused(site, offer)


@pytest.mark.parametrize("change", [{"uncertainty": -0.1}, {"quality": "superb"}, {"name": ""}, {"extra": 1}])
def test_a_malformed_measurement_is_refused(
    site: Site, device: Device, offer: dict[str, Any], change: dict[str, Any]
) -> None:
    """422 with the field."""
    problem(device.finish(offer, measured(**change)), 422, "invalid-input")
    _refused(site, offer)


def test_a_report_may_be_corrected_until_it_is_taken(device: Device, offer: dict[str, Any]) -> None:
    """A refused report does not count as the result: the robot may say it better."""
    problem(device.finish(offer, measured(unit="V")), 422, "unit-mismatch")

    assert {"state": "succeeded"} == device.finish(offer, measured()).json()


# Conversion.

CONVERTED: dict[str, tuple[str, str, float, float, float, float]] = {
    # asked, given: value and uncertainty given, value and uncertainty kept
    "mV to V": ("V", "mV", 512.0, 4.0, 0.512, 0.004),
    "V to mV": ("mV", "V", 0.512, 0.004, 512.0, 4.0),
    "Cel to K": ("K", "Cel", 25.0, 0.5, 298.15, 0.5),
    "K to Cel": ("Cel", "K", 298.15, 0.5, 25.0, 0.5),
    "1 to %": ("%", "1", 0.25, 0.01, 25.0, 1.0),
    "kcal/mol to kJ/mol": ("kJ/mol", "kcal/mol", 1.0, 0.5, 4.184, 2.092),
    "h to min": ("min", "h", 1.5, 0.1, 90.0, 6.0),
    "uL/min to mL/min": ("mL/min", "uL/min", 250.0, 1.0, 0.25, 0.001),
    "[ppm] to %": ("%", "[ppm]", 500.0, 10.0, 0.05, 0.001),
    "bar to kPa": ("kPa", "bar", 2.0, 0.1, 200.0, 10.0),
}
"""Definitions of the units: SI Brochure, 9th edition; the thermochemical calorie, 4.184 J."""


@pytest.mark.parametrize("case", CONVERTED)
def test_a_unit_of_the_same_quantity_is_converted(site: Site, device: Device, case: str) -> None:
    """Value and uncertainty arrive in the unit that was asked for, and what the robot said is kept beside."""
    asked, given, value, uncertainty, kept, kept_uncertainty = CONVERTED[case]
    queue_asking_for(site.bench, Measure(name="potential", unit=asked))
    offer = device.running()

    answer = device.finish(
        offer,
        {
            "outcome": "succeeded",
            "measurements": [
                {"name": "potential", "value": value, "unit": given, "uncertainty": uncertainty}
            ],
        },
    )

    assert {"state": "succeeded"} == answer.json()
    facts = site.owner.get(f"/v1/campaigns/{site.bench.campaign}/facts").json()
    found = facts["cycles"][0]["jobs"][0]["measurements"][0]
    assert (pytest.approx(kept, rel=1e-12), asked) == (found["value"], found["unit"])
    assert pytest.approx(kept_uncertainty, rel=1e-12) == found["uncertainty"]
    assert (value, given) == (found["reported_value"], found["reported_unit"])


def test_a_number_in_its_own_unit_is_not_touched(site: Site, device: Device, offer: dict[str, Any]) -> None:
    """Bit for bit what the robot said."""
    value = 0.1 + 0.2

    device.finish(offer, measured(value))

    assert value == site.bench.value(t.measurements.select().with_only_columns(t.measurements.c.value))


# Numbers that are finite and yet of no use.


@pytest.mark.parametrize(
    ("asked", "change"),
    [
        ("[ppm]", {"value": 1.7e305}),
        ("[ppm]", {"value": 5.0, "uncertainty": 1.7e305}),
        ("%", {"value": 1e308}),
        ("%", {"value": -1.1e100}),
        ("%", {"value": 5.0, "uncertainty": 1e308}),
    ],
)
def test_a_number_beyond_all_bounds_is_refused(
    site: Site, device: Device, asked: str, change: dict[str, Any]
) -> None:
    """Neither it nor its conversion would be a number in the analysis; the sentence says what was given."""
    queue_asking_for(site.bench, Measure(name="yield", unit=asked))
    offer = device.running()
    given = list(change.values())[-1]

    document = problem(device.finish(offer, measured(**change)), 422, "result-invalid")

    assert f"{given:g} %; no number may be beyond 1e+100 {asked}" in document["detail"]
    _refused(site, offer)


def test_an_amount_beyond_all_bounds_is_refused(site: Site, device: Device, offer: dict[str, Any]) -> None:
    """Two of them would add up to no number in the budget."""
    report = measured() | {"consumables": {"ethanol": {"value": 1e308, "unit": "mL"}}}

    document = problem(device.finish(offer, report), 422, "result-invalid")

    assert "the amount of ethanol" in document["detail"]
    _refused(site, offer)


@pytest.mark.parametrize(("value", "uncertainty"), [(1e100, 1e100), (-1e100, 5e-324), (5e-324, 1e100)])
def test_numbers_at_the_bounds_are_analysed_and_reported(
    site: Site, device: Device, offer: dict[str, Any], value: float, uncertainty: float
) -> None:
    """What the door lets in breaks nothing further on."""
    assert {"state": "succeeded"} == device.finish(offer, measured(value, uncertainty=uncertainty)).json()
    device.finish(device.running(), measured(50.0))

    spec = site.bench.ledger.read_now(histories.read_spec, site.bench.campaign)
    history = site.bench.ledger.read_now(histories.history, site.bench.campaign, 1)
    answer = thoughts.BY_NAME["analyse"](spec.model_dump(mode="json"), history.model_dump(mode="json"))
    facts = site.bench.ledger.read_now(views.campaign_facts, site.bench.campaign)
    report = thoughts.BY_NAME["render"](facts.model_dump(mode="json"))

    assert max(value, 50.0) == answer["advice"]["best_value"]
    assert "50.0" in report["text/markdown"]


def test_a_report_that_cannot_be_written_is_answered_in_one_sentence(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The traceback with its paths is the operator's, in the log; the caller reads its last line."""
    monkeypatch.setattr(Aside, "render", _Confused.render)

    answer = site.owner.get(f"/v1/campaigns/{site.bench.campaign}/report")

    sentence = "The process of the scientist or of the report failed: KeyError: 'unheard_of'"
    assert sentence == problem(answer, 500, "thought-failed")["detail"]
    assert "Traceback" not in answer.text
    assert "Traceback" in caplog.text


class _Confused(Aside):
    async def render(self, facts: CampaignFacts) -> dict[str, str]:
        return await self._call("unheard_of", facts)


# Artifacts in a report.


def test_an_artifact_that_was_never_stored_is_missed(
    site: Site, device: Device, offer: dict[str, Any]
) -> None:
    """A result that rests on bytes nobody has is no result."""
    report = measured() | {"artifacts": [{"name": "trace.csv", "sha256": "0" * 64, "size": 4}]}

    assert "trace.csv" in problem(device.finish(offer, report), 422, "artifact-missing")["detail"]
    _refused(site, offer)


def test_the_artifact_of_another_attempt_does_not_stand_in(
    site: Site, device: Device, offer: dict[str, Any]
) -> None:
    """What a report names, its own attempt has stored."""
    other = site.device("r2")
    ref = other.put(other.running(), b"1,2\n").json()
    report = measured() | {"artifacts": [{"name": "trace.csv", **ref}]}

    problem(device.finish(offer, report), 422, "artifact-missing")
    _refused(site, offer)


def test_what_was_used_is_told_in_its_own_unit(site: Site, device: Device, offer: dict[str, Any]) -> None:
    """Consumables are amounts with known units."""
    report = measured() | {"consumables": {"ethanol": {"value": 2.0, "unit": "gallon"}}}

    problem(device.finish(offer, report), 422, "invalid-input")
    _refused(site, offer)


def test_the_spec_of_a_job_names_its_protocol(offer: dict[str, Any]) -> None:
    """What the fixture of these tests stands on."""
    assert PROTOCOL == json.loads(offer["spec"])["protocol"]
