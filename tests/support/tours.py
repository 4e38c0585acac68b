"""A tour: campaigns that together take every edge of the lifecycles, while somebody is killed at each."""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from moonloop.domain import ids
from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.errors import StaleFence
from moonloop.domain.facts import CampaignSummary, IncidentFact, ReviewFact
from moonloop.domain.lifecycles import LIFECYCLES
from moonloop.domain.messages import Enrolled, FinishReply, Offer
from moonloop.domain.plans import JobSpec
from moonloop.domain.reviews import DecisionVerdict, Resolution
from support.site import Person, Site
from support.tables import TABLE, setting_of, table_spec
from support.watching import Entry, Journal

__all__ = [
    "BUILT",
    "UNBUILT",
    "Hand",
    "Killer",
    "approving",
    "decide",
    "reconcile",
    "settling",
    "start",
    "steer",
    "tours",
]

UNBUILT = {
    "attempt.e": "no robot of this version can be paused in the middle of a job",
    "attempt.f": "as attempt.e",
    "attempt.g": "no job that a robot has in hand can be cancelled in this version",
    "review.q": "a decision of this version approves, rejects or revokes",
}
"""Edges that nothing in this version takes, so that nobody can be killed at them, and why."""

BUILT = tuple(
    dict.fromkeys(
        what
        for machine in LIFECYCLES
        for edge in machine.edges
        if (what := f"{machine.name}.{edge.letter}") not in UNBUILT
    )
)
"""Every edge at which somebody is killed, as the journal names it."""

_TOGETHER = (
    {"review.r", "campaign.b"},
    {"review.x", "campaign.b"},
    {"review.v", "job.g"},
    {"review.w", "campaign.d"},
    {"attempt.h", "job.h"},
    {"attempt.i", "job.i"},
    {"attempt.j", "job.j"},
    {"attempt.k", "job.k"},
    {"attempt.l", "job.l", "incident.s"},
    {"hypothesis.a", "hypothesis.b"},
)
"""Edges of one transaction: whoever is killed at the one is killed at the others."""

_NEAR = 6
"""Entries of one transaction lie so close together."""
_EXPIRES_S = 5.0


class Killer:
    """Kills each of some processes once at every edge."""

    def __init__(self, site: Site, victims: Sequence[str]) -> None:
        self._site = site
        # In turns, so that two edges in a row do not fall to the same process, which would still be down.
        self._pending = {
            what: [victims[(place + turn) % len(victims)] for turn in range(len(victims))]
            for place, what in enumerate(BUILT)
        }
        self._struck_up_to = 0
        self.struck: set[tuple[str, str]] = set()
        """Each edge at which somebody was killed, and who."""

    def strike(self, entry: Entry, near: Sequence[Entry]) -> None:
        """Kill whoever is due at this entry and up; who is down just now is due at the next such entry."""
        if entry.id <= self._struck_up_to:
            return
        one = _transaction(entry, near)
        edges = {other.what for other in one}
        for victim in self._pending.get(entry.what, ()):
            if self._site.kill(victim):
                self._struck_up_to = max(other.id for other in one)
                for edge in edges & set(self._pending):
                    self._pending[edge] = [name for name in self._pending[edge] if name != victim]
                self.struck |= {(edge, victim) for edge in edges}
                return

    @property
    def left(self) -> dict[str, list[str]]:
        """The edges at which somebody is still to be killed, and who."""
        return {what: victims for what, victims in self._pending.items() if victims}


def _transaction(entry: Entry, near: Sequence[Entry]) -> list[Entry]:
    """Return the entry and those edges that were taken in its transaction."""
    partners = {what for group in _TOGETHER if entry.what in group for what in group}
    return [
        entry,
        *(
            other
            for other in near
            if other.what in partners
            and other.campaign == entry.campaign
            and 0 < abs(other.id - entry.id) <= _NEAR
        ),
    ]


# People.


async def start(site: Site, spec: CampaignSpec) -> str:
    """Start a campaign; return its id."""
    body = {"request_id": secrets.token_hex(8), "spec": spec.model_dump(mode="json")}
    return (await site.owner.post("/v1/campaigns", body, CampaignSummary)).id


async def decide(site: Site, review: str, verdict: DecisionVerdict) -> None:
    """Decide on a plan."""
    found = await site.owner.get(f"/v1/reviews/{review}", dict[str, Any])
    body = {
        "id": f"dec_{secrets.token_hex(8)}",
        "verdict": verdict.value,
        "plan_sha256": found["review"]["plan_sha256"],
        "comment": "by the harness",
    }
    await site.owner.post(f"/v1/reviews/{review}/decisions", body, ReviewFact)


