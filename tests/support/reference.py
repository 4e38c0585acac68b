"""A laboratory as the documents say it is: jobs, attempts, leases and approvals in plain Python.

Written from the documents, not from the ledger, which is held against it step by step. Nothing here is
stored, locked or shared; there is one thing after another, and a word for every answer.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

__all__ = ["Laboratory", "Refused", "Robot"]

_LIVE = ("offered", "accepted", "running")
_FINAL = ("succeeded", "failed", "cancelled")


class Refused(Exception):
    """The answer no: a word, and for a start the reasons of which any may be given."""

    def __init__(self, word: str, reasons: frozenset[str] = frozenset()) -> None:
        super().__init__(word)
        self.word = word
        self.reasons = reasons


@dataclass
class Plan:
    """A plan, its jobs and what was said of it."""

    jobs: list[str]
    review: str = "open"
    approved_until: float = 0.0
    queued: bool = False
    reserved: bool = True


@dataclass
class Job:
    """A job: where it stands, and how many starts its approval still allows."""

    plan: str
    since: float
    state: str = "queued"
    attempts: int = 0
    uses: int = 1
    reruns: int = 0
    value: float | None = None


@dataclass
class Attempt:
    """One robot's try."""

    job: str
    robot: str
    fence: int
    lease: float
    state: str = "offered"
    started: bool = False
    refusal: str | None = None
    result: float | None = None
    late: float | None = None
    resolution: str | None = None


@dataclass
class Robot:
    """A device."""

    state: str = "active"
    fence: int = 0


