"""A plan as a reviewer reads it at the terminal."""

from datetime import UTC, datetime

import pytest

from moonloop.cli.reviews import say_plan
from moonloop.domain.facts import PlanFact, ReviewFact
from moonloop.domain.lifecycles import ReviewState
from moonloop.domain.plans import Expectation, Purpose
from moonloop.domain.reviews import HazardOutcome
from support.campaigns import make_plan, make_spec


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")


def _shown(purposes: list[Purpose], expected: Expectation | None, capture: pytest.CaptureFixture[str]) -> str:
    """Return what is said of a plan with these runs, of which the first may have an expectation."""
    plan, sealed, _ = make_plan(make_spec(), size=len(purposes))
    runs = [
        run.model_copy(update={"purpose": purpose, "expected": expected if run.index == 0 else None})
        for run, purpose in zip(plan.runs, purposes, strict=True)
    ]
    now = datetime(2026, 1, 1, tzinfo=UTC)
    review = ReviewFact(
        id="rev_1",
        campaign_id=plan.campaign_id,
        campaign_name="A test",
        cycle=1,
        plan_id=plan.id,
        plan_sha256=sealed.sha256,
        state=ReviewState.OPEN,
        hazard=HazardOutcome.NOT_APPLICABLE,
        opened_at=now,
        expires_at=now,
    )
    say_plan(review, PlanFact(plan=plan.model_copy(update={"runs": tuple(runs)}), sha256=sealed.sha256))
    return capture.readouterr().out


def test_the_references_come_last_under_their_own_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    """What is new is read first; the number is still the place of a run in the plan."""
    purposes = [Purpose.REFERENCE, Purpose.TEST, Purpose.REFERENCE, Purpose.EXPLORE]

    lines = _shown(purposes, None, capsys).splitlines()

    assert [["2", "test"], ["4", "explore"], ["1", "reference"], ["3", "reference"]] == [
        line.split()[:2] for line in lines if line[:1].isdigit()
    ]


@pytest.mark.parametrize(
    ("expected", "heading"), [(None, False), (Expectation(mean=0.5, sd=0.125), True)], ids=["none", "one"]
)
def test_a_column_that_is_empty_is_not_shown(
    expected: Expectation | None, capsys: pytest.CaptureFixture[str], *, heading: bool
) -> None:
    """The first plan of a campaign expects nothing yet, and its reasons get the room."""
    out = _shown([Purpose.EXPLORE, Purpose.EXPLORE], expected, capsys)

    assert (heading, heading) == ("EXPECTED" in out, "0.500 ± 0.125" in out)
