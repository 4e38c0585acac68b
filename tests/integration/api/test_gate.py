"""The gate at the door: a start whose ground has gone is refused with its reason, and again when resent."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from moonloop.domain.robots import RobotKind
from moonloop.store import Tx, presence
from moonloop.store import tables as t
from moonloop.store.transaction import Query
from support.campaigns import CAMPAIGN
from support.devices import Device, Site, measured, problem
from support.serving import ON_BOTH

pytestmark = ON_BOTH


def _post(path: str, **body: Any) -> Callable[[Site, Device], Any]:
    """Do something as the owner, over HTTP, with the ids that only the moment knows filled in."""

    def run(site: Site, device: Device) -> None:
        answer = site.owner.post(path.format(robot=device.id), json=_filled(body, device))
        assert answer.is_success, answer.text

    return run


def _filled(body: dict[str, Any], device: Device) -> dict[str, Any]:
    return {name: value.format(robot=device.id) for name, value in body.items()}


def _revoke(site: Site, _device: Device) -> None:
    review = site.owner.get("/v1/reviews").json()[0]
    decision = {"id": "dec_revoke", "verdict": "revoke", "plan_sha256": review["plan_sha256"]}
    answer = site.owner.post(f"/v1/reviews/{review['id']}/decisions", json=decision)
    assert "revoked" == answer.json()["state"]


def _limit(site: Site, _device: Device) -> None:
    path = f"/v1/campaigns/{CAMPAIGN}/budget"
    assert 204 == site.owner.put(path, json={"line": "experiments", "limit": 0.5}).status_code


def _edit(table: Any) -> Callable[[Site, Device], None]:
    """Change one digit of what is stored, past every transition, as an intruder on the disk would."""

    def run(site: Site, _device: Device) -> None:
        body: bytes = site.bench.value(select(table.c.body))
        assert b'"cycle":1' in body
        changed = body.replace(b'"cycle":1', b'"cycle":2')
        site.bench.do(Tx.run, update(table).values(body=changed))

    return run


def _lease_for_ever(tx: Tx) -> None:
    tx.run(update(t.attempts).values(lease_until=tx.now() + timedelta(days=400)))


def _approval_over(site: Site, _device: Device) -> None:
    site.bench.do(_lease_for_ever)
    site.bench.clock.advance(site.bench.spec.reviews.approval_lasts + 1)
    site.bench.do(presence.beat, 5.0, 0.0, {})


def _wall_clock_over(site: Site, _device: Device) -> None:
    site.bench.do(_lease_for_ever)
    site.bench.clock.advance(7 * 3600)
    site.bench.do(presence.beat, 5.0, 0.0, {})


LOST_GROUND: dict[str, tuple[str, Callable[[Site, Device], Any]]] = {
    "site held": ("held", _post("/v1/holds", scope="site", reason="a leak")),
    "mission held": ("held", _post("/v1/holds", scope="mission:default/default", reason="a leak")),
    "campaign held": ("held", _post("/v1/holds", scope=CAMPAIGN, reason="a leak")),
    "device held": ("held", _post("/v1/holds", scope="{robot}", reason="a leak")),
    "campaign paused": ("campaign_not_running", _post(f"/v1/campaigns/{CAMPAIGN}/pause")),
    "campaign stopping": ("campaign_not_running", _post(f"/v1/campaigns/{CAMPAIGN}/stop")),
    "wall clock over": ("budget_spent", _wall_clock_over),
    "budget cut": ("budget_spent", _limit),
    "approval revoked": ("not_approved", _revoke),
    "approval out of time": ("approval_expired", _approval_over),
    "plan edited": ("plan_changed", _edit(t.plans)),
    "spec edited": ("plan_changed", _edit(t.specs)),
}


@pytest.fixture
def gated(new_site: Callable[..., Site]) -> Site:
    """A campaign with a wall clock, and one job in the queue."""
    site = new_site(
        RobotKind.SIMULATED,
        budget={"experiments": 20, "wall_clock": "6 h"},
        reviews={"approval_lasts": "1 h"},
    )
    site.bench.queued(1)
    return site


@pytest.mark.parametrize("what", LOST_GROUND)
def test_a_start_that_lost_its_ground_is_refused(gated: Site, what: str) -> None:
    """409 with a stable reason; the same again when resent; nothing has moved; the refusal is on record."""
    reason, lose = LOST_GROUND[what]
    device = gated.device()
    offer = device.accepted()
    lose(gated, device)

    first, again = device.start(offer), device.start(offer)

    document = problem(first, 409, "start-refused")
    assert (reason, offer["attempt_id"]) == (document["facts"]["reason"], document["facts"]["attempt"])
    assert first.content == again.content
    assert "accepted" == gated.bench.state(t.attempts, offer["attempt_id"])
    assert ["start-refused"] == gated.bench.refusals(offer["attempt_id"])


def test_a_refused_start_stays_refused_when_the_ground_is_back(gated: Site) -> None:
    """The robot has been told no: it gives the job back, and a new claim is checked anew."""
    device = gated.device()
    offer = device.accepted()
    hold = {"scope": "site", "reason": "a leak"}
    gated.owner.post("/v1/holds", json=hold)
    refused = device.start(offer)
    gated.owner.post("/v1/holds/release", json=hold)

    assert refused.content == device.start(offer).content
    assert 204 == device.release(offer).status_code
    assert offer["job_id"] == device.running()["job_id"]


def test_an_approval_is_used_once(gated: Site) -> None:
    """A finished job does not start again under its approval, whoever puts it back into the queue."""
    device = gated.device()
    device.finish(device.running(), measured())
    back = update(t.jobs).values(state="queued", ended_at=None)
    gated.bench.do(Tx.run, back)

    assert 204 == device.claim().status_code


def test_a_use_that_is_gone_refuses_a_start(gated: Site) -> None:
    """Another attempt has taken the use in the meantime: this one does not start."""
    device = gated.device()
    offer = device.accepted()
    gated.bench.do(_take_the_use, device.id)

    document = problem(device.start(offer), 409, "start-refused")

    assert "approval_used" == document["facts"]["reason"]


def _take_the_use(tx: Tx, robot: str) -> None:
    use = tx.one(select(t.approval_uses))
    live = tx.one(select(t.attempts))
    assert use is not None
    assert live is not None
    tx.add(
        t.attempts,
        id=f"{live.id}0",
        job_id=live.job_id,
        campaign_id=live.campaign_id,
        robot_id=robot,
        request_id="before-it",
        fence=10_000,
        state="failed",
        lease_until=tx.now(),
        offered_at=tx.now(),
        started_at=tx.now(),
        review_id=use.review_id,
        use_number=use.number,
    )


def test_a_running_job_is_not_touched_by_what_comes_after_its_start(gated: Site) -> None:
    """Hold, pause and revocation stop starts; what moves finishes and counts."""
    device = gated.device()
    offer = device.running()
    for lose in ("site held", "campaign paused", "approval revoked"):
        LOST_GROUND[lose][1](gated, device)

    assert 200 == device.beat(offer).status_code
    assert {"state": "succeeded"} == device.finish(offer).json()


def _states(query: Query, site: Site) -> list[str]:
    return [row.state for row in site.bench.all(query)]


def test_a_plan_of_physical_work_waits_for_a_person(new_site: Callable[..., Site]) -> None:
    """No robot is offered anything of it before somebody has approved exactly this plan."""
    site = new_site(RobotKind.PHYSICAL)
    plan = site.bench.plan(size=1)
    review = site.bench.review(plan)
    device = site.device()
    assert ["open"] == _states(select(t.reviews), site)
    assert 204 == device.claim().status_code
    shown = site.owner.get(f"/v1/reviews/{review}").json()

    wrong = {"id": "dec_0001", "verdict": "approve", "plan_sha256": "0" * 64}
    problem(site.owner.post(f"/v1/reviews/{review}/decisions", json=wrong), 409, "plan-changed")
    right = wrong | {"id": "dec_0002", "plan_sha256": shown["plan"]["sha256"]}
    first = site.owner.post(f"/v1/reviews/{review}/decisions", json=right)
    assert first.content == site.owner.post(f"/v1/reviews/{review}/decisions", json=right).content
    other = right | {"id": "dec_0003", "verdict": "reject"}
    document = problem(site.owner.post(f"/v1/reviews/{review}/decisions", json=other), 409, "already-decided")
    assert "olga" == document["facts"]["by"]
