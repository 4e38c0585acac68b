"""The ledger's tables. States are checked by the database too, and an approval is bound by foreign keys.

Two bindings are structural, so that no code path can go round them: a use of an approval names the hash of
the plan and the hash of the job spec that were approved, and an attempt that has started names a use that no
other attempt has.
"""

from moonloop.store.tables.columns import UTCTime, iso, metadata
from moonloop.store.tables.gate import (
    approval_uses,
    budgets,
    decisions,
    hazard_reports,
    holds,
    reviews,
    spend,
)
from moonloop.store.tables.record import enrolment_codes, journal, leaders, outbox, seals, tokens
from moonloop.store.tables.science import (
    campaigns,
    cycles,
    evidence,
    hypotheses,
    measurements,
    plans,
    reports,
    specs,
)
from moonloop.store.tables.thinking import model_calls, threads, transcripts
from moonloop.store.tables.work import (
    LIVE_ATTEMPT,
    MOVING_ATTEMPT,
    artifacts,
    attempt_artifacts,
    attempt_events,
    attempts,
    device_fences,
    incidents,
    jobs,
    late_results,
    presence,
    robots,
)

__all__ = [
    "LIVE_ATTEMPT",
    "MOVING_ATTEMPT",
    "UTCTime",
    "approval_uses",
    "artifacts",
    "attempt_artifacts",
    "attempt_events",
    "attempts",
    "budgets",
    "campaigns",
    "cycles",
    "decisions",
    "device_fences",
    "enrolment_codes",
    "evidence",
    "hazard_reports",
    "holds",
    "hypotheses",
    "incidents",
    "iso",
    "jobs",
    "journal",
    "late_results",
    "leaders",
    "measurements",
    "metadata",
    "model_calls",
    "outbox",
    "plans",
    "presence",
    "reports",
    "reviews",
    "robots",
    "seals",
    "specs",
    "spend",
    "threads",
    "tokens",
    "transcripts",
]
