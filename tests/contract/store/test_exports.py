"""Exports: a campaign out of one ledger and into another, whole and unaltered."""

import json
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from moonloop.domain import ids
from moonloop.domain.agents import Role
from moonloop.domain.canonical import digest
from moonloop.domain.claims import Hypothesis
from moonloop.domain.errors import AlreadyExists, ExportInvalid
from moonloop.domain.facts import CampaignFacts
from moonloop.domain.lifecycles import DoneReason
from moonloop.domain.results import ArtifactRef
from moonloop.domain.robots import RobotKind
from moonloop.store import (
    Ledger,
    artifacts,
    campaigns,
    exports,
    histories,
    hypotheses,
    listings,
    losses,
    sealing,
    summaries,
    views,
)
from moonloop.store import tables as t
from support.campaigns import CAMPAIGN, TTL, Bench, ShiftedClock, make_spec
from support.thinking import AGENTS, Thinking, claims

Records = dict[str, list[dict[str, Any]]]


@pytest.fixture
def exported(bench: Bench) -> Records:
    """The records of a campaign in which something happened, as a file would hold them."""
    return _eventful(bench)


@pytest.fixture
def spoilable(sqlite_url: str) -> Generator[Records]:
    """The same from an SQLite ledger alone."""
    ledger = Ledger(sqlite_url, clock=(clock := ShiftedClock()))
    bench = Bench(ledger, make_spec(), clock)
    bench.start()
    yield _eventful(bench)
    ledger.close()


def _eventful(bench: Bench) -> Records:
    bench.queued(3)
    robot, other = bench.robot("r1"), bench.robot("r2")
    lost = bench.running(other)
    offer = bench.running(robot)
    bench.do(artifacts.attach, robot, offer.attempt_id, ArtifactRef(name="a", sha256="0" * 64, size=1))
    bench.finish(robot, offer)
    bench.later(TTL + 1)
    bench.do(losses.sweep, lost.attempt_id)
    bench.finish(other, lost, 7.0)
    bench.reconcile(lost, "adopt")
    bench.do(campaigns.stop, CAMPAIGN, DoneReason.STOPPED_BY, "enough")
    bench.do(campaigns.conclude, CAMPAIGN)
    bench.do(sealing.seal_journal)
    return json.loads(json.dumps(bench.ledger.read_now(exports.dump, CAMPAIGN)))


@pytest.fixture(params=["sqlite", "postgresql"])
def elsewhere(request: pytest.FixtureRequest, migrated_file: Path, tmp_path: Path) -> Generator[Ledger]:
    """Another ledger, on each database in turn."""
    if request.param == "sqlite":
        path = tmp_path / "elsewhere.db"
        path.write_bytes(migrated_file.read_bytes())
        url = f"sqlite:///{path}"
        release: Callable[[], None] = lambda: None  # noqa: E731 -- nothing to give back
    else:
        cluster = request.getfixturevalue("postgres")
        url = cluster.fresh()
        release = lambda: cluster.recycle(url)  # noqa: E731 -- given back when the test is over
    opened = Ledger(url, clock=ShiftedClock())
    yield opened
    opened.close()
    release()


def _facts(ledger: Ledger) -> dict[str, Any]:
    """Return what is told of the campaign, less what belongs to the ledger that tells it."""
    facts: CampaignFacts = ledger.read_now(views.campaign_facts, CAMPAIGN)
    return facts.model_dump(exclude={"robots"})


def test_a_campaign_that_was_taken_in_is_the_same(bench: Bench, exported: Records, elsewhere: Ledger) -> None:
    """Between any two databases: every fact, figure, hash and time; its robots are known, but do no work."""
    assert elsewhere.write_now(exports.load, "admin", exported) == CAMPAIGN

    assert _facts(elsewhere) == _facts(bench.ledger)
    robots = elsewhere.read_now(lambda c: c.execute(select(t.robots.c.id, t.robots.c.state)).all())
    assert {(row.id, row.state) for row in robots} == {
        ("rob_000000r1", "revoked"),
        ("rob_000000r2", "revoked"),
    }


