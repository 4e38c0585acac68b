"""What must hold of any ledger whose campaigns are done, whatever was killed; read from the file alone."""

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from moonloop.domain.lifecycles import LIFECYCLES, Lifecycle
from support.tables import TABLE

__all__ = ["Rows", "look", "violations"]

Row = dict[str, Any]
Rows = Callable[..., list[Row]]
"""Runs a query with its parameters."""

_MACHINES: Mapping[str, Lifecycle] = {machine.name: machine for machine in LIFECYCLES}
_TABLE_OF = {
    "campaign": "campaigns",
    "hypothesis": "hypotheses",
    "job": "jobs",
    "attempt": "attempts",
    "review": "reviews",
    "incident": "incidents",
}
_BORN = {"campaign.made", "hypothesis.registered", "review.opened", "attempt.b", "incident.opened"}
"""Entries that make their subject; jobs are made in one entry about their plan."""


def look(ledger: Path) -> Rows:
    """Return a reader of a ledger's file; it cannot write."""
    connection = sqlite3.connect(f"{ledger.resolve().as_uri()}?mode=ro", uri=True, timeout=10)
    connection.row_factory = sqlite3.Row

    def rows(query: str, *parameters: Any) -> list[Row]:
        return [dict(row) for row in connection.execute(query, parameters)]

    return rows


def violations(rows: Rows, reasons: Mapping[str, str]) -> list[str]:
    """Return what is wrong, in sentences; `reasons` gives each campaign's expected reason for its end."""
    return [
        *_ends(rows, reasons),
        *_outcomes(rows),
        *_starts(rows),
        *_values(rows),
        *_losses(rows),
        *_money(rows),
        *_thoughts(rows),
        *_numbers(rows),
        *_fences(rows),
        *_histories(rows),
        *_law_three(rows),
    ]


def _ends(rows: Rows, reasons: Mapping[str, str]) -> Iterator[str]:
    """Every campaign is done, for the right reason, with a report; nothing of it waits."""
    found = {row["id"]: row for row in rows("SELECT * FROM campaigns")}
    if set(found) != set(reasons):
        yield f"campaigns {sorted(found)} are there, not {sorted(reasons)}"
    for campaign, row in found.items():
        if (row["state"], row["done_reason"]) != ("done", reasons.get(campaign)):
            yield f"{campaign} is {row['state']} because {row['done_reason']} ({row['stop_reason']})"
        written = rows("SELECT media_type FROM reports WHERE campaign_id = ?", campaign)
        if len(written) != 2:
            yield f"{campaign} has {len(written)} reports"
    for row in rows("SELECT * FROM cycles WHERE closed_at IS NULL"):
        yield f"cycle {row['number']} of {row['campaign_id']} is open"
    for row in rows("SELECT * FROM reviews WHERE state = 'open'"):
        yield f"review {row['id']} is open"


def _outcomes(rows: Rows) -> Iterator[str]:
    """Every job came to an outcome; a success has its measurement, once, and nothing else has."""
    counted = Counter(row["job_id"] for row in rows("SELECT job_id FROM measurements"))
    for job in rows("SELECT * FROM jobs"):
        if job["state"] not in ("succeeded", "failed", "cancelled"):
            yield f"{job['id']} is {job['state']}"
        if counted[job["id"]] != (job["state"] == "succeeded"):
            yield f"{job['id']} is {job['state']} with {counted[job['id']]} measurements"
    for plan in rows("SELECT plan_id, count(*) AS jobs FROM jobs GROUP BY plan_id"):
        planned = rows("SELECT count(*) AS n FROM specs WHERE plan_id = ?", plan["plan_id"])[0]["n"]
        if plan["jobs"] != planned:
            yield f"{plan['plan_id']} has {planned} specs and {plan['jobs']} jobs"
    for attempt in rows("SELECT * FROM attempts"):
        if attempt["state"] not in _MACHINES["attempt"].finals:
            yield f"{attempt['id']} is {attempt['state']}"


