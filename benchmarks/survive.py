"""What a storm leaves: random processes die by SIGKILL at random moments while campaigns run; all is counted.

Temporal, the API, a worker, the relay and two robots run in processes of their own under a supervisor that
starts again what dies. Who is killed, and after how long, is drawn from the seed. What is counted is read
from the ledger's file when every campaign has ended; its laws are those that the acceptance tests check.
Exits with 1 when anything was counted twice, lost or run again without a word, or a law is broken.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.invariants import Rows, look, violations
from support.site import PROCESSES, leftover, open_site
from support.storms import kills, storm
from support.watching import watched

ROBOTS = ("robot", "other")
VICTIMS = (*PROCESSES[:-1], *ROBOTS)
WITHIN_S = 4.0
"""The next kill comes within so many seconds: two on average, about as long as a start takes."""
AT_ONCE = 3
DELAY_S = 2.0
"""An experiment takes as long, so that robots are killed in the middle of some."""

COUNTED = {
    "experiments with a result": "SELECT count(*) FROM jobs WHERE state = 'succeeded'",
    "starts": "SELECT count(*) FROM attempts WHERE started_at IS NOT NULL",
    "lost": "SELECT count(*) FROM journal WHERE what = 'attempt.k'",
    "reconciled: run again": "SELECT count(*) FROM incidents WHERE resolution = 'rerun'",
    "reconciled: late result adopted": "SELECT count(*) FROM incidents WHERE resolution = 'adopt'",
    "given back or run out before the start": (
        "SELECT count(*) FROM journal WHERE what IN ('attempt.i', 'attempt.j')"
    ),
}
"""What is counted, with its query on the ledger."""

FORBIDDEN = {
    "results counted twice": (
        "SELECT count(*) FROM (SELECT 1 FROM measurements GROUP BY job_id HAVING count(*) > 1)"
    ),
    "results lost": (
        "SELECT count(*) FROM attempts a WHERE a.state = 'succeeded'"
        " AND NOT EXISTS (SELECT 1 FROM measurements m WHERE m.job_id = a.job_id)"
    ),
    "silent reruns": (
        "SELECT count(*) FROM"
        " (SELECT a.job_id FROM attempts a WHERE a.started_at IS NOT NULL GROUP BY a.job_id"
        " HAVING count(*) > 1 + (SELECT count(*) FROM incidents i"
        " WHERE i.job_id = a.job_id AND i.resolution = 'rerun'))"
    ),
}
"""What must not be, with its query on the ledger."""


async def survive(home: Path, count: int, seed: int) -> tuple[Sequence[str], Mapping[str, str]]:
    """Run the storm; return who was killed, and for each campaign the reason to end that it must have."""
    async with open_site(home, robots=ROBOTS, delay=DELAY_S) as site, watched(site.ledger) as journal:
        planned = kills(seed, count, VICTIMS, WITHIN_S)
        reasons = await storm(site, journal, planned, at_once=AT_ONCE, say=progress(count))
        return tuple(site.kills), reasons


def progress(count: int):  # noqa: ANN201 -- a function that says how far we are
    """Return what says how far the storm is, on standard error."""
    began = time.monotonic()

    def say(killed: int, campaigns: int) -> None:
        if killed % 10 == 0:
            spent = time.monotonic() - began
            print(f"{spent:5.0f} s: {killed} of {count} kills, {campaigns} campaigns", file=sys.stderr)

    return say


def number(rows: Rows, query: str) -> int:
    """Return the only number that a query finds."""
    [row] = rows(query)
    [found] = row.values()
    return int(found)


def show(title: str, figures: Mapping[str, object]) -> None:
    """Print one table."""
    width = max(len(name) for name in figures)
    print(f"\n{title}")
    for name, figure in figures.items():
        print(f"  {name.ljust(width)}  {figure}")


def main() -> int:
    """Run the storm, print the tables, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="how many (default: 200)")
    parser.add_argument("--seed", type=int, default=1, help="of who is killed and when (default: 1)")
    chosen = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        struck, reasons = asyncio.run(survive(home, chosen.kills, chosen.seed))
        rows = look(home / "ledger.db")
        broken = violations(rows, reasons)
        forbidden = {name: number(rows, query) for name, query in FORBIDDEN.items()}
        forbidden |= {"laws broken": len(broken), "processes left over": len(leftover(home))}
        counted = {name: number(rows, query) for name, query in COUNTED.items()}
    spent = f"{time.monotonic() - began:.0f} s"
    by_victim = Counter(struck)
    show(f"Kills (seed {chosen.seed}, {spent})", {name: by_victim[name] for name in VICTIMS})
    show("What went on", {"kills": len(struck), "campaigns, all ended": len(reasons), **counted})
    show("What must be 0", forbidden)
    for sentence in broken:
        print(f"broken: {sentence}")
    return 1 if any(forbidden.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
