"""Exports that were spoilt or forged: refused whole, before they change anything where they are brought."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from moonloop.domain.canonical import digest
from moonloop.domain.errors import ExportInvalid
from moonloop.domain.robots import RobotKind
from moonloop.store import Ledger, exports, listings, summaries
from moonloop.store import tables as t
from support.campaigns import Bench, ShiftedClock, make_spec
from support.exporting import LIVE, Records


def _running(records: Records) -> None:
    records["campaigns"][0]["state"] = "running"


def _no_table(records: Records) -> None:
    del records["measurements"]


def _two(records: Records) -> None:
    records["campaigns"] *= 2


def _strange_column(records: Records) -> None:
    records["jobs"][0]["colour"] = "red"


def _edited(table: str, body: str) -> Callable[[Records], None]:
    def edit(records: Records) -> None:
        row = next(row for row in records[table] if row[body] is not None)
        row[body] += " "

    return edit


def _bad_time(records: Records) -> None:
    records["jobs"][0]["queued_at"] = "yesterday"


def _bad_type(records: Records) -> None:
    records["plans"][0]["body"] = 7


def _dangling(records: Records) -> None:
    records["measurements"][0]["attempt_id"] = "att_elsewhere"


def _changed(table: str, **changes: Any) -> Callable[[Records], None]:
    return lambda records: records[table][0].update(changes)


def _rewritten(table: str, column: str, stated: str, body: str) -> Callable[[Records], None]:
    """Another body, with the hash that fits it."""
    return _changed(table, **{column: body, stated: digest(body.encode())})


def _nested(records: Records) -> None:
    value: dict[str, Any] = {}
    for _ in range(400):
        value = {"a": value}
    records["journal"][0]["facts"] = value


def _other_figure(records: Records) -> None:
    for column in ("value", "reported_value"):
        records["measurements"][0][column] += 1.0


def _succeeded_without_result(records: Records) -> None:
    done = next(row for row in records["attempts"] if row["state"] == "succeeded")
    done.update(finish=None, finish_sha256=None)


def _no_cycle(records: Records) -> None:
    records["cycles"] = []


def _no_budget(records: Records) -> None:
    records["budgets"] = [row for row in records["budgets"] if row["line"] != "experiments"]
    records["spend"] = [row for row in records["spend"] if row["line"] != "experiments"]


def _stray_robot(records: Records) -> None:
    records["robots"].append(records["robots"][0] | {"id": "rob_stray0001"})


def _stray_artifact(records: Records) -> None:
    records["artifacts"].append(records["artifacts"][0] | {"sha256": "1" * 64})


UNREADABLE: dict[str, Callable[[Records], None]] = {
    "empty file": _rewritten("campaigns", "spec", "spec_sha256", "{}"),
    "empty plan": _rewritten("plans", "body", "sha256", "{}"),
    "empty spec": _rewritten("specs", "body", "sha256", "{}"),
    "empty result": _rewritten("attempts", "finish", "finish_sha256", "{}"),
    "empty late result": _rewritten("late_results", "body", "sha256", "{}"),
    "another title": _changed("campaigns", name="Another"),
    "another mission": _changed("campaigns", mission="another"),
    "endless cycle": _changed("campaigns", cycle=2**70),
    "large cycle": _changed("campaigns", cycle=2**31),
    "endless fence": _changed("attempts", fence=2**63),
    "wild reason": _changed("campaigns", done_reason="wild"),
    "wild verdict": _changed("decisions", verdict="wild"),
    "wild hazard": _changed("reviews", hazard="wild"),
    "wild outcome": _changed("hazard_reports", outcome="wild"),
    "wild robot": _changed("robots", capabilities="{}x"),
    "wild requirement": _changed("specs", requires={}),
    "wild spending": _changed("spend", kind="wild"),
    "wild resolution": _changed("incidents", resolution="wild"),
    "wild refusal": _changed("attempts", refusal={"because": "of nothing"}),
    "infinite budget": _changed("budgets", spent=float("inf")),
    "budget beyond floats": _changed("budgets", spent=10**400),
    "no number": _changed("measurements", value=float("nan")),
    "no number within": _changed("measurements", parts={"a": float("nan")}),
    "other value": _changed("measurements", value=123.4),
    "other figure": _other_figure,
    "other name": _changed("measurements", name="purity"),
    "other unit": _changed("measurements", unit="wild"),
    "no result": _succeeded_without_result,
    "half a character": _changed("campaigns", stop_reason="\ud800"),
    "long word": _changed("journal", what="x" * 61),
    "facts that are a list": _changed("journal", facts=[1]),
    "nested facts": _nested,
    "naive time": _changed("campaigns", created_at="2020-01-01T00:00:00"),
    "early time": _changed("campaigns", created_at="0001-01-01T00:00:00+14:00"),
    "no cycle": _no_cycle,
    "no budget": _no_budget,
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_what_readers_would_fail_on_is_refused(spoilable: Records, elsewhere: Ledger, what: str) -> None:
    """Hashes that fit are not enough: one campaign must not break the lists of all."""
    UNREADABLE[what](spoilable)

    with pytest.raises(ExportInvalid):
        elsewhere.write_now(exports.load, "admin", spoilable)

    assert elsewhere.read_now(summaries.summaries) == []
    assert elsewhere.read_now(listings.robot_facts) == []


def _live(ledger: Ledger) -> Bench:
    """A campaign that waits for the approval of a physical plan, and its robot."""
    bench = Bench(ledger, make_spec(RobotKind.PHYSICAL), ShiftedClock(), LIVE)
    bench.start()
    bench.review(bench.plan())
    bench.robot("r9")
    return bench


def _forged(table: str, **changes: Any) -> Callable[[Records, Records], None]:
    """A row of the campaign itself, with other values."""
    return lambda mine, _: mine[table].append(mine[table][0] | changes)


def _approval(mine: Records, live: Records) -> None:
    review = live["reviews"][0] | {"state": "approved", "approval_expires_at": "2099-01-01T00:00:00.000Z"}
    mine["reviews"].append(review | {"id": f"{review['id'][:-1]}2"})


def _job(mine: Records, live: Records) -> None:
    spec, plan = live["specs"][0], live["plans"][0]
    other = {"id": spec["job_id"], "campaign_id": LIVE, "plan_id": plan["id"], "plan_sha256": plan["sha256"]}
    mine["jobs"].append(mine["jobs"][0] | other | {"spec_sha256": spec["sha256"], "state": "queued"})


def _use(mine: Records, live: Records) -> None:
    review, spec = live["reviews"][0], live["specs"][0]
    other = {"review_id": review["id"], "plan_sha256": review["plan_sha256"], "job_id": spec["job_id"]}
    mine["approval_uses"].append(mine["approval_uses"][0] | other | {"spec_sha256": spec["sha256"]})


def _decision(mine: Records, live: Records) -> None:
    review = live["reviews"][0]
    other = {"id": "dec_forged0001", "review_id": review["id"], "plan_sha256": review["plan_sha256"]}
    mine["decisions"].append(mine["decisions"][0] | other)


def _hazard(mine: Records, live: Records) -> None:
    mine["hazard_reports"].append(live["hazard_reports"][0] | {"rules_version": "later", "outcome": "low"})


FOREIGN: dict[str, Callable[[Records, Records], None]] = {
    "an approval": _approval,
    "a decision": _decision,
    "a use": _use,
    "a job": _job,
    "a hazard report": _hazard,
    "a budget": _forged("budgets", campaign_id=LIVE, line="free"),
    "a line of the journal": _forged("journal", campaign_id=LIVE),
    "a line of no campaign's journal": _forged("journal", campaign_id=None),
    "a cycle": _forged("cycles", campaign_id=LIVE, number=2),
    "a report": lambda mine, _: mine["reports"].append(
        {
            "campaign_id": LIVE,
            "media_type": "text/html",
            "sha256": "0" * 64,
            "written_at": "2026-01-01T00:00Z",
        }
    ),
    "the incident of a later loss": lambda mine, live: mine["incidents"][0].update(
        id=live["specs"][0]["job_id"].replace("job_", "inc_") + "_01"
    ),
    "the name of a later job": lambda mine, live: mine["specs"].append(
        mine["specs"][0] | {"job_id": live["specs"][0]["job_id"][:-1] + "7", "position": 7}
    ),
    "the name of a later decision": lambda mine, live: mine["decisions"][0].update(
        id=f"dec_{live['reviews'][0]['id'].removeprefix('rev_')}_policy"
    ),
    "a robot": lambda mine, _: mine["attempts"][0].update(robot_id="rob_000000r9"),
    "a robot that did nothing": lambda mine, _: _stray_robot(mine),
    "an artifact of nothing": lambda mine, _: _stray_artifact(mine),
}


@pytest.mark.parametrize("what", FOREIGN)
def test_no_row_of_another_campaign_comes_in(spoilable: Records, elsewhere: Ledger, what: str) -> None:
    """Above all none that stands between a plan and a robot: the one way to an approval is a review here."""
    bench = _live(elsewhere)
    before = elsewhere.read_now(exports.dump, LIVE)
    FOREIGN[what](spoilable, before)

    with pytest.raises(ExportInvalid):
        elsewhere.write_now(exports.load, "admin", spoilable)

    assert elsewhere.read_now(exports.dump, LIVE) == before
    assert bench.claim("rob_000000r9") is None


@pytest.mark.parametrize(
    ("table", "state"),
    [
        ("jobs", "queued"), ("jobs", "active"), ("jobs", "lost"), ("attempts", "running"),
        ("attempts", "lost"), ("reviews", "open"), ("reviews", "wild"), ("incidents", "open"),
    ],
)  # fmt: skip
def test_what_still_goes_on_is_refused(spoilable: Records, elsewhere: Ledger, table: str, state: str) -> None:
    """A campaign that is done has left nothing for a sweep, a claim or a decision."""
    spoilable[table][0]["state"] = state

    with pytest.raises(ExportInvalid):
        elsewhere.write_now(exports.load, "admin", spoilable)


def test_work_of_a_robot_that_is_enrolled_here_is_refused(spoilable: Records, elsewhere: Ledger) -> None:
    """Its fences are this ledger's to give, and it goes on as if nothing had been brought."""
    bench = Bench(elsewhere, make_spec(), ShiftedClock(), LIVE)
    bench.start()
    robot = bench.robot("r1")

    with pytest.raises(ExportInvalid, match=robot):
        elsewhere.write_now(exports.load, "admin", spoilable)

    assert bench.state(t.robots, robot) == "active"


@pytest.mark.parametrize(
    "spoil",
    [
        _running,
        _no_table,
        _two,
        _strange_column,
        _edited("campaigns", "spec"),
        _edited("plans", "body"),
        _edited("specs", "body"),
        _edited("attempts", "finish"),
        _edited("late_results", "body"),
        _bad_time,
        _bad_type,
        _dangling,
    ],
    ids=[
        "running", "no table", "two campaigns", "strange column", "edited file", "edited plan", "edited spec",
        "edited result", "edited late result", "bad time", "bad type", "dangling",
    ],
)  # fmt: skip
def test_a_spoilt_export_is_refused_whole(
    spoilable: Records, elsewhere: Ledger, spoil: Callable[[Records], None]
) -> None:
    """What is not a campaign that is done, byte for byte as it was hashed, leaves no row behind."""
    spoil(spoilable)

    with pytest.raises(ExportInvalid):
        elsewhere.write_now(exports.load, "admin", spoilable)

    assert elsewhere.read_now(lambda c: c.execute(select(t.campaigns.c.id)).all()) == []
    assert elsewhere.read_now(lambda c: c.execute(select(t.journal.c.id)).all()) == []
