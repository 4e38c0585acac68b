"""Whoever is killed at whichever edge: nothing is lost, nothing runs twice, the campaigns go on."""

import pytest

from support.invariants import look, violations
from support.site import PROCESSES, OpenSite
from support.tours import BUILT, Killer, tours
from support.watching import watched

GROUPS = (("worker", "temporal"), ("api", "relay", "robot"))
"""Who is killed in which of the tests: each is as long as the other."""
_ROUNDS = 12
"""After so many, whoever could not be killed at some edge never will be."""


def test_every_process_is_killed() -> None:
    """No process of the system is left out of the tours."""
    assert set(PROCESSES) == {victim for group in GROUPS for victim in group}


@pytest.mark.parametrize("victims", GROUPS, ids="-".join)
async def test_killed_at_every_edge_nothing_is_lost_and_nothing_runs_twice(
    open_a_site: OpenSite, victims: tuple[str, ...]
) -> None:
    """Each process dies by SIGKILL right after each edge, and every campaign ends as it should."""
    async with open_a_site(warm=True) as site, watched(site.ledger) as journal:
        killer = Killer(site, victims)
        journal.struck.append(killer.strike)
        reasons: dict[str, str] = {}
        for _ in range(_ROUNDS):
            reasons |= await tours(site, journal, copies=2)
            if not killer.left:
                break
        await journal.numbered()

        assert {(edge, victim) for edge in BUILT for victim in victims} == killer.struck
        assert [] == violations(look(site.ledger), reasons)