def _starts(rows: Rows) -> Iterator[str]:
    """Nothing starts but on a use of an approval, and no use is taken twice."""
    uses = {(row["review_id"], row["job_id"], row["number"]) for row in rows("SELECT * FROM approval_uses")}
    started = rows("SELECT * FROM attempts WHERE started_at IS NOT NULL")
    taken = Counter((row["review_id"], row["job_id"], row["use_number"]) for row in started)
    for use, count in taken.items():
        if use not in uses:
            yield f"a start names the use {use}, which was never granted"
        if count > 1:
            yield f"the use {use} was taken {count} times"
    granted = Counter(job for _, job, _ in uses)
    for job, count in Counter(row["job_id"] for row in started).items():
        reruns = rows("SELECT count(*) AS n FROM incidents WHERE job_id = ? AND resolution = 'rerun'", job)[
            0
        ]["n"]
        if count > granted[job] or count > 1 + reruns:
            yield f"{job} started {count} times on {granted[job]} uses with {reruns} reruns"


def _values(rows: Rows) -> Iterator[str]:
    """Each measured value is that of the job's own setting."""
    query = "SELECT m.job_id, m.value, s.body FROM measurements m JOIN specs s ON s.job_id = m.job_id"
    for row in rows(query):
        settings = json.loads(row["body"])["candidate"]["settings"]
        expected = TABLE[settings["solvent"], float(settings["temperature"])]
        if row["value"] != expected:
            yield f"{row['job_id']} measured {row['value']}, its setting gives {expected}"


def _losses(rows: Rows) -> Iterator[str]:
    """Every attempt cut short after its start is reconciled by an incident that is settled."""
    settled = {row["attempt_id"]: row for row in rows("SELECT * FROM incidents WHERE state = 'settled'")}
    for row in rows("SELECT * FROM incidents WHERE state != 'settled'"):
        yield f"{row['id']} is {row['state']}"
    for row in rows("SELECT * FROM attempts WHERE started_at IS NOT NULL AND finish_sha256 IS NULL"):
        if row["state"] != "reconciled" or row["id"] not in settled:
            yield f"{row['id']} was cut short and is {row['state']}"
    for attempt, incident in settled.items():
        late = rows("SELECT * FROM late_results WHERE attempt_id = ?", attempt)
        if incident["resolution"] == "adopt" and (not late or late[0]["adopted_at"] is None):
            yield f"{incident['id']} adopted a result that is not there"


def _money(rows: Rows) -> Iterator[str]:
    """Nothing is reserved any more, and what is spent is what the settled jobs and turns took."""
    closed: dict[tuple[str, str], float] = defaultdict(float)
    settled: Counter[tuple[str, str]] = Counter()
    for row in rows("SELECT * FROM spend WHERE kind != 'reserve'"):
        line = (row["campaign_id"], row["line"])
        closed[line] += row["amount"]
        settled[line] += row["kind"] == "settle"
    for row in rows("SELECT * FROM budgets"):
        line = (row["campaign_id"], row["line"])
        if abs(row["reserved"]) > 1e-9:
            yield f"{row['reserved']} is still reserved on {line}"
        if abs(row["spent"] - closed[line]) > 1e-6:
            yield f"{row['spent']} is spent on {line}, its entries give {closed[line]}"
        if row["line"] in ("experiments", "confirmation", "reference") and row["spent"] != settled[line]:
            yield f"{row['spent']} is spent on {line}, {settled[line]} of its jobs are settled"
    finished = {row["id"] for row in rows("SELECT id FROM jobs WHERE state IN ('succeeded', 'failed')")}
    of_jobs = "SELECT job_id FROM spend WHERE kind = 'settle' AND job_id NOT LIKE 'thr!_%' ESCAPE '!'"
    paid = {row["job_id"] for row in rows(of_jobs)}
    if finished != paid:
        yield f"jobs are finished but not paid, or paid but not finished: {sorted(finished ^ paid)}"
    closings = (
        "SELECT job_id, line, sum(kind != 'reserve') AS n FROM spend GROUP BY job_id, line HAVING n != 1"
    )
    for row in rows(closings):
        yield f"{row['job_id']} was closed {row['n']} times on {row['line']}"


