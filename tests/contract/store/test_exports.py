"""Exports: a campaign out of one ledger and into another, whole and unaltered."""

from typing import Any

import pytest
from sqlalchemy import select

from moonloop.domain.errors import AlreadyExists
from moonloop.domain.facts import CampaignFacts
from moonloop.domain.lifecycles import DoneReason
from moonloop.store import Ledger, campaigns, exports, views
from moonloop.store import tables as t
from support.campaigns import CAMPAIGN, Bench
from support.exporting import LIVE, Records, dumped, eventful


@pytest.fixture
def exported(bench: Bench) -> Records:
    """The records of a campaign in which something happened, as a file would hold them."""
    return eventful(bench)


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
    again = dumped(elsewhere)

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


def test_a_robot_may_come_with_two_campaigns(bench: Bench, exported: Records, elsewhere: Ledger) -> None:
    """It is known from the first import, and did other work in the second."""
    other = Bench(bench.ledger, bench.spec, bench.clock, LIVE)
    other.start()
    other.queued(1)
    other.finish("rob_000000r1", other.running("rob_000000r1", "request-9"))
    other.do(campaigns.stop, LIVE, DoneReason.STOPPED_BY, "enough")
    other.do(campaigns.conclude, LIVE)
    second = dumped(bench.ledger, LIVE)

    elsewhere.write_now(exports.load, "admin", exported)

    assert elsewhere.write_now(exports.load, "admin", second) == LIVE


def test_an_export_of_the_first_version_is_taken_in(spoilable: Records, elsewhere: Ledger) -> None:
    """It has no agents, no tokens, and says whose a claim is only in the claim."""
    for name in ("threads", "transcripts", "model_calls"):
        assert [] == spoilable.pop(name)
    spoilable["budgets"] = [row for row in spoilable["budgets"] if row["line"] != "tokens"]

    assert elsewhere.write_now(exports.load, "admin", spoilable) == CAMPAIGN