def test_what_is_exported_again_is_what_was_taken_in(exported: Records, elsewhere: Ledger) -> None:
    """But for the numbers that each ledger gives its own rows."""
    elsewhere.write_now(exports.load, "admin", exported)
    again: Records = json.loads(json.dumps(elsewhere.read_now(exports.dump, CAMPAIGN)))

    for name in (
        "plans",
        "specs",
        "reviews",
        "decisions",
        "approval_uses",
        "jobs",
        "attempts",
        "measurements",
    ):
        assert again[name] == exported[name]
    told = [(row["what"], row["subject"], row["at"]) for row in again["journal"]]
    assert told[:-1] == [(row["what"], row["subject"], row["at"]) for row in exported["journal"]]
    assert told[-1][0] == "campaign.imported"


def test_a_campaign_is_taken_in_once(spoilable: Records, elsewhere: Ledger) -> None:
    """The second time it is here already, and stays as it is."""
    elsewhere.write_now(exports.load, "admin", spoilable)
    before = _facts(elsewhere)

    with pytest.raises(AlreadyExists):
        elsewhere.write_now(exports.load, "admin", spoilable)

    assert _facts(elsewhere) == before


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


LIVE = "cmp_00000000000live"


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


def test_a_robot_may_come_with_two_campaigns(bench: Bench, exported: Records, elsewhere: Ledger) -> None:
    """It is known from the first import, and did other work in the second."""
    other = Bench(bench.ledger, bench.spec, bench.clock, LIVE)
    other.start()
    other.queued(1)
    other.finish("rob_000000r1", other.running("rob_000000r1", "request-9"))
    other.do(campaigns.stop, LIVE, DoneReason.STOPPED_BY, "enough")
    other.do(campaigns.conclude, LIVE)
    second = json.loads(json.dumps(bench.ledger.read_now(exports.dump, LIVE)))

    elsewhere.write_now(exports.load, "admin", exported)

    assert elsewhere.write_now(exports.load, "admin", second) == LIVE


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


# Documents.

_SMITH = "d" * 64


@pytest.fixture
def read(sqlite_url: str) -> Generator[Records]:
    """The records of a campaign that brought a document, twice under another name."""
    named = [{"name": name, "sha256": _SMITH, "media_type": "text/plain"} for name in ("Smith", "Smith 2019")]
    ledger = Ledger(sqlite_url, clock=(clock := ShiftedClock()))
    bench = Bench(ledger, make_spec(documents=named), clock)
    bench.start()
    for sha256 in (_SMITH, "e" * 64):
        bench.do(artifacts.keep, ArtifactRef(name="document", sha256=sha256, size=3))
    yield _eventful(bench)
    ledger.close()


def test_the_documents_of_a_campaign_travel_with_it(read: Records, elsewhere: Ledger) -> None:
    """Those of its file, and of no other campaign's."""
    elsewhere.write_now(exports.load, "admin", read)
    again: Records = json.loads(json.dumps(elsewhere.read_now(exports.dump, CAMPAIGN)))

    assert ["0" * 64, _SMITH] == [row["sha256"] for row in read["artifacts"]]
    assert read["artifacts"] == again["artifacts"]


def test_an_import_without_the_bytes_of_a_document_is_refused(read: Records, elsewhere: Ledger) -> None:
    """With the document's name: what agents were given to read must be there to be read."""
    read["artifacts"] = [row for row in read["artifacts"] if row["sha256"] != _SMITH]

    with pytest.raises(ExportInvalid, match="it lacks the bytes of the document “Smith 2019”"):
        elsewhere.write_now(exports.load, "admin", read)

    assert [] == elsewhere.read_now(summaries.summaries)


# Agents.


@pytest.fixture
def thoughtful(sqlite_url: str) -> Generator[Records]:
    """The records of a campaign in which an agent decided, one was cut short, and one was never answered."""
    ledger = Ledger(sqlite_url, clock=(clock := ShiftedClock()))
    bench = Bench(ledger, make_spec(scientist=AGENTS, budget={"experiments": 20, "money": 50}), clock)
    bench.start()
    bench.do(campaigns.next_step, CAMPAIGN, "algorithmic")
    proposer, critic, advisor = (Thinking(bench, role) for role in (Role.PROPOSER, Role.CRITIC, Role.ADVISOR))
    proposer.open()
    proposer.turn()
    proposer.tool()
    proposer.reserve()
    proposer.release()
    proposer.decide(claims("water"))
    critic.open()
    critic.turn(kind="invalid", upto=4, why="no JSON")
    critic.reserve()
    critic.close("failed", "the worker died")
    advisor.open()
    advisor.close("unavailable", "no endpoint answers")
    bench.do(hypotheses.register, CAMPAIGN, [_claim()])
    yield _eventful(bench)
    ledger.close()


