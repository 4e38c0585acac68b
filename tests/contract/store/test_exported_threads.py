"""Exports of what agents said and were given to read: whole, or refused with what is wrong."""

import json
import shutil
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from moonloop.domain import ids
from moonloop.domain.agents import Role
from moonloop.domain.canonical import digest
from moonloop.domain.claims import Hypothesis
from moonloop.domain.errors import ExportInvalid
from moonloop.domain.results import ArtifactRef
from moonloop.store import Ledger, artifacts, campaigns, exports, histories, hypotheses, summaries, views
from moonloop.store import tables as t
from support.campaigns import CAMPAIGN, Bench, ShiftedClock, make_spec
from support.exporting import LIVE, Records, dumped, eventful, running_campaign
from support.thinking import AGENTS, Thinking, claims

# Documents.

_SMITH = "d" * 64


@pytest.fixture
def read(sqlite_url: str) -> Generator[Records]:
    """The records of a campaign that brought a document, twice under another name."""
    named = [{"name": name, "sha256": _SMITH, "media_type": "text/plain"} for name in ("Smith", "Smith 2019")]
    with running_campaign(sqlite_url, documents=named) as bench:
        for sha256 in (_SMITH, "e" * 64):
            bench.do(artifacts.keep, ArtifactRef(name="document", sha256=sha256, size=3))
        yield eventful(bench)


def test_the_documents_of_a_campaign_travel_with_it(read: Records, elsewhere: Ledger) -> None:
    """Those of its file, and of no other campaign's."""
    elsewhere.write_now(exports.load, "admin", read)
    again = dumped(elsewhere)

    assert ["0" * 64, _SMITH] == [row["sha256"] for row in read["artifacts"]]
    assert read["artifacts"] == again["artifacts"]


def test_an_import_without_the_bytes_of_a_document_is_refused(read: Records, elsewhere: Ledger) -> None:
    """With the document's name: what agents were given to read must be there to be read."""
    read["artifacts"] = [row for row in read["artifacts"] if row["sha256"] != _SMITH]

    with pytest.raises(ExportInvalid, match="it lacks the bytes of the document “Smith 2019”"):
        elsewhere.write_now(exports.load, "admin", read)

    assert [] == elsewhere.read_now(summaries.summaries)


# Agents.


@pytest.fixture(scope="module")
def thought(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A campaign in which an agent decided, one was cut short, and one never answered, as a file's text."""
    url = f"sqlite:///{shutil.copy(migrated_file, tmp_path_factory.mktemp('thought') / 'ledger.db')}"
    with running_campaign(url, scientist=AGENTS, budget={"experiments": 20, "money": 50}) as bench:
        bench.do(campaigns.next_step, CAMPAIGN, "algorithmic")
        _decided(bench)
        _cut_short(bench)
        _never_answered(bench)
        bench.do(hypotheses.register, CAMPAIGN, [_claim()])
        return json.dumps(eventful(bench))


@pytest.fixture
def thoughtful(thought: str) -> Records:
    """The records of that campaign, for a test to spoil."""
    return json.loads(thought)


def _decided(bench: Bench) -> None:
    proposer = Thinking(bench)
    proposer.open()
    proposer.turn()
    proposer.tool()
    proposer.reserve()
    proposer.release()
    proposer.decide(claims("water"))


def _cut_short(bench: Bench) -> None:
    critic = Thinking(bench, Role.CRITIC)
    critic.open()
    critic.turn(kind="invalid", upto=4, why="no JSON")
    critic.reserve()
    critic.close("failed", "the worker died")


def _never_answered(bench: Bench) -> None:
    advisor = Thinking(bench, Role.ADVISOR)
    advisor.open()
    advisor.close("unavailable", "no endpoint answers")


def _claim() -> Hypothesis:
    effect = {"kind": "effect", "factor": "solvent", "level_a": "water", "level_b": "ethanol"}
    proposed = {"claim": effect, "statement": "Water.", "probability": 0.7, "proposer": "proposer/m@0"}
    fixed = {"alpha": 0.05, "weight": 0.5, "delta": 10, "cap": 20, "seed": 7, "registered_in": 1}
    made = {"id": ids.hypothesis_id(CAMPAIGN, 1), "campaign_id": CAMPAIGN, "number": 1}
    return Hypothesis.model_validate(made | {"proposed": proposed} | fixed)


def test_what_agents_said_travels_with_the_campaign(thoughtful: Records, elsewhere: Ledger) -> None:
    """Every message, call and payment, byte for byte; and it can be taken out again."""
    elsewhere.write_now(exports.load, "admin", thoughtful)
    again = dumped(elsewhere)

    assert (3, 11, 3) == tuple(len(thoughtful[name]) for name in ("threads", "transcripts", "model_calls"))
    for name in ("threads", "transcripts", "model_calls", "hypotheses", "cycles", "budgets"):
        assert thoughtful[name] == again[name]
    statuses = [fact.status for fact in elsewhere.read_now(views.campaign_facts, CAMPAIGN).cycles[0].agents]
    assert ["decided", "failed", "unavailable"] == statuses
    assert () == elsewhere.read_now(histories.history, CAMPAIGN, 1).record


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
