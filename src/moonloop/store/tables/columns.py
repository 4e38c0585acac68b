"""Columns that many tables have, and times that both databases keep alike."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    Integer,
    MetaData,
    String,
    TypeDecorator,
)

__all__ = ["ID", "SHA256", "UTCTime", "iso", "metadata", "quoted", "serial", "state"]

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UTCTime(TypeDecorator[datetime]):
    """An aware UTC time in milliseconds: `timestamptz` on PostgreSQL, sortable ISO 8601 text on SQLite."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """Choose the column type."""
        plain = String(24) if dialect.name == "sqlite" else DateTime(timezone=True)
        return dialect.type_descriptor(plain)  # type: ignore[arg-type]

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Write a time; a naive one is a programming error."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time in the ledger is aware")
        exact = value.astimezone(UTC)
        return iso(exact) if dialect.name == "sqlite" else exact

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Read a time as aware UTC."""
        if value is None:
            return None
        parsed = datetime.fromisoformat(value) if dialect.name == "sqlite" else value
        return parsed.astimezone(UTC)


def iso(moment: datetime) -> str:
    """Return the fixed-width text of a UTC time, in milliseconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


ID = String(80)
SHA256 = String(64)


def quoted(words: Iterable[str]) -> str:
    """Return words as an SQL list."""
    return ", ".join(f"'{word}'" for word in words)


def state(states: Iterable[str]) -> tuple[Column[str], CheckConstraint]:
    """Return the column of a state and the check that it is one."""
    return (
        Column("state", String(20), nullable=False),
        CheckConstraint(f"state IN ({quoted(states)})", name="state"),
    )


def serial() -> Column[int]:
    """Return the key of rows that the database numbers itself."""
    # SQLite numbers only a plain INTEGER primary key by itself.
    return Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)
