"""Ids: typed, sortable, and within a campaign derived."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from moonloop.domain import ids

CAMPAIGN = "cmp_0000000000000001"
numbers = st.integers(0, 9_999)
times, chances = st.integers(0, 2**48 - 1), st.integers(0, 2**32 - 1)


@given(
    st.integers(0, 2**48 - 1), st.integers(0, 2**48 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)
)
def test_minted_ids_sort_by_time(one: int, other: int, r1: int, r2: int) -> None:
    """As texts, whatever their random part."""
    if one != other:
        assert (ids.mint("cmp", one, r1) < ids.mint("cmp", other, r2)) == (one < other)


@given(times, chances)
def test_minted_ids_are_apart_and_well_formed(milliseconds: int, randomness: int) -> None:
    """One bit of time or of chance makes another id."""
    minted = ids.mint("cmp", milliseconds, randomness)

    assert TypeAdapter(ids.CampaignId).validate_python(minted) == minted
    assert minted != ids.mint("cmp", milliseconds ^ 1, randomness)
    assert minted != ids.mint("cmp", milliseconds, randomness ^ 1)


@given(numbers, numbers, st.integers(1, 99), st.integers(0, 40))
def test_derived_ids_are_well_formed(cycle: int, index: int, number: int, place: int) -> None:
    """Each is one of its type, from the campaign down to the measurement."""
    plan = ids.plan_id(CAMPAIGN, cycle)
    job = ids.job_id(plan, index)
    attempt = ids.attempt_id(job, number)
    made: dict[Any, str] = {
        ids.PlanId: plan,
        ids.ReviewId: ids.review_id(plan, number),
        ids.JobId: job,
        ids.AttemptId: attempt,
        ids.MeasurementId: ids.measurement_id(attempt, place),
        ids.IncidentId: ids.incident_id(attempt),
        ids.HypothesisId: ids.hypothesis_id(CAMPAIGN, number),
    }
    for kind, derived in made.items():
        assert TypeAdapter(kind).validate_python(derived) == derived


@given(st.tuples(numbers, numbers), st.tuples(numbers, numbers))
def test_derived_ids_sort_as_what_they_are_derived_from(one: tuple[int, int], other: tuple[int, int]) -> None:
    """By cycle, then by place in it; and no two are alike."""
    made = [ids.job_id(ids.plan_id(CAMPAIGN, cycle), index) for cycle, index in (one, other)]

    assert (made[0] < made[1]) == (one < other)
    assert (made[0] == made[1]) == (one == other)


def test_derived_ids_are_no_accident() -> None:
    """A workflow that derives them again gets the same."""
    plan = ids.plan_id(CAMPAIGN, 3)
    job = ids.job_id(plan, 4)

    assert (plan, ids.review_id(plan, 1), job, ids.attempt_id(job, 2)) == (
        "pln_0000000000000001_0003",
        "rev_0000000000000001_0003_01",
        "job_0000000000000001_0003_0004",
        "att_0000000000000001_0003_0004_02",
    )
    assert ids.stem(job) == "0000000000000001_0003_0004"


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (ids.CampaignId, "cmp_"),
        (ids.CampaignId, "job_0000"),
        (ids.CampaignId, "cmp_0000\n"),
        (ids.CampaignId, "cmp_00/00"),
        (ids.JobId, "job_0000_1_1"),
        (ids.Sha256, "A" * 64),
        (ids.Sha256, "a" * 63),
        (ids.Principal, "two\nlines"),
        (ids.Principal, ""),
        (ids.Principal, "olga\x9b31m"),
        (ids.Name, "evil\u202eman"),
        (ids.Name, "\x7f"),
        (ids.Name, "x" * 121),
    ],
)
def test_what_is_no_id_is_refused(kind: Any, wrong: str) -> None:
    """Another type's, a cut one, one with something in it that a path or a log would trip over."""
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(wrong)
