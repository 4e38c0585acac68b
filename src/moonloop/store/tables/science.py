"""What the scientist writes and reads: campaigns, claims, plans and what was measured."""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from moonloop.domain.lifecycles import CAMPAIGN, HYPOTHESIS
from moonloop.store.tables.columns import ID, SHA256, UTCTime, metadata, state

__all__ = ["campaigns", "cycles", "evidence", "hypotheses", "measurements", "plans", "reports", "specs"]

campaigns = Table(
    "campaigns",
    metadata,
    Column("id", ID, primary_key=True),
    Column("request_id", ID, nullable=False, unique=True),
    Column("institute", String(40), nullable=False),
    Column("mission", String(40), nullable=False),
    Column("name", String(120), nullable=False),
    Column("owner", String(80), nullable=False),
    *state(CAMPAIGN.states),
    Column("waits_because", Text, nullable=False, server_default=""),
    Column("done_reason", String(20)),
    Column("stop_reason", Text, nullable=False, server_default=""),
    Column("spec", LargeBinary, nullable=False),
    Column("spec_sha256", SHA256, nullable=False),
    Column("cycle", Integer, nullable=False, server_default="0"),
    Column("created_at", UTCTime, nullable=False),
    Column("started_at", UTCTime),
    Column("deadline", UTCTime),
    Column("ended_at", UTCTime),
    Column("imported", Boolean, nullable=False, server_default=text("false")),
    Index("ix_campaigns_state", "state"),
)

cycles = Table(
    "cycles",
    metadata,
    Column("campaign_id", ID, ForeignKey("campaigns.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("purpose", String(20), nullable=False),
    Column("proposer", Text, nullable=False),
    Column("opened_at", UTCTime, nullable=False),
    Column("closed_at", UTCTime),
    Column("advice", LargeBinary),
)

hypotheses = Table(
    "hypotheses",
    metadata,
    Column("id", ID, primary_key=True),
    Column("campaign_id", ID, ForeignKey("campaigns.id"), nullable=False),
    Column("number", Integer, nullable=False),
    *state(HYPOTHESIS.states),
    Column("body", LargeBinary, nullable=False),
    Column("sha256", SHA256, nullable=False),
    Column("registered_at", UTCTime, nullable=False),
    Column("decided_in", Integer),
    # Of the body; a default only because SQLite adds no column without one.
    Column("proposer", String(80), nullable=False, server_default=""),
    UniqueConstraint("campaign_id", "number"),
    Index("ix_hypotheses_proposer", "proposer"),
)

evidence = Table(
    "evidence",
    metadata,
    Column("hypothesis_id", ID, ForeignKey("hypotheses.id"), primary_key=True),
    Column("cycle", Integer, primary_key=True),
    Column("body", LargeBinary, nullable=False),
    Column("at", UTCTime, nullable=False),
)

plans = Table(
    "plans",
    metadata,
    Column("id", ID, primary_key=True),
    Column("campaign_id", ID, ForeignKey("campaigns.id"), nullable=False),
    Column("cycle", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("sha256", SHA256, nullable=False),
    Column("created_at", UTCTime, nullable=False),
    UniqueConstraint("campaign_id", "cycle"),
    UniqueConstraint("id", "sha256"),
)

specs = Table(
    "specs",
    metadata,
    Column("job_id", ID, primary_key=True),
    Column("plan_id", ID, ForeignKey("plans.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("sha256", SHA256, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("protocol", String(120), nullable=False),
    Column("requires", JSON, nullable=False),
    Column("lines", JSON, nullable=False),
    UniqueConstraint("job_id", "sha256"),
    UniqueConstraint("plan_id", "position"),
)
"""Job specs as planned, with the amounts reserved for each on the budget's lines."""

reports = Table(
    "reports",
    metadata,
    Column("campaign_id", ID, ForeignKey("campaigns.id"), primary_key=True),
    Column("media_type", String(100), primary_key=True),
    Column("sha256", SHA256, ForeignKey("artifacts.sha256"), nullable=False),
    Column("written_at", UTCTime, nullable=False),
)

measurements = Table(
    "measurements",
    metadata,
    Column("id", ID, primary_key=True),
    Column("attempt_id", ID, ForeignKey("attempts.id"), nullable=False),
    Column("job_id", ID, ForeignKey("jobs.id"), nullable=False),
    Column("campaign_id", ID, ForeignKey("campaigns.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("name", String(120), nullable=False),
    Column("value", Float, nullable=False),
    Column("unit", String(20), nullable=False),
    Column("uncertainty", Float),
    Column("parts", JSON, nullable=False),
    Column("quality", String(20), nullable=False),
    Column("reported_value", Float, nullable=False),
    Column("reported_unit", String(20), nullable=False),
    Column("measured_at", UTCTime),
    Column("received_at", UTCTime, nullable=False),
    # A job counts once: whichever attempt gave the result, no second one can add to it.
    UniqueConstraint("job_id", "name"),
    Index("ix_measurements_campaign_id", "campaign_id"),
)
