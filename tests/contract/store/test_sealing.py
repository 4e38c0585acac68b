"""The sealer: a gapless number for every journal entry, in an order that never changes once given."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from moonloop.store import Ledger, Tx, sealing, steering
from moonloop.store import tables as t
from moonloop.store.database import now
from support.campaigns import CAMPAIGN, Bench, ShiftedClock
from support.interleaving import Contest


def _say(tx: Tx, what: str) -> None:
    tx.journal(what, "test", None)


def _numbered(ledger: Ledger) -> list[tuple[int, str]]:
    return [(entry.number, entry.what) for entry in ledger.read_now(sealing.entries, 0, None, 10_000)]


def test_sealing_numbers_all_that_is_committed_once(bench: Bench) -> None:
    """From one, without a gap; again, there is nothing to do."""
    count = bench.count(t.journal)
    assert bench.ledger.read_now(sealing.unsealed) is True

    assert [bench.do(sealing.seal_journal) for _ in range(2)] == [count, 0]

    assert [number for number, _ in _numbered(bench.ledger)] == list(range(1, count + 1))
    assert bench.ledger.read_now(sealing.head) == count
    assert bench.ledger.read_now(sealing.unsealed) is False


def test_a_long_backlog_is_sealed_in_batches(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """However it is cut, the numbers go on where they stopped."""
    monkeypatch.setattr(sealing, "_BATCH", 2)
    bench.do(sealing.seal_journal)
    while bench.do(sealing.seal_journal):
        pass

    count = bench.count(t.journal)
    assert [number for number, _ in _numbered(bench.ledger)] == list(range(1, count + 1))


def test_a_reader_follows_from_where_it_was(bench: Bench) -> None:
    """Entries after a number, in order, at most so many, of one campaign where one is named."""
    bench.do(_say, "of nobody")
    bench.do(steering.pause, CAMPAIGN, "lunch")
    while bench.do(sealing.seal_journal):
        pass
    everything = bench.ledger.read_now(sealing.entries, 0)

    assert bench.ledger.read_now(sealing.entries, everything[1].number) == everything[2:]
    assert bench.ledger.read_now(sealing.entries, 0, None, 2) == everything[:2]
    assert bench.ledger.read_now(sealing.entries, 0, CAMPAIGN) == [
        entry for entry in everything if entry.campaign_id == CAMPAIGN
    ]
    assert everything[-1].facts == {"reason": "lunch"}


def test_an_entry_is_told_only_when_it_has_its_number(bench: Bench) -> None:
    """An unsealed entry has no place yet, so no reader sees it."""
    assert _numbered(bench.ledger) == []
    bench.do(sealing.seal_journal)
    before = _numbered(bench.ledger)
    bench.do(_say, "later")

    assert _numbered(bench.ledger) == before


def test_a_transaction_that_commits_late_is_numbered_late(postgres_url: str, clock: ShiftedClock) -> None:
    """On PostgreSQL a lower id may commit after a higher one: readers that follow the number miss nothing."""
    one, other = Ledger(postgres_url, clock=clock), Ledger(postgres_url, clock=clock)
    row: dict[str, object] = {
        "at": one.read_now(now),
        "who": "slow",
        "what": "began first",
        "subject": "test",
        "facts": {},
    }
    with Contest(one, other) as contest:
        contest.hold("slow", Tx.run, t.journal.insert().values(**row))
        other.write_now(_say, "quick", "committed first")
        other.write_now(sealing.seal_journal, "sealer")
        seen = _numbered(other)
        contest.let_go()
    one.write_now(sealing.seal_journal, "sealer")

    assert seen == [(1, "committed first")]
    assert _numbered(other) == [(1, "committed first"), (2, "began first")]
    by_id = select(t.journal.c.what).order_by(t.journal.c.id)
    written = other.read_now(lambda connection: list(connection.execute(by_id).scalars()))
    assert written == ["began first", "committed first"]
    one.close()
    other.close()


def test_two_sealers_give_no_number_twice(bench: Bench, rival: Ledger) -> None:
    """The second waits for the first and finds nothing left."""
    count = bench.count(t.journal)
    with Contest(bench.ledger, rival) as contest:
        first = contest.hold("one", sealing.seal_journal)
        second = contest.rival("two", sealing.seal_journal)
        contest.let_go()

    assert (first.result(), second.result()) == (count, 0)
    assert [number for number, _ in _numbered(rival)] == list(range(1, count + 1))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(st.just("seal"), st.integers(1, 4)), max_size=12))
def test_numbers_are_gapless_whenever_the_sealer_comes(bench: Bench, steps: list[object]) -> None:
    """And an entry that has one keeps it."""
    given_before = dict(_numbered_ids(bench))
    for step in steps:
        if step == "seal":
            bench.do(sealing.seal_journal)
        else:
            for number in range(int(str(step))):
                bench.do(_say, f"entry {number}")
        now = dict(_numbered_ids(bench))
        assert sorted(now.values()) == list(range(1, len(now) + 1))
        assert given_before.items() <= now.items()
        given_before = now


def _numbered_ids(bench: Bench) -> list[tuple[int, int]]:
    rows = bench.all(select(t.journal.c.id, t.journal.c.number).where(t.journal.c.number.is_not(None)))
    return [(row.id, row.number) for row in rows]


def test_the_journal_is_only_ever_added_to(bench: Bench, new_bench: Callable[..., Bench]) -> None:
    """No transition changes or removes an entry: after a whole life every earlier one is as it was."""
    bench.do(sealing.seal_journal)
    before = bench.all(select(t.journal).order_by(t.journal.c.id))
    bench.queued(1)
    robot = bench.robot()
    bench.finish(robot, bench.running(robot))
    new_bench(campaign="cmp_0000000000000002").queued(1)

    after = bench.all(select(t.journal).order_by(t.journal.c.id).limit(len(before)))
    assert after == before
