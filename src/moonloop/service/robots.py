"""The job service: what robots ask for. Each call is one transaction; the long poll waits outside of any."""

import asyncio
import logging
import time
from datetime import UTC, datetime

from sqlalchemy import Connection, bindparam, func, select

from moonloop.domain.access import Scope
from moonloop.domain.canonical import canonical_json, digest, unseal
from moonloop.domain.errors import (
    ArtifactMismatch,
    Forbidden,
    MoonloopError,
    NotFound,
    ResultInvalid,
    UnitMismatch,
)
from moonloop.domain.lifecycles import JobState
from moonloop.domain.messages import (
    Accepted,
    ArtifactStored,
    Beat,
    BeatReply,
    ClaimRequest,
    Enrolled,
    EnrolRequest,
    EventIn,
    FinishReply,
    FinishRequest,
    Offer,
    ReleaseRequest,
    Started,
)
from moonloop.domain.plans import JobSpec
from moonloop.domain.results import ArtifactRef, FinishReport, Outcome, ReportedMeasurement
from moonloop.domain.robots import Capabilities, RobotKind, RobotState
from moonloop.domain.units import commensurable
from moonloop.service.access import new_id, new_secret
from moonloop.service.settings import Settings
from moonloop.service.units import LARGEST, convert, convert_interval
from moonloop.store import Ledger, Tx, attempts, offers, presence, results, robots, tokens
from moonloop.store.artifacts import ArtifactFiles, Incoming, attach
from moonloop.store.measurements import Accepted as AcceptedResult
from moonloop.store.measurements import Converted
from moonloop.store.tables import LIVE_ATTEMPT, jobs, journal, specs
from moonloop.store.tables import attempts as attempts_table
from moonloop.store.tables import robots as robots_table

__all__ = ["JobService"]

_log = logging.getLogger(__name__)

_LOOK_S = 10.0
"""A waiting claim looks at the ledger at least this often, whether or not it was woken."""


class JobService:
    """Enrolment, claims, attempts, results."""

    def __init__(self, ledger: Ledger, files: ArtifactFiles, settings: Settings) -> None:
        self._ledger = ledger
        self._files = files
        self._settings = settings
        self._seen: dict[str, datetime] = {}
        self._work = _Work(ledger)

    def close(self) -> None:
        """Watch for work no more."""
        self._work.close()

    # Being there.

    async def be_present(self) -> None:
        """Say for ever that the job service is up; leases do not lapse while none is."""
        while True:
            try:
                await self.beat_presence()
            except MoonloopError as error:
                _log.warning("the ledger does not take our beat: %s", error)
            await asyncio.sleep(self._settings.presence)

    async def beat_presence(self) -> None:
        """Say once that the job service is up."""
        seen, self._seen = self._seen, {}
        await self._ledger.write(
            presence.beat, "job service", self._settings.presence, self._settings.lease, seen
        )

    # Robots.

    async def enrol(self, request: EnrolRequest) -> Enrolled:
        """Register a robot with its one-time code, and give it its token."""
        robot, secret = new_id("rob"), new_secret("robot")
        row = await self._ledger.write(_enrol, robot, robot, request, secret)
        return Enrolled(
            robot_id=robot,
            kind=RobotKind(row.kind),
            state=RobotState(row.state),
            token=secret,
            lease_ttl_s=self._settings.lease,
            beat_every_s=self._settings.beat,
            claim_wait_s=self._settings.claim_wait,
        )

    # Jobs.

    async def claim(self, robot: str, request: ClaimRequest) -> Offer | None:
        """Return a job, waiting for one as long as the robot asked; None when there was none."""
        self._seen[robot] = datetime.now(UTC)
        until = time.monotonic() + min(request.wait_s, self._settings.claim_wait)
        while True:
            mark = self._work.mark()
            if await self._ledger.read(_may_have_work, robot, request):
                offer = await self._ledger.write(offers.claim, robot, robot, request, self._settings.lease)
                if offer is not None:
                    return offer
            left = until - time.monotonic()
            if left <= 0:
                return None
            await self._work.wait(mark, min(left, _LOOK_S))

    async def accept(self, robot: str, attempt: str, fence: int) -> Accepted:
        """Record that the adapter has checked the job."""
        await self._ledger.write(attempts.accept, robot, robot, attempt, fence, self._settings.lease)
        return Accepted(lease_ttl_s=self._settings.lease, received_at=datetime.now(UTC))

    async def start(self, robot: str, attempt: str, fence: int) -> Started:
        """Pass the point of no return, if everything that law 3 names holds."""
        at = await self._ledger.write(attempts.start, robot, robot, attempt, fence, self._settings.lease)
        return Started(lease_ttl_s=self._settings.lease, started_at=at)

    async def beat(self, robot: str, attempt: str, given: Beat) -> BeatReply:
        """Extend the lease."""
        self._seen[robot] = datetime.now(UTC)
        await self._ledger.write(attempts.beat, robot, robot, attempt, given, self._settings.lease)
        return BeatReply(lease_ttl_s=self._settings.lease, received_at=datetime.now(UTC))

    async def release(self, robot: str, attempt: str, request: ReleaseRequest) -> None:
        """Take a job back that was not started."""
        await self._ledger.write(
            attempts.release,
            robot,
            robot,
            attempt,
            request.fence,
            request.reason,
            refused=request.refused,
        )

    async def events(self, robot: str, attempt: str, events: list[EventIn]) -> int:
        """Store what is new among the events; return how many were."""
        await self._ledger.read(_require_own, robot, attempt)
        return await self._ledger.write(attempts.record_events, robot, robot, attempt, events)

    # Artifacts.

    async def receive(self, robot: str, attempt: str, ref: ArtifactRef) -> Incoming | None:
        """Begin to take an artifact in; None when its bytes are known and no upload is needed."""
        await self._ledger.read(_require_own, robot, attempt)
        if not self._files.has(ref.sha256):
            return self._files.receive(ref)
        size = self._files.path(ref.sha256).stat().st_size
        if size != ref.size:
            declared = f"{ref.size} bytes"
            raise ArtifactMismatch(name=ref.name, received=f"{size} bytes", declared=declared)
        return None

    async def keep(
        self, robot: str, attempt: str, ref: ArtifactRef, incoming: Incoming | None
    ) -> ArtifactStored:
        """Make what came in durable, then known."""
        if incoming is not None:
            await asyncio.to_thread(incoming.keep)
        await self._ledger.write(attach, robot, robot, attempt, ref)
        return ArtifactStored(sha256=ref.sha256, size=ref.size)

    # Results.

    async def finish(self, robot: str, attempt: str, request: FinishRequest) -> FinishReply:
        """Take the result of an attempt, once."""
        spec = await self._ledger.read(_own_spec, robot, attempt)
        body = canonical_json(request.report.model_dump(mode="json", exclude_none=True))
        state = await self._ledger.write(
            results.finish,
            robot,
            robot,
            attempt,
            request.fence,
            _fitted(spec, request.report),
            body,
            digest(body),
        )
        return FinishReply(state=state)