def _thoughts(rows: Rows) -> Iterator[str]:
    """Every thread has ended and has no gap, and what its turns were paid with is what its calls used."""
    lines = {(row["campaign_id"], row["line"]) for row in rows("SELECT campaign_id, line FROM budgets")}
    paid: dict[tuple[str, str], float] = defaultdict(float)
    turns = "SELECT * FROM spend WHERE kind = 'settle' AND job_id LIKE 'thr!_%' ESCAPE '!'"
    for row in rows(turns):
        paid[row["job_id"].partition("/")[0], row["line"]] += row["amount"]
    for thread in rows("SELECT * FROM threads"):
        name, campaign = thread["id"], thread["campaign_id"]
        if thread["status"] == "open" or thread["ended_at"] is None:
            yield f"{name} is open"
        messages = rows("SELECT position FROM transcripts WHERE thread_id = ? ORDER BY position", name)
        if [row["position"] for row in messages] != list(range(thread["messages"])):
            yield f"{name} does not have the {thread['messages']} messages that it counts"
        calls = rows("SELECT * FROM model_calls WHERE thread_id = ?", name)
        used = {
            "tokens": sum(row["prompt_tokens"] + row["completion_tokens"] for row in calls),
            "money": sum(row["cost"] for row in calls),
        }
        for line, amount in used.items():
            if (campaign, line) in lines and abs(paid[name, line] - amount) > 1e-6:
                yield f"{name} paid {paid[name, line]} of {line} for calls that used {amount}"


def _numbers(rows: Rows) -> Iterator[str]:
    """The journal's numbers have no gap and follow the order of the commits."""
    numbers = [row["number"] for row in rows("SELECT number FROM journal ORDER BY id")]
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"the journal's {len(numbers)} numbers are not 1 to {len(numbers)} in order"


def _fences(rows: Rows) -> Iterator[str]:
    """Each offer to a device has a higher fence than the one before."""
    fences: dict[str, list[int]] = defaultdict(list)
    for row in rows("SELECT facts FROM journal WHERE what = 'attempt.b' ORDER BY id"):
        facts = json.loads(row["facts"])
        fences[facts["robot"]].append(facts["fence"])
    for robot, seen in fences.items():
        if any(later <= earlier for earlier, later in pairwise(seen)):
            yield f"the fences of {robot} do not rise: {seen}"


def _entries(rows: Rows) -> list[Row]:
    return rows("SELECT * FROM journal ORDER BY id")


def _histories(rows: Rows) -> Iterator[str]:
    """Every subject went along its lifecycle from edge to edge, and stands where its last edge led."""
    now: dict[str, str] = {}
    for entry in _entries(rows):
        what, subject = entry["what"], entry["subject"]
        name, _, letter = what.partition(".")
        if what in _BORN:
            if subject in now:
                yield f"{subject} was made twice"
            now[subject] = entry["after"]
        elif name in _MACHINES and entry["before"] is not None:
            before = now.get(subject, _MACHINES[name].initial)
            if before != entry["before"] or not _MACHINES[name].allows(before, letter, entry["after"]):
                yield f"{subject} took {what} from {entry['before']} to {entry['after']}, being {before}"
            now[subject] = entry["after"]
    for name, table in _TABLE_OF.items():
        for row in rows(f"SELECT id, state FROM {table}"):
            if now.get(row["id"], _MACHINES[name].initial) != row["state"]:
                yield f"{row['id']} is {row['state']}, its journal leads to {now.get(row['id'])}"


def _law_three(rows: Rows) -> Iterator[str]:
    """At each start the campaign was running and the approval that it names was live."""
    state: dict[str, str] = {}
    for entry in _entries(rows):
        if entry["what"] == "attempt.d":
            review = json.loads(entry["facts"])["review"]
            if (state.get(review), state.get(entry["campaign_id"])) != ("approved", "running"):
                yield (
                    f"{entry['subject']} started while {review} was {state.get(review)} and its campaign "
                    f"{state.get(entry['campaign_id'])}"
                )
        if entry["after"] is not None:
            state[entry["subject"]] = entry["after"]