async def reconcile(site: Site, incident: str, resolution: Resolution) -> None:
    """Say what became of a lost job."""
    body = {"resolution": resolution.value, "reason": "the harness looked"}
    await site.owner.post(f"/v1/incidents/{incident}/reconcile", body, IncidentFact)


async def steer(site: Site, campaign: str, what: str) -> None:
    """Pause, resume or stop a campaign."""
    await site.owner.post(f"/v1/campaigns/{campaign}/{what}", {"reason": "the harness"}, CampaignSummary)


@asynccontextmanager
async def _meanwhile(work: Coroutine[Any, Any, None]) -> AsyncGenerator[None]:
    """Do something for as long as the block lasts; if it fails, so does the block, at once."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work)
        yield
        task.cancel()


def approving(site: Site, journal: Journal, campaign: str, after: int = 0) -> Any:
    """Approve each plan that comes under review behind an entry, for as long as the block lasts."""

    async def approve() -> None:
        last = after
        while True:
            entry = await journal.until("review.opened", campaign=campaign, after=last, patience=None)
            last = entry.id
            await site.all_up()
            await decide(site, entry.subject, DecisionVerdict.APPROVE)

    return _meanwhile(approve())


def settling(site: Site, journal: Journal, but: Sequence[str] = ()) -> Any:
    """Settle every incident, for as long as the block lasts, except those of some robots.

    A result that came late is adopted, any other job is run again.
    """

    async def settle() -> None:
        last = 0
        while True:
            entry = await journal.until("incident.opened", after=last, patience=None)
            last = entry.id
            if entry.facts["robot"] not in but:
                found = await site.owner.get(f"/v1/incidents/{entry.subject}", IncidentFact)
                if found.state == "open":
                    late = found.late_result
                    await reconcile(site, found.id, Resolution.ADOPT if late else Resolution.RERUN)

    return _meanwhile(settle())


# A robot that is played.


@dataclass
class Hand:
    """A robot for checks, played over HTTP: it can do what a robot should not."""

    me: Person
    robot: str
    journal: Journal
    _request: str = field(default_factory=lambda: secrets.token_hex(8))

    @classmethod
    async def enrol(cls, site: Site, journal: Journal, protocol: str) -> "Hand":
        """Enrol it as a simulated robot."""
        issued = await site.owner.post("/v1/robots/codes", {"kind": "simulated"}, dict[str, str])
        body = {
            "code": issued["code"],
            "name": "hand",
            "adapter": "hand",
            "version": "1",
            "capabilities": {"protocols": [protocol]},
        }
        enrolled = await site.owner.post("/v1/robots/enroll", body, Enrolled)
        return cls(Person(site.settings.url, enrolled.token), enrolled.robot_id, journal)

    async def claim(self) -> Offer:
        """Wait for an offer."""
        while True:
            offer = await self.me.claim({"request_id": self._request, "wait_s": 1}, Offer)
            if offer is not None:
                self._request = secrets.token_hex(8)
                return offer

    async def tell(self, offer: Offer, what: str) -> None:
        """Accept, start or release an offer."""
        await self.me.post(f"/v1/attempts/{offer.attempt_id}/{what}", {"fence": offer.fence}, dict[str, Any])

    async def finish(self, offer: Offer) -> str:
        """Report the table's value; return what became of it."""
        value = TABLE[setting_of(JobSpec.model_validate_json(offer.spec).candidate)]
        report = {"outcome": "succeeded", "measurements": [{"name": "yield", "value": value, "unit": "%"}]}
        body = {"fence": offer.fence, "report": report}
        return (await self.me.post(f"/v1/attempts/{offer.attempt_id}/finish", body, FinishReply)).state

    async def give_back(self) -> None:
        """Claim a job and release it: edge i."""
        while True:
            offer = await self.claim()
            with suppress(StaleFence):
                await self.me.post(f"/v1/attempts/{offer.attempt_id}/release", {"fence": offer.fence})
                return

    async def fall_silent(self) -> None:
        """Accept a job and let its lease run out before the start: edge j."""
        while True:
            offer = await self.claim()
            with suppress(StaleFence):
                await self.tell(offer, "accept")
                await self.journal.until("attempt.j", subject=offer.attempt_id)
                return

    async def begin(self) -> Offer:
        """Claim, accept and start a job."""
        while True:
            offer = await self.claim()
            with suppress(StaleFence):
                await self.tell(offer, "accept")
                await self.tell(offer, "start")
                return offer

    async def vanish(self) -> Offer:
        """Start a job and let its lease run out: edge k."""
        offer = await self.begin()
        await self.journal.until("attempt.k", subject=offer.attempt_id)
        return offer

    def close(self) -> None:
        """Hang up."""
        self.me.close()


# The tour.


