"""What the system keeps about itself: who may enter, what happened, and what is still to be said."""

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    text,
)

from moonloop.store.tables.columns import ID, SHA256, UTCTime, metadata, serial

__all__ = ["enrolment_codes", "journal", "leaders", "outbox", "seals", "tokens"]

tokens = Table(
    "tokens",
    metadata,
    Column("id", ID, primary_key=True),
    Column("sha256", SHA256, nullable=False, unique=True),
    Column("principal", String(80), nullable=False),
    Column("decider", String(20), nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("robot_id", ID, ForeignKey("robots.id")),
    Column("created_at", UTCTime, nullable=False),
    Column("expires_at", UTCTime),
    Column("revoked_at", UTCTime),
)

enrolment_codes = Table(
    "enrolment_codes",
    metadata,
    Column("sha256", SHA256, primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("issued_by", String(80), nullable=False),
    Column("issued_at", UTCTime, nullable=False),
    Column("expires_at", UTCTime, nullable=False),
    Column("robot_id", ID, ForeignKey("robots.id")),
)

outbox = Table(
    "outbox",
    metadata,
    serial(),
    Column("kind", String(10), nullable=False),
    Column("campaign_id", ID, nullable=False),
    Column("workflow_id", String(120), nullable=False),
    Column("topic", String(40), nullable=False),
    Column("key", ID, nullable=False),
    Column("created_at", UTCTime, nullable=False),
    Column("sent_at", UTCTime),
    CheckConstraint("kind IN ('start', 'wake')", name="kind"),
    Index(
        "ix_outbox_unsent",
        "id",
        sqlite_where=text("sent_at IS NULL"),
        postgresql_where=text("sent_at IS NULL"),
    ),
)

journal = Table(
    "journal",
    metadata,
    serial(),
    Column("number", BigInteger, unique=True),
    Column("at", UTCTime, nullable=False),
    Column("who", String(80), nullable=False),
    Column("what", String(60), nullable=False),
    Column("subject", String(120), nullable=False),
    Column("campaign_id", ID),
    Column("before", String(20)),
    Column("after", String(20)),
    Column("facts", JSON, nullable=False),
    Index("ix_journal_campaign_id_number", "campaign_id", "number"),
    Index(
        "ix_journal_unsealed",
        "id",
        sqlite_where=text("number IS NULL"),
        postgresql_where=text("number IS NULL"),
    ),
)

seals = Table(
    "seals",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("number", BigInteger, nullable=False),
)
"""One row: the highest number that the sealer has given."""

leaders = Table(
    "leaders",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("holder", ID, nullable=False),
    Column("until", UTCTime, nullable=False),
)