@dataclass
class Laboratory:
    """One campaign, a few robots, and the rules."""

    ttl: float
    approval_lasts: float
    reruns: int
    limit: float
    patience: float
    """How long no job service may be heard of before it counts as down."""
    now: float = 0.0
    seen: float = 0.0
    """When a job service was last known to be up."""
    campaign: str = "running"
    reserved: int = 0
    spent: int = 0
    holds: set[str] = field(default_factory=set[str])
    plans: dict[str, Plan] = field(default_factory=dict[str, Plan])
    jobs: dict[str, Job] = field(default_factory=dict[str, Job])
    attempts: dict[str, Attempt] = field(default_factory=dict[str, Attempt])
    robots: dict[str, Robot] = field(default_factory=dict[str, Robot])
    answered: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])

    # Time.

    def service_beats(self) -> None:
        """A job service is up; an outage gives each lease that was not over its time back and one more."""
        gap = self.now - self.seen
        if gap > self.patience:
            for attempt in self._live():
                if attempt.lease > self.seen:
                    attempt.lease += gap + self.ttl
        self.seen = self.now

    def sweep(self) -> None:
        """Whatever lease ran out while a service was up lapses."""
        for name, attempt in self.attempts.items():
            if attempt.state in _LIVE and attempt.lease <= self.seen:
                self._settle_lease(name)

    def _settle_lease(self, name: str) -> None:
        attempt = self.attempts[name]
        up = self.now - self.seen <= self.patience
        if not (up and attempt.state in _LIVE and self.now >= attempt.lease):
            return
        job = self.jobs[attempt.job]
        if not attempt.started:
            attempt.state = "expired"
            self._queue_again(attempt.job)
            return
        attempt.state = job.state = "lost"
        robot = self.robots[attempt.robot]
        robot.state = "quarantined" if robot.state == "active" else robot.state
        if job.reruns < self.reruns:
            self.reconcile(name, "rerun")

    def _live(self) -> Iterator[Attempt]:
        return (attempt for attempt in self.attempts.values() if attempt.state in _LIVE)

    # Plans and their approval.

    def plan(self, name: str, jobs: list[str]) -> None:
        """Record a plan and reserve what it will take."""
        if self.reserved + self.spent + len(jobs) > self.limit:
            raise Refused("spent")
        self.plans[name] = Plan(jobs)
        self.reserved += len(jobs)

    def approve(self, name: str) -> None:
        """A person says yes: one use for each job, and the jobs are queued unless the campaign is paused."""
        plan = self._to_decide(name)
        plan.review, plan.approved_until = "approved", self.now + self.approval_lasts
        if self.campaign == "running":
            self._queue(name)

    def reject(self, name: str) -> None:
        """A person says no: the reservations return and the campaign pauses."""
        plan = self._to_decide(name)
        plan.review = "rejected"
        self._give_back(plan)
        if self.campaign == "running":
            self.campaign = "paused"

    def _to_decide(self, name: str) -> Plan:
        if self.plans[name].review != "open":
            raise Refused("decided")
        return self.plans[name]

    def revoke(self, name: str) -> None:
        """The approval is taken back: what waits is cancelled."""
        plan = self.plans[name]
        if plan.review == "revoked":
            return
        if plan.review != "approved":
            raise Refused("illegal")
        self._unapprove(plan, "revoked")

    def expire(self, name: str) -> bool:
        """The approval's time is over: what waits is cancelled."""
        plan = self.plans[name]
        if plan.review != "approved" or self.now < plan.approved_until:
            return False
        self._unapprove(plan, "expired")
        return True

    def _unapprove(self, plan: Plan, state: str) -> None:
        plan.review = state
        self._give_back(plan)
        for job in plan.jobs:
            if plan.queued and self.jobs[job].state == "queued":
                self._cancel(job)

    def queue(self, name: str) -> None:
        """Queue what was approved while the campaign was paused; give back what nothing will come of."""
        plan = self.plans[name]
        if plan.queued:
            return
        if self.campaign in ("stopping", "done") or plan.review not in ("open", "approved"):
            self._give_back(plan)
        elif plan.review == "approved" and self.campaign == "running":
            self._queue(name)

    def _queue(self, name: str) -> None:
        self.plans[name].queued = True
        for job in self.plans[name].jobs:
            self.jobs[job] = Job(name, self.now)

    def _give_back(self, plan: Plan) -> None:
        if plan.reserved and not plan.queued:
            plan.reserved = False
            self.reserved -= len(plan.jobs)

    # The campaign.

    def pause(self) -> None:
        """Nothing new is queued or started."""
        if self.campaign not in ("running", "paused"):
            raise Refused("illegal")
        self.campaign = "paused"

    def resume(self) -> None:
        """Go on."""
        if self.campaign not in ("running", "paused"):
            raise Refused("illegal")
        self.campaign = "running"

    def stop(self) -> None:
        """What waits is cancelled, what moves finishes, nobody is asked any more."""
        if self.campaign not in ("running", "paused"):
            return
        self.campaign = "stopping"
        for plan in self.plans.values():
            if plan.review == "open":
                plan.review = "withdrawn"
                self._give_back(plan)
        for name, job in self.jobs.items():
            if job.state == "queued":
                self._cancel(name)

    def conclude(self) -> bool:
        """The end, when the last job is settled."""
        if self.campaign == "done":
            return True
        if any(job.state not in _FINAL for job in self.jobs.values()):
            return False
        if self.campaign != "stopping":
            raise Refused("illegal")
        for plan in self.plans.values():
            self._give_back(plan)
        self.campaign = "done"
        return True

    # Robots.

    def claim(self, robot: str, request: str) -> str | None:
        """Offer the job that waits longest of those that could start; the same request, the same offer."""
        if (robot, request) in self.answered:
            return self.answered[robot, request]
        device = self.robots[robot]
        if device.state != "active" or any(attempt.robot == robot for attempt in self._live()):
            raise Refused("unavailable")
        waiting = sorted((job.since, name) for name, job in self.jobs.items() if job.state == "queued")
        for _, name in waiting:
            if not self._obstacles(name, robot):
                return self._offer(robot, request, name)
        return None

    def _offer(self, robot: str, request: str, name: str) -> str:
        job, device = self.jobs[name], self.robots[robot]
        device.fence += 1
        job.attempts += 1
        job.state = "active"
        attempt = f"att_{name.removeprefix('job_')}_{job.attempts:02d}"
        self.attempts[attempt] = Attempt(name, robot, device.fence, self.now + self.ttl)
        self.answered[robot, request] = attempt
        return attempt

    def _obstacles(self, name: str, robot: str) -> frozenset[str]:
        """All that stands in the way of a start; any of it may be the answer."""
        job = self.jobs[name]
        plan = self.plans[job.plan]
        over = plan.review == "approved" and self.now >= plan.approved_until
        found = {
            "held": bool(self.holds & {"site", "campaign", robot}),
            "campaign_not_running": self.campaign != "running",
            "robot_unavailable": self.robots[robot].state != "active",
            "budget_spent": self.reserved + self.spent > self.limit,
            "not_approved": plan.review != "approved",
            "approval_expired": over,
            "approval_used": job.uses < 1,
        }
        return frozenset(reason for reason, stands in found.items() if stands)

    def _own(self, robot: str, name: str, fence: int) -> Attempt:
        """Turn away who has no claim to an attempt; a lease that ran out is settled first."""
        attempt = self.attempts[name]
        if attempt.robot != robot:
            raise Refused("forbidden")
        self._settle_lease(name)
        if fence != attempt.fence:
            raise Refused("stale")
        return attempt

    def accept(self, robot: str, name: str, fence: int) -> None:
        """The first beat; accepting twice changes nothing."""
        attempt = self._own(robot, name, fence)
        if attempt.state not in _LIVE:
            raise Refused("stale")
        if attempt.state == "offered":
            attempt.state, attempt.lease = "accepted", self.now + self.ttl

    def start(self, robot: str, name: str, fence: int) -> None:
        """The point of no return; a resent start gets the same answer."""
        attempt = self._own(robot, name, fence)
        if attempt.state not in _LIVE:
            raise Refused("stale")
        if attempt.started:
            return
        if attempt.refusal is not None:
            raise Refused("refused", frozenset({attempt.refusal}))
        if attempt.state != "accepted":
            raise Refused("illegal")
        if obstacles := self._obstacles(attempt.job, robot):
            raise Refused("refused", obstacles)
        attempt.state, attempt.started, attempt.lease = "running", True, self.now + self.ttl
        self.jobs[attempt.job].uses -= 1

    def beat(self, robot: str, name: str, fence: int) -> None:
        """A sign of life."""
        attempt = self._own(robot, name, fence)
        if attempt.state not in _LIVE:
            raise Refused("stale")
        attempt.lease = self.now + self.ttl

    def release(self, robot: str, name: str, fence: int) -> None:
        """The robot gives the job back before its start."""
        attempt = self._own(robot, name, fence)
        if attempt.state in ("released", "expired"):
            return
        if attempt.state not in _LIVE:
            raise Refused("stale")
        if attempt.started:
            raise Refused("illegal")
        attempt.state = "released"
        self._queue_again(attempt.job)

    def finish(self, robot: str, name: str, fence: int, value: float) -> str:
        """The result, once; what comes late waits in quarantine."""
        attempt = self._own(robot, name, fence)
        if attempt.result is not None:
            if attempt.result != value:
                raise Refused("conflict")
            return "succeeded"
        if attempt.state in ("lost", "reconciled"):
            if attempt.late not in (None, value):
                raise Refused("conflict")
            attempt.late = value
            return "quarantined"
        if attempt.state != "running":
            raise Refused("stale")
        attempt.state, attempt.result = "succeeded", value
        self._end(attempt.job, "succeeded", value)
        return "succeeded"

    # What becomes of a job.

    def reconcile(self, name: str, resolution: str) -> None:
        """Somebody, or a policy, says what became of a lost job."""
        attempt = self.attempts[name]
        if attempt.state == "reconciled" and attempt.resolution == resolution:
            return
        if attempt.state not in ("lost", "reconciled"):
            raise Refused("not found")
        if attempt.state == "reconciled":
            raise Refused("illegal")
        if resolution == "adopt" and attempt.late is None:
            raise Refused("nothing")
        attempt.state, attempt.resolution = "reconciled", resolution
        self._lift_quarantine(attempt.robot)
        job = self.jobs[attempt.job]
        if resolution == "rerun":
            job.reruns += 1
            job.uses += self.plans[job.plan].review == "approved"
            self._queue_again(attempt.job)
        elif resolution == "adopt":
            self._end(attempt.job, "succeeded", attempt.late)
        else:
            self._end(attempt.job, "failed", None)

    def _lift_quarantine(self, robot: str) -> None:
        lost = any(one.robot == robot and one.state == "lost" for one in self.attempts.values())
        if self.robots[robot].state == "quarantined" and not lost:
            self.robots[robot].state = "active"

    def _queue_again(self, name: str) -> None:
        job = self.jobs[name]
        job.state = "queued"
        if self.campaign == "stopping" or self.plans[job.plan].review != "approved":
            self._cancel(name)

    def _cancel(self, name: str) -> None:
        self.jobs[name].state = "cancelled"
        self.reserved -= 1

    def _end(self, name: str, state: str, value: float | None) -> None:
        self.jobs[name].state = state
        self.jobs[name].value = value
        self.reserved -= 1
        self.spent += 1