async def tours(site: Site, journal: Journal, copies: int) -> dict[str, str]:
    """Run so many tours of two campaigns at once; return why each campaign must have ended."""
    protocols = [f"check.{secrets.token_hex(4)}/1" for _ in range(copies)]
    hands = [await Hand.enrol(site, journal, protocol) for protocol in protocols]
    try:
        async with settling(site, journal, but=[hand.robot for hand in hands]):
            searches = [
                _searching(site, journal, hand, check) for hand, check in zip(hands, protocols, strict=True)
            ]
            found = await asyncio.gather(*searches, *(_ignored(site, journal) for _ in range(copies)))
    finally:
        for hand in hands:
            hand.close()
    return dict(found)


_CLAIMING: Mapping[str, Any] = {
    "claims": [
        {
            "statement": "Ethanol is better.",
            "mechanism": "",
            "probability": 0.8,
            "claim": {
                "kind": "effect",
                "factor": "solvent",
                "level_a": "ethanol",
                "level_b": "water",
                "delta": 5,
            },
        }
    ],
    "scientist": {"claims_at_most": 1},
}
"""The part of a campaign file that has it test a claim."""


async def _searching(site: Site, journal: Journal, hand: Hand, check: str) -> tuple[str, str]:
    """Rejected, resumed, revoked, approved; then checked by a hand that does it all wrong."""
    campaign = await start(site, _searching_spec(check))
    await _opened(journal, campaign, 1)
    await site.all_up()
    await decide(site, _review(campaign, 1), DecisionVerdict.REJECT)
    await journal.until("cycle.closed", campaign=campaign)
    await site.all_up()
    await steer(site, campaign, "resume")
    revoked = await _revoked(site, journal, campaign)
    async with approving(site, journal, campaign, after=revoked), _meanwhile(_checks(site, hand)):
        await journal.until("campaign.e", campaign=campaign)
    return campaign, "goal_met"


def _searching_spec(check: str) -> CampaignSpec:
    run = {"label": "again", "tolerance": 1, "protocol": {"name": check, "robot": "simulated"}}
    return table_spec(
        objective={"name": "yield", "unit": "%", "direction": "maximise", "range": [0, 100], "target": 60},
        confirmation={"top": 1, "runs": [run]},
        budget={"experiments": 12, "confirmation": 4},
        reviews={"simulated": "every_cycle"},
        **_CLAIMING,
    )


async def _revoked(site: Site, journal: Journal, campaign: str) -> int:
    """Approve the second plan while a hold keeps the robots off it, and revoke; return where that was."""
    opened = await _opened(journal, campaign, 2)
    scope = {"scope": f"campaign:{campaign}", "reason": "the harness is not ready"}
    await site.owner.post("/v1/holds", scope)
    await site.all_up()
    await decide(site, opened.subject, DecisionVerdict.APPROVE)
    await journal.until("job.a", campaign=campaign)
    await site.all_up()
    await decide(site, opened.subject, DecisionVerdict.REVOKE)
    await journal.until("review.v", campaign=campaign)
    await site.owner.post("/v1/holds/release", scope)
    return opened.id


async def _checks(site: Site, hand: Hand) -> None:
    """Do the first check in every wrong way, and those that follow in the right one."""
    await hand.give_back()
    await hand.fall_silent()
    offer = await hand.vanish()
    await reconcile(site, ids.incident_id(offer.attempt_id), Resolution.RERUN)
    offer = await hand.vanish()
    assert "quarantined" == await hand.finish(offer)
    await reconcile(site, ids.incident_id(offer.attempt_id), Resolution.ADOPT)
    while True:
        offer = await hand.begin()
        if await hand.finish(offer) == "quarantined":  # on a busy machine even an honest hand may be too slow
            await reconcile(site, ids.incident_id(offer.attempt_id), Resolution.ADOPT)


async def _ignored(site: Site, journal: Journal) -> tuple[str, str]:
    """Nobody decides on its first plan, which expires; it is stopped while the second is under review."""
    times = {"simulated": "every_cycle", "expires_after": _EXPIRES_S}
    campaign = await start(site, table_spec(reviews=times, **_CLAIMING))
    await journal.until("review.x", subject=_review(campaign, 1))
    await journal.until("cycle.closed", campaign=campaign)
    await steer(site, campaign, "resume")
    await _opened(journal, campaign, 2)
    await steer(site, campaign, "stop")
    await journal.until("campaign.e", campaign=campaign)
    return campaign, "stopped_by"


def _review(campaign: str, cycle: int) -> str:
    return ids.review_id(ids.plan_id(campaign, cycle), 1)


async def _opened(journal: Journal, campaign: str, cycle: int) -> Entry:
    return await journal.until("review.opened", subject=_review(campaign, cycle))
