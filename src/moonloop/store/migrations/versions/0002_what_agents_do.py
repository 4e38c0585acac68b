"""What agents do: tasks, transcripts, model calls; whose a hypothesis is; tokens as a budget line."""

import json

import sqlalchemy as sa
from alembic import op

from moonloop.store.tables import UTCTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Widen what there is, then make the new tables."""
    # Nothing refers to cycles yet: SQLite can only change a column by making the table again.
    with op.batch_alter_table("cycles") as cycles:
        cycles.alter_column("proposer", existing_type=sa.String(80), type_=sa.Text(), existing_nullable=False)
    _name_proposers()
    _open_tokens()
    _make_tables()


def _name_proposers() -> None:
    op.add_column("hypotheses", sa.Column("proposer", sa.String(80), server_default="", nullable=False))
    hypotheses = sa.table("hypotheses", sa.column("id"), sa.column("body"), sa.column("proposer"))
    connection = op.get_bind()
    for row in connection.execute(sa.select(hypotheses.c.id, hypotheses.c.body)).all():
        proposer = json.loads(row.body)["proposed"]["proposer"]
        connection.execute(sa.update(hypotheses).where(hypotheses.c.id == row.id).values(proposer=proposer))
    op.create_index("ix_hypotheses_proposer", "hypotheses", ["proposer"], unique=False)


def _open_tokens() -> None:
    """Not limited, as no campaign so far could say a limit; what is done stays as it was."""
    op.execute(
        'INSERT INTO budgets (campaign_id, line, unit, "limit", reserved, spent)'
        " SELECT id, 'tokens', '1', NULL, 0, 0 FROM campaigns WHERE state <> 'done'"
    )


def _make_tables() -> None:
    op.create_table(
        "threads",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("campaign_id", sa.String(length=80), nullable=False),
        sa.Column("cycle", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("why", sa.Text(), server_default="", nullable=False),
        sa.Column("proposer", sa.String(length=80), server_default="-", nullable=False),
        sa.Column("scripted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("opened", sa.LargeBinary(), nullable=False),
        sa.Column("decision", sa.LargeBinary(), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("messages", sa.Integer(), nullable=False),
        sa.Column("turns", sa.Integer(), server_default="0", nullable=False),
        sa.Column("prompt_tokens", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("cached_tokens", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("completion_tokens", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("cost", sa.Float(), server_default="0", nullable=False),
        sa.Column("released", sa.Integer(), server_default="0", nullable=False),
        sa.Column("opened_at", UTCTime(), nullable=False),
        sa.Column("ended_at", UTCTime(), nullable=True),
        sa.CheckConstraint(
            "role IN ('proposer', 'critic', 'advisor', 'analyst', 'reporter')", name=op.f("ck_threads_role")
        ),
        sa.CheckConstraint(
            "status IN ('open', 'decided', 'unusable', 'exhausted', 'unavailable', 'stopped', 'failed')",
            name=op.f("ck_threads_status"),
        ),
        sa.ForeignKeyConstraint(
            ["campaign_id", "cycle"],
            ["cycles.campaign_id", "cycles.number"],
            name=op.f("fk_threads_campaign_id_cycle"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_threads")),
        sa.UniqueConstraint("campaign_id", "cycle", "role", name=op.f("uq_threads_campaign_id_cycle_role")),
    )
    op.create_table(
        "transcripts",
        sa.Column("thread_id", sa.String(length=80), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("at", UTCTime(), nullable=False),
        sa.ForeignKeyConstraint(["thread_id"], ["threads.id"], name=op.f("fk_transcripts_thread_id")),
        sa.PrimaryKeyConstraint("thread_id", "position", name=op.f("pk_transcripts")),
    )
    op.create_table(
        "model_calls",
        sa.Column("thread_id", sa.String(length=80), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("turn", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("endpoint", sa.String(length=200), nullable=False),
        sa.Column("model", sa.String(length=200), nullable=False),
        sa.Column("prompt_tokens", sa.Integer(), nullable=False),
        sa.Column("cached_tokens", sa.Integer(), nullable=False),
        sa.Column("completion_tokens", sa.Integer(), nullable=False),
        sa.Column("cost", sa.Float(), nullable=False),
        sa.Column("latency_s", sa.Float(), nullable=False),
        sa.Column("finish", sa.String(length=40), nullable=False),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("prompt_sha256", sa.String(length=64), nullable=False),
        sa.Column("schema_sha256", sa.String(length=64), nullable=False),
        sa.Column("tools_sha256", sa.String(length=64), nullable=False),
        sa.Column("scripted", sa.Boolean(), nullable=False),
        sa.Column("at", UTCTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["thread_id", "position"],
            ["transcripts.thread_id", "transcripts.position"],
            name=op.f("fk_model_calls_thread_id_position"),
        ),
        sa.PrimaryKeyConstraint("thread_id", "position", name=op.f("pk_model_calls")),
    )
