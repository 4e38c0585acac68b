"""Beats while an adapter runs: the lease is kept, or its loss is known to whoever looks."""

import threading
import time
from datetime import UTC, datetime
from typing import Self

from moonloop.client.http import asking_again_helps
from moonloop.client.jobs import JobClient
from moonloop.domain.errors import MoonloopError
from moonloop.domain.messages import Beat, Offer
from moonloop.domain.results import ArtifactRef
from moonloop.domain.robots import RobotKind
from moonloop.lab_adapters.adapter import RunStopped

__all__ = ["Beating"]

_TOO_LONG = 2 / 3
"""Share of a lease without an answered beat after which no new motion begins."""
_LOOK_S = 0.05


class Beating:
    """A thread that beats, and the context that an adapter runs in.

    The lease is counted on the monotonic clock from the moment a beat was sent that was answered.
    """

    def __init__(self, client: JobClient, offer: Offer, kind: RobotKind, every_s: float) -> None:
        self._client = client
        self._offer = offer
        self._physical = kind is RobotKind.PHYSICAL
        self._every_s = min(every_s, offer.lease_ttl_s / 4)
        self._ttl_s = offer.lease_ttl_s
        self._answered = time.monotonic()
        self._step = ""
        self._fraction: float | None = None
        self._lost = ""
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="beating", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_error: object) -> None:
        self._done.set()
        if kind is not SystemExit:  # who was told to end at once waits for no answer
            self._thread.join()

    @property
    def lost(self) -> str:
        """Why the attempt is no longer ours; empty while it is."""
        return self._lost

    def _beat(self) -> None:
        number = 0
        while not self._done.wait(self._every_s):
            sent = time.monotonic()
            try:
                reply = self._client.beat(self._offer.attempt_id, self._message(number))
            except MoonloopError as error:
                if asking_again_helps(error):
                    continue
                self._lost = str(error)
                return
            number += 1
            self._answered, self._ttl_s = sent, reply.lease_ttl_s

    def _message(self, number: int) -> Beat:
        return Beat(
            fence=self._offer.fence,
            seq=number,
            step=self._step,
            progress=self._fraction,
            sent_at=datetime.now(UTC),
            monotonic_ms=int(time.monotonic() * 1000),
        )

    # What the adapter sees.

    def progress(self, step: str, fraction: float | None = None) -> None:
        """Tell what is going on; the next beat carries it."""
        self._step, self._fraction = step[:200], fraction

    def checkpoint(self) -> None:
        """Raise `RunStopped` once the attempt is no longer ours.

        A physical device also holds here while beats go unanswered for too long, and stops when its lease is
        over; a computation goes on, since it can do no harm: its result will be judged when it arrives.
        """
        while not self._lost and self._physical and self._silence() > _TOO_LONG * self._ttl_s:
            if self._silence() > self._ttl_s:
                self._lost = "the lease ran out without an answered beat"
            time.sleep(_LOOK_S)
        if self._lost:
            raise RunStopped(self._lost)

    def _silence(self) -> float:
        return time.monotonic() - self._answered

    def store(self, name: str, body: bytes, media_type: str) -> ArtifactRef:
        """Store bytes at the server, trying again while it is away."""
        wait = _LOOK_S
        while True:
            try:
                return self._client.store(self._offer.attempt_id, name, body, media_type)
            except MoonloopError as error:
                if not asking_again_helps(error):
                    raise
                self.checkpoint()
                wait = min(wait * 2, 2.0)
                time.sleep(max(wait, min(error.retry_after_s, 2.0)))