def _claim() -> Hypothesis:
    effect = {"kind": "effect", "factor": "solvent", "level_a": "water", "level_b": "ethanol"}
    proposed = {"claim": effect, "statement": "Water.", "probability": 0.7, "proposer": "proposer/m@0"}
    fixed = {"alpha": 0.05, "weight": 0.5, "delta": 10, "cap": 20, "seed": 7, "registered_in": 1}
    made = {"id": ids.hypothesis_id(CAMPAIGN, 1), "campaign_id": CAMPAIGN, "number": 1}
    return Hypothesis.model_validate(made | {"proposed": proposed} | fixed)


def test_what_agents_said_travels_with_the_campaign(thoughtful: Records, elsewhere: Ledger) -> None:
    """Every message, call and payment, byte for byte; and it can be taken out again."""
    elsewhere.write_now(exports.load, "admin", thoughtful)
    again: Records = json.loads(json.dumps(elsewhere.read_now(exports.dump, CAMPAIGN)))

    assert (3, 11, 3) == tuple(len(thoughtful[name]) for name in ("threads", "transcripts", "model_calls"))
    for name in ("threads", "transcripts", "model_calls", "hypotheses", "cycles", "budgets"):
        assert thoughtful[name] == again[name]
    statuses = [fact.status for fact in elsewhere.read_now(views.campaign_facts, CAMPAIGN).cycles[0].agents]
    assert ["decided", "failed", "unavailable"] == statuses
    assert () == elsewhere.read_now(histories.history, CAMPAIGN, 1).record


def test_an_export_of_the_first_version_is_taken_in(spoilable: Records, elsewhere: Ledger) -> None:
    """It has no agents, no tokens, and says whose a claim is only in the claim."""
    for name in ("threads", "transcripts", "model_calls"):
        assert [] == spoilable.pop(name)
    spoilable["budgets"] = [row for row in spoilable["budgets"] if row["line"] != "tokens"]

    assert elsewhere.write_now(exports.load, "admin", spoilable) == CAMPAIGN


def test_a_claim_of_the_first_version_gets_its_proposer(thoughtful: Records, elsewhere: Ledger) -> None:
    """From its body, as the migration does it."""
    del thoughtful["hypotheses"][0]["proposer"]
    elsewhere.write_now(exports.load, "admin", thoughtful)

    proposers = elsewhere.read_now(lambda c: c.execute(select(t.hypotheses.c.proposer)).scalars().all())
    assert ["proposer/m@0"] == proposers


def _of(records: Records, table: str, role: str, place: int = 0) -> dict[str, Any]:
    """Return a row of a role's thread."""
    key = "id" if table == "threads" else "thread_id"
    return [row for row in records[table] if row[key].endswith(role)][place]


def _set(table: str, who: str = "proposer", place: int = 0, **changes: Any) -> Callable[[Records], None]:
    return lambda records: _of(records, table, who, place).update(changes)


def _another_decision(records: Records) -> None:
    body = claims("methanol")
    _of(records, "threads", "proposer").update(decision=body, sha256=digest(body.encode()))


def _another_turn(records: Records) -> None:
    call = _of(records, "model_calls", "proposer", -1)
    turn = json.dumps(json.loads(call["turn"]) | {"decision": claims("methanol")})
    call.update(turn=turn, sha256=digest(turn.encode()))


def _drop(table: str, role: str, place: int) -> Callable[[Records], None]:
    return lambda records: records[table].remove(_of(records, table, role, place))


def _paid(how: str, line: str = "tokens", **changes: Any) -> Callable[[Records], None]:
    def spoil(records: Records) -> None:
        found = (row for row in records["spend"] if row["kind"] == how and row["line"] == line)
        next(row for row in found if row["job_id"].startswith("thr_")).update(changes)

    return spoil


def _unpaid(records: Records) -> None:
    kept = [row for row in records["spend"] if not row["job_id"].endswith("proposer/2")]
    records["spend"] = kept


