"""The tables: states as the lifecycles have them, times that sort, and room for the longest names."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import CheckConstraint, String, Table
from sqlalchemy.dialects import postgresql, sqlite

from moonloop.domain.agents import AgentStatus, Role
from moonloop.domain.ids import thread_id
from moonloop.domain.lifecycles import (
    ATTEMPT,
    CAMPAIGN,
    HYPOTHESIS,
    INCIDENT,
    JOB,
    LIFECYCLES,
    REVIEW,
    Lifecycle,
)
from moonloop.domain.steps import scope_of_campaign, scope_of_mission, scope_of_robot
from moonloop.store import tables as t
from moonloop.store.tables import LIVE_ATTEMPT, MOVING_ATTEMPT, UTCTime
from moonloop.store.turns import turn_key

DIALECTS: list[Any] = [sqlite.dialect(), postgresql.dialect()]  # type: ignore[no-untyped-call]
moments = st.integers(0, 200 * 365 * 86_400 * 1_000_000).map(
    lambda microseconds: datetime(2000, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
)


@pytest.mark.parametrize(
    ("table", "machine"),
    [
        (t.campaigns, CAMPAIGN),
        (t.hypotheses, HYPOTHESIS),
        (t.jobs, JOB),
        (t.attempts, ATTEMPT),
        (t.reviews, REVIEW),
        (t.incidents, INCIDENT),
    ],
    ids=lambda value: value.name,
)
def test_the_database_knows_the_states_of_each_lifecycle(table: Table, machine: Lifecycle) -> None:
    """No more words and no fewer."""
    checks = [
        str(check.sqltext)
        for check in table.constraints
        if isinstance(check, CheckConstraint) and str(check.name).endswith("_state")
    ]

    assert checks == ["state IN (" + ", ".join(f"'{state}'" for state in machine.states) + ")"]


@pytest.mark.parametrize("machine", LIFECYCLES, ids=lambda machine: machine.name)
def test_every_state_fits_its_column(machine: Lifecycle) -> None:
    """In its table, and as before and after in the journal."""
    columns = [t.journal.c.before, t.journal.c.after]

    assert all(len(state) <= _length(column) for state in machine.states for column in columns)


def _length(column: Any) -> int:
    assert isinstance(column.type, String)
    assert column.type.length is not None
    return column.type.length


@pytest.mark.parametrize(
    "scope",
    [
        scope_of_mission("i" * 40, "m" * 40),
        scope_of_campaign("cmp_" + "0" * 32),
        scope_of_robot("rob_" + "0" * 32),
    ],
)
def test_the_longest_scope_fits(scope: str) -> None:
    """As a hold, and as the subject of a journal entry."""
    assert len(scope) <= _length(t.holds.c.scope)
    assert len(scope) <= _length(t.journal.c.subject)


@pytest.mark.parametrize("role", Role)
def test_the_longest_names_of_agents_fit(role: Role) -> None:
    """A thread as a key and as the subject of a journal entry, and the key that a turn is paid by."""
    thread = thread_id("cmp_" + "0" * 32, 9_999, role)

    assert len(thread) <= min(_length(t.threads.c.id), _length(t.journal.c.subject))
    assert len(turn_key(thread, 99_999, 9_999)) <= _length(t.spend.c.job_id)


@pytest.mark.parametrize(("column", "words"), [("status", get_args(AgentStatus)), ("role", tuple(Role))])
def test_the_database_knows_the_words_of_a_thread(column: str, words: tuple[str, ...]) -> None:
    """Each of them fits, no more and no fewer."""
    checks = [
        str(check.sqltext)
        for check in t.threads.constraints
        if isinstance(check, CheckConstraint) and str(check.name).endswith(f"_{column}")
    ]

    assert [f"{column} IN (" + ", ".join(f"'{word}'" for word in words) + ")"] == checks
    assert max(map(len, words)) <= min(_length(t.threads.c[column]), _length(t.journal.c.after))


def test_an_attempt_holds_its_job_until_an_edge_ends_it() -> None:
    """Live: every state that an ending leaves. Moving: those in which something may have started."""
    ended = ATTEMPT.finals | {"lost"}

    assert set(LIVE_ATTEMPT) == set(ATTEMPT.states) - ended
    assert set(MOVING_ATTEMPT) == ATTEMPT.sources("k")


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
@given(moment=moments, hours=st.integers(-12, 12))
def test_a_time_comes_back_aware_and_in_utc(dialect: Any, moment: datetime, hours: int) -> None:
    """To the millisecond, whatever zone it was given in."""
    kind = UTCTime()
    exact = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    elsewhere = exact.astimezone(timezone(timedelta(hours=hours)))

    back = kind.process_result_value(kind.process_bind_param(elsewhere, dialect), dialect)

    assert back == exact
    assert back is not None
    assert back.tzinfo is UTC


@given(moments, moments)
def test_on_sqlite_times_sort_as_texts(one: datetime, other: datetime) -> None:
    """The texts are of one width, so that comparing them is comparing times."""
    kind, dialect = UTCTime(), DIALECTS[0]
    texts = [kind.process_bind_param(moment, dialect) for moment in (one, other)]

    assert len(texts[0]) == len(texts[1]) == 24
    assert (texts[0] < texts[1]) <= (one < other)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_a_time_without_a_zone_is_refused(dialect: Any) -> None:
    """It could mean anything."""
    with pytest.raises(ValueError, match="aware"):
        UTCTime().process_bind_param(datetime(2026, 1, 1), dialect)  # noqa: DTZ001 -- the very thing that is refused