class _Work:
    """Wakes waiting claims when something happened that may give them work, and at no other time.

    Two hundred idle robots must not be woken by every heartbeat of a busy one: only what the journal records
    can change what may be claimed, and only while something is queued.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._count = 0
        self._seen = (0, False)
        self._waiters: set[asyncio.Future[None]] = set()
        self._watch: asyncio.Task[None] | None = None

    def mark(self) -> int:
        if self._watch is None or self._watch.done():
            self._watch = asyncio.ensure_future(self._follow())
        return self._count

    def close(self) -> None:
        if self._watch is not None:
            self._watch.cancel()

    async def wait(self, since: int, timeout: float) -> None:
        if self._count != since:
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            # Not wait_for: on Python 3.11 it swallows a cancellation that comes together with the wake-up.
            async with asyncio.timeout(timeout):
                await waiter
        except TimeoutError:
            return
        finally:
            self._waiters.discard(waiter)

    async def _follow(self) -> None:
        while True:
            mark = self._ledger.changes.mark()
            if not self._waiters:  # a claim on its way to wait had better look once more
                self._count += 1
                await self._ledger.changes.wait(mark, _LOOK_S)
                continue
            seen = await self._ledger.read(_latest)
            if seen != self._seen and seen[1]:
                self._count += 1
                waiters, self._waiters = self._waiters, set()
                for waiter in waiters:
                    if not waiter.done():
                        waiter.set_result(None)
            self._seen = seen
            await self._ledger.changes.wait(mark, _LOOK_S)


def _latest(connection: Connection) -> tuple[int, bool]:
    latest = connection.execute(select(func.max(journal.c.id))).scalar_one() or 0
    queued = connection.execute(select(jobs.c.id).where(jobs.c.state == "queued").limit(1)).first()
    return latest, queued is not None


_ROBOT = select(robots_table.c.kind, robots_table.c.state, robots_table.c.capabilities).where(
    robots_table.c.id == bindparam("robot")
)
_IN_HAND = select(attempts_table.c.id).where(
    attempts_table.c.robot_id == bindparam("robot"),
    attempts_table.c.state.in_(LIVE_ATTEMPT) | (attempts_table.c.request_id == bindparam("request")),
)
_QUEUED = (
    select(jobs.c.id)
    .where(
        jobs.c.state == JobState.QUEUED,
        jobs.c.kind == bindparam("kind"),
        jobs.c.protocol.in_(bindparam("protocols", expanding=True)),
    )
    .limit(1)
)
_SPEC = (
    select(specs.c.body, specs.c.sha256)
    .join(attempts_table, attempts_table.c.job_id == specs.c.job_id)
    .where(attempts_table.c.id == bindparam("attempt"))
)


def _may_have_work(connection: Connection, robot: str, request: ClaimRequest) -> bool:
    """Look before taking the write lock: most polls of an idle laboratory find nothing."""
    row = connection.execute(_ROBOT, {"robot": robot}).one_or_none()
    if row is None:
        raise NotFound(kind="robot", id=robot)
    offered = connection.execute(_IN_HAND, {"robot": robot, "request": request.request_id}).first()
    if request.capabilities is not None or row.state != RobotState.ACTIVE or offered is not None:
        return True  # the transition answers: an offer sent again, or why there can be none
    protocols = Capabilities.model_validate_json(row.capabilities).protocols
    found = connection.execute(_QUEUED, {"kind": row.kind, "protocols": list(protocols)}).first()
    return found is not None


def _require_own(connection: Connection, robot: str, attempt: str) -> None:
    owner = connection.execute(
        select(attempts_table.c.robot_id).where(attempts_table.c.id == attempt)
    ).scalar_one_or_none()
    if owner is None:
        raise NotFound(kind="attempt", id=attempt)
    if owner != robot:
        raise Forbidden(principal=robot, action=f"touch {attempt}", why="it is another robot's attempt")


def _own_spec(connection: Connection, robot: str, attempt: str) -> JobSpec:
    _require_own(connection, robot, attempt)
    return spec_of(connection, attempt)


def _enrol(tx: Tx, robot: str, request: EnrolRequest, secret: str):  # noqa: ANN202 -- a row of the ledger
    row = robots.enrol(tx, robot, request)
    scopes = frozenset({Scope.ROBOT})
    tokens.issue(tx, new_id("tok"), secret, robot, scopes, robot=robot)
    return row


def spec_of(connection: Connection, attempt: str) -> JobSpec:
    """Return the job spec of an attempt."""
    row = connection.execute(_SPEC, {"attempt": attempt}).one_or_none()
    if row is None:
        raise NotFound(kind="attempt", id=attempt)
    return unseal(row.body, row.sha256, JobSpec)


def fit(spec: JobSpec, report: FinishReport) -> AcceptedResult:
    """Check a report against its job and convert its measurements to the units that were asked for.

    Raises `ResultInvalid`, also for a number beyond `LARGEST`, and `UnitMismatch`.
    """
    asked = {measure.name: measure.unit for measure in spec.measures}
    given = [measurement.name for measurement in report.measurements]
    if len(set(given)) != len(given):
        raise ResultInvalid(why="a measurement is given twice")
    if unknown := sorted(set(given) - set(asked)):
        raise ResultInvalid(why=f"the job did not ask for {', '.join(unknown)}")
    missing = sorted(set(asked) - set(given))
    if report.outcome is Outcome.SUCCEEDED and missing:
        raise ResultInvalid(why=f"a success without {', '.join(missing)}")
    for substance, used in report.consumables.items():
        if used.value > LARGEST:
            raise _too_large(f"the amount of {substance}", used.value, used.unit, used.unit)
    return AcceptedResult(report, [_converted(item, asked[item.name]) for item in report.measurements])


def _fitted(spec: JobSpec, report: FinishReport) -> AcceptedResult | MoonloopError:
    """Return the misfit instead of raising it: what comes late is kept even so."""
    try:
        return fit(spec, report)
    except (ResultInvalid, UnitMismatch) as error:
        return error


def _too_large(what: str, value: float, given: str, wanted: str) -> ResultInvalid:
    return ResultInvalid(why=f"{what} is {value:g} {given}; no number may be beyond {LARGEST:g} {wanted}")


def _converted(reported: ReportedMeasurement, unit: str) -> Converted:
    if not commensurable(reported.unit, unit):
        raise UnitMismatch(name=reported.name, given=reported.unit, expected=unit)
    value = convert(reported.value, reported.unit, unit)
    if abs(value) > LARGEST:
        raise _too_large(reported.name, reported.value, reported.unit, unit)
    sd = reported.uncertainty
    uncertainty = None if sd is None else convert_interval(sd, reported.unit, unit)
    if sd is not None and uncertainty is not None and uncertainty > LARGEST:
        raise _too_large(f"the uncertainty of {reported.name}", sd, reported.unit, unit)
    return Converted(reported=reported, value=value, unit=unit, uncertainty=uncertainty)
