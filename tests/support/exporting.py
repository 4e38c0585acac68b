"""Campaigns to be exported: eventful ones that are done, as the records that a file would hold."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from moonloop.domain.lifecycles import DoneReason
from moonloop.domain.results import ArtifactRef
from moonloop.store import Ledger, artifacts, campaigns, exports, losses, sealing
from support.campaigns import CAMPAIGN, TTL, Bench, ShiftedClock, make_spec

__all__ = ["LIVE", "Records", "dumped", "eventful", "running_campaign"]

Records = dict[str, list[dict[str, Any]]]

LIVE = "cmp_00000000000live"
"""Another campaign, which goes on where the export is brought."""


def dumped(ledger: Ledger, campaign: str = CAMPAIGN) -> Records:
    """Return the records of a campaign, as a file would hold them."""
    return json.loads(json.dumps(ledger.read_now(exports.dump, campaign)))


def eventful(bench: Bench) -> Records:
    """Have something of every kind happen in a campaign until it is done, and return its records."""
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
    return dumped(bench.ledger)


@contextmanager
def running_campaign(url: str, **changes: Any) -> Generator[Bench]:
    """Open a ledger of its own with a running campaign, with changes to its file."""
    clock = ShiftedClock()
    ledger = Ledger(url, clock=clock)
    bench = Bench(ledger, make_spec(**changes), clock)
    bench.start()
    try:
        yield bench
    finally:
        ledger.close()
