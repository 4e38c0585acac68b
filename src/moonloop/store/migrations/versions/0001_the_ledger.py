"""The ledger: every table of the first version, and the rows that are always there."""

import sqlalchemy as sa
from alembic import op

from moonloop.store.tables import UTCTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:  # noqa: PLR0915 -- one statement a table
    """Make the tables."""
    op.create_table(
        "artifacts",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("stored_at", UTCTime(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_artifacts")),
    )
    op.create_table(
        "campaigns",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("request_id", sa.String(length=80), nullable=False),
        sa.Column("institute", sa.String(length=40), nullable=False),
        sa.Column("mission", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("owner", sa.String(length=80), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("waits_because", sa.Text(), server_default="", nullable=False),
        sa.Column("done_reason", sa.String(length=20), nullable=True),
        sa.Column("stop_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("spec", sa.LargeBinary(), nullable=False),
        sa.Column("spec_sha256", sa.String(length=64), nullable=False),
        sa.Column("cycle", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", UTCTime(), nullable=False),
        sa.Column("started_at", UTCTime(), nullable=True),
        sa.Column("deadline", UTCTime(), nullable=True),
        sa.Column("ended_at", UTCTime(), nullable=True),
        sa.Column("imported", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.CheckConstraint(
            "state IN ('draft', 'running', 'paused', 'stopping', 'done')", name=op.f("ck_campaigns_state")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaigns")),
        sa.UniqueConstraint("request_id", name=op.f("uq_campaigns_request_id")),
    )
    op.create_index("ix_campaigns_state", "campaigns", ["state"], unique=False)
    op.create_table(
        "holds",
        sa.Column("scope", sa.String(length=120), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("by", sa.String(length=80), server_default="", nullable=False),
        sa.Column("since", UTCTime(), nullable=True),
        sa.PrimaryKeyConstraint("scope", name=op.f("pk_holds")),
    )
    op.create_table(
        "journal",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.Column("at", UTCTime(), nullable=False),
        sa.Column("who", sa.String(length=80), nullable=False),
        sa.Column("what", sa.String(length=60), nullable=False),
        sa.Column("subject", sa.String(length=120), nullable=False),
        sa.Column("campaign_id", sa.String(length=80), nullable=True),
        sa.Column("before", sa.String(length=20), nullable=True),
        sa.Column("after", sa.String(length=20), nullable=True),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journal")),
        sa.UniqueConstraint("number", name=op.f("uq_journal_number")),
    )
    op.create_index("ix_journal_campaign_id_number", "journal", ["campaign_id", "number"], unique=False)
    op.create_index(
        "ix_journal_unsealed",
        "journal",
        ["id"],
        unique=False,
        sqlite_where=sa.text("number IS NULL"),
        postgresql_where=sa.text("number IS NULL"),
    )
    op.create_table(
        "leaders",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("holder", sa.String(length=80), nullable=False),
        sa.Column("until", UTCTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leaders")),
    )
    op.create_table(
        "outbox",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("campaign_id", sa.String(length=80), nullable=False),
        sa.Column("workflow_id", sa.String(length=120), nullable=False),
        sa.Column("topic", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("created_at", UTCTime(), nullable=False),
        sa.Column("sent_at", UTCTime(), nullable=True),
        sa.CheckConstraint("kind IN ('start', 'wake')", name=op.f("ck_outbox_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    op.create_index(
        "ix_outbox_unsent",
        "outbox",
        ["id"],
        unique=False,
        sqlite_where=sa.text("sent_at IS NULL"),
        postgresql_where=sa.text("sent_at IS NULL"),
    )
    op.create_table(
        "presence",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("last_seen", UTCTime(), nullable=False),
        sa.Column("every_s", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_presence")),
    )
    op.create_table(
        "robots",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("adapter", sa.String(length=120), nullable=False),
        sa.Column("version", sa.String(length=120), nullable=False),
        sa.Column("capabilities", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("why", sa.Text(), server_default="", nullable=False),
        sa.Column("enrolled_at", UTCTime(), nullable=False),
        sa.Column("last_seen", UTCTime(), nullable=True),
        sa.CheckConstraint("kind IN ('physical', 'computational', 'simulated')", name=op.f("ck_robots_kind")),
        sa.CheckConstraint(
            "state IN ('waiting', 'active', 'quarantined', 'revoked')", name=op.f("ck_robots_state")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_robots")),
    )
    op.create_table(
        "seals",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seals")),
    )
    op.create_table(
        "budgets",
        sa.Column("campaign_id", sa.String(length=80), nullable=False),
        sa.Column("line", sa.String(length=120), nullable=False),
        sa.Column("unit", sa.String(length=20), nullable=False),
        sa.Column("limit", sa.Float(), nullable=True),
        sa.Column("reserved", sa.Float(), nullable=False),
        sa.Column("spent", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_budgets_campaign_id")),
        sa.PrimaryKeyConstraint("campaign_id", "line", name=op.f("pk_budgets")),
    )
    op.create_table(
        "cycles",
        sa.Column("campaign_id", sa.String(length=80), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("proposer", sa.String(length=80), nullable=False),
        sa.Column("opened_at", UTCTime(), nullable=False),
        sa.Column("closed_at", UTCTime(), nullable=True),
        sa.Column("advice", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_cycles_campaign_id")),
        sa.PrimaryKeyConstraint("campaign_id", "number", name=op.f("pk_cycles")),
    )
    op.create_table(
        "device_fences",
        sa.Column("robot_id", sa.String(length=80), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["robot_id"], ["robots.id"], name=op.f("fk_device_fences_robot_id")),
        sa.PrimaryKeyConstraint("robot_id", name=op.f("pk_device_fences")),
    )
    op.create_table(
        "enrolment_codes",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("issued_by", sa.String(length=80), nullable=False),
        sa.Column("issued_at", UTCTime(), nullable=False),
        sa.Column("expires_at", UTCTime(), nullable=False),
        sa.Column("robot_id", sa.String(length=80), nullable=True),
        sa.ForeignKeyConstraint(["robot_id"], ["robots.id"], name=op.f("fk_enrolment_codes_robot_id")),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_enrolment_codes")),
    )
    op.create_table(
        "hypotheses",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("campaign_id", sa.String(length=80), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("registered_at", UTCTime(), nullable=False),
        sa.Column("decided_in", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "state IN ('registered', 'testing', 'supported', 'refuted', 'undecided', 'withdrawn')",
            name=op.f("ck_hypotheses_state"),
        ),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_hypotheses_campaign_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hypotheses")),
        sa.UniqueConstraint("campaign_id", "number", name=op.f("uq_hypotheses_campaign_id_number")),
    )
    op.create_table(
        "plans",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("campaign_id", sa.String(length=80), nullable=False),
        sa.Column("cycle", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", UTCTime(), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_plans_campaign_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plans")),
        sa.UniqueConstraint("campaign_id", "cycle", name=op.f("uq_plans_campaign_id_cycle")),
        sa.UniqueConstraint("id", "sha256", name=op.f("uq_plans_id_sha256")),
    )
    op.create_table(
        "reports",
        sa.Column("campaign_id", sa.String(length=80), nullable=False),
        sa.Column("media_type", sa.String(length=100), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("written_at", UTCTime(), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_reports_campaign_id")),
        sa.ForeignKeyConstraint(["sha256"], ["artifacts.sha256"], name=op.f("fk_reports_sha256")),
        sa.PrimaryKeyConstraint("campaign_id", "media_type", name=op.f("pk_reports")),
    )
    op.create_table(
        "tokens",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("principal", sa.String(length=80), nullable=False),
        sa.Column("decider", sa.String(length=20), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("robot_id", sa.String(length=80), nullable=True),
        sa.Column("created_at", UTCTime(), nullable=False),
        sa.Column("expires_at", UTCTime(), nullable=True),
        sa.Column("revoked_at", UTCTime(), nullable=True),
        sa.ForeignKeyConstraint(["robot_id"], ["robots.id"], name=op.f("fk_tokens_robot_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tokens")),
        sa.UniqueConstraint("sha256", name=op.f("uq_tokens_sha256")),
    )
    op.create_table(
        "evidence",
        sa.Column("hypothesis_id", sa.String(length=80), nullable=False),
        sa.Column("cycle", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("at", UTCTime(), nullable=False),
        sa.ForeignKeyConstraint(["hypothesis_id"], ["hypotheses.id"], name=op.f("fk_evidence_hypothesis_id")),
        sa.PrimaryKeyConstraint("hypothesis_id", "cycle", name=op.f("pk_evidence")),
    )
    op.create_table(
        "hazard_reports",
        sa.Column("plan_id", sa.String(length=80), nullable=False),
        sa.Column("plan_sha256", sa.String(length=64), nullable=False),
        sa.Column("rules_version", sa.String(length=40), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("at", UTCTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["plan_id", "plan_sha256"],
            ["plans.id", "plans.sha256"],
            name=op.f("fk_hazard_reports_plan_id_plan_sha256"),
        ),
        sa.PrimaryKeyConstraint("plan_id", "rules_version", name=op.f("pk_hazard_reports")),
    )
    op.create_table(
        "reviews",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("campaign_id", sa.String(length=80), nullable=False),
        sa.Column("plan_id", sa.String(length=80), nullable=False),
        sa.Column("plan_sha256", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("hazard", sa.String(length=20), nullable=False),
        sa.Column("opened_at", UTCTime(), nullable=False),
        sa.Column("remind_at", UTCTime(), nullable=False),
        sa.Column("reminded_at", UTCTime(), nullable=True),
        sa.Column("expires_at", UTCTime(), nullable=False),
        sa.Column("approval_expires_at", UTCTime(), nullable=True),
        sa.CheckConstraint(
            "state IN ('open', 'approved', 'rejected', 'changes_requested', 'expired', 'withdrawn', 'revoked')",
            name=op.f("ck_reviews_state"),
        ),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_reviews_campaign_id")),
        sa.ForeignKeyConstraint(
            ["plan_id", "plan_sha256"],
            ["plans.id", "plans.sha256"],
            name=op.f("fk_reviews_plan_id_plan_sha256"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reviews")),
        sa.UniqueConstraint("id", "plan_sha256", name=op.f("uq_reviews_id_plan_sha256")),
    )
    op.create_index("ix_reviews_plan_id", "reviews", ["plan_id"], unique=False)
    op.create_index("ix_reviews_state", "reviews", ["state"], unique=False)
    op.create_table(
        "specs",
        sa.Column("job_id", sa.String(length=80), nullable=False),
        sa.Column("plan_id", sa.String(length=80), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("protocol", sa.String(length=120), nullable=False),
        sa.Column("requires", sa.JSON(), nullable=False),
        sa.Column("lines", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name=op.f("fk_specs_plan_id")),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_specs")),
        sa.UniqueConstraint("job_id", "sha256", name=op.f("uq_specs_job_id_sha256")),
        sa.UniqueConstraint("plan_id", "position", name=op.f("uq_specs_plan_id_position")),
    )
    op.create_table(
        "spend",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("campaign_id", sa.String(length=80), nullable=False),
        sa.Column("line", sa.String(length=120), nullable=False),
        sa.Column("job_id", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("amount", sa.Float(), nullable=False),
        sa.Column("at", UTCTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id", "line"],
            ["budgets.campaign_id", "budgets.line"],
            name=op.f("fk_spend_campaign_id_line"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spend")),
        sa.UniqueConstraint("job_id", "line", "kind", name=op.f("uq_spend_job_id_line_kind")),
    )
    op.create_table(
        "approval_uses",
        sa.Column("review_id", sa.String(length=80), nullable=False),
        sa.Column("job_id", sa.String(length=80), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("plan_sha256", sa.String(length=64), nullable=False),
        sa.Column("spec_sha256", sa.String(length=64), nullable=False),
        sa.Column("granted_by", sa.String(length=80), nullable=False),
        sa.Column("granted_at", UTCTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id", "spec_sha256"],
            ["specs.job_id", "specs.sha256"],
            name=op.f("fk_approval_uses_job_id_spec_sha256"),
        ),
        sa.ForeignKeyConstraint(
            ["review_id", "plan_sha256"],
            ["reviews.id", "reviews.plan_sha256"],
            name=op.f("fk_approval_uses_review_id_plan_sha256"),
        ),
        sa.PrimaryKeyConstraint("review_id", "job_id", "number", name=op.f("pk_approval_uses")),
    )
    op.create_table(
        "decisions",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("review_id", sa.String(length=80), nullable=False),
        sa.Column("plan_sha256", sa.String(length=64), nullable=False),
        sa.Column("verdict", sa.String(length=20), nullable=False),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("by_kind", sa.String(length=20), nullable=False),
        sa.Column("policy", sa.String(length=20), nullable=True),
        sa.Column("policy_version", sa.String(length=20), nullable=True),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("at", UTCTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["review_id", "plan_sha256"],
            ["reviews.id", "reviews.plan_sha256"],
            name=op.f("fk_decisions_review_id_plan_sha256"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decisions")),
    )
    op.create_index("ix_decisions_review_id", "decisions", ["review_id"], unique=False)
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("campaign_id", sa.String(length=80), nullable=False),
        sa.Column("plan_id", sa.String(length=80), nullable=False),
        sa.Column("plan_sha256", sa.String(length=64), nullable=False),
        sa.Column("cycle", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("spec_sha256", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("protocol", sa.String(length=120), nullable=False),
        sa.Column("queued_at", UTCTime(), nullable=False),
        sa.Column("ended_at", UTCTime(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("reruns", sa.Integer(), server_default="0", nullable=False),
        sa.CheckConstraint(
            "state IN ('queued', 'active', 'lost', 'succeeded', 'failed', 'cancelled')",
            name=op.f("ck_jobs_state"),
        ),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_jobs_campaign_id")),
        sa.ForeignKeyConstraint(
            ["id", "spec_sha256"], ["specs.job_id", "specs.sha256"], name=op.f("fk_jobs_id_spec_sha256")
        ),
        sa.ForeignKeyConstraint(
            ["plan_id", "plan_sha256"], ["plans.id", "plans.sha256"], name=op.f("fk_jobs_plan_id_plan_sha256")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    op.create_index("ix_jobs_campaign_id", "jobs", ["campaign_id"], unique=False)
    op.create_index("ix_jobs_plan_id", "jobs", ["plan_id"], unique=False)
    op.create_index("ix_jobs_state_queued_at", "jobs", ["state", "queued_at"], unique=False)
    op.create_table(
        "attempts",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("job_id", sa.String(length=80), nullable=False),
        sa.Column("campaign_id", sa.String(length=80), nullable=False),
        sa.Column("robot_id", sa.String(length=80), nullable=False),
        sa.Column("request_id", sa.String(length=80), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("lease_until", UTCTime(), nullable=False),
        sa.Column("offered_at", UTCTime(), nullable=False),
        sa.Column("accepted_at", UTCTime(), nullable=True),
        sa.Column("started_at", UTCTime(), nullable=True),
        sa.Column("ended_at", UTCTime(), nullable=True),
        sa.Column("review_id", sa.String(length=80), nullable=True),
        sa.Column("use_number", sa.Integer(), nullable=True),
        sa.Column("refusal", sa.JSON(), nullable=True),
        sa.Column("finish_sha256", sa.String(length=64), nullable=True),
        sa.Column("finish", sa.LargeBinary(), nullable=True),
        sa.Column("step", sa.String(length=200), server_default="", nullable=False),
        sa.Column("progress", sa.Float(), nullable=True),
        sa.Column("beat", sa.BigInteger(), server_default="-1", nullable=False),
        sa.CheckConstraint(
            "state IN ('offered', 'accepted', 'running', 'paused', 'cancelling', 'succeeded', 'failed', 'cancelled', 'aborted', 'released', 'expired', 'lost', 'reconciled')",
            name=op.f("ck_attempts_state"),
        ),
        sa.CheckConstraint(
            "state NOT IN ('running', 'paused', 'succeeded', 'failed', 'aborted', 'lost', 'reconciled') OR (started_at IS NOT NULL AND review_id IS NOT NULL AND use_number IS NOT NULL)",
            name=op.f("ck_attempts_started_with_a_use"),
        ),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_attempts_campaign_id")),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_attempts_job_id")),
        sa.ForeignKeyConstraint(
            ["review_id", "job_id", "use_number"],
            ["approval_uses.review_id", "approval_uses.job_id", "approval_uses.number"],
            name=op.f("fk_attempts_review_id_job_id_use_number"),
        ),
        sa.ForeignKeyConstraint(["robot_id"], ["robots.id"], name=op.f("fk_attempts_robot_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempts")),
        sa.UniqueConstraint(
            "review_id", "job_id", "use_number", name=op.f("uq_attempts_review_id_job_id_use_number")
        ),
        sa.UniqueConstraint("robot_id", "fence", name=op.f("uq_attempts_robot_id_fence")),
        sa.UniqueConstraint("robot_id", "request_id", name=op.f("uq_attempts_robot_id_request_id")),
    )
    op.create_index("ix_attempts_campaign_id", "attempts", ["campaign_id"], unique=False)
    op.create_index("ix_attempts_job_id", "attempts", ["job_id"], unique=False)
    op.create_index(
        "uq_attempts_live_job",
        "attempts",
        ["job_id"],
        unique=True,
        sqlite_where=sa.text("state IN ('offered', 'accepted', 'running', 'paused', 'cancelling')"),
        postgresql_where=sa.text("state IN ('offered', 'accepted', 'running', 'paused', 'cancelling')"),
    )
    op.create_index(
        "uq_attempts_live_robot",
        "attempts",
        ["robot_id"],
        unique=True,
        sqlite_where=sa.text("state IN ('offered', 'accepted', 'running', 'paused', 'cancelling')"),
        postgresql_where=sa.text("state IN ('offered', 'accepted', 'running', 'paused', 'cancelling')"),
    )
    op.create_table(
        "attempt_artifacts",
        sa.Column("attempt_id", sa.String(length=80), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("media_type", sa.String(length=100), nullable=False),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempts.id"], name=op.f("fk_attempt_artifacts_attempt_id")
        ),
        sa.ForeignKeyConstraint(["sha256"], ["artifacts.sha256"], name=op.f("fk_attempt_artifacts_sha256")),
        sa.PrimaryKeyConstraint("attempt_id", "name", name=op.f("pk_attempt_artifacts")),
    )
    op.create_table(
        "attempt_events",
        sa.Column("attempt_id", sa.String(length=80), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.String(length=60), nullable=False),
        sa.Column("step", sa.String(length=200), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("at", UTCTime(), nullable=False),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempts.id"], name=op.f("fk_attempt_events_attempt_id")),
        sa.PrimaryKeyConstraint("attempt_id", "seq", name=op.f("pk_attempt_events")),
    )
    op.create_table(
        "incidents",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("campaign_id", sa.String(length=80), nullable=False),
        sa.Column("job_id", sa.String(length=80), nullable=False),
        sa.Column("attempt_id", sa.String(length=80), nullable=False),
        sa.Column("robot_id", sa.String(length=80), nullable=False),
        sa.Column("opened_at", UTCTime(), nullable=False),
        sa.Column("settled_at", UTCTime(), nullable=True),
        sa.Column("resolution", sa.String(length=20), nullable=True),
        sa.Column("by", sa.String(length=80), nullable=True),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint("state IN ('open', 'settled')", name=op.f("ck_incidents_state")),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempts.id"], name=op.f("fk_incidents_attempt_id")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_incidents_campaign_id")),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_incidents_job_id")),
        sa.ForeignKeyConstraint(["robot_id"], ["robots.id"], name=op.f("fk_incidents_robot_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incidents")),
    )
    op.create_index("ix_incidents_campaign_id", "incidents", ["campaign_id"], unique=False)
    op.create_index("ix_incidents_state", "incidents", ["state"], unique=False)
    op.create_table(
        "late_results",
        sa.Column("attempt_id", sa.String(length=80), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("received_at", UTCTime(), nullable=False),
        sa.Column("adopted_at", UTCTime(), nullable=True),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempts.id"], name=op.f("fk_late_results_attempt_id")),
        sa.PrimaryKeyConstraint("attempt_id", name=op.f("pk_late_results")),
    )
    op.create_table(
        "measurements",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("attempt_id", sa.String(length=80), nullable=False),
        sa.Column("job_id", sa.String(length=80), nullable=False),
        sa.Column("campaign_id", sa.String(length=80), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("unit", sa.String(length=20), nullable=False),
        sa.Column("uncertainty", sa.Float(), nullable=True),
        sa.Column("parts", sa.JSON(), nullable=False),
        sa.Column("quality", sa.String(length=20), nullable=False),
        sa.Column("reported_value", sa.Float(), nullable=False),
        sa.Column("reported_unit", sa.String(length=20), nullable=False),
        sa.Column("measured_at", UTCTime(), nullable=True),
        sa.Column("received_at", UTCTime(), nullable=False),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempts.id"], name=op.f("fk_measurements_attempt_id")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_measurements_campaign_id")),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_measurements_job_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_measurements")),
        sa.UniqueConstraint("job_id", "name", name=op.f("uq_measurements_job_id_name")),
    )
    op.create_index("ix_measurements_campaign_id", "measurements", ["campaign_id"], unique=False)
    op.execute("INSERT INTO holds (scope, active) VALUES ('site', false)")
    op.execute("INSERT INTO seals (id, number) VALUES (1, 0)")
