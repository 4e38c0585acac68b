"""What agents do: their tasks, every message of them, and every call of a model that was paid for."""

from typing import get_args

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from moonloop.domain.agents import AgentStatus, Role
from moonloop.store.tables.columns import ID, SHA256, UTCTime, metadata, quoted

__all__ = ["model_calls", "threads", "transcripts"]

threads = Table(
    "threads",
    metadata,
    Column("id", ID, primary_key=True),
    Column("campaign_id", ID, nullable=False),
    Column("cycle", Integer, nullable=False),
    Column("role", String(20), nullable=False),
    Column("status", String(20), nullable=False),
    Column("why", Text, nullable=False, server_default=""),
    Column("proposer", String(80), nullable=False, server_default="-"),
    Column("scripted", Boolean, nullable=False, server_default=text("false")),
    Column("opened", LargeBinary, nullable=False),
    Column("decision", LargeBinary),
    Column("sha256", SHA256),
    Column("messages", Integer, nullable=False),
    Column("turns", Integer, nullable=False, server_default="0"),
    Column("prompt_tokens", BigInteger, nullable=False, server_default="0"),
    Column("cached_tokens", BigInteger, nullable=False, server_default="0"),
    Column("completion_tokens", BigInteger, nullable=False, server_default="0"),
    Column("cost", Float, nullable=False, server_default="0"),
    Column("released", Integer, nullable=False, server_default="0"),
    Column("opened_at", UTCTime, nullable=False),
    Column("ended_at", UTCTime),
    CheckConstraint(f"role IN ({quoted(Role)})", name="role"),
    CheckConstraint(f"status IN ({quoted(get_args(AgentStatus))})", name="status"),
    ForeignKeyConstraint(["campaign_id", "cycle"], ["cycles.campaign_id", "cycles.number"]),
    UniqueConstraint("campaign_id", "cycle", "role"),
)
"""One row a task. `messages`: how many there are; `released`: how many reservations were given back.

The sums are those of the task's model calls; `sha256` is the decision's.
"""

transcripts = Table(
    "transcripts",
    metadata,
    Column("thread_id", ID, ForeignKey("threads.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("body", LargeBinary, nullable=False),
    Column("sha256", SHA256, nullable=False),
    Column("at", UTCTime, nullable=False),
)
"""Messages, from position 0 without a gap; a place is written once."""

model_calls = Table(
    "model_calls",
    metadata,
    Column("thread_id", ID, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("turn", LargeBinary, nullable=False),
    Column("sha256", SHA256, nullable=False),
    Column("endpoint", String(200), nullable=False),
    Column("model", String(200), nullable=False),
    Column("prompt_tokens", Integer, nullable=False),
    Column("cached_tokens", Integer, nullable=False),
    Column("completion_tokens", Integer, nullable=False),
    Column("cost", Float, nullable=False),
    Column("latency_s", Float, nullable=False),
    Column("finish", String(40), nullable=False),
    Column("seed", Integer, nullable=False),
    Column("prompt_sha256", SHA256, nullable=False),
    Column("schema_sha256", SHA256, nullable=False),
    Column("tools_sha256", SHA256, nullable=False),
    Column("scripted", Boolean, nullable=False),
    Column("at", UTCTime, nullable=False),
    # A call is one of a message that is there: that of the model, at its place.
    ForeignKeyConstraint(["thread_id", "position"], ["transcripts.thread_id", "transcripts.position"]),
)
"""Calls of models, each at the place of the message that it made; `turn` is what it came to."""
