"""What stands between a plan and a robot: reviews, approvals and their uses, holds and budgets."""

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from moonloop.domain.lifecycles import REVIEW
from moonloop.store.tables.columns import ID, SHA256, UTCTime, metadata, serial, state

__all__ = ["approval_uses", "budgets", "decisions", "hazard_reports", "holds", "reviews", "spend"]

hazard_reports = Table(
    "hazard_reports",
    metadata,
    Column("plan_id", ID, primary_key=True),
    Column("plan_sha256", SHA256, nullable=False),
    Column("rules_version", String(40), primary_key=True),
    Column("outcome", String(20), nullable=False),
    Column("at", UTCTime, nullable=False),
    ForeignKeyConstraint(["plan_id", "plan_sha256"], ["plans.id", "plans.sha256"]),
)

reviews = Table(
    "reviews",
    metadata,
    Column("id", ID, primary_key=True),
    Column("campaign_id", ID, ForeignKey("campaigns.id"), nullable=False),
    Column("plan_id", ID, nullable=False),
    Column("plan_sha256", SHA256, nullable=False),
    *state(REVIEW.states),
    Column("hazard", String(20), nullable=False),
    Column("opened_at", UTCTime, nullable=False),
    Column("remind_at", UTCTime, nullable=False),
    Column("reminded_at", UTCTime),
    Column("expires_at", UTCTime, nullable=False),
    Column("approval_expires_at", UTCTime),
    ForeignKeyConstraint(["plan_id", "plan_sha256"], ["plans.id", "plans.sha256"]),
    UniqueConstraint("id", "plan_sha256"),
    Index("ix_reviews_state", "state"),
    Index("ix_reviews_plan_id", "plan_id"),
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", ID, primary_key=True),
    Column("review_id", ID, nullable=False),
    Column("plan_sha256", SHA256, nullable=False),
    Column("verdict", String(20), nullable=False),
    Column("by", String(80), nullable=False),
    Column("by_kind", String(20), nullable=False),
    Column("policy", String(20)),
    Column("policy_version", String(20)),
    Column("comment", Text, nullable=False),
    Column("at", UTCTime, nullable=False),
    ForeignKeyConstraint(["review_id", "plan_sha256"], ["reviews.id", "reviews.plan_sha256"]),
    Index("ix_decisions_review_id", "review_id"),
)

approval_uses = Table(
    "approval_uses",
    metadata,
    Column("review_id", ID, primary_key=True),
    Column("job_id", ID, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("plan_sha256", SHA256, nullable=False),
    Column("spec_sha256", SHA256, nullable=False),
    Column("granted_by", String(80), nullable=False),
    Column("granted_at", UTCTime, nullable=False),
    ForeignKeyConstraint(["review_id", "plan_sha256"], ["reviews.id", "reviews.plan_sha256"]),
    ForeignKeyConstraint(["job_id", "spec_sha256"], ["specs.job_id", "specs.sha256"]),
)
"""One start each: number 1 comes with the approval, a rerun grants the next."""

holds = Table(
    "holds",
    metadata,
    Column("scope", String(120), primary_key=True),
    Column("active", Boolean, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("by", String(80), nullable=False, server_default=""),
    Column("since", UTCTime),
)
"""One row per scope, made with the scope and never absent, so that it can always be locked."""

budgets = Table(
    "budgets",
    metadata,
    Column("campaign_id", ID, ForeignKey("campaigns.id"), primary_key=True),
    Column("line", String(120), primary_key=True),
    Column("unit", String(20), nullable=False),
    Column("limit", Float),
    Column("reserved", Float, nullable=False),
    Column("spent", Float, nullable=False),
)

spend = Table(
    "spend",
    metadata,
    serial(),
    Column("campaign_id", ID, nullable=False),
    Column("line", String(120), nullable=False),
    Column("job_id", ID, nullable=False),
    Column("kind", String(10), nullable=False),
    Column("amount", Float, nullable=False),
    Column("at", UTCTime, nullable=False),
    ForeignKeyConstraint(["campaign_id", "line"], ["budgets.campaign_id", "budgets.line"]),
    # Each job reserves once, and is either settled or released once: a retry cannot spend twice.
    UniqueConstraint("job_id", "line", "kind"),
)
