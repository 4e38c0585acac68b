"""What robots do: jobs, attempts, what they delivered, and what was lost."""

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from moonloop.domain.lifecycles import ATTEMPT, INCIDENT, JOB, AttemptState
from moonloop.store.tables.columns import ID, SHA256, UTCTime, metadata, quoted, state

__all__ = [
    "LIVE_ATTEMPT",
    "MOVING_ATTEMPT",
    "artifacts",
    "attempt_artifacts",
    "attempt_events",
    "attempts",
    "device_fences",
    "incidents",
    "jobs",
    "late_results",
    "presence",
    "robots",
]

LIVE_ATTEMPT = (
    AttemptState.OFFERED,
    AttemptState.ACCEPTED,
    AttemptState.RUNNING,
    AttemptState.PAUSED,
    AttemptState.CANCELLING,
)
"""States in which an attempt holds its job and its device."""

MOVING_ATTEMPT = (AttemptState.RUNNING, AttemptState.PAUSED, AttemptState.CANCELLING)
"""States of an attempt that may have started something."""

_AFTER_START = (
    AttemptState.RUNNING,
    AttemptState.PAUSED,
    AttemptState.SUCCEEDED,
    AttemptState.FAILED,
    AttemptState.ABORTED,
    AttemptState.LOST,
    AttemptState.RECONCILED,
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", ID, primary_key=True),
    Column("campaign_id", ID, ForeignKey("campaigns.id"), nullable=False),
    Column("plan_id", ID, nullable=False),
    Column("plan_sha256", SHA256, nullable=False),
    Column("cycle", Integer, nullable=False),
    Column("position", Integer, nullable=False),
    *state(JOB.states),
    Column("spec_sha256", SHA256, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("protocol", String(120), nullable=False),
    Column("queued_at", UTCTime, nullable=False),
    Column("ended_at", UTCTime),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("reruns", Integer, nullable=False, server_default="0"),
    ForeignKeyConstraint(["id", "spec_sha256"], ["specs.job_id", "specs.sha256"]),
    ForeignKeyConstraint(["plan_id", "plan_sha256"], ["plans.id", "plans.sha256"]),
    Index("ix_jobs_state_queued_at", "state", "queued_at"),
    Index("ix_jobs_plan_id", "plan_id"),
    Index("ix_jobs_campaign_id", "campaign_id"),
)

robots = Table(
    "robots",
    metadata,
    Column("id", ID, primary_key=True),
    Column("name", String(120), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("adapter", String(120), nullable=False),
    Column("version", String(120), nullable=False),
    Column("capabilities", LargeBinary, nullable=False),
    Column("state", String(20), nullable=False),
    Column("why", Text, nullable=False, server_default=""),
    Column("enrolled_at", UTCTime, nullable=False),
    Column("last_seen", UTCTime),
    CheckConstraint("kind IN ('physical', 'computational', 'simulated')", name="kind"),
    CheckConstraint("state IN ('waiting', 'active', 'quarantined', 'revoked')", name="state"),
)

device_fences = Table(
    "device_fences",
    metadata,
    Column("robot_id", ID, ForeignKey("robots.id"), primary_key=True),
    Column("fence", BigInteger, nullable=False),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", ID, primary_key=True),
    Column("job_id", ID, ForeignKey("jobs.id"), nullable=False),
    Column("campaign_id", ID, ForeignKey("campaigns.id"), nullable=False),
    Column("robot_id", ID, ForeignKey("robots.id"), nullable=False),
    Column("request_id", ID, nullable=False),
    Column("fence", BigInteger, nullable=False),
    *state(ATTEMPT.states),
    Column("lease_until", UTCTime, nullable=False),
    Column("offered_at", UTCTime, nullable=False),
    Column("accepted_at", UTCTime),
    Column("started_at", UTCTime),
    Column("ended_at", UTCTime),
    Column("review_id", ID),
    Column("use_number", Integer),
    Column("refusal", JSON),
    Column("finish_sha256", SHA256),
    Column("finish", LargeBinary),
    Column("step", String(200), nullable=False, server_default=""),
    Column("progress", Float),
    Column("beat", BigInteger, nullable=False, server_default="-1"),
    UniqueConstraint("robot_id", "request_id"),
    UniqueConstraint("robot_id", "fence"),
    UniqueConstraint("review_id", "job_id", "use_number"),
    ForeignKeyConstraint(
        ["review_id", "job_id", "use_number"],
        ["approval_uses.review_id", "approval_uses.job_id", "approval_uses.number"],
    ),
    CheckConstraint(
        # A foreign key with a NULL in it is not checked: all three parts of the use must be there.
        f"state NOT IN ({quoted(_AFTER_START)}) OR (started_at IS NOT NULL AND review_id IS NOT NULL"
        " AND use_number IS NOT NULL)",
        name="started_with_a_use",
    ),
    Index("ix_attempts_job_id", "job_id"),
    Index("ix_attempts_campaign_id", "campaign_id"),
    Index(
        "uq_attempts_live_job",
        "job_id",
        unique=True,
        sqlite_where=text(f"state IN ({quoted(LIVE_ATTEMPT)})"),
        postgresql_where=text(f"state IN ({quoted(LIVE_ATTEMPT)})"),
    ),
    Index(
        "uq_attempts_live_robot",
        "robot_id",
        unique=True,
        sqlite_where=text(f"state IN ({quoted(LIVE_ATTEMPT)})"),
        postgresql_where=text(f"state IN ({quoted(LIVE_ATTEMPT)})"),
    ),
)

attempt_events = Table(
    "attempt_events",
    metadata,
    Column("attempt_id", ID, ForeignKey("attempts.id"), primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("type", String(60), nullable=False),
    Column("step", String(200), nullable=False),
    Column("data", JSON, nullable=False),
    Column("at", UTCTime, nullable=False),
)

artifacts = Table(
    "artifacts",
    metadata,
    Column("sha256", SHA256, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("stored_at", UTCTime, nullable=False),
)

attempt_artifacts = Table(
    "attempt_artifacts",
    metadata,
    Column("attempt_id", ID, ForeignKey("attempts.id"), primary_key=True),
    Column("name", String(100), primary_key=True),
    Column("sha256", SHA256, ForeignKey("artifacts.sha256"), nullable=False),
    Column("media_type", String(100), nullable=False),
)

late_results = Table(
    "late_results",
    metadata,
    Column("attempt_id", ID, ForeignKey("attempts.id"), primary_key=True),
    Column("body", LargeBinary, nullable=False),
    Column("sha256", SHA256, nullable=False),
    Column("received_at", UTCTime, nullable=False),
    Column("adopted_at", UTCTime),
)
"""Quarantine: results that came after their lease was lost; never counted, never dropped."""

incidents = Table(
    "incidents",
    metadata,
    Column("id", ID, primary_key=True),
    Column("kind", String(20), nullable=False),
    *state(INCIDENT.states),
    Column("campaign_id", ID, ForeignKey("campaigns.id"), nullable=False),
    Column("job_id", ID, ForeignKey("jobs.id"), nullable=False),
    Column("attempt_id", ID, ForeignKey("attempts.id"), nullable=False),
    Column("robot_id", ID, ForeignKey("robots.id"), nullable=False),
    Column("opened_at", UTCTime, nullable=False),
    Column("settled_at", UTCTime),
    Column("resolution", String(20)),
    Column("by", String(80)),
    Column("reason", Text, nullable=False, server_default=""),
    Index("ix_incidents_state", "state"),
    Index("ix_incidents_campaign_id", "campaign_id"),
)

presence = Table(
    "presence",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("last_seen", UTCTime, nullable=False),
    Column("every_s", Float, nullable=False),
)
"""One row: when a job service was last known to be up; leases do not lapse while none is."""
