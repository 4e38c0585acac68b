"""An entry of the journal in words."""

from datetime import UTC, datetime

import pytest

from moonloop.cli.watching import sentence
from moonloop.domain.facts import JournalEntry


@pytest.mark.parametrize(
    ("by", "said"),
    [
        ("policy none", "The plan needs no approval (policy none)."),
        ("policy first_cycle", "Plan approved by policy first_cycle."),
        ("ada", "Plan approved by ada."),
    ],
)
def test_who_approved_is_named(by: str, said: str) -> None:
    """Where nobody had to, that is what is said, and not that nobody did."""
    entry = JournalEntry(
        number=1,
        at=datetime(2026, 1, 1, tzinfo=UTC),
        who="worker",
        what="review.a",
        subject="rev_1",
        facts={"by": by},
    )

    assert said == sentence(entry)