def _paid_for_nothing(records: Records) -> None:
    row = next(row for row in records["spend"] if row["kind"] == "settle" and "/" in row["job_id"])
    records["spend"].append(row | {"job_id": _of(records, "threads", "advisor")["id"] + "/2"})


def _renamed(records: Records) -> None:
    body = json.loads(records["hypotheses"][0]["body"])
    body["proposed"]["proposer"] = "another"
    records["hypotheses"][0].update(body=json.dumps(body), sha256=digest(json.dumps(body).encode()))


FORGED: dict[str, tuple[Callable[[Records], None], str]] = {
    "an edited message": (_set("transcripts", body='{"speaker":"user"}'), "is not what was hashed"),
    "an edited turn": (_set("model_calls", turn="{}"), "is not what was hashed"),
    "an edited decision": (_set("threads", decision="{}"), "is not what was hashed"),
    "another decision": (_another_decision, "decision that is not that of its last turn"),
    "another last turn": (_another_turn, "decision that is not that of its last turn"),
    "another role": (_set("threads", role="advisor"), "does not bear the name"),
    "another cycle": (_set("threads", cycle=2), "work in a cycle that is missing"),
    "another campaign": (_set("threads", campaign_id="cmp_00000000000live"), "not of this campaign"),
    "a missing message": (_drop("transcripts", "proposer", 1), "has gaps"),
    "a missing last message": (_drop("transcripts", "proposer", -1), "has gaps"),
    "a missing call": (_drop("model_calls", "critic", 0), "other sums than its model calls"),
    "another length": (_set("threads", "critic", messages=5), "has gaps"),
    "fewer tokens": (_set("threads", prompt_tokens=1), "other sums"),
    "a lower price": (_set("threads", cost=0.1), "another cost"),
    "no script": (_set("model_calls", scripted=True), "other sums"),
    "another proposer": (_set("threads", proposer="proposer/better@1"), "than who answered last"),
    "an open thread": (_set("threads", "critic", status="open"), "is open"),
    "a wild status": (_set("threads", "critic", status="wild"), "records of threads do not fit"),
    "a decision of nobody": (_set("threads", "critic", status="decided"), "is not decided, or the reverse"),
    "another opening": (_set("threads", opened="{}"), "malformed"),
    "a call without a message": (_set("model_calls", position=1), "made no message"),
    "a call for less": (_set("model_calls", cost=0.1), "another cost"),
    "less paid": (_paid("settle", amount=1.0), "was not paid for with what it used"),
    "less money paid": (_paid("settle", "money", amount=0.1), "was not paid for with what it used"),
    "never paid": (_unpaid, "was not paid for with what it used"),
    "paid for nothing": (_paid_for_nothing, "spent on a turn that has no model call"),
    "never closed": (_paid("release", kind="reserve"), "not settled or given back just once"),
    "paid for another thread": (
        _paid("settle", job_id="thr_00000000000live_0001_critic/2"),
        "job_id that is not of this campaign",
    ),
    "another claimant": (_renamed, "another proposer than its body"),
}


@pytest.mark.parametrize("what", FORGED)
def test_forged_thoughts_are_refused(thoughtful: Records, elsewhere: Ledger, what: str) -> None:
    """With a sentence that says what is wrong, and nothing is taken in."""
    forge, told = FORGED[what]
    forge(thoughtful)

    with pytest.raises(ExportInvalid, match=told):
        elsewhere.write_now(exports.load, "admin", thoughtful)

    assert elsewhere.read_now(lambda c: c.execute(select(t.threads.c.id)).all()) == []
    assert elsewhere.read_now(summaries.summaries) == []


def test_a_campaign_cannot_bring_a_thread_of_another(thoughtful: Records, elsewhere: Ledger) -> None:
    """One that goes on here keeps its own, and no name is taken from it."""
    bench = Bench(elsewhere, make_spec(scientist=AGENTS), ShiftedClock(), LIVE)
    bench.start()
    bench.do(campaigns.next_step, LIVE, "algorithmic")
    mine = Thinking(bench)
    mine.open()
    _of(thoughtful, "transcripts", "proposer", -1)["thread_id"] = mine.id

    with pytest.raises(ExportInvalid, match="thread_id that is not of this campaign"):
        elsewhere.write_now(exports.load, "admin", thoughtful)

    assert 2 == bench.count(t.transcripts)
