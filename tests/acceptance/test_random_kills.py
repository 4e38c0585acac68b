"""Whoever is killed, whenever: a short storm; `benchmarks/survive.py` is the long one."""

from support.invariants import look, violations
from support.site import PROCESSES, OpenSite
from support.storms import kills, storm
from support.watching import watched


async def test_a_storm_of_random_kills_is_survived(open_a_site: OpenSite) -> None:
    """Ten processes die at moments that nobody chose, and every campaign ends as if none had."""
    planned = kills(seed=20261121, count=10, victims=PROCESSES, within_s=1.5)
    async with open_a_site() as site, watched(site.ledger) as journal:
        reasons = await storm(site, journal, planned, at_once=2)

        assert [kill.victim for kill in planned] == site.kills
        assert [] == violations(look(site.ledger), reasons)
