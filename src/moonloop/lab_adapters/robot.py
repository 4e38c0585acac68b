"""The polling client: owns claims, fences, leases and clocks once for all adapters."""

import hashlib
import logging
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from threading import Event
from typing import TypeVar

from pydantic import ValidationError

from moonloop.client.http import asking_again_helps
from moonloop.client.jobs import JobClient
from moonloop.domain.errors import AttemptOpen, MoonloopError, RobotUnavailable, Unauthenticated
from moonloop.domain.messages import ClaimRequest, FinishRequest, Offer
from moonloop.domain.plans import JobSpec
from moonloop.domain.results import FinishReport, Outcome
from moonloop.domain.robots import Capabilities
from moonloop.lab_adapters.adapter import Adapter, JobRefused, RunStopped
from moonloop.lab_adapters.beating import Beating
from moonloop.lab_adapters.memory import Credentials, Memory, State

__all__ = ["Robot"]

_log = logging.getLogger(__name__)

T = TypeVar("T")

_PAUSE_S = (0.1, 5.0)
"""Shortest and longest pause between tries at a server that is away."""


class Robot:
    """One device: claims a job, has the adapter do it, reports, and asks for the next."""

    def __init__(
        self, client: JobClient, adapter: Adapter, credentials: Credentials, memory: Memory, stop: Event
    ) -> None:
        self._client = client
        self._adapter = adapter
        self._me = credentials
        self._memory = memory
        self._stop = stop
        self._capabilities: Capabilities | None = adapter.capabilities()
        self._pause_s = _PAUSE_S[0]
        self.idle = True
        """Whether nothing is in hand: the process may end at once."""

    def run(self) -> None:
        """Work until told to stop; a job in hand is finished first."""
        while not self._stop.is_set():
            offer = self._claim()
            if offer is None:
                continue
            self.idle = False
            try:
                self._carry_out(offer)
            finally:
                self._memory.note(State(fence=max(offer.fence, self._memory.state().fence)))
                self.idle = True

    # Claiming.

    def _claim(self) -> Offer | None:
        state = self._memory.state()
        if state.stage != "claiming":
            # A new request: what was in hand when the process died is not taken up again.
            state = State(fence=state.fence, request_id=secrets.token_hex(16), stage="claiming")
            self._memory.note(state)
        request = ClaimRequest(
            request_id=state.request_id, wait_s=self._me.claim_wait_s, capabilities=self._capabilities
        )
        try:
            offer = self._client.claim(request)
        except (AttemptOpen, RobotUnavailable) as error:
            _log.info("%s", error)
            self._stop.wait(max(error.retry_after_s, _PAUSE_S[0]))
            return None
        except Unauthenticated:
            raise
        except MoonloopError as error:
            _log.warning("%s", error)
            self._hesitate(error.retry_after_s)
            return None
        self._pause_s = _PAUSE_S[0]
        self._capabilities = None  # told; until they change they need not be told again
        if offer is not None and offer.fence <= state.fence:
            _log.error(
                "offer %s has fence %s, not above %s: refused", offer.attempt_id, offer.fence, state.fence
            )
            self._memory.note(State(fence=state.fence))
            return None
        return offer

    def _hesitate(self, at_least_s: float = 0.0) -> None:
        """Wait before asking again, longer each time until something is answered."""
        self._stop.wait(max(self._pause_s, min(at_least_s, _PAUSE_S[1])))
        self._pause_s = min(self._pause_s * 2, _PAUSE_S[1])

    # Carrying out.

    def _carry_out(self, offer: Offer) -> None:
        try:
            spec = self._checked(offer)
        except JobRefused as refused:
            self._give_back(offer, str(refused), refused=True)
            return
        except Exception as error:  # noqa: BLE001 -- nothing has moved: the job goes back, the robot lives on
            _log.exception("the adapter failed at checking %s", offer.attempt_id)
            # Not a refusal: a device that is off must not cancel every job that it is offered.
            self._give_back(offer, f"the check failed: {type(error).__name__}: {error}")
            self._stop.wait(_PAUSE_S[1])
            return
        if not self._may_start(offer):
            return
        with Beating(self._client, offer, self._me.kind, self._me.beat_every_s) as beating:
            try:
                report = self._adapter.run(spec, beating)
            except RunStopped as stopped:
                _log.warning("stopped %s: %s", offer.attempt_id, stopped)
                return
            except Exception as error:  # noqa: BLE001 -- whatever an adapter does, its job gets an answer
                _log.exception("the adapter failed at %s", offer.attempt_id)
                report = _failure(f"{type(error).__name__}: {error}")
            self._report(offer, report)

    def _checked(self, offer: Offer) -> JobSpec:
        body = offer.spec.encode()
        if hashlib.sha256(body).hexdigest() != offer.spec_sha256:
            raise JobRefused("the job spec does not hash to what the offer says")
        try:
            spec = JobSpec.model_validate_json(body)
        except ValidationError as error:
            raise JobRefused(f"this version cannot read the job spec: {error.errors()[0]['msg']}") from error
        if spec.job_id != offer.job_id:
            raise JobRefused("the job spec is of another job")
        self._adapter.check(spec)
        return spec

    def _may_start(self, offer: Offer) -> bool:
        try:
            self._until_answered(lambda: self._client.accept(offer.attempt_id, offer.fence))
            # Written before the start is asked for: whatever dies after this, the attempt is not begun again.
            self._memory.note(State(fence=offer.fence, stage="starting"))
            self._until_answered(lambda: self._client.start(offer.attempt_id, offer.fence))
        except MoonloopError as error:
            self._give_back(offer, str(error))
            self._stop.wait(_PAUSE_S[0])
            return False
        return True

    def _give_back(self, offer: Offer, why: str, *, refused: bool = False) -> None:
        _log.warning("gives %s back: %s", offer.attempt_id, why)
        with suppress(MoonloopError):  # it may not be ours any more, and then there is nothing to give
            self._until_answered(
                lambda: self._client.release(offer.attempt_id, offer.fence, why, refused=refused)
            )

    def _report(self, offer: Offer, report: FinishReport) -> None:
        try:
            self._finish(offer, report)
        except MoonloopError as error:
            _log.warning("the result of %s was refused: %s", offer.attempt_id, error)
            with suppress(MoonloopError):  # a stale fence is the last word
                self._finish(offer, _failure(f"the result was refused: {error}"))

    def _finish(self, offer: Offer, report: FinishReport) -> None:
        request = FinishRequest(fence=offer.fence, report=report)
        reply = self._until_answered(lambda: self._client.finish(offer.attempt_id, request))
        if reply.state == "quarantined":
            _log.warning("the result of %s came late and waits for a person", offer.attempt_id)

    def _until_answered(self, call: Callable[[], T]) -> T:
        """Repeat an idempotent call until the server answers it; errors that are answers are raised."""
        pause = _PAUSE_S[0]
        while True:
            try:
                return call()
            except MoonloopError as error:
                if not asking_again_helps(error):
                    raise
                _log.warning("%s", error)
                time.sleep(max(pause, min(error.retry_after_s, _PAUSE_S[1])))
                pause = min(pause * 2, _PAUSE_S[1])


def _failure(why: str) -> FinishReport:
    return FinishReport(outcome=Outcome.FAILED, failure=why[:4000], failure_kind="instrument")
