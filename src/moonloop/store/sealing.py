"""Numbering the journal: gapless, in an order that never changes once given.

Sequences commit out of order on PostgreSQL, so a row's own id is no place in a sequence that readers could
follow; the number given here is. Chaining and signing will hang on it later.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, update

from moonloop.domain.facts import JournalEntry
from moonloop.store.tables import journal, seals
from moonloop.store.transaction import Tx

__all__ = ["entries", "head", "seal_journal", "unsealed"]

_BATCH = 1_000


def unsealed(connection: Connection) -> bool:
    """Say whether there is anything to number."""
    return (
        connection.execute(select(journal.c.id).where(journal.c.number.is_(None)).limit(1)).first()
        is not None
    )


def seal_journal(tx: Tx) -> int:
    """Number what has been committed; return how many entries that was."""
    last = tx.scalar(select(seals.c.number).where(seals.c.id == 1).with_for_update())
    assert last is not None
    rows = tx.all(select(journal.c.id).where(journal.c.number.is_(None)).order_by(journal.c.id).limit(_BATCH))
    if not rows:
        return 0
    numbers = [{"row": row.id, "given": number} for number, row in enumerate(rows, start=last + 1)]
    for number in numbers:
        tx.run(update(journal).where(journal.c.id == number["row"]).values(number=number["given"]))
    tx.run(update(seals).where(seals.c.id == 1).values(number=last + len(rows)))
    return len(rows)


def head(connection: Connection) -> int:
    """Return the highest number given."""
    return connection.execute(select(seals.c.number).where(seals.c.id == 1)).scalar_one()


def entries(
    connection: Connection, after: int, campaign: str | None = None, limit: int = 200
) -> list[JournalEntry]:
    """Return numbered entries above `after`, in order; of one campaign where one is named."""
    query = select(journal).where(journal.c.number > after).order_by(journal.c.number).limit(limit)
    if campaign is not None:
        query = query.where(journal.c.campaign_id == campaign)
    return [_entry(row) for row in connection.execute(query)]


def _entry(row: Row[Any]) -> JournalEntry:
    at: datetime = row.at
    return JournalEntry(
        number=row.number,
        at=at,
        who=row.who,
        what=row.what,
        subject=row.subject,
        campaign_id=row.campaign_id,
        before=row.before,
        after=row.after,
        facts=row.facts,
    )
